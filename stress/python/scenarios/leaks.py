"""Do a million maps leave anything behind, and do the system's limits leave everything as it was?"""

import contextlib
import errno
import gc
import os
import resource
import weakref

from asked import Skipped, facts, raised
from cutter import PAGE

SABOTAGE = "one map of a thousand is forgotten"

LENGTH = 4 * PAGE


def run(asked):
    import safemap

    maps = Maps(safemap, asked)
    # What the allocators keep is there after the first rounds.
    rounds(asked, maps, 3000)
    before = Left()
    times = asked.times(50_000, 1_000_000)
    rounds(asked, maps, times)
    after = Left()
    if after.descriptors > before.descriptors or after.mappings > before.mappings + 8:
        raise AssertionError("{} before, {} after".format(before, after))
    if after.resident > before.resident + (4 << 20):
        raise AssertionError("{} before, {} after".format(before, after))
    limits = [descriptors, mappings, address_space]
    for limit in limits:
        limit(safemap, asked)
    note = "{} ways; descriptors {} to {}, mappings {} to {}, resident {} to {} KiB; limits met: EMFILE, ENOMEM of mappings, RLIMIT_AS".format(
        len(maps.ways), before.descriptors, after.descriptors, before.mappings, after.mappings,
        before.resident >> 10, after.resident >> 10,
    )  # fmt: skip
    return facts(times, "maps made and given up", note)


def rounds(asked, maps, times):
    """Makes so many maps, in every way in turn."""
    ways = maps.ways
    for number in range(times):
        ways[number % len(ways)]()
        if asked.control and number % 1000 == 0:
            maps.kept.append(maps.safemap.mmap(maps.fd, 0))
        if number % 1000 == 0:
            asked.about_to("map {}".format(number))
            # Circles are found by the collector only.
            gc.collect(1)
    gc.collect()


class Left:
    """What a process holds now."""

    def __init__(self):
        gc.collect()
        self.descriptors = len(os.listdir("/proc/self/fd"))
        with open("/proc/self/maps") as file:
            self.mappings = sum(1 for _ in file)
        with open("/proc/self/statm") as file:
            self.resident = int(file.read().split()[1]) * PAGE

    def __repr__(self):
        return "{0.descriptors} descriptors, {0.mappings} mappings, {0.resident} bytes".format(self)


class Maps:
    """Every way to make a map and to give it up."""

    def __init__(self, safemap, asked):
        self.safemap, self.kept = safemap, []
        self.fd = os.open(asked.path(b"x" * LENGTH), os.O_RDWR)
        self.growing = os.open(asked.path(b"x" * LENGTH), os.O_RDWR)
        self.empty = os.open(asked.path(), os.O_RDWR)

        class Heir(safemap.mmap):
            """A subclass with a dictionary."""

            def __init__(self, *args, **keywords):
                self.circle = self

        class Loser(safemap.mmap):
            """A subclass that fails when the map is there already."""

            def __init__(self, *args):
                raise KeyError

        self.heir, self.loser = Heir, Loser
        self.ways = [
            self.closed, self.dropped, self.context, self.anonymous, self.private, self.copied, self.untracked, self.touched,
            self.viewed, self.resized, self.moved, self.inherited, self.watched, self.repaired, self.failed, self.lost,
            self.refused, self.unknown, self.referred,
        ]  # fmt: skip

    def closed(self):
        self.safemap.mmap(self.fd, 0).close()

    def dropped(self):
        self.safemap.mmap(self.fd, 0)

    def context(self):
        with self.safemap.mmap(self.fd, 0, access=self.safemap.ACCESS_READ) as m:
            m[0]

    def anonymous(self):
        self.safemap.mmap(-1, LENGTH)[0] = 1

    def private(self):
        self.safemap.mmap(-1, LENGTH, flags=self.safemap.MAP_PRIVATE)[-1] = 1

    def copied(self):
        self.safemap.mmap(self.fd, 0, access=self.safemap.ACCESS_COPY)[5] = 1

    def untracked(self):
        self.safemap.mmap(self.fd, PAGE, offset=PAGE, trackfd=False)

    def touched(self):
        m = self.safemap.mmap(self.fd, 0)
        m.find(b"y"), m[::3], m.readline(), list(m[:3]), iter(m)
        m.seek(0)
        m.write(b"x" * 100)

    def viewed(self):
        m = self.safemap.mmap(self.fd, 0)
        view = memoryview(m)
        raised(m.close, BufferError)
        del m
        view[5]

    def resized(self):
        m = self.safemap.mmap(self.growing, 0)
        m.resize(3 * LENGTH)
        m.resize(LENGTH)

    def moved(self):
        m = self.safemap.mmap(-1, PAGE, flags=self.safemap.MAP_PRIVATE)
        m.resize(8 * PAGE)
        m.resize(PAGE)

    def inherited(self):
        self.heir(self.fd, 0)

    def watched(self):
        m = self.safemap.mmap(self.fd, 0, repair=True)
        memoryview(m)[7]

    def repaired(self):
        m = self.safemap.mmap(self.growing, 0, repair=True)
        os.ftruncate(self.growing, PAGE)
        view = memoryview(m)
        view[2 * PAGE], view[-1]
        view.release()
        os.ftruncate(self.growing, LENGTH)
        if m.damage % PAGE == 0:
            m.restore()

    def failed(self):
        raised(lambda: self.safemap.mmap(self.fd, 100 * LENGTH), ValueError)
        raised(lambda: self.safemap.mmap(self.fd, 0, offset=1), OSError)
        raised(lambda: self.safemap.mmap(self.fd, 0, repair="x", trackfd=Bad()), KeyError)

    def lost(self):
        raised(lambda: self.loser(self.fd, 0), KeyError)

    def refused(self):
        raised(lambda: self.safemap.mmap(self.empty, 0), ValueError)

    def unknown(self):
        raised(lambda: self.safemap.mmap(-1, 1 << 62), OSError)
        raised(lambda: self.safemap.mmap(12345, 5), OSError)

    def referred(self):
        m = self.safemap.mmap(self.fd, 0)
        weakref.finalize(m, int)
        raised(lambda: m.find(Bad()), TypeError)


