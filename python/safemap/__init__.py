"""Memory-mapped files: the standard library's mmap, with an exception for a truncated file instead
of SIGBUS.

``import safemap as mmap`` uses it in one program, ``python -m safemap program.py`` runs a program
unchanged, and :func:`install` replaces the standard module in the running interpreter.
"""

from safemap._damage import intact as intact
from safemap._install import install as install
from safemap._safemap import *  # noqa: F403
