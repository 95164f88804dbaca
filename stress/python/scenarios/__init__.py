"""The scenarios.

Each module has `run(settings)`, which returns a report or raises, and `CONTROL`, which says what
the control changes.
"""

NAMES = ["exported", "threads", "processes", "handlers", "truncated", "leaks", "fuzz", "reentry"]
