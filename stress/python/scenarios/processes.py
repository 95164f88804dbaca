"""Do maps get over fork, spawn and SIGKILL: in the child, in the parent, and in the file?"""

import importlib
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import traceback
import warnings

from asked import Clock, facts, raised
from cutter import PAGE

SABOTAGE = "the standard mmap"

LONG = 256 << 20
CONTENT = bytes(range(256)) * 64
# What workers that are killed make of the file, and how long a record of theirs is.
SIZES = [PAGE * pages for pages in (8, 9, 13, 30, 64)]
WORKERS = 4
RECORD = 256


def run(asked):
    warnings.simplefilter("ignore", DeprecationWarning)
    children = forked(asked) + beside_threads(asked) + tree(asked)
    started = spawned(asked)
    kills = killed(asked)
    note = "{} forked children, of which some fault, close, resize and leave maps open; {} processes by spawn and forkserver".format(
        children, started
    )
    return facts(children + started + kills, "lives of other processes", note + "; {} killed while they wrote and resized".format(kills))


# Forked children


def child(life, patience=30):
    """Forks a child that lives so; fails unless it ends well before its time is over."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(patience)
            life()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def ended(pid):
    """Fails unless the child ended well."""
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        died = signal.Signals(-status).name if status < 0 else status
        raise AssertionError("a child ended with {}".format("no end: it hung" if status == -signal.SIGALRM else died))


def expect(what, why):
    if not what:
        raise AssertionError(why)


class Maps:
    """One map of every sort, of files with the same content."""

    def __init__(self, asked):
        module = asked.module
        self.module, self.asked, self.path, self.lost_path = module, asked, asked.path(CONTENT), asked.path(CONTENT)
        with open(self.path, "r+b") as file, open(self.lost_path, "r+b") as lost:
            self.file = module.mmap(file.fileno(), 0)
            self.copy = module.mmap(file.fileno(), 0, access=module.ACCESS_COPY)
            self.reader = module.mmap(file.fileno(), 0, access=module.ACCESS_READ)
            self.lost = module.mmap(lost.fileno(), 0)
        self.shared = module.mmap(-1, len(CONTENT))
        self.private = module.mmap(-1, len(CONTENT), flags=module.MAP_PRIVATE)
        self.shared[:], self.private[:] = CONTENT, CONTENT
        self.all = [self.file, self.copy, self.reader, self.shared, self.private]
        os.truncate(self.lost_path, 0)
        self.view = memoryview(self.file)

    def look(self):
        """Everything is as it should be."""
        for m in self.all:
            expect(m[1:] == CONTENT[1:] and m.find(CONTENT[100:400], 0) == 100 and len(m) == len(CONTENT), "wrong bytes")

    def fault(self):
        """Faults are errors here as well."""
        for use in (lambda: self.lost[5], lambda: self.lost.find(b"x", 0), lambda: self.lost.__setitem__(PAGE, 1)):
            expect(raised(use, OSError), "no error came of a fault")

    def new(self):
        """A map of this process's own, which faults, too."""
        with open(self.asked.path(CONTENT), "r+b") as file:
            m = self.module.mmap(file.fileno(), 0)
            file.truncate(10)
            expect(m[:10] == CONTENT[:10] and raised(m.read, OSError), "a new map is not right")
            m.resize(len(CONTENT))
            expect(m[10:].strip(b"\0") == b"", "a new map is not right")
            m.close()

    def close(self):
        """They close, where no view is left."""
        expect(raised(self.file.close, BufferError), "closed under a view")
        self.view.release()
        for m in self.all + [self.lost]:
            m.close()
            expect(m.closed and raised(lambda: m[0], ValueError), "not closed")


