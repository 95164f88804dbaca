"""How long does it take to read a log line by line?"""

import collections

import contest
import data

TITLE = "Python: the lines of a log"
HOW = """1 GiB of a log, 90 bytes a line. *All*: `m.lines()`, beside `iter(m.readline, b"")`, and
`open(path, "rb")` as an iterator. *That contain*: `m.lines(containing=needle)` for a needle that one
line of 11000 has, beside a test of each line. The lines are not kept. The aims: three times as fast
as `readline`, and 1.5 times as fast as a file."""

NEEDLE = b"id=4711"
AIMS = [contest.against("mmap readline", 1 / 3), contest.against("open", 1 / 1.5)]


def answer(run):
    block = data.text()
    with data.maps(block, run.size(1024 * data.MIB)) as (file, ours, theirs):
        every = {
            "safemap": lambda: drain(ours.lines()),
            "mmap readline": lambda: drain(by_readline(theirs)),
            "open": lambda: drain(by_file(file.name)),
        }
        containing = {
            "safemap": lambda: drain(ours.lines(containing=NEEDLE)),
            "mmap readline": lambda: drain(line for line in by_readline(theirs) if NEEDLE in line),
            "open": lambda: drain(line for line in by_file(file.name) if NEEDLE in line),
        }
        run.time("all, 1 GiB", every, AIMS, rounds=3, repeat=1)
        run.time("that contain, 1 GiB", containing, AIMS, rounds=3, repeat=1)
    with data.maps(block, run.size(64 * data.MIB)) as (_, ours, theirs):
        contenders = {
            "safemap": lambda: drain(by_readline(ours)),
            "mmap readline": lambda: drain(by_readline(theirs)),
        }
        aims = [contest.against("mmap readline", 1.0)]
        run.time("all, `readline` on both, 64 MiB", contenders, aims, rounds=9, repeat=1)


def by_readline(m):
    """Returns an iterator over lines that the standard module has too."""
    m.seek(0)
    return iter(m.readline, b"")


def by_file(path):
    """Yields the lines of a file object."""
    with open(path, "rb") as file:
        yield from file


def drain(lines):
    """Consumes an iterator, at the least cost."""
    collections.deque(lines, maxlen=0)
