"""Find: a needle that is not there."""

import mmap

import safemap

import contest
import data
import peers

TITLE = "Python: find a needle that is not there"
HOW = """`find` and `rfind` in 64 MiB, beside the standard module, the C library's `memmem` on the mapped memory (which is what fmmap does), and `bytes.find` on private
memory. The text is a log, the binary file has records of numbers; the needle is a piece of it with two bytes exchanged. The aims: ten times as fast as the standard module, backwards twice."""

LENGTHS = [2, 3, 8, 16, 1000]


def answer(run):
    size = run.size(64 * data.MIB)
    for kind, make in data.KINDS.items():
        block = make()
        with data.file_of(block, size) as file:
            with safemap.mmap(file.fileno(), 0, access=safemap.ACCESS_READ) as ours:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs:
                    for length in LENGTHS:
                        needle = data.absent(kind, block, length)
                        rows(run, f"{length} bytes, {kind}", needle, ours, theirs, peers.Fmmap(file), theirs[:])


def rows(run, name, needle, ours, theirs, fmmap, private):
    """Forwards and backwards."""
    forwards = {
        "safemap": lambda: ours.find(needle, 0),
        "mmap": lambda: theirs.find(needle, 0),
        "fmmap's way": lambda: fmmap.find(needle),
        "bytes": lambda: private.find(needle),
    }
    backwards = {
        "safemap": lambda: ours.rfind(needle, 0),
        "mmap": lambda: theirs.rfind(needle, 0),
        "bytes": lambda: private.rfind(needle),
    }
    contest.timed(run, "find, " + name, forwards, [contest.against("mmap", 0.1)])
    contest.timed(run, "rfind, " + name, backwards, [contest.against("mmap", 0.5)])
