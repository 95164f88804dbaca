"""Shared memory with a name."""

from __future__ import annotations

import os
import sys

from safemap._safemap import (
    Map,
    _open_shared_memory,
    _shared_memory_names,
    _unlink_shared_memory,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

# In the namespace of the system, a name has a prefix.
_PREFIX = "" if sys.platform == "win32" else "/"


class SharedMemory:
    """Memory that processes share by its name.

    The interface of multiprocessing.shared_memory.SharedMemory, and the same names: one process may
    use this class, and another one that class. `SharedMemory(create=True, size=n)` creates memory
    of `n` bytes that are zeros, with the given name or an unused one. `SharedMemory(name)` maps
    memory that exists.

    The memory exists until unlink(), or on Windows until it is closed everywhere. There is no
    resource tracker that removes it when a process ends, and `track` has no effect. Processes that
    attach with the standard class have one, unless they pass track=False.

    All of the memory is allocated here. So a full /dev/shm, which has 64 MiB in many containers, is
    an OSError (ENOSPC) with its size, and not a bus error later (Linux).

    In a ``with`` statement the memory is closed at the end, and not unlinked.

    Raises FileExistsError if the name to create is used, FileNotFoundError if the name to map is
    not, ValueError for a size that is not positive, OSError from the system.
    """

    __module__ = "safemap.ipc"

    # For subclasses, as in the standard class. os.O_CREAT creates memory that does not exist.
    _flags = os.O_RDWR
    # For objects that could not be made.
    _name: str | None = None
    _map: Map | None = None
    _buf: memoryview[int] | None = None
    _size = 0

    def __init__(
        self, name: str | None = None, create: bool = False, size: int = 0, *, track: bool = True
    ) -> None:
        if not size >= 0:
            raise ValueError("'size' must be a positive integer")
        if create:
            self._flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            if size == 0:
                raise ValueError("'size' must be a positive number different from zero")
        if name is None and not self._flags & os.O_EXCL:
            raise ValueError("'name' can only be None if create=True")
        self._name, self._map = self._opened(name, size if create else None)
        self._size = len(self._map)
        self._buf = memoryview(self._map)

    def _opened(self, name: str | None, size: int | None) -> tuple[str, Map]:
        flags = (bool(self._flags & os.O_CREAT), bool(self._flags & os.O_EXCL), size)
        if name is not None:
            full = _PREFIX + name
            return full, _open_shared_memory(full, *flags)
        while True:
            full = _unused_name()
            try:
                return full, _open_shared_memory(full, *flags)
            except FileExistsError:
                pass

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__class__, (self.name, False, self.size)

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({self.name!r}, size={self.size})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def buf(self) -> memoryview[int] | None:
        """A memoryview of the memory; None after close()."""
        return self._buf

    @property
    def map(self) -> Map | None:
        """The map of the memory; None after close().

        Its methods raise FaultError where an access to `buf` would terminate the process.
        """
        return self._map

    @property
    def name(self) -> str:
        """The name by which other processes map the memory."""
        return (self._name or "").removeprefix(_PREFIX)

    @property
    def size(self) -> int:
        """The number of bytes.

        The size that was requested. macOS rounds it up to whole pages, and so does Windows for
        processes that have not created the memory.
        """
        return self._size

    def close(self) -> None:
        """Closes the memory in this object. It continues to exist.

        `buf` and `map` are None from then on. The memory stays mapped as long as views of it exist,
        such as numpy arrays, or the map is used elsewhere. The standard class raises BufferError or
        leaves arrays that crash the process.
        """
        buf, self._buf = self._buf, None
        # The map is not closed but forgotten. Arrays that numpy.ndarray() has made refer to it, and
        # do not count as its exports.
        self._map = None
        if buf is not None:
            try:
                buf.release()
            except BufferError:
                # A view of the view exists.
                pass

    def unlink(self) -> None:
        """Removes the name. The memory is freed when it is closed everywhere.

        Raises FileNotFoundError if it was removed already. Does nothing on Windows.
        """
        if self._name:
            _unlink_shared_memory(self._name)

    if sys.platform == "linux":

        @staticmethod
        def names() -> list[str]:
            """Returns the names of all shared memory of the system, sorted.

            Other programs and users may have created it.
            """
            return sorted(_shared_memory_names())

        @staticmethod
        def remove(name: str) -> None:
            """Removes a name, for example that of memory whose owner was killed. Processes that use
            the memory keep it.

            Raises FileNotFoundError if the name is not used, PermissionError if it belongs to
            another user.
            """
            _unlink_shared_memory(_PREFIX + name)


def _unused_name() -> str:
    """Returns a name for new memory, of the form that the standard class uses."""
    prefix = "wnsm_" if sys.platform == "win32" else "/psm_"
    return prefix + os.urandom(4).hex()
