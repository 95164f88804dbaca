"""Opens files by path, and opens them again when a map is unpickled."""

from __future__ import annotations

import io
import os
import stat

from safemap._safemap import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from safemap._types import Advise, File, Mode

    _SomeMap = TypeVar("_SomeMap", bound=Map)


def open(
    file: File,
    mode: Mode = "r",
    size: int | None = None,
    *,
    offset: int = 0,
    reserve: int = 0,
    repair: bool = False,
    allocate: bool = False,
    advise: Advise | None = None,
    populate: bool = False,
    lock: bool = False,
    drop_behind: int | None = None,
    transactional: bool = False,
    timeout: float | None = 0,
    create: bool = False,
) -> Map:
    """Maps a file.

    `file` is a path, a descriptor, or an object with a fileno() method. A file that this call opens
    is closed with the map. A descriptor or file object remains the caller's; what the object has
    buffered is flushed first.

    ====  ==================================  ==============================
    mode  file                                map
    ====  ==================================  ==============================
    r     must exist                          read-only
    r+    must exist, except with `create`    writes change the file
    w+    created, or truncated to length 0   writes change the file
    x+    created, FileExistsError if exists  writes change the file
    c     must exist                          writes change the memory only
    ====  ==================================  ==============================

    With `create`, which is for the mode r+ and a path, the file is created if it does not exist,
    and keeps its bytes if it does. Of several processes that do so at a time, one creates it.

    Without `size` the map extends from `offset`, which may be any byte of the file, to its end. In
    the modes r+, w+ and x+ it then grows as a file does: write() past the end and truncate() change
    the length of map and file. With `size`, the map has this number of bytes until resize(). A
    longer file is not cut; a shorter one is extended in the modes r+, w+ and x+, and a ValueError
    in the others.

    `reserve` is a number of bytes: up to this length the map grows without moving, also while
    buffers of the memory exist. `repair` and `allocate` are as for mmap. `advise` says how the map
    will be used (on Windows only willneed), `populate` reads all pages into memory, and `lock`
    keeps them there as well. `drop_behind` is a number of bytes: forward reads, searches and
    lines() release pages that lie further behind, so that a file may be larger than memory.

    If `transactional` is true, what the program changes reaches the file by transactions, as a
    whole or not at all: see Map.transaction() and Map.commit(). `file` is a path then. One map at a
    time may be open in the modes r+, w+ and x+; another one waits for `timeout` seconds (None: for
    ever) until it is closed, and then raises TimeoutError. Such a map shows all of its file: with
    `create`, `size` is the length of a new one. close(), the end of a `with` statement and garbage
    collection roll back what is not committed.

    Raises OSError if the file cannot be opened or mapped, ValueError for arguments that do not fit
    the file, io.UnsupportedOperation for a file without a length, as in /proc, for `reserve` and
    `drop_behind` in the mode c and on Windows. With `transactional` io.UnsupportedOperation in the
    mode c, with `offset`, `repair`, `populate`, `lock`, for network file systems, a file with
    several hard links, and except on Linux and macOS; PermissionError if a commit that a crash has
    interrupted has to be completed and the file may not be written to; ValueError if its journal,
    the file NAME-commit, is damaged or belongs to another file.
    """
    return Map(
        file,
        mode,
        size,
        offset=offset,
        reserve=reserve,
        repair=repair,
        allocate=allocate,
        advise=advise,
        populate=populate,
        lock=lock,
        drop_behind=drop_behind,
        transactional=transactional,
        timeout=timeout,
        create=create,
    )


def _open_or_create(path: str, flags: int) -> int:
    """The `opener` of io.open for `create`."""
    return os.open(path, flags | os.O_CREAT, 0o666)


def _reopen(
    cls: Callable[..., _SomeMap],
    path: str | bytes,
    mode: Mode,
    offset: int,
    size: int | None,
    device: int,
    inode: int,
    transactional: bool = False,
) -> _SomeMap:
    """Maps the file of a pickled map. Raises ValueError if the path names another file now, or if
    the file is shorter than a map with a size.
    """
    # Windows does not always know the inode of a path, but that of an open file.
    with io.open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
    if (status.st_dev, status.st_ino) == (device, inode):
        # The mode r+ would extend the file with zeros. A device has no length here.
        if size is not None and stat.S_ISREG(status.st_mode) and status.st_size < offset + size:
            rest = max(status.st_size - offset, 0)
            raise ValueError(f"size {size} is greater than the {rest} bytes of the file")
        map = cls(path, mode, size, offset=offset, transactional=transactional)
        if map._file_id == (device, inode):
            return map
        map.close()
    raise ValueError(f"{os.fsdecode(path)} is a different file now")
