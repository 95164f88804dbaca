"""Forks, spawns and kills processes that use maps.

Children, parent and file must stay consistent.
"""

import contextlib
import importlib
import multiprocessing
import os
import random
import signal
import threading
import time
import warnings

from settings import PAGE, check, map_file, raised, report
from workers import Workers

CONTROL = "the standard mmap"

LONG = 256 << 20
CONTENT = bytes(range(256)) * 64
# The lengths that workers set before they are killed, and the length of their records.
SIZES = [PAGE * pages for pages in (8, 9, 13, 30, 64)]
WORKERS = 4
# A process that takes longer hangs, and is killed. In seconds.
TIMEOUT = 60
RECORD = 256


def run(settings):
    warnings.simplefilter("ignore", DeprecationWarning)
    children = forked(settings) + forked_beside_threads(settings)
    children += forked_with_repaired_view(settings)
    started, kills = spawned(settings), killed(settings)
    note = f"{children} forked children, which fault, close, resize or leave maps open; {started} "
    note += f"by spawn and forkserver; {kills} killed while they wrote and resized"
    return report(children + started + kills, "other processes", note)


def start(work, *arguments, method="fork"):
    """Starts a process that calls `work` and exits, and returns it."""
    process = multiprocessing.get_context(method).Process(target=work, args=arguments)
    process.start()
    return process


def wait(*processes):
    """Waits for processes, which must exit with 0."""
    for process in processes:
        process.join(TIMEOUT)
        status = kill(process)
        check(status == 0, f"a process ended with {status}")


def kill(process):
    """Kills a process and returns its exit status."""
    process.kill()
    process.join()
    return process.exitcode


class Maps:
    """A map of each kind, of files with the same content."""

    def __init__(self, settings):
        module, path = settings.module, settings.path(CONTENT)
        self.module, self.settings, self.path = module, settings, path
        self.file = map_file(module, path)
        self.copy = map_file(module, path, access=module.ACCESS_COPY)
        self.reader = map_file(module, path, access=module.ACCESS_READ)
        self.shared = module.mmap(-1, len(CONTENT))
        self.private = module.mmap(-1, len(CONTENT), flags=module.MAP_PRIVATE)
        self.shared[:], self.private[:] = CONTENT, CONTENT
        self.all = [self.file, self.copy, self.reader, self.shared, self.private]
        truncated = settings.path(CONTENT)
        self.truncated = map_file(module, truncated)
        os.truncate(truncated, 0)
        self.view = memoryview(self.file)

    def check_bytes(self):
        for m in self.all:
            same = m[1:] == CONTENT[1:] and len(m) == len(CONTENT)
            check(same and m.find(CONTENT[100:400], 0) == 100, "other bytes")

    def check_faults(self):
        for use in (lambda m: m[5], lambda m: m.find(b"x", 0), lambda m: m.__setitem__(PAGE, 1)):
            check(raised(lambda: use(self.truncated), OSError), "a fault raised nothing")

    def check_new_map(self):
        """A map that is created in this process works and faults."""
        path = self.settings.path(CONTENT)
        m = map_file(self.module, path)
        os.truncate(path, 10)
        check(m[:10] == CONTENT[:10] and raised(m.read, OSError), "a new map does not fault")
        m.resize(len(CONTENT))
        check(m[10:].strip(b"\0") == b"", "a new map does not work again")
        m.close()

    def close(self):
        check(raised(self.file.close, BufferError), "closed under a view")
        self.view.release()
        for m in self.all + [self.truncated]:
            m.close()
            check(m.closed and raised(lambda: m[0], ValueError), "not closed")


def forked(settings):
    """Forks children of a process with maps. The parent does not see their private memory."""
    maps = Maps(settings)
    maps.check_faults()

    def faults():
        maps.check_faults(), maps.check_bytes(), maps.check_new_map(), maps.check_faults()

    def closes():
        maps.check_bytes(), maps.close(), maps.check_new_map()

    def drops():
        maps.view.release()
        maps.__dict__.clear()

    def writes():
        maps.copy[0] = maps.private[0] = 99
        check(maps.private.resize(100) is None and len(maps.private) == 100, "not resized")
        maps.shared[0] = 77
        maps.check_faults()

    def forks():
        children = [start(work) for work in (faults, closes, maps.check_bytes)]
        maps.check_bytes()
        wait(*children)

    def repairs():
        if not settings.control:
            m = map_file(maps.module, maps.path, repair=True)
            check(bytes(memoryview(m))[1:] == CONTENT[1:], "other bytes")

    works = [maps.check_bytes, faults, closes, drops, writes, forks, repairs]
    rounds = settings.times(4, 60)
    for _ in range(rounds):
        settings.log("fork with maps")
        wait(*[start(work) for work in works])
        maps.check_bytes(), maps.check_faults()
        private = maps.copy[0] == maps.private[0] == 0 and maps.shared[0] == 77
        check(private, "the parent does not see the bytes that it should")
        maps.shared[0] = 0
    maps.close()
    return rounds * (len(works) + 3)


def forked_with_repaired_view(settings):
    """A fault in a view in a child damages the child's map only."""
    if settings.control:
        return 0
    path = settings.path(CONTENT)
    m = map_file(settings.module, path, repair=True)
    view, rounds = memoryview(m), settings.times(5, 100)

    def faults():
        check(bytes(view) == bytes(len(CONTENT)) and m.damage == 0, "no zeros")
        check(raised(lambda: m[5], OSError), "no error after the damage")

    for _ in range(rounds):
        settings.log("fork with a repaired view")
        os.truncate(path, 0)
        wait(start(faults), start(faults))
        check(m.damage is None, "the parent's map is damaged")
        with open(path, "r+b") as file:
            file.write(CONTENT)
        check(bytes(view) == m[:] == CONTENT, "the map does not show its file")
    return 2 * rounds


