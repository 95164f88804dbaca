"""Do many threads get along that use, close and resize one map and many maps of one file?"""

import mmap as standard
import os
import sys
import threading
import time

from asked import facts
from crowd import Crowd, join
from cutter import PAGE

SABOTAGE = "the standard mmap"

THREADS = 6
RECORD = 600
# The file is never shorter than this: here every thread has a record of its own.
LEAST = THREADS * 2 * PAGE
MOST = 400 * PAGE
# Whatever anybody writes. The rest of the file is zeros.
LETTERS = b"\0\nabcdefghijklmnopqrstuvwxyz"
EVER = frozenset(LETTERS)


def run(asked):
    module = asked.module
    # Many changes of threads, in the middle of everything.
    sys.setswitchinterval(0.0002)
    turns = one_map(asked, module) + many_maps(asked, module) + alone(asked, module)
    sys.setswitchinterval(0.005)
    ratio = parallel(asked, module)
    lock = "no lock" if not getattr(sys, "_is_gil_enabled", lambda: True)() else "the interpreter's lock"
    return facts(turns, "calls beside others", "{} threads, {}; {}".format(THREADS, lock, ratio))


class Place:
    """A place where a map stands that anybody may close, and the next one opens again."""

    def __init__(self, make):
        self.make, self.map, self.lock = make, make(), threading.Lock()

    def get(self):
        """The map, open a moment ago."""
        m = self.map
        if m.closed:
            with self.lock:
                if self.map.closed:
                    self.map = self.make()
                m = self.map
        return m


# Each takes a map, its length a moment ago, and a random number generator, and returns what it read.
CALLS = [
    lambda m, n, rng: bytes([m[rng.randrange(n)]]),
    lambda m, n, rng: bytes([m[-1]]),
    lambda m, n, rng: m[rng.randrange(n) : rng.randrange(n)],
    lambda m, n, rng: m[:],
    lambda m, n, rng: m[:: rng.choice([2, 3, 100, -1, -5])],
    lambda m, n, rng: m[rng.randrange(n) : rng.randrange(n) : rng.choice([7, -7])],
    lambda m, n, rng: m.read(rng.choice([1, 100, 100000])),
    lambda m, n, rng: m.read(),
    lambda m, n, rng: m.readline(),
    lambda m, n, rng: bytes([m.read_byte()]),
    lambda m, n, rng: b"".join(iter_some(m)),
    lambda m, n, rng: place(m.find(b"needle", 0), n),
    lambda m, n, rng: place(m.find(b"z", rng.randrange(n), rng.randrange(n)), n),
    lambda m, n, rng: place(m.rfind(b"needle", 0), n),
    lambda m, n, rng: place(m.rfind(b"zz" * 40), n),
    lambda m, n, rng: place(m.find(bytearray(b"\0\0")), n),
    lambda m, n, rng: nothing(m.seek(rng.randrange(n))),
    lambda m, n, rng: nothing(m.seek(0, 2)),
    lambda m, n, rng: nothing(m.tell(), len(m), m.size(), repr(m), m.closed, b"x" in m[:9]),
    lambda m, n, rng: nothing(m.flush()),
    lambda m, n, rng: nothing(m.flush(0, min(n, PAGE))),
    lambda m, n, rng: nothing(m.madvise(standard.MADV_WILLNEED)),
    lambda m, n, rng: nothing(m.madvise(standard.MADV_NORMAL, 0, PAGE)),
]

