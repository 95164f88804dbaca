"""Makes the data that is read and searched, in files and in maps, as `src/data.rs` does."""

import contextlib
import mmap
import random
import struct
import tempfile

import safemap

try:
    import numpy
except ImportError:
    numpy = None

MIB = 1 << 20
WORDS = (
    "request from client served in the cache was missed and user session opened with timeout after"
).split()

# Two common bytes that are never neighbours, and a byte that occurs in neither kind of data.
PAIRS = {"text": b"eu", "binary": b"\x01\x41"}
ABSENT = b"\xf5"


def text():
    """Returns a mebibyte of a log."""
    rng, lines, size = random.Random(1), [], 0
    while size < MIB:
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(4, 12)))
        level = rng.choice(["INFO", "INFO", "INFO", "WARN", "DEBUG"])
        second, number = rng.randrange(60), rng.randrange(1000000)
        lines.append(f"2026-03-14T09:26:{second:02} {level} {words} id={number}\n".encode())
        size += len(lines[-1])
    return b"".join(lines)[: MIB - 1] + b"\n"


def binary():
    """Returns a mebibyte of records: a growing number, a small one and a fraction."""
    rng = random.Random(2)
    numbers = ((i, rng.randrange(300), rng.randrange(1 << 30) / 1e6) for i in range(MIB // 16))
    records = b"".join(struct.pack("<IId", *record) for record in numbers)
    return records.replace(ABSENT, b"\xf4").replace(PAIRS["binary"], b"\x01\x40")


KINDS = {"text": text, "binary": binary}


def absent(kind, block, length):
    """Returns a needle that does not occur: a piece of the data with two bytes exchanged."""
    if length == 2:
        return PAIRS[kind]
    around, rng = block + block[:length], random.Random(length)
    while True:
        at = rng.randrange(len(block) - length)
        needle = bytearray(block[at : at + length])
        one, two = rng.randrange(length), rng.randrange(length)
        needle[one], needle[two] = needle[two], needle[one]
        if needle not in around:
            return bytes(needle)


def write(file, block, size):
    """Writes `size` bytes, `block` repeated, and returns the file."""
    for at in range(0, size, len(block)):
        file.write(block[: size - at])
    file.flush()
    return file


def file_of(block, size):
    """Returns a temporary file of `size` bytes: `block` repeated."""
    return write(tempfile.NamedTemporaryFile(), block, size)


@contextlib.contextmanager
def maps(block, size):
    """Yields such a file and a read-only map of it by each module, safemap's first."""
    with file_of(block, size) as file:
        fd = file.fileno()
        with safemap.mmap(fd, 0, access=safemap.ACCESS_READ) as ours:
            with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as theirs:
                yield file, ours, theirs
