"""Peers: small accesses, beside everything that a Python program might use instead."""

import mmap
import os
from multiprocessing import shared_memory

import safemap

import contest
import data
import peers

TITLE = "Python: small accesses, beside what else there is"
HOW = """A file of 16 KiB in the page cache, or shared memory of that size, written to and read from a function's local variables. `numpy.memmap` gives arrays and
numbers of its own, and the row's last step makes bytes of them where there are bytes; `SharedMemory.buf` is a `memoryview`, and takes a step in the same way.
`pread` and `pwrite` are those of `os`. The aim is the standard module, as above."""

SIZE = 16384


def answer(run):
    with data.file_of(data.text(), SIZE) as file:
        with open(file.name, "r+b") as handle, mmap.mmap(handle.fileno(), 0) as theirs, safemap.mmap(handle.fileno(), 0) as ours:
            shared = shared_memory.SharedMemory(create=True, size=SIZE)
            try:
                rows(run, ours, theirs, shared, handle)
            finally:
                shared.close()
                shared.unlink()


def rows(run, ours, theirs, shared, handle):
    """One row for each kind of access."""
    array = peers.numpy and peers.numpy.memmap(handle.name, mode="r+")
    maps = {"safemap": ours, "mmap": theirs, "numpy.memmap": array, "SharedMemory": shared.buf}
    maps = {name: it for name, it in maps.items() if it is not None}
    fd = handle.fileno()
    row(run, "`m[i]`", {name: one(it) for name, it in maps.items()}, lambda: os.pread(fd, 1, 1234)[0])
    row(run, "`m[i:i+64]`", {name: piece(name, it) for name, it in maps.items()}, lambda: os.pread(fd, 64, 1234))
    row(run, "`m[i] = 65`", {name: stored(it) for name, it in maps.items()}, lambda: os.pwrite(fd, b"A", 1234))
    new = b"0123456789abcdef" * 4
    new = {name: peers.numpy.frombuffer(new, "u1") if name == "numpy.memmap" else new for name in maps}
    row(run, "`m[i:i+64] = …`", {name: replaced(it, new[name]) for name, it in maps.items()}, lambda: os.pwrite(fd, new["mmap"], 1234))


def row(run, name, contenders, call):
    """Measures a row; what is a system call for each access is a contender as well."""
    contenders["pread, pwrite"] = call
    contest.timed(run, name, contenders, [contest.against("mmap", 1.0)])


def one(m):
    return lambda: m[1234]


def stored(m):
    def store():
        m[1234] = 65

    return store


def piece(name, m):
    if name in ("safemap", "mmap"):
        return lambda: m[1234:1298]
    return lambda: m[1234:1298].tobytes()


def replaced(m, new):
    def replace():
        m[1234:1298] = new

    return replace