# These write behind the records of the threads.
WRITES = [
    lambda m, n, rng: nothing(m.__setitem__(rng.randrange(LEAST, n), rng.choice(LETTERS))),
    lambda m, n, rng: nothing(m.__setitem__(slice(LEAST, n), letters(rng, n - LEAST))),
    lambda m, n, rng: nothing(m.__setitem__(slice(LEAST, n, 3), letters(rng, len(range(LEAST, n, 3))))),
    lambda m, n, rng: nothing(m.move(LEAST, LEAST + 5, n - LEAST - 5)),
    lambda m, n, rng: nothing(m.move(n - (n - LEAST) // 2, LEAST, (n - LEAST) // 2)),
]


def nothing(*_):
    return b""


def place(at, n):
    """Whether a search returned something that can be."""
    assert -1 <= at <= MOST, at
    return b""


def iter_some(m):
    """Some of the bytes, one by one."""
    for at, byte in enumerate(m):
        if at == 100:
            break
        yield byte


def letters(rng, count):
    """So many bytes of what anybody writes."""
    return (rng.choice([b"a", b"needle\n", b"zyx\0"]) * (count + 1))[:count]


def harmless(call):
    """Runs a call beside others; whether it was done, or raised what it may."""
    try:
        call()
        return True
    except BufferError:
        return False
    except ValueError as error:
        # Somebody shrank the map after the call had looked at its length.
        if str(error) not in ALLOWED:
            raise
    except IndexError as error:
        if str(error) not in ("mmap index out of range", "mmap slice assignment is wrong size"):
            raise
    except OSError as error:
        # A page that another map of the file has cut off.
        if getattr(error, "offset", None) is None:
            raise
    return False


ALLOWED = {
    "mmap closed or invalid",
    "mmap was made shorter during the call",
    "read byte out of range",
    "seek out of range",
    "source, destination, or count out of range",
    "flush values out of range",
    "madvise start out of bounds",
}


def turn(asked, at, number, rng, resizes):
    """One call of a thread's on the map at a place."""
    m = at.get()
    what = rng.random()
    if what < 0.02:
        asked.about_to("close")
        harmless(m.close)
    elif what < 0.12 and resizes:
        asked.about_to("resize")
        harmless(lambda: m.resize(rng.randrange(LEAST, MOST)))
    elif what < 0.2:
        asked.about_to("view")
        harmless(lambda: view(m, number))
    elif what < 0.5:
        asked.about_to("record")
        harmless(lambda: record(m, number, rng))
    else:
        call = rng.choice(CALLS + WRITES)
        asked.about_to("call {}".format((CALLS + WRITES).index(call)))
        harmless(lambda: check(call(m, max(len(m), LEAST + 10), rng)))


def check(data):
    """Only what somebody wrote may be read."""
    if not EVER.issuperset(data):
        raise AssertionError("foreign bytes: {!r}".format(bytes(set(data) - EVER)))


def record(m, number, rng):
    """A thread's own part of the file, which nobody else touches."""
    start = number * 2 * PAGE + rng.randrange(PAGE)
    data = bytes([97 + rng.randrange(26)]) * RECORD
    m[start : start + RECORD] = data
    if m[start : start + RECORD] != data or m.find(data, start, start + RECORD) != start:
        raise AssertionError("the record of {} is not what was written".format(number))


def view(m, number):
    """An exported view, of the part that never goes."""
    with memoryview(m) as whole:
        part = whole[number * 2 * PAGE : number * 2 * PAGE + 2 * PAGE]
        check(part.tobytes())
        check(bytes(whole[:LEAST]))
        part.release()


def crowd_at(asked, places, resizes, seconds):
    """Threads that work on these places; how many calls there were."""
    import random

    crowd = Crowd()
    for number in range(THREADS):
        rng = random.Random(asked.seed * 100 + number)
        crowd.add(lambda number=number, rng=rng: turn(asked, rng.choice(places), number, rng, resizes))
    return crowd.during(seconds)


def opener(asked, module, **keywords):
    """Something that maps one file again and again."""
    fd = os.open(asked.path(bytes(LEAST * 2)), os.O_RDWR)

    def make():
        # Another map may cut the file while this one is made, but never below the records.
        return module.mmap(fd, 0, **keywords)

    return make


def one_map(asked, module):
    """All on one map."""
    return crowd_at(asked, [Place(opener(asked, module))], True, asked.clock(0.7, 14))


def many_maps(asked, module):
    """Many maps of one file, of which each may cut it under the others."""
    make = opener(asked, module)
    return crowd_at(asked, [Place(make) for _ in range(5)], True, asked.clock(0.7, 14))


def alone(asked, module):
    """Private memory, which is moved and not mapped anew."""
    make = lambda: module.mmap(-1, LEAST * 2, flags=standard.MAP_PRIVATE)  # noqa: E731
    return crowd_at(asked, [Place(make)], True, asked.clock(0.5, 8))


def idle():
    """How many processors had nothing to do for a moment."""
    before = ticks()
    time.sleep(0.1)
    after = ticks()
    rested, all_ = after[0] - before[0], after[1] - before[1]
    return (os.cpu_count() or 1) * rested / max(all_, 1)


def ticks():
    with open("/proc/stat") as file:
        numbers = [int(word) for word in file.readline().split()[1:9]]
    return numbers[3] + numbers[4], sum(numbers)


def parallel(asked, module):
    """How much faster two threads search than one, where there are two processors to be had."""
    m = module.mmap(-1, 128 << 20, flags=standard.MAP_PRIVATE)
    m.find(b"needle")
    best, rested = 0.0, 0.0
    for _ in range(asked.times(3, 12)):
        before = idle()
        one = timed(lambda: (m.find(b"needle"), m.find(b"needle")))
        two = timed(lambda: both(lambda: m.find(b"needle")))
        best = max(best, one / two)
        rested = max(rested, min(before, idle()))
        if best >= 1.5:
            break
    m.close()
    text = "two searches in parallel are {:.2f} times as fast as one after the other".format(best)
    if best >= 1.5:
        return text
    if rested < 1.7:
        return text + ", on processors that others use ({:.1f} idle)".format(rested)
    raise AssertionError(text + ", with {:.1f} processors idle".format(rested))


def both(call):
    """Two threads at once."""
    threads = [threading.Thread(target=call, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    join(threads)


def timed(call):
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
