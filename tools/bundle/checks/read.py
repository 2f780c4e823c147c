"""The output of items, as figures and as a few lines for people. Each reader takes the text and returns (figures, lines), or raises ValueError."""

import array
import json
import math
import re


def document(text):
    """The JSON among lines of progress: from the first line that begins it."""
    start = re.search(r"^[\[{]", text, re.M)
    if not start:
        raise ValueError("no JSON in it")
    return json.JSONDecoder().raw_decode(text[start.start():])[0], []


def evaluated(text):
    r = document(text)[0]
    return r, [json.dumps(r)[:200]]


def tests(text):
    """All of a binary's tests, of which some must have ended."""
    figures, lines = some_tests(text)
    if not sum(figures[k] for k in ("PASS", "FAIL", "SKIP")):
        raise ValueError("no test ran to its end")
    return figures, lines


def some_tests(text):
    counts = {k: len(re.findall(rf"^\s*--- {k}:", text, re.M)) for k in ("PASS", "FAIL", "SKIP")}
    failed = re.findall(r"^--- FAIL: (\S+)", text, re.M)
    skipped = re.findall(r"^\s*--- SKIP: (\S+)", text, re.M)
    running = re.findall(r"^=== RUN\s+(\S+)", text, re.M)
    lines = [f"{counts['PASS']} passed, {counts['FAIL']} failed, {counts['SKIP']} skipped" + (f"; last begun: {running[-1]}" if running else "")]
    if failed:
        lines.append("failed: " + " ".join(failed))
    return {**counts, "failed": failed, "skipped": skipped}, lines


def bench(text):
    rows = {}
    for line in text.splitlines():
        if m := re.match(r"(Benchmark\S+?)(?:-\d+)?\s+\d+\s+(.*)", line):
            rows[m[1]] = {unit: float(v) for v, unit in re.findall(r"([\d.e+-]+) (\S+)", m[2])}
    if not rows:
        raise ValueError("no benchmark printed a line")
    shown = [f"{name}: " + ", ".join(f"{v:g} {unit}" for unit, v in row.items()) for name, row in rows.items()]
    return rows, shown if len(shown) <= 24 else [*shown[:24], f"and {len(shown) - 24} more, in the log"]


def measured(text):
    """shake show --measure --json: the dearest launches, and the whole."""
    m = document(text)[0]
    lines = ["emulated: times mean nothing"] if m.get("emulated") else []
    lines.append(f"{'op':9} {'n':>3} {'us':>8} {'expected':>8} {'floor':>8}")
    for r in m["launches"][:14]:
        expected, floor = r.get("expected_us", 0), r.get("floor_us", 0)
        lines.append(f"{r['op']:9} {len(r['at']):3} {r['us']:8.1f} {expected:8.1f} {floor:8.1f} {'!' if r.get('off') else ' '} {r['text'][:70]}")
    together = m.get("cooperative", [])
    if together:
        faster = sum(r["us"] < r["beside_us"] for r in together)
        lines.append(f"cooperative launches: {sum(r['us'] for r in together):.0f} us in place of {sum(r['beside_us'] for r in together):.0f}; {faster} of {len(together)} are faster")
    off = sum(bool(r.get("off")) for r in m["launches"])
    lines.append(f"{off} of {len(m['launches'])} different launches are off by more than a third")
    lines.append(f"launches one by one {m['sum_us']:.0f} us, the step {m['step_us']:.0f} us: {m['img_per_s']:.0f} img/s; expected {m.get('expected_us', 0):.0f} us")
    if m.get("overlapped_us"):
        lines.append(f"with programmatic launches {m['overlapped_us']:.0f} us, without {m['ordinary_us']:.0f} us; expected {m.get('expected_overlapped_us', 0):.0f} us")
    return m, lines


def compared(text):
    """compare.py --json: the last round's line holds all before it."""
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise ValueError("no round was finished")
    r = json.loads(lines[-1])
    shown = [f"{name}: {v['median']:.0f} img/s ({v['min']:.0f} to {v['max']:.0f})" +
             (f", shake is {r['ratio_img_per_s'][name]['median']:.2f}x" if name in r["ratio_img_per_s"] else "") for name, v in r["img_per_s"].items()]
    return r, [f"{r['net']}, batch {r['batch']}, {r['rounds']} rounds", *shown, *(f"{name}: {why}" for name, why in r["lost"].items())]


def trained(directory):
    """The epochs of a run, and its last losses, which must be numbers."""
    def read(text):
        rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
        numbers = [v for row in rows for k, v in row.items() if "loss" in k]
        if not numbers or not all(isinstance(v, (int, float)) and math.isfinite(v) for v in numbers):
            raise ValueError(f"losses that are no numbers: {numbers[-3:]}")
        return rows, [json.dumps(rows[-1])[:200]]
    return read


def safetensors(path):
    """The float32 tensors of a file, by name."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    out = {}
    for name, t in json.loads(raw[8:8 + size]).items():
        if name != "__metadata__" and t["dtype"] == "F32":
            lo, hi = t["data_offsets"]
            out[name] = array.array("f", raw[8 + size + lo:8 + size + hi])
    return out


def distance(a, b):
    """The norm of the difference of two files' tensors."""
    if set(a) != set(b) or any(len(a[k]) != len(b[k]) for k in a):
        raise ValueError("the files do not hold the same tensors")
    return math.sqrt(sum((x - y) ** 2 for k in a for x, y in zip(a[k], b[k])))


def same(ours, theirs, start, most):
    """(text, passed) of how far two trainings from one start ended from each other, as a part of how far they went."""
    a, b, s = safetensors(ours), safetensors(theirs), safetensors(start)
    went = distance(b, s)
    apart = distance(a, b) / went if went > 0 else float("inf")
    return f"weights differ by {apart:.2e} of how far training moved them, at most {most:g}", apart <= most and math.isfinite(apart)
