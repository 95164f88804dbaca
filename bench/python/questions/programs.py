"""Whole programs: what users do with a map, from the start of the interpreter to its end."""

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

TITLE = "Python: whole programs"
HOW = """Each is a program in `bench/python/programs/`, run as a process of its own with the one module and then with the other; the time is that of the process, the start of the interpreter
and the import included. Both must print the same. Data is in the page cache. The aim: never slower than the standard module."""

HOME = Path(__file__).resolve().parent.parent / "programs"

# Programs that change their data.
WRITERS = ["records", "inserts"]


def answer(run):
    with tempfile.TemporaryDirectory() as folder:
        folder, block = Path(folder), data.text()
        row(run, "log", "a log's lines counted and parsed, 64 MiB", written(folder, block, run.size(64 * data.MIB)))
        row(run, "needle", "a needle counted in 1 GiB", written(folder, block, run.size(1024 * data.MIB)))
        row(run, "reads", "a million random reads of 64 bytes", written(folder, block, run.size(64 * data.MIB)), run.times(1_000_000))
        row(run, "tree", "walks down a tree by `m[i:i+6]`", tree(folder, run.size(1 << 20)), run.times(60_000))
        row(run, "records", "records updated, and flushed now and then", written(folder, bytes(4096), run.size(16 * data.MIB)), run.times(400_000))
        row(run, "files", "8000 small files opened and searched", files(folder / "files", run.times(8000)))
        row(run, "inserts", "inserts by `resize` and `move`, 1 MiB", written(folder, block, data.MIB), run.times(3000))
        row(run, "regex", "a regular expression over the map, 64 MiB", written(folder, block, run.size(64 * data.MIB)))


def row(run, program, name, path, *words):
    """Runs one program with each module in turn, on data that is as it was each time."""
    printed = set()

    def once(module):
        given = shutil.copy(path, path.with_suffix(".copy")) if program in WRITERS else path
        command = [sys.executable, str(HOME / (program + ".py")), module, str(given), *map(str, words)]
        begun = time.perf_counter()
        printed.add(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        taken = time.perf_counter() - begun
        assert len(printed) == 1, (program, printed)
        return taken * 1e9

    contenders = {"safemap": lambda: once("safemap"), "mmap": lambda: once("mmap")}
    contest.measured(run, name, "ns", contenders, [contest.against("mmap", 1.0)], rounds=1 if run.quick else 7)


def written(folder, block, size):
    """A file of `size` bytes: `block` over and over."""
    path = folder / "data"
    with open(path, "wb") as file:
        for at in range(0, size, len(block)):
            file.write(block[: size - at])
    return path


def tree(folder, nodes):
    """A file of nodes of 6 bytes, two numbers of nodes each: a path from each leads on at random."""
    chance, path = random.Random(3), folder / "data"
    numbers = (chance.randrange(nodes) for _ in range(2 * nodes))
    path.write_bytes(b"".join(struct.pack("<I", number)[:3] for number in numbers))
    return path


def files(folder, count):
    """A folder of small files."""
    folder.mkdir()
    block = data.text()
    for number in range(count):
        (folder / str(number)).write_bytes(block[number * 7 : number * 7 + 3000 + number % 2000])
    return folder