class Bad:
    """An argument that fails."""

    def __bool__(self):
        raise KeyError


@contextlib.contextmanager
def limited(kind, soft):
    """A limit of this process."""
    was = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, was[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, was)


def refused(call, *codes):
    """Fails unless `call` raises OSError with one of these codes."""
    error = raised(call, OSError)
    if error is None or error.errno not in codes:
        raise AssertionError("{!r}, not {}".format(error, [errno.errorcode[code] for code in codes]))


def unharmed(m, content, before, path):
    """Fails unless the map and the process are as before."""
    if m[:] != content or len(m) != len(content) or os.path.getsize(path) != len(content) or m.tell() != 0:
        raise AssertionError("a refused call changed the map")
    now = Left()
    # The interpreter may have taken a mapping or two for itself.
    if now.descriptors != before.descriptors or now.mappings > before.mappings + 4:
        raise AssertionError("a refused call left something behind: {}, {} before".format(now, before))


def content_map(safemap, asked):
    """A map, its path and what it holds."""
    content = bytes(range(256)) * (LENGTH // 256)
    path = asked.path(content)
    fd = os.open(path, os.O_RDWR)
    return safemap.mmap(fd, 0), fd, path, content


def descriptors(safemap, asked):
    """No descriptor is left."""
    asked.about_to("limit of descriptors")
    m, fd, path, content = content_map(safemap, asked)
    before = Left()
    used = max(int(name) for name in os.listdir("/proc/self/fd")) + 1
    with limited(resource.RLIMIT_NOFILE, used + 20):
        many = []
        refused(lambda: [many.append(safemap.mmap(fd, 0)) for _ in range(100)], errno.EMFILE)
        if not 10 <= len(many) <= 30:
            raise AssertionError("{} maps fit".format(len(many)))
        for keywords in ({}, {"repair": True}, {"access": safemap.ACCESS_COPY}, {"allocate": True}):
            refused(lambda: safemap.mmap(fd, 0, **keywords), errno.EMFILE)
        # These need none.
        safemap.mmap(fd, 0, trackfd=False).close(), safemap.mmap(-1, 5).close()
        many.pop().close()
        many.append(safemap.mmap(fd, 0))
        # What moved keeps where it was until it is closed.
        many[0].resize(2 * LENGTH), many[0].resize(LENGTH)
        many.clear()
    unharmed(m, content, before, path)
    os.close(fd)


def mappings(safemap, asked):
    """No mapping is left."""
    asked.about_to("limit of mappings")
    with open("/proc/sys/vm/max_map_count") as file:
        limit = int(file.read())
    if limit > 200_000:
        raise Skipped("the limit of mappings is {}".format(limit))
    m, fd, path, content = content_map(safemap, asked)
    lonely = safemap.mmap(-1, 3 * PAGE, flags=safemap.MAP_PRIVATE)
    lonely[:3] = b"abc"
    before = Left()
    many = [None] * limit
    at = 0
    # Neighbours of the same page are not joined by the system.
    while raised(lambda: many.__setitem__(at, safemap.mmap(fd, PAGE, trackfd=False)), OSError) is None:
        at += 1
    refused(lambda: safemap.mmap(fd, PAGE), errno.ENOMEM)
    refused(lambda: safemap.mmap(fd, PAGE, repair=True), errno.ENOMEM)
    refused(lambda: safemap.mmap(-1, PAGE, flags=safemap.MAP_PRIVATE, prot=safemap.PROT_READ), errno.ENOMEM)
    refused(lambda: lonely.protect(safemap.PROT_READ, PAGE, PAGE), errno.ENOMEM)
    refused(lambda: m.resize(300 * LENGTH), errno.ENOMEM)
    if lonely[:3] != b"abc" or m[:] != content:
        raise AssertionError("a refused call changed a map")
    many.clear()
    unharmed(m, content, before, path)
    os.close(fd)


def address_space(safemap, asked):
    """No address space is left."""
    asked.about_to("limit of address space")
    m, fd, path, content = content_map(safemap, asked)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * PAGE
    before = Left()
    with limited(resource.RLIMIT_AS, used + (64 << 20)):
        for _ in range(20):
            refused(lambda: m.resize(1 << 30), errno.ENOMEM)
            refused(lambda: safemap.mmap(-1, 1 << 30), errno.ENOMEM)
            refused(lambda: safemap.mmap(-1, 1 << 30, flags=safemap.MAP_PRIVATE), errno.ENOMEM)
            if raised(lambda: m * 2, TypeError) is None or m[:] != content:
                raise AssertionError("the map has changed")
    unharmed(m, content, before, path)
    m.resize(1 << 30)
    m.resize(LENGTH)
    os.close(fd)
