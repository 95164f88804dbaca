"""Open: from a path to a byte, and back."""

import mmap
import shutil
import subprocess
import sys
import tempfile

import safemap

import contest
import data

TITLE = "Python: open, map, touch a byte, unmap, close"
HOW = """`open`, `mmap(f.fileno(), 0, access=ACCESS_READ)`, `m[0]`, and both closed; and the same by reading the file. The system calls are counted by strace: an interpreter that does it
1100 times less one that does it 100 times."""


def answer(run):
    for size in (4096, data.MIB):
        with data.file_of(data.text(), size) as file:
            path = file.name
            contenders = {"safemap": lambda: touch(safemap, path), "mmap": lambda: touch(mmap, path), "read": lambda: read(path)}
            name = "4 KiB" if size == 4096 else "1 MiB"
            contest.timed(run, name, contenders, [contest.against("mmap", 1.0)])
    if not shutil.which("strace"):
        contest.skipped("system calls", "there is no strace")
        return
    with data.file_of(b"x", 4096) as file:
        path = file.name
        contenders = {"safemap": lambda: calls("safemap", path, run.times(1000)), "mmap": lambda: calls("mmap", path, run.times(1000))}
        contest.measured(run, "system calls", "calls", contenders, [contest.against("mmap", 1.0)], rounds=1)


def touch(module, path):
    """One life of a map."""
    with open(path, "rb") as file, module.mmap(file.fileno(), 0, access=module.ACCESS_READ) as m:
        return m[0]


def read(path):
    """The same without one."""
    with open(path, "rb") as file:
        return file.read()[0]


PROGRAM = """
import sys, importlib
sys.path[:0] = {path!r}
from questions.open import touch
module = importlib.import_module({module!r})
for _ in range({times}):
    touch(module, {file!r})
"""


def calls(module, path, times):
    """System calls for one map."""
    few, many = (counted(PROGRAM.format(path=sys.path[:1], module=module, times=turns, file=path)) for turns in (100, 100 + times))
    return (many - few) / times


def counted(program):
    """System calls of an interpreter that runs a program."""
    with tempfile.NamedTemporaryFile() as log:
        subprocess.run(["strace", "-f", "-qq", "-o", log.name, sys.executable, "-c", program], check=True)
        return log.read().count(b"\n")
