"""Installs safemap in an interpreter started by a program that uses safemap, then runs the
sitecustomize module that would have been imported without this one.
"""

import os
import sys


def _install() -> None:
    # The interpreter may belong to an environment without safemap, and must run all the same.
    try:
        import safemap
    except ImportError:
        return
    safemap.install()


def _run_next() -> None:
    """Replaces this module in sys.modules by the next sitecustomize on the path."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    this = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        # The import of this module is still in progress and requires an entry.
        sys.modules.setdefault("sitecustomize", this)


if __name__ == "sitecustomize":
    _install()
    _run_next()
