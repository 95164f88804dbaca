"""Installs safemap in an interpreter that a program under safemap started, then makes way for another sitecustomize."""

import os
import sys


def _install() -> None:
    # An interpreter of another environment may not have safemap. It is the program's, and not ours to break.
    try:
        import safemap
    except ImportError:
        return
    safemap.install()


def _make_way() -> None:
    """Imports the sitecustomize that would have been found without us, and leaves it in our place."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != here]
    ours = sys.modules.pop("sitecustomize")
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        # The import of this module, which is still going on, wants to find one.
        sys.modules.setdefault("sitecustomize", ours)


if __name__ == "sitecustomize":
    _install()
    _make_way()
