"""Runs every operation that touches a byte on a map of a truncated file.

test_faults.py calls `main` in a child, because such an operation may terminate its process.
"""

import importlib
import json
import operator
import os
import sys

# `i` is the index of a lost byte, `edge` an index shortly before the first lost byte, and `n` the
# number of bytes from `edge` to `i`, inclusive.
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
bytes(m)
m.__bytes__()
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
for element in m: pass
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

# Operations that touch no byte of the map, and succeed on a truncated file.
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

# Names that are not tried: they work on pages, end the truncation, or are tested with `repair`.
NOT_TRIED = {"set_name", "resize", "close", "lock", "unlock", "protect"}
NOT_TRIED |= {"damage", "restore", "verify"}


def main(name, path, kept, access):
    """Maps `path`, truncates it to `kept` bytes, and prints each operation's outcome as JSON."""
    module = importlib.import_module(name)
    before = os.path.getsize(path)
    with open(path, "r+b") as file:
        m = module.mmap(file.fileno(), 0, access=getattr(module, access))
    space = names(m, kept)
    os.truncate(path, kept)
    outcomes = {}
    for operation in touching(access != "ACCESS_READ") + HARMLESS:
        # The last line shows the operation that terminated the child.
        print(operation, file=sys.stderr, flush=True)
        outcomes[operation] = run(operation, space)
    os.truncate(path, before)
    regrown = [m[kept + 5], m.find(b"needle", kept), len(m[kept:]) == before - kept]
    outcomes["grown back"] = regrown
    m.close()
    json.dump(outcomes, sys.stdout)


def touching(writable):
    """The operations that touch a lost byte and that the map allows."""
    return READS + (WRITES if writable else [])


def names(m, kept):
    """The names that the operations use, for a map that lost the bytes from `kept` on."""
    space = {"m": m, "operator": operator, "i": kept + 5, "edge": max(0, kept - 70)}
    space["n"] = space["i"] - space["edge"] + 1
    return space


def run(operation, space):
    """Runs one operation at the position `edge`. Returns its exception as a list, or None."""
    space["m"].seek(space["edge"])
    try:
        exec(operation, space)
    except OSError as error:
        return ["OSError", error.errno]
    except Exception as error:
        return [type(error).__name__, str(error)]
    return None
