"""How do small accesses compare with every alternative that a Python program has?"""

import mmap
import os
from multiprocessing import shared_memory

import safemap

import contest
import data

SIZE, PIECE = 16384, b"0123456789abcdef" * 4


@contest.question("python_peers", "Python: small accesses, beside the alternatives")
def peers(run):
    """A file of 16 KiB in the page cache, or shared memory of that size, accessed by statements on
    local variables. `numpy.memmap` returns arrays and its number types; where the others
    return bytes, its row converts to bytes as well. `SharedMemory.buf` is a `memoryview`, converted
    likewise. `pread` and `pwrite` are those of `os`. The aim: not slower than the standard module.
    """
    with data.file_of(data.text(), SIZE) as file, open(file.name, "r+b") as handle:
        fd, shared = handle.fileno(), shared_memory.SharedMemory(create=True, size=SIZE)
        try:
            with mmap.mmap(fd, 0) as theirs, safemap.mmap(fd, 0) as ours:
                maps = {"safemap": ours, "mmap": theirs}
                if data.numpy:
                    maps["numpy.memmap"] = data.numpy.memmap(file.name, mode="r+")
                rows(run, fd, {**maps, "SharedMemory": shared.buf})
        finally:
            shared.close()
            shared.unlink()


def rows(run, fd, maps):
    """Prints one row for each kind of access. `call` does it by a system call."""

    def row(name, contender, call):
        contenders = {name: contender(name, m) for name, m in maps.items()}
        contenders["pread, pwrite"] = call
        run.time(name, contenders, [contest.against("mmap", 1.0)])

    row("`m[i]`", lambda _, m: lambda: m[1234], lambda: os.pread(fd, 1, 1234)[0])
    row("`m[i:i+64]`", piece, lambda: os.pread(fd, 64, 1234))
    row("`m[i] = 65`", storing, lambda: os.pwrite(fd, b"A", 1234))
    row("`m[i:i+64] = …`", replacing, lambda: os.pwrite(fd, PIECE, 1234))


def piece(contender, m):
    """Returns a function that returns a piece as bytes."""
    if contender in ("safemap", "mmap"):
        return lambda: m[1234:1298]
    return lambda: m[1234:1298].tobytes()


def storing(_who, m):
    """Returns a function that stores one byte."""

    def store():
        m[1234] = 65

    return store


def replacing(contender, m):
    """Returns a function that replaces a piece."""
    new = data.numpy.frombuffer(PIECE, "u1") if contender == "numpy.memmap" else PIECE

    def replace():
        m[1234:1298] = new

    return replace
