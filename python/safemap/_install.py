"""Replaces the standard library's mmap by safemap, in this interpreter and in those it starts."""

import os
import sys

from safemap._safemap import _repair_files

# A folder that contains only a sitecustomize.py, for PYTHONPATH.
_CHILDREN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_children")

# The environment variable by which children learn that maps are repaired.
_REPAIR = "SAFEMAP_REPAIR"


def install(*, children: bool = False, repair: bool = False) -> None:
    """Makes ``import mmap`` return safemap from now on.

    Modules that have already imported mmap keep the standard module.

    If `children` is true, Python interpreters that this process starts call install() before they
    run other code, and so do the interpreters that they start. For this, the environment variable
    PYTHONPATH is extended by a folder with a sitecustomize module. There is no effect on
    interpreters that ignore PYTHONPATH (-E, -I) or the site module (-S), that are started with
    another environment, or that cannot import safemap.

    If `repair` is true, or the environment variable SAFEMAP_REPAIR is 1, each map of a file that is
    created from now on has repair=True, and its first fault is reported on standard error, with the
    path of the file and the offset. Together with `children` it sets that variable. Raises
    NotImplementedError on Windows, which has no repair.
    """
    repair = repair or os.environ.get(_REPAIR) == "1"
    if repair:
        _repair_files()
    sys.modules["mmap"] = sys.modules["safemap"]
    if children and repair:
        os.environ[_REPAIR] = "1"
    if children:
        paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if _CHILDREN not in paths:
            os.environ["PYTHONPATH"] = os.pathsep.join([_CHILDREN, *filter(None, paths)])
