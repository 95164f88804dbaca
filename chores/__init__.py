"""The chores behind `x.py`: what is run, with what, and how it is counted."""
