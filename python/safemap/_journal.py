"""How journals are pickled."""

from __future__ import annotations

from safemap._channel import _file_id
from safemap._safemap import _Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _reduce(journal: _Journal) -> tuple[Any, ...]:
    """Returns how another process opens a journal, for any pickle."""
    return _reopen, (journal.path, journal.mode, *_file_id(journal))


def _reopen(path: str, mode: str, device: int, inode: int) -> _Journal:
    """Opens a pickled journal. Raises ValueError if the path names another file now."""
    # It is not created again.
    journal = _Journal(path, "r" if mode == "r" else "r+")
    if _file_id(journal) == (device, inode):
        return journal
    journal.close()
    raise ValueError(f"{path} is a different file now")
