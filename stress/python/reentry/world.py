"""A world: a map under test, its file with a margin on both sides, and whatever a hook may use or leave behind."""

import mmap as standard
import operator
import os
import weakref
import zlib

from cutter import PAGE

# More than what a call does without letting other threads run, and not whole pages.
LENGTH = 17 * PAGE + 100
# In the margins, and in memory that takes the place of a map; nothing in a map has it.
MARK = 0xEE

INSIDE = (b"abc\nneedle z" * (LENGTH // 12 + 1))[:LENGTH]
CONTENT = bytes([MARK]) * PAGE + INSIDE + bytes([MARK]) * (3 * PAGE - LENGTH % PAGE)

# A map of each kind, of a class and a descriptor.
KINDS = {
    "file": lambda base, fd: base(fd, LENGTH, offset=PAGE),
    "read": lambda base, fd: base(fd, LENGTH, access=standard.ACCESS_READ, offset=PAGE),
    "copy": lambda base, fd: base(fd, LENGTH, access=standard.ACCESS_COPY, offset=PAGE),
    "private": lambda base, fd: base(-1, LENGTH, flags=standard.MAP_PRIVATE),
    "shared": lambda base, fd: base(-1, LENGTH),
    "repair": lambda base, fd: base(fd, LENGTH, offset=PAGE, repair=True),
}


class World:
    """Where a call is made."""

    def __init__(self, module):
        self.module = module
        # In memory, so that no flush waits for a disk.
        self.file = os.memfd_create("stress")

    @property
    def m(self):
        """The map, or None once its name is gone."""
        return self.space.get("m")

    def begin(self, kind, base):
        """A fresh map of that kind and class, and its file as it was."""
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, CONTENT, 0)
        self.fd, self.views, self.squatters = os.dup(self.file), [], []
        m = KINDS[kind](base, self.fd)
        if kind in ("private", "shared"):
            self.module.mmap.__setitem__(m, slice(None), INSIDE)
        self.module.mmap.seek(m, 30)
        self.tested = weakref.ref(m)
        self.space = {"m": m, "mmap": self.module, "fd": self.fd, "operator": operator, "zlib": zlib}

    def call(self, code):
        """The value of a call, or its exception, and whether it is that."""
        try:
            return eval(code, self.space), False
        except Exception as error:
            return error, True

    def outcome(self, value, is_raised):
        """The same in a form that can be compared."""
        if is_raised:
            return type(value).__name__, str(value), getattr(value, "offset", None)
        return comparable(value, self.tested(), self.module.mmap)

    def seen(self):
        """All that can be seen of the map and the file."""
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
        """Gives everything back; whoever took the place of the map in memory has to be unharmed."""
        harmed = [squatter for squatter in self.squatters if squatter[:].strip(bytes([MARK]))]
        self.space.clear()
        for thing in self.views + self.squatters:
            thing.release() if isinstance(thing, memoryview) else thing.close()
        try:
            os.close(self.fd)
        except OSError:
            pass
        if harmed:
            raise AssertionError("bytes were written outside of the map")


def squat(world):
    """Fills memory where the map may have been."""
    for length in (LENGTH, LENGTH, PAGE):
        squatter = standard.mmap(-1, length, flags=standard.MAP_PRIVATE)
        squatter[:] = bytes([MARK]) * length
        world.squatters.append(squatter)


def comparable(value, m, cls):
    """A value without its identity."""
    if value is m and m is not None:
        return "the map"
    if isinstance(value, cls):
        content = cls.__repr__(value), cls.__getitem__(value, slice(None))
        cls.close(value)
        return content
    return type(value).__name__, value
