"""Garbage: finalizers that use a map in the midst of a call of the same map.

Up to Python 3.11 the collector of garbage runs whenever an object is made, so that it may run while a call makes its exception. What it
sets free runs in the same thread then, and would wait for that call for ever if it had not let go of the map.
"""

import unittest
from textwrap import dedent

from support import FileCase, succeed, unix_only

BEGIN = """
import gc, os, sys
import safemap

class Garbage:
    def __init__(self, used, act):
        self.me, self.used, self.act = self, used, act

    def __del__(self):
        try:
            came.append(self.act(self.used))
        except Exception as error:
            came.append(error)

# Has the next object that `call` makes set garbage free, which then acts on `used`; returns what `call` raised.
def collected_inside(call, used, act):
    gc.collect()
    gc.disable()
    gc.set_threshold(1)
    Garbage(used, act)
    try:
        gc.enable()
        call(used)
    except (OSError, ValueError, IndexError) as error:
        return error
    finally:
        gc.set_threshold(700)
        gc.collect()

# A map of 300 000 bytes whose file has been cut to a page.
def lost():
    os.truncate(fd, 0)
    os.truncate(fd, 300_000)
    m = safemap.mmap(fd, 0)
    os.truncate(fd, PAGE)
    return m

came = []
PAGE = safemap.PAGESIZE
fd = os.open(sys.argv[1], os.O_RDWR)
"""


@unix_only("Windows cuts no file that is mapped")
class Finalizers(FileCase):
    def test_a_finalizer_can_use_the_map_of_a_call_that_fails(self):
        # From 64 KiB on a call lets other threads run, and holds the map while it does.
        code = """
        CALLS = {
            "get": lambda m: m[PAGE],
            "slice": lambda m: m[:200_000],
            "stride": lambda m: m[::2],
            "set": lambda m: m.__setitem__(slice(0, 200_000), bytes(200_000)),
            "read": lambda m: m.read(),
            "readline": lambda m: m.readline(),
            "write": lambda m: m.write(bytes(200_000)),
            "move": lambda m: m.move(0, 100_000, 100_000),
            "find": lambda m: m.find(b"x"),
            "rfind": lambda m: m.rfind(b"x"),
            "resize": lambda m: m.resize(1 << 62),
            "lines": lambda m: list(m.lines()),
            "matches": lambda m: list(m.lines(containing=b"x")),
        }
        ACTS = [lambda m: m.close(), lambda m: m.resize(100), lambda m: m.resize(400_000), lambda m: m.find(b"x")]
        for name, call in CALLS.items():
            for number, act in enumerate(ACTS):
                print(name, number, flush=True, file=sys.stderr)
                collected_inside(call, lost(), act)
        print(len(came))
        """
        self.assertEqual(succeed(self, BEGIN + dedent(code), self.path(), timeout=60), "52\n")

    def test_a_finalizer_can_use_the_lines_of_a_call_that_fails(self):
        code = """
        lines = lost().lines(PAGE)
        print(collected_inside(next, lines, next).offset == PAGE)
        print(len(came), isinstance(came[0], (RuntimeError, StopIteration)))
        """
        self.assertEqual(succeed(self, BEGIN + dedent(code), self.path(), timeout=60), "True\n1 True\n")
