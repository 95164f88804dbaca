"""Threads use, close and resize one map, many maps of one file, and private memory."""

import mmap as standard
import os
import random
import sys
import threading
import time

from settings import PAGE, check, compiled, report
from workers import Workers, join

CONTROL = "the standard mmap"

THREADS = 6
RECORD = 600
# The smallest length. Below it each thread has a record.
SMALLEST = THREADS * 2 * PAGE
LARGEST = 400 * PAGE
# The bytes that threads write. All others are zeros.
LETTERS = b"\0\nabcdefghijklmnopqrstuvwxyz"
LEGAL = frozenset(LETTERS)


def run(settings):
    # Switches threads often.
    sys.setswitchinterval(0.0002)

    def private():
        return settings.module.mmap(-1, SMALLEST * 2, flags=standard.MAP_PRIVATE)

    shared = opener(settings)
    calls = sum(use_slots(settings, slots, settings.clock(*seconds)) for slots, seconds in (
        ([Slot(opener(settings))], (0.7, 14)),
        ([Slot(shared) for _ in range(5)], (0.7, 14)),
        ([Slot(private)], (0.5, 8)),
    ))  # fmt: skip
    sys.setswitchinterval(0.005)
    lock = "a" if getattr(sys, "_is_gil_enabled", lambda: True)() else "no"
    note = f"{THREADS} threads, {lock} global lock; {parallel(settings)}"
    return report(calls, "calls while other threads use, resize and close the maps", note)


class Slot:
    """Holds a map that any thread may close, and creates the next one then."""

    def __init__(self, create):
        self.create, self.map, self.lock = create, create(), threading.Lock()

    def get(self):
        """Returns a map that was open a moment ago."""
        m = self.map
        if m.closed:
            with self.lock:
                if self.map.closed:
                    self.map = self.create()
                m = self.map
        return m


def opener(settings):
    """Returns a function that maps one file.

    Another map may truncate it, but not below the records.
    """
    fd = os.open(settings.path(bytes(SMALLEST * 2)), os.O_RDWR)
    return lambda: settings.module.mmap(fd, 0)


# Calls on a map `m` with a random number generator. `n` is the length of the map a moment ago.
CALLS = """
bytes([m[rng.randrange(n)]])
bytes([m[-1]])
m[rng.randrange(n) : rng.randrange(n)]
m[:]
m[:: rng.choice([2, 3, 100, -1, -5])]
m[rng.randrange(n) : rng.randrange(n) : rng.choice([7, -7])]
m.read(rng.choice([1, 100, 100000]))
m.read()
m.readline()
bytes([m.read_byte()])
b"".join(byte for byte, _ in zip(m, range(100)))
m.find(b"needle", 0)
m.find(b"z", rng.randrange(n), rng.randrange(n))
m.rfind(b"needle", 0)
m.rfind(b"zz" * 40)
m.find(bytearray(b"\\0\\0"))
m.seek(rng.randrange(n))
m.seek(0, 2)
m.tell(), len(m), m.size(), repr(m), m.closed, b"x" in m[:9]
m.flush()
m.flush(0, min(n, PAGE))
m.madvise(standard.MADV_WILLNEED)
m.madvise(standard.MADV_NORMAL, 0, PAGE)
""".strip().splitlines()
# These write behind the records.
CALLS += """
m.__setitem__(rng.randrange(SMALLEST, n), rng.choice(LETTERS))
m.__setitem__(slice(SMALLEST, n), letters(rng, n - SMALLEST))
m.__setitem__(slice(SMALLEST, n, 3), letters(rng, len(range(SMALLEST, n, 3))))
m.move(SMALLEST, SMALLEST + 5, n - SMALLEST - 5)
m.move(n - (n - SMALLEST) // 2, SMALLEST, (n - SMALLEST) // 2)
""".strip().splitlines()


def use(m, code, rng):
    """Makes a call and checks the bytes or the offset that it returns."""
    value = eval(code, globals(), {"m": m, "n": max(len(m), SMALLEST + 10), "rng": rng})
    if isinstance(value, bytes):
        check_bytes(value)
    check(not isinstance(value, int) or -1 <= value <= LARGEST, value)


