"""Completes the commits that a crash has interrupted."""

from __future__ import annotations

import os
import sys

from safemap._open import open as open_map


def main(paths: list[str]) -> None:
    """Recovers each file and prints what was done. Exits with status 1 if that failed for one."""
    if not all([recover_and_report(path) for path in paths]):
        sys.exit(1)


def recover_and_report(path: str) -> bool:
    """Recovers a file; returns False if it could not."""
    try:
        done = recover(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(reason if reason.startswith(path) else f"{path}: {reason}", file=sys.stderr)
        return False
    print(f"{path}: " + ("the journal was applied and removed" if done else "there is no journal"))
    return True


def recover(path: str) -> bool:
    """Opens a file for writing, which recovers it. Returns False if it has no journal."""
    # Under another name of the file, its journal is not found.
    has_one_name = os.stat(path).st_nlink == 1
    if has_one_name and not os.path.lexists(os.path.realpath(path) + "-commit"):
        return False
    open_map(path, "r+", transactional=True).close()
    return True
