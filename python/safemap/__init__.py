"""Memory-mapped files that behave: the standard library's mmap, where a truncated file is an error and not a SIGBUS.

``import safemap as mmap`` switches a program, ``python -m safemap program.py`` runs one unchanged, and
:func:`install` puts this module in the place of the standard one from inside.
"""

from safemap._install import install as install
from safemap._safemap import *  # noqa: F403