def letters(rng, count):
    """Returns `count` legal bytes."""
    return (rng.choice([b"a", b"needle\n", b"zyx\0"]) * (count + 1))[:count]


# Messages of exceptions after another thread closed or shrank the map.
LEGAL_ERRORS = {
    "mmap closed or invalid",
    "mmap was made shorter during the call",
    "read byte out of range",
    "seek out of range",
    "source, destination, or count out of range",
    "flush values out of range",
    "madvise start out of bounds",
    "mmap index out of range",
    "mmap slice assignment is wrong size",
}


def attempt(call):
    """Runs a call, which may raise what other threads can cause."""
    try:
        call()
    except BufferError:
        pass
    except (ValueError, IndexError) as error:
        if str(error) not in LEGAL_ERRORS:
            raise
    except OSError as error:
        # Another map of the file truncated it.
        if getattr(error, "offset", None) is None:
            raise


def use_slots(settings, slots, clock):
    """Lets threads use the maps of these slots. Returns the number of calls."""
    workers = Workers()
    for number in range(THREADS):
        workers.add(use_one, settings, slots, number, random.Random(settings.seed * 100 + number))
    return workers.run(clock)


def use_one(settings, slots, number, rng):
    """Makes one call of thread `number`."""
    m, which, text = rng.choice(slots).get(), rng.random(), rng.choice(CALLS)
    name, call = (
        ("close", m.close) if which < 0.02
        else ("resize", lambda: m.resize(rng.randrange(SMALLEST, LARGEST))) if which < 0.12
        else ("view", lambda: export(m, number)) if which < 0.2
        else ("record", lambda: write_record(m, number, rng)) if which < 0.5
        else (text, lambda: use(m, compiled(text), rng))
    )  # fmt: skip
    settings.log(name)
    attempt(call)


def check_bytes(data):
    if not LEGAL.issuperset(data):
        raise AssertionError(f"bytes that no thread wrote: {bytes(set(data) - LEGAL)!r}")


def write_record(m, number, rng):
    """Writes bytes that only this thread writes, and reads them back."""
    start = number * 2 * PAGE + rng.randrange(PAGE)
    data = bytes([97 + rng.randrange(26)]) * RECORD
    m[start : start + RECORD] = data
    same = m[start : start + RECORD] == data and m.find(data, start, start + RECORD) == start
    check(same, f"the record of {number} was not read as it was written")


def export(m, number):
    """Reads a view of bytes below the smallest length."""
    with memoryview(m) as view, view[number * 2 * PAGE : (number + 1) * 2 * PAGE] as part:
        check_bytes(part.tobytes())
        check_bytes(bytes(view[:SMALLEST]))


def parallel(settings):
    """Checks that two threads search at the same time.

    The time in which a thread runs or waits for a processor does not depend on what else the
    machine does. A thread that waits for a lock does neither.
    """
    m = settings.module.mmap(-1, 128 << 20, flags=standard.MAP_PRIVATE)
    m.find(b"needle")
    best = 0.0
    for _ in range(settings.times(5, 20)):
        best = max(best, searching_threads(m))
        if best >= 1.5:
            break
    m.close()
    text = f"{best:.2f} of two threads search at the same time"
    check(best >= 1.5, text)
    return text


def searching_threads(m):
    """Searches in two threads, and returns how many of them were able to run, on average."""
    barrier, times = threading.Barrier(2), []

    def search():
        barrier.wait()
        started, before = time.perf_counter_ns(), able_time()
        for _ in range(4):
            m.find(b"needle")
        times.append((started, time.perf_counter_ns(), able_time() - before))

    threads = [threading.Thread(target=search, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    join(threads)
    starts, ends, able = zip(*times)
    return sum(able) / (max(ends) - min(starts))


def able_time():
    """Returns the time in which this thread has run or waited for a processor, in nanoseconds."""
    with open("/proc/thread-self/schedstat") as file:
        waited = int(file.read().split()[1])
    return time.thread_time_ns() + waited
