"""Random programs that run on the standard module and on safemap, one step after the other.

A step is a line of Python, so that a program that shows a difference can be pasted and run.
"""
