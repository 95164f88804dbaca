"""Tests of finalizers that use a map during a call on the same map.

Up to Python 3.11 allocating an object, such as the exception of a call, may collect garbage.
The finalizer runs in the same thread. It would deadlock if the call still held the map.
"""

from textwrap import dedent

from support import NO_TRUNCATION, FileCase, succeed, unix_only

BEGIN = """
import gc, os, sys
import safemap

class Garbage:
    def __init__(self, argument, act):
        self.cycle, self.argument, self.act = self, argument, act

    def __del__(self):
        try:
            results.append(self.act(self.argument))
        except Exception as error:
            results.append(error)

# Has the next allocation of `call` collect garbage whose finalizer calls `act`. Returns the
# exception of `call`.
def collected_inside(call, argument, act):
    gc.collect()
    gc.disable()
    gc.set_threshold(1)
    Garbage(argument, act)
    try:
        gc.enable()
        call(argument)
    except (OSError, ValueError, IndexError) as error:
        return error
    finally:
        gc.set_threshold(700)
        gc.collect()

# A map of 500 000 bytes whose file is truncated to one page.
def truncated_map():
    os.truncate(fd, 0)
    os.truncate(fd, 500_000)
    m = safemap.mmap(fd, 0)
    os.truncate(fd, PAGE)
    return m

results = []
PAGE = safemap.PAGESIZE
# The first call of a thread asks whether it is the main one, which allocates an object.
next(safemap.mmap(-1, PAGE).lines())
fd = os.open(sys.argv[1], os.O_RDWR)
"""


@unix_only(NO_TRUNCATION)
class Finalizers(FileCase):
    def printed(self, code):
        """Runs code after BEGIN in a child and returns its output."""
        return succeed(self, BEGIN + dedent(code), self.path(), timeout=60)

    def test_a_finalizer_can_use_the_map_of_a_call_that_fails(self):
        # A call that copies more than 256 KiB releases the GIL, and marks the map as in use.
        code = """
        CALLS = {
            "get": lambda m: m[PAGE],
            "slice": lambda m: m[:300_000],
            "stride": lambda m: m[::2],
            "set": lambda m: m.__setitem__(slice(0, 300_000), bytes(300_000)),
            "read": lambda m: m.read(),
            "readline": lambda m: m.readline(),
            "write": lambda m: m.write(bytes(300_000)),
            "move": lambda m: m.move(0, 100_000, 300_000),
            "find": lambda m: m.find(b"x"),
            "rfind": lambda m: m.rfind(b"x"),
            "resize": lambda m: m.resize(1 << 62),
            "lines": lambda m: list(m.lines()),
            "matches": lambda m: list(m.lines(containing=b"x")),
        }
        ACTS = {
            "close": lambda m: m.close(),
            "shrink": lambda m: m.resize(100),
            "grow": lambda m: m.resize(600_000),
            "find": lambda m: m.find(b"x"),
        }
        for name, call in CALLS.items():
            for act_name, act in ACTS.items():
                print(name, act_name, flush=True, file=sys.stderr)
                collected_inside(call, truncated_map(), act)
        print(len(results))
        """
        self.assertEqual(self.printed(code), "52\n")

    def test_a_finalizer_can_use_the_lines_of_a_call_that_fails(self):
        code = """
        lines = truncated_map().lines(PAGE)
        print(collected_inside(next, lines, next).offset == PAGE)
        print(len(results), isinstance(results[0], (RuntimeError, StopIteration)))
        """
        self.assertEqual(self.printed(code), "True\n1 True\n")
