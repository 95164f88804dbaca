"""Are whole programs as fast with the package as with the standard module?"""

import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contest
import data
import programs

TITLE = "Python: whole programs"
HOW = """Each is a function in `bench/python/programs.py`, run as a process of its own with one module
and then with the other; the time includes the start of the interpreter and the imports. Both must
print the same. Data is in the page cache. The aim: never slower than the standard module."""


def answer(run):
    block, size = data.text(), run.size
    text = lambda full: lambda path: written(path, block, size(full))
    zeros = lambda path: written(path, bytes(4096), size(16 * data.MIB))
    for program, name, make, number in [
        ("log", "a log's lines counted and parsed, 64 MiB", text(64 * data.MIB), 0),
        ("needle", "a needle counted in 1 GiB", text(1024 * data.MIB), 0),
        ("reads", "a million random reads of 64 bytes", text(64 * data.MIB), run.times(1_000_000)),
        ("tree", "walks down a tree by `m[i:i+6]`", lambda path: tree(path, size(1 << 20)), run.times(60_000)),
        ("records", "records updated, and flushed now and then", zeros, run.times(400_000)),
        ("files", "8000 small files opened and searched", lambda path: files(path, block, run.times(8000)), 0),
        ("inserts", "inserts by `resize` and `move`, 1 MiB", lambda path: written(path, block, data.MIB), run.times(3000)),
        ("regex", "a regular expression over the map, 64 MiB", text(64 * data.MIB), 0),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            row(run, program, name, make(Path(folder, "data")), number)


def row(run, program, name, path, number):
    """Runs one program with each module in turn, always on the same data."""
    printed = set()

    def once(module):
        writes = getattr(programs, program) in programs.WRITERS
        copy = shutil.copy(path, path.with_suffix(".copy")) if writes else path
        command = [sys.executable, programs.__file__, program, module, copy, str(number)]
        begun = time.perf_counter()
        printed.add(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        taken = time.perf_counter() - begun
        assert len(printed) == 1, (program, printed)
        return taken * contest.SECOND

    contenders = {"safemap": lambda: once("safemap"), "mmap": lambda: once("mmap")}
    aims, rounds = [contest.against("mmap", 1.0)], 1 if run.quick else 7
    run.measure(name, "ns", contenders, aims, rounds)


def written(path, block, size):
    """Makes a file of `size` bytes: `block` repeated."""
    with open(path, "wb") as file:
        data.write(file, block, size)
    return path


def tree(path, nodes):
    """Makes a file of nodes of 6 bytes: the numbers of two random nodes."""
    rng = random.Random(3)
    numbers = (rng.randrange(nodes) for _ in range(2 * nodes))
    path.write_bytes(b"".join(struct.pack("<I", number)[:3] for number in numbers))
    return path


def files(folder, block, count):
    """Makes a folder of small files."""
    folder.mkdir()
    for number in range(count):
        (folder / str(number)).write_bytes(block[number * 7 : number * 7 + 3000 + number % 2000])
    return folder
