"""The mechanism of gpu-check with items that are nothing: python -m unittest discover -s tools/bundle -p '*_test.py'"""

import array
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from checks import machine, read, run  # noqa: E402
from checks.run import Item, Wait  # noqa: E402


class Runner(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)
        self.out = self.dir / "out"

    def plan(self, steps, **how):
        self.check = run.Check(self.out, self.dir / "scratch", dict(os.environ), "a test", **how)
        self.check.say = self.check.lines.append
        passed = self.check.plan(steps)
        report = json.loads((self.out / "report.json").read_text())
        self.assertEqual(passed, report["passed"])
        self.files()
        return {e["name"]: e for e in report["items"]}

    def files(self):
        """At most eight files, and an archive that holds every log."""
        files = [p.name for p in self.out.rglob("*")]
        self.assertLessEqual(len(files), run.MOST_FILES, files)
        with tarfile.open(self.out / "gpu-check.tar.gz") as tar:
            names = tar.getnames()
            for m in tar.getmembers():
                if m.isfile():
                    tar.extractfile(m).read()
        for entry in json.loads((self.out / "report.json").read_text())["items"]:
            if "log" in entry:
                self.assertIn(entry["log"], names)

    def test_a_hung_item_costs_its_limit_and_nothing_else(self):
        start = time.monotonic()
        got = self.plan([Item("before", ["echo", "1"], 5), Item("hung", ["sh", "-c", "echo begun; sleep 60 & sleep 60"], 1), Item("after", ["echo", "2"], 5)])
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(got["before"]["status"], "passed")
        self.assertIn("ended after", got["hung"]["status"])
        self.assertEqual(got["after"]["status"], "passed")

    def test_what_a_hung_item_started_is_ended(self):
        mark = self.dir / "alive"
        self.plan([Item("hung", ["sh", "-c", f"(sleep 4; touch {mark}) & sleep 60"], 0.5)])
        time.sleep(4.5)
        self.assertFalse(mark.exists())

    def test_what_was_printed_counts_when_it_is_cut(self):
        got = self.plan([Item("hung", ["sh", "-c", "echo '{\"a\": 1}'; sleep 60"], 1, read=read.document)])
        self.assertEqual(got["hung"]["figures"], {"a": 1})
        self.assertTrue(got["hung"]["status"].startswith("failed"))

    def test_background(self):
        start = time.monotonic()
        got = self.plan([Item("slow", ["sleep", "1"], 20, background=True), Item("hung", ["sleep", "60"], 60, background=True), Item("beside", ["echo"], 5), Wait(["slow", "hung"], 2)])
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual([got[n]["status"] for n in ("slow", "beside")], ["passed", "passed"])
        self.assertIn("ended after", got["hung"]["status"])

    def test_held_until_waited_for(self):
        got = self.plan([Item("held", ["sh", "-c", f"read line; test -e {self.dir}/first && test \"$line\" = go"], 20, background=True, held=True),
                         Item("first", ["touch", self.dir / "first"], 5), Wait(["held"], 10)])
        self.assertEqual(got["held"]["status"], "passed")

    def test_stops_where_it_must_not_fail(self):
        start = time.monotonic()
        got = self.plan([Item("beside", ["sleep", "60"], 60, background=True), Item("smoke", ["false"], 5, must=True), Item("later", ["touch", self.dir / "later"], 5)])
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(got["smoke"]["status"], "failed: exit code 1")
        self.assertEqual(got["later"]["status"], "not run: smoke did not pass")
        self.assertIn("smoke did not pass", got["beside"]["status"])
        self.assertFalse((self.dir / "later").exists())

    def test_limit_of_all(self):
        start = time.monotonic()
        got = self.plan([Item("long", ["sleep", "60"], 60), Item("later", ["echo"], 5)], limit=run.RESERVE + 2)
        self.assertLess(time.monotonic() - start, 20)
        self.assertIn("ended after", got["long"]["status"])
        self.assertEqual(got["later"]["status"], "not run: no time left")

    def test_missing(self):
        got = self.plan([Item("lacks", ["true"], 5, lacks="no such card"), Item("absent", [self.dir / "absent"], 5), Item("after", ["echo"], 5)])
        self.assertEqual(got["lacks"]["status"], "missing: no such card")
        self.assertIn("missing: ", got["absent"]["status"])
        self.assertEqual(got["after"]["status"], "passed")

    def test_output_that_cannot_be_read(self):
        got = self.plan([Item("bench", ["echo", "nothing"], 5, read=read.bench)])
        self.assertIn("cannot read its output", got["bench"]["status"])

    def test_cut_by_a_signal(self):
        program = textwrap.dedent("""
            import os, pathlib, signal, sys
            sys.dont_write_bytecode = True
            sys.path.insert(0, sys.argv[1])
            from checks import run
            def stop(number, _):
                raise run.Cut("ended by a signal")
            signal.signal(signal.SIGTERM, stop)
            check = run.Check(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), dict(os.environ), "cut")
            check.plan([run.Item("beside", ["sleep", "60"], 60, background=True), run.Item("ready", ["echo"], 5), run.Item("long", ["sleep", "60"], 60), run.Item("later", ["echo"], 5)])
        """)
        p = subprocess.Popen([sys.executable, "-c", program, HERE, self.out, self.dir / "scratch"], stdout=subprocess.PIPE, text=True)
        while "ready" not in p.stdout.readline():
            pass
        time.sleep(0.5)
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=20)
        got = {e["name"]: e["status"] for e in json.loads((self.out / "report.json").read_text())["items"]}
        self.assertEqual(got, {"ready": "passed", "beside": "failed: ended by a signal", "long": "failed: ended by a signal", "later": "not run: ended by a signal"})
        self.files()


