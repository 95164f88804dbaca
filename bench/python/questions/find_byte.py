"""Find a byte that is not there."""

import mmap

import safemap

import contest
import data
import peers

TITLE = "Python: find a byte that is not there"
HOW = """As above, for one byte, for which the standard module calls the C library's `memchr` and `memrchr`. numpy compares all bytes and asks whether any is true."""


def answer(run):
    for size in (4096, run.size(64 * data.MIB)):
        with data.file_of(data.text(), size) as file:
            with safemap.mmap(file.fileno(), 0, access=safemap.ACCESS_READ) as ours:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs:
                    rows(run, size, ours, theirs, theirs[:], file.name)


def rows(run, size, ours, theirs, private, path):
    """Forwards and backwards."""
    name = f"{size // data.MIB} MiB" if size >= data.MIB else f"{size // 1024} KiB"
    aims = [contest.against("mmap", 1.0)]
    absent = data.ABSENT
    contenders = {"safemap": lambda: ours.find(absent, 0), "mmap": lambda: theirs.find(absent, 0), "bytes": lambda: private.find(absent)}
    if peers.numpy:
        array = peers.numpy.memmap(path, mode="r")
        contenders["numpy.memmap"] = lambda: (array == absent[0]).any()
    contest.timed(run, "find, " + name, contenders, aims)
    contenders = {"safemap": lambda: ours.rfind(absent, 0), "mmap": lambda: theirs.rfind(absent, 0), "bytes": lambda: private.rfind(absent)}
    contest.timed(run, "rfind, " + name, contenders, aims)
