"""Data: what there is to read and to search. As `src/data.rs`."""

import random
import struct
import tempfile

MIB = 1 << 20
WORDS = "request from client served in the cache was missed and user session opened with timeout after".split()

# Two common bytes that never come one after the other, and a byte that is in neither kind of data.
PAIRS = {"text": b"eu", "binary": b"\x01\x41"}
ABSENT = b"\xf5"


def text():
    """A mebibyte of a log."""
    chance, lines, size = random.Random(1), [], 0
    while size < MIB:
        said = " ".join(chance.choice(WORDS) for _ in range(chance.randrange(4, 12)))
        level = chance.choice(["INFO", "INFO", "INFO", "WARN", "DEBUG"])
        second, number = chance.randrange(60), chance.randrange(1000000)
        lines.append(b"2026-03-14T09:26:%02d %s %s id=%d\n" % (second, level.encode(), said.encode(), number))
        size += len(lines[-1])
    return b"".join(lines)[: MIB - 1] + b"\n"


def binary():
    """A mebibyte of records: a number that grows, a small one, and a fraction."""
    chance = random.Random(2)
    records = (struct.pack("<IId", i, chance.randrange(300), chance.randrange(1 << 30) / 1e6) for i in range(MIB // 16))
    return b"".join(records).replace(ABSENT, b"\xf4").replace(PAIRS["binary"], b"\x01\x40")


KINDS = {"text": text, "binary": binary}


def absent(kind, block, length):
    """A needle that the data does not have but might: a piece of it with two bytes exchanged."""
    if length == 2:
        return PAIRS[kind]
    around, chance = block + block[:length], random.Random(length)
    while True:
        at = chance.randrange(len(block) - length)
        needle = bytearray(block[at : at + length])
        one, two = chance.randrange(length), chance.randrange(length)
        needle[one], needle[two] = needle[two], needle[one]
        if needle not in around:
            return bytes(needle)


def file_of(block, size):
    """A temporary file of `size` bytes: `block` over and over."""
    file = tempfile.NamedTemporaryFile()
    for at in range(0, size, len(block)):
        file.write(block[: size - at])
    file.flush()
    return file
