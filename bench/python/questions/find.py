"""How long does a search take for a needle that is not there?"""

import contest
import data
import peers

TITLE = "Python: find a needle that does not occur"
HOW = """`find` and `rfind` in 64 MiB, beside the standard module, the C library's `memmem` on the
mapped memory (as in fmmap), and `bytes.find` on private memory. The text is a log, the binary file
has records of numbers; the needle is a piece of it with two bytes exchanged. The aims: ten times as
fast as the standard module, and backwards twice as fast."""

LENGTHS = [2, 3, 8, 16, 1000]


def answer(run):
    for kind, make in data.KINDS.items():
        block = make()
        with data.maps(block, run.size(64 * data.MIB)) as (file, ours, theirs):
            for length in LENGTHS:
                needle = data.absent(kind, block, length)
                rows(run, f"{length} bytes, {kind}", needle, file, ours, theirs)


def rows(run, name, needle, file, ours, theirs):
    """Prints a row for each direction."""
    fmmap, private = peers.Fmmap(file), theirs[:]
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
    run.time("find, " + name, forwards, [contest.against("mmap", 0.1)])
    run.time("rfind, " + name, backwards, [contest.against("mmap", 0.5)])
