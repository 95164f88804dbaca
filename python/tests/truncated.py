"""Truncated: maps a file, takes the file away under the map, and tries every operation that touches a byte.

Runs in a child of test_faults.py, for such an operation may end its process: `main(module, path, kept, access)` prints, as
JSON, what came of each operation.
"""

import importlib
import json
import operator
import os
import sys

# `i` is a byte that is lost, `edge` stands a little before the first lost one, `n` counts from there to behind `i`.
READS = """
m[i]
m[-1]
m.__getitem__(i)
operator.getitem(m, i)
m[edge:i + 9]
m[:]
m[::3]
m[::-1]
m[i:edge:-2]
m.find(b'needle')
m.find(b'needle', i)
m.find(b'y')
m.find(b'xy', edge)
m.find(b'y' * 100, 0)
m.rfind(b'needle')
m.rfind(b'y', i)
m.rfind(b'xy', 0, i + 9)
m.rfind(b'y' * 100, 0)
m.read()
m.read(n)
m.read(None)
m.readline()
m.seek(i); m.readline()
list(m.lines())
next(m.lines(i))
list(m.lines(containing=b'needle'))
m.seek(i); m.read_byte()
m.seek(i); m.read(1)
list(m)
tuple(m)
set(m)
[*m]
a, *b = m
max(m)
sorted(m)
b''.join(iter(m))
list(enumerate(m))
list(reversed(m))
next(reversed(m))
for letter in m: pass
b'y' in m
b'y' not in m
5 in m
operator.indexOf(m, b'y')
operator.countOf(m, b'y')
operator.contains(m, b'y')
""".strip().splitlines()

WRITES = """
m[i] = 7
m[-1] = 7
m.__setitem__(i, 7)
operator.setitem(m, i, 7)
m[edge:i + 9] = bytes(n + 8)
m[i:i + 3] = b'abc'
m[i:i + 9:2] = b'abcde'
m[edge:i + 1:5] = bytes(len(range(edge, i + 1, 5)))
m[::-1] = bytes(len(m))
m.write(bytes(n))
m.seek(i); m.write(b'a')
m.seek(i); m.write_byte(7)
m.move(i, 0, 9)
m.move(0, i, 9)
m.move(edge, edge + 1, n)
m.move(edge + 1, edge, n)
""".strip().splitlines()

# What touches no byte of the file, and does its work on a truncated one.
HARMLESS = """
m.tell()
m.seek(0)
m.seekable()
m.size()
m.closed
len(m)
repr(m)
m.flush()
m.sync()
m.madvise(0)
""".strip().splitlines()

# Methods that work on whole pages, that end the truncation, or that are about it.
APART = {"set_name", "resize", "close", "lock", "unlock", "protect", "damage", "restore"}


def main(name, path, kept, access):
    """Tries everything on a map of `path`, whose first `kept` bytes stay."""
    module = importlib.import_module(name)
    before = os.path.getsize(path)
    with open(path, "r+b") as file:
        m = module.mmap(file.fileno(), 0, access=getattr(module, access))
    space = names(m, kept)
    os.truncate(path, kept)
    operations = READS + (WRITES if access != "ACCESS_READ" else [])
    came = {}
    for operation in operations + HARMLESS:
        # A trace that a killed child leaves behind.
        print(operation, file=sys.stderr, flush=True)
        came[operation] = run(operation, space)
    os.truncate(path, before)
    came["grown back"] = [m[kept + 5], m.find(b"needle", kept), len(m[kept:]) == before - kept]
    m.close()
    json.dump(came, sys.stdout)


def names(m, kept):
    """What the operations speak of, on a map whose bytes from `kept` on are lost."""
    space = {"m": m, "operator": operator, "i": kept + 5, "edge": max(0, kept - 70)}
    space["n"] = space["i"] - space["edge"] + 1
    return space


def run(operation, space):
    """Runs one operation from the edge on and says what came of it."""
    space["m"].seek(space["edge"])
    try:
        exec(operation, space)
    except OSError as error:
        return ["OSError", error.errno]
    except Exception as error:
        return [type(error).__name__, str(error)]
    return None