class Machine(unittest.TestCase):
    def test_slice(self):
        with tempfile.TemporaryDirectory() as d:
            d = pathlib.Path(d)
            (d / "data_batch_1.bin").write_bytes(bytes(machine.RECORD * machine.PER_FILE))
            (d / "test_batch.bin").write_bytes(b"".join(bytes([i]) * machine.RECORD for i in range(3)))
            with tarfile.open(d / "slice.tar.xz", "w:xz", preset=0) as tar:
                for name in ("data_batch_1.bin", "test_batch.bin"):
                    tar.add(d / name, name)
            self.assertEqual(machine.unpack_slice(d / "slice.tar.xz", d / "set"), (10000, 3))
            self.assertEqual(sorted(p.name for p in (d / "set").iterdir()), [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"])
            test = (d / "set" / "test_batch.bin").read_bytes()
            self.assertEqual((len(test), test[machine.RECORD * 4]), (machine.RECORD * machine.PER_FILE, 1))

    def test_libraries_of_no_python(self):
        self.assertEqual(machine.libraries("/nonexistent/python3"), [])
        self.assertIn("has no PyTorch", machine.lacks_torch("/nonexistent/python3"))


class Readers(unittest.TestCase):
    def tensors(self, path, values):
        data = array.array("f", values).tobytes()
        head = json.dumps({"w": {"dtype": "F32", "shape": [len(values)], "data_offsets": [0, len(data)]}, "__metadata__": {"a": "b"}}).encode()
        path.write_bytes(len(head).to_bytes(8, "little") + head + data)
        return path

    def test_same(self):
        with tempfile.TemporaryDirectory() as d:
            d = pathlib.Path(d)
            start, there, near, far, nan = (self.tensors(d / n, v) for n, v in {"s": [1, 1], "t": [2, 1], "n": [2.05, 1], "f": [2.5, 1], "x": [math.nan, 1]}.items())
            self.assertTrue(read.same(near, there, start, 0.1)[1])
            for wrong in (far, nan, start):
                self.assertFalse(read.same(wrong, there, start, 0.1)[1])
            self.assertFalse(read.same(start, start, start, 0.1)[1])  # nothing was trained

    def test_trained(self):
        with tempfile.TemporaryDirectory() as d:
            d = pathlib.Path(d)
            (d / "metrics.jsonl").write_text('{"train_loss": 2.5}\n')
            self.assertEqual(read.trained(d)("")[0], [{"train_loss": 2.5}])
            for bad in ('{"train_loss": NaN}\n', '{"epoch": 1}\n'):
                (d / "metrics.jsonl").write_text(bad)
                self.assertRaises(ValueError, read.trained(d), "")

    def test_measured(self):
        m = {"launches": [], "sum_us": 9, "step_us": 7, "img_per_s": 1, "expected_us": 6}
        self.assertNotIn("programmatic", "".join(read.measured(json.dumps(m))[1]))
        m |= {"ordinary_us": 7, "overlapped_us": 6.4, "expected_overlapped_us": 5}
        self.assertEqual(read.measured(json.dumps(m))[1][-1], "with programmatic launches 6 us, without 7 us; expected 5 us")

    def test_bench(self):
        rows, _ = read.bench("goos: linux\nBenchmarkCardStep/26-2x32d/bf16/train-16 \t 200\t 5100 img/core-s\t 50000.5 img/s\nPASS\n")
        self.assertEqual(rows, {"BenchmarkCardStep/26-2x32d/bf16/train": {"img/core-s": 5100, "img/s": 50000.5}})

    def test_tests(self):
        got, lines = read.tests("=== RUN   TestA\n--- PASS: TestA (0.1s)\n=== RUN   TestB\n    --- FAIL: TestB/x (0.0s)\n--- FAIL: TestB (0.1s)\n=== RUN   TestC\n")
        self.assertEqual((got["PASS"], got["FAIL"], got["failed"]), (1, 2, ["TestB"]))
        self.assertIn("last begun: TestC", lines[0])


if __name__ == "__main__":
    unittest.main()
