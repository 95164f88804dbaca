"""Puts safemap in the place of the standard library's mmap, here and in the interpreters started from here."""

import os
import sys

# A folder with nothing in it but a sitecustomize.py, for PYTHONPATH.
_CHILDREN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_children")


def install(*, children: bool = False) -> None:
    """Makes ``import mmap`` give safemap from now on.

    Modules that imported mmap before keep what they have. With `children`, Python interpreters that this process starts
    do the same before they run anything of their own, and so do theirs: the environment variable PYTHONPATH leads them
    to a sitecustomize module. Interpreters that ignore it (-E, -I), that do without site (-S), that get another
    environment, or that cannot import safemap run as they always did.
    """
    sys.modules["mmap"] = sys.modules["safemap"]
    if children:
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if _CHILDREN not in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, *filter(None, paths)])
