"""Replaces the standard library's mmap by safemap, in this interpreter and in those it starts."""

import os
import sys

# A folder that contains only a sitecustomize.py, for PYTHONPATH.
_CHILDREN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_children")


def install(*, children: bool = False) -> None:
    """Makes ``import mmap`` return safemap from now on.

    Modules that have already imported mmap keep the standard module.

    If `children` is true, Python interpreters that this process starts call install() before they
    run other code, and so do the interpreters that they start. For this, the environment variable
    PYTHONPATH is extended by a folder with a sitecustomize module. There is no effect on
    interpreters that ignore PYTHONPATH (-E, -I) or the site module (-S), that are started with
    another environment, or that cannot import safemap.
    """
    sys.modules["mmap"] = sys.modules["safemap"]
    if children:
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if _CHILDREN not in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, *filter(None, paths)])
