"""The tools behind `x.py`: what is run, with what, and how it is counted."""
