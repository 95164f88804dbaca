"""The map under test, its file with a margin on both sides, and what actions leave behind."""

import contextlib
import mmap as standard
import operator
import os
import weakref
import zlib

from settings import PAGE

# Calls that copy more than 256 KiB let other threads run. Not a multiple of the page size.
LENGTH = 65 * PAGE + 100
# The byte in the margins, and in memory at addresses of a closed map. A map does not contain it.
MARK = 0xEE

INSIDE = (b"abc\nneedle z" * (LENGTH // 12 + 1))[:LENGTH]
CONTENT = bytes([MARK]) * PAGE + INSIDE + bytes([MARK]) * (3 * PAGE - LENGTH % PAGE)

# Functions that create a map of a kind from a class and a descriptor.
KINDS = {
    "file": lambda base, fd: base(fd, LENGTH, offset=PAGE),
    "read": lambda base, fd: base(fd, LENGTH, access=standard.ACCESS_READ, offset=PAGE),
    "copy": lambda base, fd: base(fd, LENGTH, access=standard.ACCESS_COPY, offset=PAGE),
    "private": lambda base, fd: base(-1, LENGTH, flags=standard.MAP_PRIVATE),
    "shared": lambda base, fd: base(-1, LENGTH),
    "repair": lambda base, fd: base(fd, LENGTH, offset=PAGE, repair=True),
}


class Subject:
    """The map under test."""

    def __init__(self, module):
        self.module = module
        # In memory, so that no flush waits for a disk.
        self.file = os.memfd_create("stress")

    @property
    def m(self):
        """The map, or None after its name was deleted."""
        return self.space.get("m")

    def begin(self, kind, base):
        """Restores the file and creates a map of that kind and class."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, CONTENT, 0)
        self.fd, self.views, self.others = os.dup(self.file), [], []
        m = KINDS[kind](base, self.fd)
        if kind in ("private", "shared"):
            self.module.mmap.__setitem__(m, slice(None), INSIDE)
        self.module.mmap.seek(m, 30)
        self.tested = weakref.ref(m)
        self.space = {"m": m, "mmap": self.module, "fd": self.fd}
        self.space.update(operator=operator, zlib=zlib)

    def call(self, code):
        """Makes a call. Returns its value or its exception, and whether it raised."""
        try:
            return eval(code, self.space), False
        except Exception as error:
            return error, True

    def outcome(self, value, is_raised):
        """Returns the result in a form that can be compared."""
        if is_raised:
            return type(value).__name__, str(value), getattr(value, "offset", None)
        return comparable(value, self.tested(), self.module.mmap)

    def state(self):
        """Returns the state of map and file."""
        m, own, data = self.m, self.module.mmap, os.pread(self.file, os.fstat(self.file).st_size, 0)
        if m is None:
            return "forgotten", data
        if own.closed.__get__(m):
            return "closed", data
        try:
            content = own.__getitem__(m, slice(None))
        except OSError as error:
            content = str(error), error.offset
        return own.tell(m), own.__len__(m), content, data

    def end(self):
        """Frees everything. Memory that replaced the map must not have been written to."""
        written = any(other[:].strip(bytes([MARK])) for other in self.others)
        self.space.clear()
        for thing in self.views + self.others:
            thing.release() if isinstance(thing, memoryview) else thing.close()
        with contextlib.suppress(OSError):
            os.close(self.fd)
        if written:
            raise AssertionError("bytes were written outside of the map")


def reuse_memory(subject):
    """Maps memory, probably at the addresses of the map."""
    for length in (LENGTH, LENGTH, PAGE):
        other = standard.mmap(-1, length, flags=standard.MAP_PRIVATE)
        other[:] = bytes([MARK]) * length
        subject.others.append(other)


def comparable(value, m, cls):
    """Returns a value without its identity."""
    if value is m and m is not None:
        return "the map"
    if isinstance(value, cls):
        content = cls.__repr__(value), cls.__getitem__(value, slice(None))
        cls.close(value)
        return content
    return type(value).__name__, value
