"""The map under test, its file with a margin on both sides, and what actions leave behind."""

import contextlib
import importlib
import mmap as standard
import operator
import os
import weakref
import zlib

from reentry.own_calls import Ends
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
# Those of class `Map`, which only safemap has. The second one has no fixed length.
OWN_KINDS = {
    "Map": lambda base, fd: base(fd, "r+", LENGTH, offset=PAGE),
    "growing Map": lambda base, fd: base(fd, "r+", offset=PAGE),
}


class Subject:
    """The map under test."""

    def __init__(self, module):
        self.module = module
        # In memory, so that no flush waits for a disk.
        self.file = os.memfd_create("stress")
        # Made by the first call that uses one.
        self.ends = None

    @property
    def m(self):
        """The map, or None after its name was deleted."""
        return self.space.get("m")

    def begin(self, kind, base, has_ends=False):
        """Restores the file and creates a map of that kind and class."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, CONTENT, 0)
        self.fd, self.views, self.others = os.dup(self.file), [], []
        is_own = kind in OWN_KINDS
        m = OWN_KINDS[kind](self.module.Map, self.fd) if is_own else KINDS[kind](base, self.fd)
        if kind in ("private", "shared"):
            self.module.mmap.__setitem__(m, slice(None), INSIDE)
        self.module.mmap.seek(m, 30)
        self.tested = weakref.ref(m)
        self.space = {"m": m, "mmap": self.module, "fd": self.fd}
        self.space.update(operator=operator, zlib=zlib)
        self.has_ends = has_ends
        if is_own:
            self.begin_own(m)

    def begin_own(self, m):
        """Creates what only safemap has."""
        ipc = importlib.import_module("safemap.ipc")
        self.space.update(ipc=ipc, word=ipc.Atomic(m, 128, "Q"), mutex=ipc.Mutex(m, 64))
        if self.has_ends:
            self.ends = self.ends or Ends(ipc)
            self.space.update(self.ends.begin())

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
        if self.has_ends:
            return self.ends.state()
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
        if self.has_ends:
            self.ends.close()
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
