"""The module that a program is to use, and its map."""

import contextlib
import importlib
import sys

# The program's words: the module, a path, and maybe a number.
module = importlib.import_module(sys.argv[1])
path = sys.argv[2]
number = int(sys.argv[3]) if len(sys.argv) > 3 else 0


@contextlib.contextmanager
def mapped(access=module.ACCESS_READ):
    """A map of the whole file."""
    with open(path, "rb" if access == module.ACCESS_READ else "r+b") as file, module.mmap(file.fileno(), 0, access=access) as m:
        yield m
