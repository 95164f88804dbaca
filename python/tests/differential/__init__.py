"""Differential: random programs, run on the standard module and on ours, step by step.

`side.py` runs a step and says what came of it, `generator.py` invents steps, `accepted.py` is the table of the differences
that are meant. A step is a line of Python, so that a program that shows a difference can be pasted and run.
"""