def forked(asked):
    """Children of a process with maps; what they do is not felt by others."""
    maps = Maps(asked)
    maps.fault()

    def leaves():
        maps.look()

    def faults():
        maps.fault(), maps.look(), maps.new(), maps.fault()

    def closes():
        maps.look(), maps.close(), maps.new()

    def drops():
        maps.view.release()
        maps.__dict__.clear()

    def writes():
        # Private memory is this process's own from now on.
        maps.copy[0] = maps.private[0] = 99
        expect(maps.private.resize(100) is None and len(maps.private) == 100, "not resized")
        maps.shared[0] = 77
        maps.fault()

    def forks():
        pids = [child(life) for life in (faults, closes, leaves)]
        maps.look()
        for pid in pids:
            ended(pid)

    def repairs():
        if not asked.control:
            with open(maps.path, "r+b") as file:
                m = maps.module.mmap(file.fileno(), 0, repair=True)
            expect(bytes(memoryview(m))[1:] == CONTENT[1:], "wrong bytes")

    lives = [leaves, faults, closes, drops, writes, forks, repairs]
    rounds, count = asked.times(4, 60), 0
    for _ in range(rounds):
        asked.about_to("fork with maps")
        for pid in [child(life) for life in lives]:
            ended(pid)
        count += len(lives) + 3
        maps.look(), maps.fault()
        expect(maps.copy[0] == maps.private[0] == 0 and maps.shared[0] == 77, "a child's own memory is felt here")
        maps.shared[0] = 0
    maps.close()
    return count


def tree(asked):
    """A repaired view in a forked child is the child's own matter."""
    if asked.control:
        return 0
    path = asked.path(CONTENT)
    with open(path, "r+b") as file:
        m = asked.module.mmap(file.fileno(), 0, repair=True)
    view, rounds = memoryview(m), asked.times(5, 100)

    def meets():
        expect(bytes(view) == bytes(len(CONTENT)) and m.damage == 0, "no zeros")
        expect(raised(lambda: m[5], OSError), "no error after the damage")

    for _ in range(rounds):
        asked.about_to("fork with a repaired view")
        os.truncate(path, 0)
        pids = [child(meets) for _ in range(2)]
        for pid in pids:
            ended(pid)
        expect(m.damage is None, "a child's damage is felt here")
        with open(path, "r+b") as file:
            file.write(CONTENT)
        expect(bytes(view) == m[:] == CONTENT, "not whole again")
    return 2 * rounds


def beside_threads(asked):
    """A fork while other threads are in the middle of long calls. In the child their calls are void."""
    module, rounds = asked.module, asked.times(6, 60)
    m = module.mmap(-1, LONG, flags=module.MAP_PRIVATE)
    m[:3] = b"abc"
    path = asked.path(CONTENT)
    with open(path, "r+b") as file:
        growing = module.mmap(file.fileno(), 0)
    stop = []

    def work():
        while not stop:
            m.find(b"needle")

    def resize():
        while not stop:
            for size in (8, 900, 10):
                growing.resize(size * PAGE)

    def closes():
        expect(m[:3] == b"abc" and m.find(b"c", 0) == 2, "wrong bytes")
        m.close()
        growing.close()
        expect(m.closed and growing.closed, "not closed")

    def resizes():
        m.resize(PAGE)
        expect(m[:3] == b"abc", "wrong bytes")
        growing.resize(20 * PAGE)
        view = memoryview(growing)
        expect(raised(growing.close, BufferError), "closed under a view")
        view.release()

    def exports():
        with memoryview(m) as view:
            expect(bytes(view[:3]) == b"abc", "wrong bytes")
            expect(raised(lambda: m.resize(5), BufferError), "resized under a view")
        threads = [threading.Thread(target=m.find, args=(b"needle",)) for _ in range(2)]
        [thread.start() for thread in threads]
        m.close()
        [thread.join() for thread in threads]

    def drops():
        nonlocal m, growing
        del m, growing

    threads = [threading.Thread(target=target, daemon=True) for target in (work, work, resize)]
    [thread.start() for thread in threads]
    lives = [closes, resizes, drops] + [exports] * (not asked.control)
    try:
        for number in range(rounds):
            asked.about_to("fork beside threads")
            # At another moment each time.
            time.sleep(asked.rng.random() * 0.004)
            ended(child(lives[number % len(lives)]))
    finally:
        stop.append(True)
    [thread.join(60) for thread in threads]
    expect(not any(thread.is_alive() for thread in threads), "a thread hangs")
    m.close(), growing.close()
    return rounds


# Started processes


