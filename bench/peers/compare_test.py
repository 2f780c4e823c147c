"""compare.py with stand-ins for both sides.

    python -m unittest discover -s bench/peers -p '*_test.py'
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent

# Answers 200 img/s for ours and 100 for a peer; the mode sets its other behaviour.
STAND_IN = '''#!/usr/bin/env python3
import json, sys, time
mode = sys.argv[2] if sys.argv[0].endswith("worker.py") else "ours"
if mode == "dies":
    sys.exit("no such operator")
if mode == "slow":
    time.sleep(60)
for i, line in enumerate(sys.stdin):
    if mode == "hangs" and i == 2:
        time.sleep(60)
    rate = 200.0 if mode == "ours" else 100.0
    print(json.dumps([[rate, rate / 2]] * int(line)), flush=True)
'''


class Compare(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir)
        shutil.copy(HERE / "compare.py", self.dir)
        for name in ("worker.py", "bench.test"):
            (self.dir / name).write_text(STAND_IN)
            (self.dir / name).chmod(0o755)

    def run_compare(self, modes, *flags, stdin=""):
        p = subprocess.run([sys.executable, self.dir / "compare.py", "net", "--binary", self.dir / "bench.test", "--modes", modes, "--rounds", "3", "--steps", "4", "--json", *flags],
                           input=stdin, capture_output=True, text=True, timeout=50)
        return p.returncode, [json.loads(line) for line in p.stdout.splitlines()], p.stderr

    def test_a_line_a_round(self):
        code, lines, _ = self.run_compare("eager,compile")
        self.assertEqual((code, [r["rounds"] for r in lines]), (0, [1, 2, 3]))
        self.assertEqual(lines[-1]["img_per_s"]["shake"]["median"], 200)
        self.assertEqual(lines[-1]["ratio_img_per_s"]["compile"], {"min": 2, "median": 2, "max": 2})
        self.assertEqual(lines[-1]["lost"], {})

    def test_a_mode_that_stops_is_left_out(self):
        code, lines, err = self.run_compare("dies,compile")
        self.assertEqual((code, len(lines)), (1, 3))
        self.assertIn("no such operator", lines[-1]["lost"]["dies"])
        self.assertIn("no such operator", err)
        self.assertEqual(list(lines[-1]["ratio_img_per_s"]), ["compile"])

    def test_a_mode_that_hangs_is_left_out(self):
        code, lines, _ = self.run_compare("hangs,compile", "--patience", "1")
        self.assertEqual((code, len(lines)), (1, 3))
        self.assertIn("did not answer in time", lines[-1]["lost"]["hangs"])
        self.assertEqual(lines[-1]["rounds"], 3)

    def test_hold_leaves_out_what_is_not_warm(self):
        code, lines, _ = self.run_compare("slow,compile", "--hold", stdin="go\n")
        self.assertEqual((code, len(lines)), (1, 3))
        self.assertEqual(list(lines[-1]["lost"]), ["slow"])

    def test_nothing_to_compare_without_ours(self):
        (self.dir / "bench.test").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
        code, lines, err = self.run_compare("compile")
        self.assertNotEqual(code, 0)
        self.assertEqual(lines, [])
        self.assertIn("broken", err)


if __name__ == "__main__":
    unittest.main()
