"""Lines: all of a log, and those that contain something."""

import collections
import mmap

import safemap

import contest
import data

TITLE = "Python: the lines of a log"
HOW = """1 GiB of a log, 90 bytes a line. *All*: `m.lines()`, beside `iter(m.readline, b"")`, and `open(path, "rb")` as an iterator. *That contain*: `m.lines(containing=needle)` for a needle that one line
of 11000 has, beside a test of each line. The lines are thrown away. The aims: three times as fast as `readline`, half as fast again as a file."""

NEEDLE = b"id=4711"


def answer(run):
    block = data.text()
    with data.file_of(block, run.size(1024 * data.MIB)) as file:
        with safemap.mmap(file.fileno(), 0, access=safemap.ACCESS_READ) as ours:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs:
                every(run, ours, theirs, file.name)
                containing(run, ours, theirs, file.name)
    with data.file_of(block, run.size(64 * data.MIB)) as file:
        with safemap.mmap(file.fileno(), 0, access=safemap.ACCESS_READ) as ours:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs:
                contenders = {"safemap": lambda: drain(by_readline(ours)), "mmap readline": lambda: drain(by_readline(theirs))}
                contest.timed(run, "all, `readline` on both, 64 MiB", contenders, [contest.against("mmap readline", 1.0)], 9, repeat=False)


def every(run, ours, theirs, path):
    """All lines."""
    if not hasattr(ours, "lines"):
        contest.skipped("all, 1 GiB", "the package has no `lines`")
        return
    contenders = {
        "safemap": lambda: drain(ours.lines()),
        "mmap readline": lambda: drain(by_readline(theirs)),
        "open": lambda: drain(by_file(path)),
    }
    contest.timed(run, "all, 1 GiB", contenders, AIMS, rounds=3, repeat=False)


def containing(run, ours, theirs, path):
    """Those that contain a needle."""
    if not hasattr(ours, "lines"):
        contest.skipped("that contain, 1 GiB", "the package has no `lines`")
        return
    contenders = {
        "safemap": lambda: drain(ours.lines(containing=NEEDLE)),
        "mmap readline": lambda: drain(line for line in by_readline(theirs) if NEEDLE in line),
        "open": lambda: drain(line for line in by_file(path) if NEEDLE in line),
    }
    contest.timed(run, "that contain, 1 GiB", contenders, AIMS, rounds=3, repeat=False)


AIMS = [contest.against("mmap readline", 1 / 3), contest.against("open", 1 / 1.5)]


def by_readline(m):
    """Lines as the standard module offers them."""
    m.seek(0)
    return iter(m.readline, b"")


def by_file(path):
    """Lines as a file offers them."""
    with open(path, "rb") as file:
        yield from file


def drain(lines):
    """Takes all there are, at the least cost."""
    collections.deque(lines, maxlen=0)
