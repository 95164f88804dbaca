"""Fast paths: each method has the same results with its fast path and without.

`_safemap._slow_mmap()` returns a subclass whose methods take the slow path only. Random programs
run on both classes, step by step. Results, exceptions, positions and files must be equal.

`SAFEMAP_SEED` selects the programs, `SAFEMAP_STEPS` the total number of steps.
"""

import os
import random
import re
import tempfile
import types
import unittest

from differential.generator import Generator
from differential.side import Side
from support import PAGE, WINDOWS, succeed

import safemap
from safemap import _safemap

SLOW = _safemap._slow_mmap()
STEPS = int(os.environ.get("SAFEMAP_STEPS", "10000"))
SEED = int(os.environ.get("SAFEMAP_SEED", "1"))
STEPS_PER_PROGRAM = 60
SIZES = [1, 40, 4095, 4097, 12305, 200_000]
METHODS = "tell seek read read_byte readline write write_byte find rfind move".split()
SLOTS = "__len__ __getitem__ __setitem__ __delitem__".split()
# Steps that show the class itself, or how many references there are to it.
CLASS = re.compile(r"type\(m\)|__class__|__reduce|pickle|copy\.")

# What the generator does not know: it only calls what CPython's module has.
LINES = """
it = m.lines()
it = m.lines(7, -3, keepends=False)
it = m.lines(containing=b'a')
it = m.lines(0, 'x')
next(it)
next(it)
list(it)[:9]
list(m.lines())[-3:]
list(m.lines(keepends=False))[:9]
list(m.lines(3, containing=b'z\\n'))[:5]
""".strip().splitlines()


def module_of(kind):
    """A module like safemap in which `kind` is the class mmap."""
    return types.SimpleNamespace(**dict(vars(safemap), __name__=kind.__name__, mmap=kind))


class Programs:
    """Random programs on the class `mmap` and on another one."""

    def __init__(self, other, steps):
        self.other, self.steps = other, steps

    def run(self):
        """Runs them all, and returns the differences of the first program that has one."""
        done, seed = 0, SEED
        while done < self.steps:
            differences = self.program(seed)
            if differences:
                return seed, differences
            done, seed = done + STEPS_PER_PROGRAM, seed + 1

    def program(self, seed):
        """Runs one program, up to the first difference."""
        rng = random.Random(seed)
        content = bytes(ord(rng.choice("ab\n\x00z")) for _ in range(rng.choice(SIZES)))
        with tempfile.TemporaryDirectory(prefix="safemap-") as folder:
            kinds = ("fast", safemap.mmap), ("slow", self.other)
            sides = [
                Side(module_of(kind), os.path.join(folder, name), content) for name, kind in kinds
            ]
            try:
                return self.compare(rng, Generator(rng, sides[0]), sides)
            finally:
                for side in sides:
                    side.close()

    def compare(self, rng, generator, sides):
        """Runs one step after the other on both sides, up to the first difference."""
        for number in range(STEPS_PER_PROGRAM):
            step = self.step(rng, generator, number)
            results = [
                (plain(side.run(step)), plain(side.run("repr(m)")), content_of(side))
                for side in sides
            ]
            if results[0] != results[1]:
                return step, results[0][:2], results[1][:2]

    def step(self, rng, generator, number):
        """The next step."""
        step = rng.choice(LINES) if rng.random() < 0.1 else generator.step()
        return "m.tell()" if CLASS.search(step) else step


class FaultPrograms(Programs):
    """Programs on a file that was truncated. Only the core touches the memory, no view does."""

    def step(self, rng, generator, number):
        if number == 0:
            access = rng.choice(["ACCESS_DEFAULT", "ACCESS_READ", "ACCESS_COPY"])
            return "m = mmap.mmap(fd, 0, access=mmap.{})".format(access)
        if number == 1:
            kept = rng.randrange(3) * PAGE
            return (
                "m.protect(0, {})".format(kept) if WINDOWS else "os.truncate(fd, {})".format(kept)
            )
        kinds = "find seek read write byte move index slice".split()
        return rng.choice(LINES) if rng.random() < 0.1 else getattr(generator, rng.choice(kinds))()


def plain(result):
    """A result without the name of the class."""
    return repr(result).replace("slow_mmap", "mmap")


def content_of(side):
    """The content of a side's file."""
    with open(side.path, "rb") as file:
        return file.read()


class FastPaths(unittest.TestCase):
    def test_programs_have_the_same_results_with_fast_paths_and_without(self):
        self.assertIsNone(Programs(SLOW, STEPS).run())

    def test_programs_on_truncated_files_have_the_same_results_with_fast_paths_and_without(self):
        code = "import test_fast_paths as it; print(it.FaultPrograms(it.SLOW, it.STEPS).run())"
        self.assertEqual(succeed(self, code, timeout=600), "None\n")

    def test_every_method_with_a_fast_path_is_redefined_in_the_slow_class(self):
        self.assertEqual([name for name in METHODS + SLOTS if name not in vars(SLOW)], [])

    def test_a_method_with_another_result_is_found(self):
        """The control: a class that differs in one method."""

        class Different(SLOW):
            def read(self, *arguments):
                return super().read(*arguments)[:40]

        self.assertIsNotNone(Programs(Different, STEPS).run())


if __name__ == "__main__":
    unittest.main()
