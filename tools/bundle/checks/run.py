"""Runs items, each with a time limit of its own, and reports after each.

An item is a command. In the background it runs beside what follows until it is waited for. All that it starts is ended with it: an item that hangs costs its limit and
nothing else. DIR gets report.json and report.txt, written anew after every item, and one archive with every log; never more than MOST_FILES files.
"""

import collections
import dataclasses
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import threading
import time
import typing

MOST_FILES = 8
RESERVE = 3  # seconds kept for the last archive
HEARD = 2  # seconds between the signal that makes Go print its goroutines and the one that ends


@dataclasses.dataclass
class Item:
    name: str
    command: list
    cap: float  # seconds
    group: str = ""  # as --only names it
    background: bool = False  # until a Wait
    held: bool = False  # it waits for a line on its stdin, which Wait sends
    must: bool = False  # without it the rest is not worth its time
    cwd: typing.Optional[pathlib.Path] = None
    env: dict = dataclasses.field(default_factory=dict)
    # read(text) -> (figures, lines for people), of its output
    read: typing.Optional[typing.Callable] = None
    lacks: str = ""  # why it cannot run here


@dataclasses.dataclass
class Wait:
    """Waits for background items, for at most cap seconds from now."""

    names: list
    cap: float


class Cut(Exception):
    """A signal has ended the plan; the message says which."""


