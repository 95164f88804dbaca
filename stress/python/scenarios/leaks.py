"""Creates and drops a million maps, which must leave nothing behind.

Then it reaches limits of the system. A refused call must change nothing.
"""

import contextlib
import errno
import gc
import mmap as standard
import os
import resource
import weakref  # noqa: F401, which a way uses

from settings import PAGE, Skipped, check, raised, report

CONTROL = "one map in a thousand is leaked"

LENGTH = 4 * PAGE


def run(settings):
    import safemap

    maps = Maps(safemap, settings)
    # After the first rounds the allocators have what they keep.
    rounds(settings, maps, 3000)
    before = Usage()
    times = settings.times(50_000, 1_000_000)
    rounds(settings, maps, times)
    after = Usage()
    kept = after.descriptors > before.descriptors or after.mappings > before.mappings + 8
    kept = kept or after.resident > before.resident + (4 << 10)
    check(not kept, f"{before} before, {after} after")
    for limit in (descriptors, mappings, address_space):
        settings.log("limit of " + limit.__name__)
        limit(safemap, settings)
    note = (
        f"{len(maps.ways)} ways; {before} before, {after} after; limits: EMFILE, ENOMEM, RLIMIT_AS"
    )
    return report(times, "maps created and dropped", note)


def rounds(settings, maps, times):
    """Creates `times` maps, in all ways in turn."""
    for number in range(times):
        maps.create(number)
        if number % 1000 == 0:
            if settings.control:
                maps.leaked.append(maps.names["mmap"](maps.names["fd"], 0))
            settings.log(f"map {number}")
            # Only the collector frees cycles.
            gc.collect(1)
    gc.collect()


class Usage:
    """The resources of this process."""

    def __init__(self):
        gc.collect()
        self.descriptors = len(os.listdir("/proc/self/fd"))
        with open("/proc/self/maps") as file:
            self.mappings = sum(1 for _ in file)
        with open("/proc/self/statm") as file:
            self.resident = int(file.read().split()[1]) * PAGE >> 10

    def __repr__(self):
        return f"{self.descriptors} descriptors, {self.mappings} mappings, {self.resident} KiB"


# Ways to create a map and to drop it.
WAYS = """
mmap(fd, 0).close()
mmap(fd, 0)
with mmap(fd, 0, access=ACCESS_READ) as m: m[0]
mmap(-1, LENGTH)[0] = 1
mmap(-1, LENGTH, flags=MAP_PRIVATE)[-1] = 1
mmap(fd, 0, access=ACCESS_COPY)[5] = 1
mmap(fd, PAGE, offset=PAGE, trackfd=False)
m = mmap(fd, 0); m.find(b"y"), m[::3], m.readline(), list(m[:3]), iter(m)
m = mmap(fd, 0); m.seek(0); m.write(b"x" * 100)
m = mmap(fd, 0); view = memoryview(m); raised(m.close, BufferError); del m; view[5]
m = mmap(resized, 0); m.resize(3 * LENGTH); m.resize(LENGTH)
m = mmap(-1, PAGE, flags=MAP_PRIVATE); m.resize(8 * PAGE); m.resize(PAGE)
m = Subclass(fd, 0); m.cycle = m
memoryview(mmap(fd, 0, repair=True))[7]
repair(mmap(resized, 0, repair=True), resized)
raised(lambda: mmap(fd, 100 * LENGTH), ValueError)
raised(lambda: mmap(fd, 0, offset=1), OSError)
raised(lambda: mmap(fd, 0, repair="x", trackfd=Unconvertible()), KeyError)
raised(lambda: Failing(fd, 0), KeyError)
raised(lambda: mmap(empty, 0), ValueError)
raised(lambda: mmap(-1, 1 << 62), OSError)
raised(lambda: mmap(12345, 5), OSError)
m = mmap(fd, 0); weakref.finalize(m, int); raised(lambda: m.find(Unconvertible()), TypeError)
""".strip().splitlines()


class Maps:
    """What the ways use."""

    def __init__(self, safemap, settings):
        class Subclass(safemap.mmap):
            """Its instances have attributes."""

        class Failing(safemap.mmap):
            def __init__(self, *args):
                raise KeyError

        self.ways, self.leaked = [compile(text, text, "exec") for text in WAYS], []
        contents = {"fd": b"x" * LENGTH, "resized": b"x" * LENGTH, "empty": b""}
        files = {name: os.open(settings.path(it), os.O_RDWR) for name, it in contents.items()}
        self.names = {**vars(safemap), **globals(), **files}
        self.names.update(Subclass=Subclass, Failing=Failing)

    def create(self, number):
        """Creates and drops a map in one of the ways."""
        exec(self.ways[number % len(self.ways)], dict(self.names))