def forked_beside_threads(settings):
    """Forks while other threads are in long calls. These calls do not exist in the child."""
    module, rounds = settings.module, settings.times(6, 60)
    m = module.mmap(-1, LONG, flags=module.MAP_PRIVATE)
    m[:3] = b"abc"
    growing = map_file(module, settings.path(CONTENT))

    def closes():
        check(m[:3] == b"abc" and m.find(b"c", 0) == 2, "other bytes")
        m.close(), growing.close()
        check(m.closed and growing.closed, "not closed")

    def resizes():
        m.resize(PAGE)
        check(m[:3] == b"abc", "other bytes")
        growing.resize(20 * PAGE)
        with memoryview(growing):
            check(raised(growing.close, BufferError), "closed under a view")

    def exports():
        with memoryview(m) as view:
            check(bytes(view[:3]) == b"abc", "other bytes")
            check(raised(lambda: m.resize(5), BufferError), "resized under a view")
        threads = [threading.Thread(target=m.find, args=(b"needle",)) for _ in range(2)]
        [thread.start() for thread in threads]
        m.close()
        [thread.join() for thread in threads]

    def drops():
        nonlocal m, growing
        del m, growing

    workers = Workers()
    workers.add(lambda: m.find(b"needle"))
    workers.add(lambda: m.find(b"needle"))
    workers.add(lambda: [growing.resize(pages * PAGE) for pages in (8, 900, 10)])
    works = [closes, resizes, drops] + [exports] * (not settings.control)
    with workers:
        for number in range(rounds):
            settings.log("fork beside threads")
            # A random moment of the calls.
            time.sleep(settings.rng.random() * 0.004)
            wait(start(works[number % len(works)]))
    m.close(), growing.close()
    return rounds


def spawned(settings):
    """Starts processes that do not inherit the maps, and share a file."""
    path, count = settings.path(bytes(WORKERS * PAGE)), settings.times(2, 6)
    name = settings.module.__name__
    for method in ("spawn", "forkserver"):
        settings.log(method)
        # Processes and no pool, because a pool does not report exit statuses.
        arguments = [(name, path, it % WORKERS, settings.folder) for it in range(count)]
        wait(*[start(write_and_fault, *it, method=method) for it in arguments])
        with open(path, "rb") as file:
            data = file.read()
        for number in range(min(count, WORKERS)):
            record = data[number * PAGE : (number + 1) * PAGE]
            check(record == bytes([65 + number]) * PAGE, "a record is missing")
    return 2 * count


def write_and_fault(name, path, number, folder):
    """Runs in such a process: writes a record, and faults."""
    module = importlib.import_module(name)
    m = map_file(module, path)
    m[number * PAGE : (number + 1) * PAGE] = bytes([65 + number]) * PAGE
    m.flush()
    own = os.path.join(folder, f"own-{os.getpid()}")
    with open(own, "w+b") as file:
        file.truncate(2 * PAGE)
        truncated = module.mmap(file.fileno(), 0)
        file.truncate(0)
    check(raised(lambda: truncated[5], OSError), "a fault raised nothing")
    os.unlink(own)


def killed(settings):
    """Kills processes that write and resize maps of one file, and checks its length and bytes."""
    path = settings.path(bytes(SIZES[0]))
    descriptors = len(os.listdir("/proc/self/fd"))
    clock, kills = settings.clock(0.7, 12), 0

    def worker(number):
        return start(write_forever, settings.module, path, number, random.Random(kills))

    workers = [worker(number) for number in range(WORKERS)]
    try:
        while clock:
            settings.log("kill")
            time.sleep(settings.rng.random() * 0.03)
            number = settings.rng.randrange(WORKERS)
            status = kill(workers[number])
            check(status == -signal.SIGKILL, f"a worker ended with {status} before it was killed")
            kills += 1
            check_file(settings, path)
            workers[number] = worker(number)
    finally:
        # Each keeps a descriptor.
        while workers:
            kill(workers.pop())
    check_file(settings, path)
    check(len(os.listdir("/proc/self/fd")) == descriptors, "descriptors were left")
    return kills


def write_forever(module, path, number, rng):
    """Writes, resizes and searches. If another process truncates the file, calls may fail."""
    while True:
        m = map_file(module, path)
        for _ in range(rng.randrange(50)):
            which = rng.randrange(8)
            try:
                if which == 0:
                    m.resize(rng.choice(SIZES))
                elif which == 1:
                    m.find(b"needle", 0)
                elif which == 2:
                    m.flush()
                else:
                    at = rng.randrange(len(m) // RECORD) * RECORD
                    m[at : at + RECORD] = bytes([65 + number]) * RECORD
            except OSError as error:
                if getattr(error, "offset", None) is None:
                    raise
        m.close()


def check_file(settings, path):
    m = map_file(settings.module, path, access=settings.module.ACCESS_READ)
    check(len(m) in SIZES, f"no process set the length {len(m)}")
    # A worker may truncate the file during the read.
    with contextlib.suppress(OSError):
        other = set(m[:]) - set(range(65, 65 + WORKERS)) - {0}
        check(not other, f"bytes that no process wrote: {other}")