class Running:
    def __init__(self, item, log, env):
        self.item, self.log, self.started = item, log, time.monotonic()
        with open(log, "wb") as f:
            self.p = subprocess.Popen([str(c) for c in item.command], cwd=item.cwd, env={**env, **item.env}, stdin=subprocess.PIPE if item.held else subprocess.DEVNULL,
                                      stdout=f, stderr=subprocess.STDOUT, start_new_session=True)
        self.ended = None
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        """Notes when the item ended, which may be long before it is waited for."""
        self.p.wait()
        self.ended = time.monotonic()

    def until(self, deadline):
        """The exit code, or None if it had to be ended."""
        try:
            code = self.p.wait(max(0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            code = None
        self.end(code is None)
        return code

    def end(self, ask):
        """Ends all that the item started, first by the signal that makes a Go program say where it hangs."""
        for sig in [signal.SIGQUIT, signal.SIGKILL] if ask else [signal.SIGKILL]:
            try:
                os.killpg(self.p.pid, sig)
            except ProcessLookupError:
                break
            if sig == signal.SIGQUIT:
                try:
                    self.p.wait(HEARD)
                except subprocess.TimeoutExpired:
                    pass
        self.p.wait()


class Check:
    """A plan's run. limit is seconds for all of it, None: as long as it takes."""

    def __init__(self, out, scratch, env, title, limit=None, rehearsal=False):
        self.out, self.scratch, self.env, self.title, self.rehearsal = out, scratch, env, title, rehearsal
        self.logs = scratch / "logs"
        self.logs.mkdir(parents=True)
        out.mkdir(parents=True, exist_ok=True)
        self.began = time.monotonic()
        self.deadline = self.began + limit - RESERVE if limit else float("inf")
        self.entries, self.lines, self.running = [], [], collections.OrderedDict()
        self.stopped = ""  # why the rest is not run

    def say(self, line):
        self.lines.append(line)
        print(line, flush=True)

    def plan(self, steps):
        for step in steps:
            try:
                self.step(step)
            except Cut as why:
                self.stopped = str(why)
                self.rest()
        self.rest()
        return self.finish()

    def step(self, step):
        if isinstance(step, Wait):
            until = time.monotonic() + step.cap
            for name in step.names:
                self.wait(name, until)
        elif self.stopped:
            self.add(step, f"not run: {self.stopped}", 0, None)
        elif step.lacks:
            self.add(step, f"missing: {step.lacks}", 0, None)
        elif time.monotonic() > self.deadline - 1:
            self.add(step, "not run: no time left", 0, None)
        else:
            self.start(step)
            if not step.background:
                self.wait(step.name, float("inf"))

    def rest(self):
        """Waits for everything that still runs; ends it if the plan has stopped."""
        for name in list(self.running):
            self.wait(name, float("inf"))

    def start(self, item):
        log = self.logs / f"{item.name}.log"
        try:
            self.running[item.name] = Running(item, log, self.env)
        except OSError as e:
            log.write_text(f"{e}\n")
            self.add(item, f"missing: {e}", 0, log)

    def wait(self, name, until):
        """Ends with the item, its cap, the plan's limit or until, whichever comes first; an item that was never started is left alone."""
        r = self.running.get(name)
        if r is None:
            return
        if r.item.held:
            try:
                r.p.stdin.write(b"go\n")
                r.p.stdin.close()
            except BrokenPipeError:
                pass
        if self.stopped:
            until = 0
        cap = r.started + r.item.cap
        code = r.until(min(cap, until, self.deadline))
        del self.running[name]
        took = (r.ended or time.monotonic()) - r.started
        if code is None:
            status = f"failed: {self.stopped}" if self.stopped else f"failed: ended after {took:.0f} s"
        else:
            status = "passed" if code == 0 else f"failed: exit code {code}"
        self.add(r.item, status, took, r.log)

    def add(self, item, status, took, log):
        text = log.read_text(errors="replace") if log else ""
        entry = {"name": item.name, "group": item.group, "command": " ".join(map(str, item.command)), "status": status, "seconds": round(took, 1)}
        lines = []
        if log:
            entry["log"] = f"logs/{log.name}"
        if item.read and log:  # of one that was cut off too: its output so far counts
            try:
                entry["figures"], lines = item.read(text)
            except Exception as e:  # a reader's mistake must not end the plan
                if status == "passed":
                    entry["status"] = status = f"failed: cannot read its output: {e}"
        self.entries.append(entry)
        self.say(f"{time.monotonic() - self.began:6.0f} s  {item.name:28} {took:6.1f} s  {status}")
        for line in lines:
            self.say("          " + line)
        if log and status != "passed":
            # Go's stacks after SIGQUIT are for the log.
            for line in text.partition("SIGQUIT: quit")[0].splitlines()[-8:]:
                self.say("        | " + line[:200])
        if item.must and status != "passed" and not self.stopped:
            self.stopped = f"{item.name} did not pass"
        self.report()

    def report(self):
        """Written anew after every item, whole or not at all, so that a call that is cut off leaves its finished items."""
        passed = bool(self.entries) and all(e["status"] == "passed" for e in self.entries)
        r = {"title": self.title, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "rehearsal": self.rehearsal,
             "passed": passed, "seconds": round(time.monotonic() - self.began, 1), "items": self.entries}
        self.put("report.json", json.dumps(r, indent=1) + "\n")
        self.put("report.txt", "\n".join(self.lines) + "\n")
        self.archive("gpu-check.tar.gz", {"logs": self.logs, "report.json": self.out / "report.json", "report.txt": self.out / "report.txt"})
        return passed

    def put(self, name, text):
        temporary = self.scratch / name
        temporary.write_text(text)
        (self.out / (name + ".new")).write_bytes(temporary.read_bytes())
        (self.out / (name + ".new")).replace(self.out / name)

    def archive(self, name, members, most=None):
        """Packs members (name in the archive: file or folder) into a file of out; one that is larger than most bytes is left out, and said."""
        temporary = self.scratch / name
        with tarfile.open(temporary, "w:gz", compresslevel=6) as tar:
            for inside, path in members.items():
                if path.exists():
                    tar.add(path, inside)
        size = temporary.stat().st_size
        if most and size > most:
            self.say(f"{name}: {size / 1e6:.1f} MB, left out")
            return
        beside = self.out / (name + ".new")
        beside.write_bytes(temporary.read_bytes())
        beside.replace(self.out / name)

    def finish(self):
        passed = self.report()
        files = [p for p in self.out.rglob("*") if p.is_file()]
        if len(files) > MOST_FILES:
            print(f"{self.out} holds {len(files)} files, more than {MOST_FILES}", file=sys.stderr)
        return passed
