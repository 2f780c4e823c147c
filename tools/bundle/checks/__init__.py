"""What gpu-check runs: plans of items (plans.py), how they are run (run.py), how their output is read (read.py), and what the machine offers (machine.py)."""
