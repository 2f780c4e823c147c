"""The items of gpu-check: plans of items (plans.py), how they are run (run.py), how their output is read (read.py), and the machine's offers (machine.py)."""
