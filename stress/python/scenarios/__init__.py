"""Scenarios: each a module with a question, `SABOTAGE` (what is taken away) and `run(asked)`, which returns facts or raises."""

NAMES = ["exported", "threads", "processes", "handlers", "truncated", "leaks", "fuzz", "reentry"]