def repair(m, fd):
    """Reads pages that are missing, and restores the map."""
    os.ftruncate(fd, PAGE)
    with memoryview(m) as view:
        view[2 * PAGE], view[-1]
    os.ftruncate(fd, LENGTH)
    if m.damage % PAGE == 0:
        m.restore()


class Unconvertible:
    """An argument whose conversion fails."""

    def __bool__(self):
        raise KeyError


@contextlib.contextmanager
def limited(kind, soft):
    """Sets a limit of this process for a block."""
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@contextlib.contextmanager
def unchanged(safemap, settings):
    """Maps a file for a block. The block must change neither, and leave nothing behind."""
    content = bytes(range(256)) * (LENGTH // 256)
    path = settings.path(content)
    fd = os.open(path, os.O_RDWR)
    m, before = safemap.mmap(fd, 0), Usage()
    yield m, fd
    same = m[:] == content and len(m) == len(content) == os.path.getsize(path) and m.tell() == 0
    check(same, "a refused call changed the map")
    after = Usage()
    # The interpreter may have created a few mappings.
    left = after.descriptors != before.descriptors or after.mappings > before.mappings + 4
    check(not left, f"a refused call left something behind: {after}, {before} before")
    os.close(fd)


def expect_refusal(call, code):
    """Checks that `call` raises OSError with this errno."""
    error = raised(call, OSError)
    check(error is not None and error.errno == code, f"{error!r}, not {errno.errorcode[code]}")


def descriptors(safemap, settings):
    used = max(int(name) for name in os.listdir("/proc/self/fd")) + 3
    with unchanged(safemap, settings) as (m, fd), limited(resource.RLIMIT_NOFILE, used + 20):
        many = []
        expect_refusal(lambda: [many.append(safemap.mmap(fd, 0)) for _ in range(100)], errno.EMFILE)
        check(10 <= len(many) <= 30, f"{len(many)} maps")
        copy = {"access": standard.ACCESS_COPY}
        for keywords in ({}, {"repair": True}, copy, {"allocate": True}):
            expect_refusal(lambda: safemap.mmap(fd, 0, **keywords), errno.EMFILE)
        # These maps need no descriptor.
        safemap.mmap(fd, 0, trackfd=False).close(), safemap.mmap(-1, 5).close()
        many.pop().close()
        many.append(safemap.mmap(fd, 0))
        # A map that moved keeps its old region until it is closed.
        many[0].resize(2 * LENGTH), many[0].resize(LENGTH)
        many.clear()


def mappings(safemap, settings):
    with open("/proc/sys/vm/max_map_count") as file:
        limit = int(file.read())
    if limit > 200_000:
        raise Skipped(f"the limit of mappings is {limit}")
    memory = safemap.mmap(-1, 3 * PAGE, flags=standard.MAP_PRIVATE)
    memory[:3] = b"abc"
    with unchanged(safemap, settings) as (m, fd):
        content, many, count = m[:], [None] * limit, 0
        # At the limit the heap cannot grow either, so the scenario gives back some of it then.
        heap = [bytes(20_000) for _ in range(200)]
        # The kernel does not merge mappings of the same page of a file.
        with contextlib.suppress(OSError):
            while True:
                many[count] = safemap.mmap(fd, PAGE, trackfd=False)
                count += 1
        heap.clear()
        for call in (
            lambda: safemap.mmap(fd, PAGE),
            lambda: safemap.mmap(fd, PAGE, repair=True),
            lambda: safemap.mmap(-1, PAGE, flags=standard.MAP_PRIVATE, prot=standard.PROT_READ),
            lambda: memory.protect(standard.PROT_READ, PAGE, PAGE),
            lambda: m.resize(300 * LENGTH),
        ):
            expect_refusal(call, errno.ENOMEM)
        check(memory[:3] == b"abc" and m[:] == content, "a refused call changed a map")
        many.clear()


def address_space(safemap, settings):
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * PAGE
    with unchanged(safemap, settings) as (m, fd):
        content = m[:]
        with limited(resource.RLIMIT_AS, used + (64 << 20)):
            for _ in range(20):
                expect_refusal(lambda: m.resize(1 << 30), errno.ENOMEM)
                for flags in (standard.MAP_SHARED, standard.MAP_PRIVATE):
                    expect_refusal(lambda: safemap.mmap(-1, 1 << 30, flags=flags), errno.ENOMEM)
                check(raised(lambda: m * 2, TypeError) and m[:] == content, "the map has changed")
        m.resize(1 << 30)
        m.resize(LENGTH)
