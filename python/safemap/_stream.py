"""Raw streams of the bytes of a map."""

from __future__ import annotations

import io
import operator
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing_extensions import Buffer

    from safemap._safemap import Map


class MapIO(io.RawIOBase):
    """A raw stream of a part of a map, with its own position. Map.reader() returns it.

    The stream keeps the map alive. Closing the stream does not close the map, and flush() does
    nothing: the bytes are in the map already. Each thread needs its own stream.
    """

    def __init__(self, map: Map, start: int = 0, end: int | None = None) -> None:
        """Makes a stream of the bytes from `start` to `end`, or to the end of the map."""
        if start < 0:
            raise ValueError(f"{start} is negative")
        if end is not None and end < start:
            raise ValueError(f"end {end} is before start {start}")
        self._map, self._start, self._end = map, start, end
        self._at = start

    @property
    def name(self) -> str | bytes | int:
        """The name of the map."""
        return self._map.name

    def readable(self) -> bool:
        """Returns True."""
        self._ensure_open()
        return True

    def writable(self) -> bool:
        """Returns whether the map can be written to."""
        self._ensure_open()
        return self._map.writable()

    def seekable(self) -> bool:
        """Returns True."""
        self._ensure_open()
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Copies bytes into `buffer`, advances the position and returns the number of bytes.

        Returns the bytes before one that cannot be accessed. The next call raises FaultError.
        """
        self._ensure_open()
        count = self._map._read_into(buffer, self._at, self._limit())
        self._at += count
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns up to `size` bytes, or all that remain, and advances the position.

        Raises FaultError if one of them cannot be accessed: fewer bytes would look like the end.
        """
        self._ensure_open()
        rest = max(self._limit() - self._at, 0)
        size = -1 if size is None else operator.index(size)
        count = rest if size < 0 else min(size, rest)
        data = self._map[self._at : self._at + count]
        self._at += len(data)
        self._map._passed(self._at - len(data), self._at)
        return data

    def readall(self) -> bytes:
        """Returns all bytes that remain, and sets the position to the end."""
        return self.read()

    def write(self, data: Buffer, /) -> int:
        """Writes `data`, advances the position and returns the number of bytes.

        Makes the map longer if it was opened without a size and the stream has no end. Raises
        ValueError, and writes nothing, if the bytes do not fit otherwise.
        """
        self._ensure_open()
        if self._end is not None and self._at + memoryview(data).nbytes > self._end:
            raise ValueError("data out of range")
        count = self._map._write_at(data, self._at)
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Sets the position and returns it. It may be behind the end."""
        self._ensure_open()
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError("unknown seek type")
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell()}.get(whence)
        if base is None:
            base = self._limit() - self._start
        position = base + operator.index(offset)
        if position < 0:
            # Both an OSError, as of a file, and a ValueError, as of a BytesIO.
            raise io.UnsupportedOperation("negative seek position")
        if self._start + position > sys.maxsize:
            raise OverflowError(f"seek position {position} is too large")
        self._at = self._start + position
        return position

    def tell(self) -> int:
        """Returns the position, relative to the start of the stream."""
        self._ensure_open()
        return self._at - self._start

    def truncate(self, size: int | None = None, /) -> int:
        """Changes the length of the map so that the stream has `size` bytes, or ends at the
        position. Returns this size.

        Raises io.UnsupportedOperation for a stream with an end and for a map with a fixed size.
        """
        self._ensure_open()
        if self._end is not None:
            raise io.UnsupportedOperation("the stream has a fixed end")
        if size is None:
            size = self.tell()
        self._map.truncate(self._start + size)
        return size

    def _limit(self) -> int:
        """The end of the stream in the map."""
        length = len(self._map)
        return length if self._end is None else min(length, self._end)

    def _ensure_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
