"""Small programs that use a map: `programs.py PROGRAM MODULE PATH [NUMBER]` runs one of them."""

import collections
import importlib
import os
import re
import struct
import sys
import zlib


def log(m, _number):
    """Counts the lines of a log by their level, and adds up their numbers."""
    levels, total = collections.Counter(), 0
    for line in iter(m.readline, b""):
        words = line.split()
        if len(words) > 2:
            levels[words[1]] += 1
            total += int(words[-1][3:] or 0) if words[-1].startswith(b"id=") else 0
    return sorted(levels.items()), total


def needle(m, _number):
    """Counts the occurrences of a needle."""
    count = at = 0
    while (at := m.find(b"id=4711\n", at)) >= 0:
        at, count = at + 1, count + 1
    return count


def reads(m, number):
    """Reads 64 bytes at random offsets."""
    last = len(m) - 64
    return sum(m[at % last : at % last + 64][0] for at in pseudorandom(number))


def tree(m, number):
    """Descends a tree of six-byte nodes, as readers of address databases do."""
    total = 0
    for address in range(number):
        node = 0
        for bit in range(16):
            record = m[6 * node : 6 * node + 6]
            node = int.from_bytes(record[3:] if address >> bit & 1 else record[:3], "little")
        total += node
    return total


def records(m, number):
    """Updates records in place, and flushes a page of them now and then."""
    record = struct.Struct("<QQ16s")
    count = len(m) // record.size
    for index, at in enumerate(pseudorandom(number)):
        start = at % count * record.size
        times, total, name = record.unpack(m[start : start + record.size])
        m[start : start + record.size] = record.pack(times + 1, total + index, name)
        if index % 20000 == 0:
            m.flush(start & ~4095, 4096)
    return zlib.crc32(m[:])


def inserts(m, number):
    """Inserts pieces in place: extends the file, and moves what follows."""
    piece = b"0123456789abcdef" * 4
    for at in pseudorandom(number):
        length = len(m)
        start = at % length
        m.resize(length + len(piece))
        m.move(start + len(piece), start, length - start)
        m[start : start + len(piece)] = piece
    return zlib.crc32(m[:])


def editor(m, number):
    """Inserts lines of 100 bytes at random offsets of a text, as an editor does."""
    line = b"x" * 99 + b"\n"
    for at in pseudorandom(number):
        length = len(m)
        start = at % length
        m.resize(length + 100)
        m.move(start + 100, start, length - start)
        m[start : start + 100] = line
    return zlib.crc32(m[:])


def regex(m, _number):
    """Counts the matches of a regular expression, which reads the map as a buffer."""
    return sum(1 for _ in re.finditer(rb"WARN [a-z ]*timeout [a-z ]*id=(\d+)7\n", m))


def pseudorandom(count):
    """Yields that many numbers."""
    number = 1
    for _ in range(count):
        number = number * 1103515245 + 12345 & 0x7FFFFFFF
        yield number


# Programs that change their data.
WRITERS = [records, inserts, editor]


def one_map(program, module, path, number):
    """Runs a program on a map of one file."""
    mode, access = ("r+b", "ACCESS_WRITE") if program in WRITERS else ("rb", "ACCESS_READ")
    with open(path, mode) as file:
        with module.mmap(file.fileno(), 0, access=getattr(module, access)) as m:
            return program(m, number)


def files(module, folder, _number):
    """Maps and searches each file of a folder."""
    found = 0
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            with module.mmap(file.fileno(), 0, access=module.ACCESS_READ) as m:
                found += m.find(b"missed and") >= 0
    return found


def main(program, module, path, number=0):
    program, call = globals()[program], (importlib.import_module(module), path, int(number))
    print(files(*call) if program is files else one_map(program, *call))


if __name__ == "__main__":
    main(*sys.argv[1:])