def spawned(asked):
    """Processes that import everything anew, with the file between them."""
    path, count = asked.path(bytes(WORKERS * PAGE)), asked.times(2, 6)
    for method in ("spawn", "forkserver"):
        asked.about_to(method)
        context = multiprocessing.get_context(method)
        # A worker that dies breaks a pool's promise without a word; a process tells its exit status.
        workers = [
            context.Process(target=worker, args=(asked.module.__name__, path, number % WORKERS, asked.folder)) for number in range(count)
        ]
        for process in workers:
            process.start()
        for process in workers:
            process.join(60)
            expect(process.exitcode == 0, "a process by {} ended with {}".format(method, process.exitcode))
        with open(path, "rb") as file:
            data = file.read()
        for number in range(min(count, WORKERS)):
            expect(data[number * PAGE : (number + 1) * PAGE] == bytes([65 + number]) * PAGE, "a record is missing")
    return 2 * count


def worker(name, path, number, folder):
    """The life of such a process: it writes its own, and faults."""
    module = importlib.import_module(name)
    with open(path, "r+b") as file:
        m = module.mmap(file.fileno(), 0)
    m[number * PAGE : (number + 1) * PAGE] = bytes([65 + number]) * PAGE
    m.flush()
    own = os.path.join(folder, "own-{}".format(os.getpid()))
    with open(own, "w+b") as file:
        file.truncate(2 * PAGE)
        lost = module.mmap(file.fileno(), 0)
        file.truncate(0)
    expect(raised(lambda: lost[5], OSError), "no error came of a fault")
    os.unlink(own)


# Killed processes


def killed(asked):
    """Many processes on one file, killed at random: the file is as long as somebody asked, and holds what somebody wrote."""
    path = asked.path(bytes(SIZES[0]))
    fds = len(os.listdir("/proc/self/fd"))
    clock, kills = Clock(asked.clock(0.7, 12).seconds), 0
    workers = [start(asked, path, number) for number in range(WORKERS)]
    try:
        while clock:
            time.sleep(asked.rng.random() * 0.03)
            number = asked.rng.randrange(WORKERS)
            os.kill(workers[number], signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(workers[number], 0)[1])
            workers[number] = None
            expect(status == -signal.SIGKILL, "a worker ended by itself with {}".format(status))
            kills += 1
            inspect(asked, path)
            workers[number] = start(asked, path, number)
    finally:
        for pid in filter(None, workers):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    inspect(asked, path)
    expect(len(os.listdir("/proc/self/fd")) == fds, "descriptors were left behind")
    return kills


def start(asked, path, number):
    """A worker, which never ends by itself."""
    seed = asked.rng.random()
    asked.about_to("kill")
    pid = os.fork()
    if pid == 0:
        try:
            busy(asked.module, path, number, random.Random(seed))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return pid


def busy(module, path, number, rng):
    """Writes, resizes and searches for ever. What another one cut off meanwhile is an error and no more."""
    while True:
        with open(path, "r+b") as file:
            m = module.mmap(file.fileno(), 0)
        for _ in range(rng.randrange(50)):
            what = rng.randrange(8)
            try:
                if what == 0:
                    m.resize(rng.choice(SIZES))
                elif what == 1:
                    m.find(b"needle", 0)
                elif what == 2:
                    m.flush()
                else:
                    at = rng.randrange(len(m) // RECORD) * RECORD
                    m[at : at + RECORD] = bytes([65 + number]) * RECORD
            except OSError as error:
                if getattr(error, "offset", None) is None:
                    raise
        m.close()


def inspect(asked, path):
    """The file as it is now."""
    with open(path, "rb") as file:
        m = asked.module.mmap(file.fileno(), 0, access=asked.module.ACCESS_READ)
    expect(len(m) in SIZES, "{} bytes: nobody asked for that length".format(len(m)))
    try:
        data = m[:]
    except OSError:
        # A worker cut it just now.
        return
    strange = set(data) - set(range(65, 65 + WORKERS)) - {0}
    expect(not strange, "bytes that nobody wrote: {}".format(strange))


if __name__ == "__main__":
    sys.exit("run.py runs it")
