"""Differential: random programs do the same on the standard module and on ours.

`SAFEMAP_SEED` (a number, or `random`) chooses the programs and `SAFEMAP_STEPS` how many steps there are in all;
`SAFEMAP_TRACE=1` prints each step before it is run.
"""

import mmap as standard
import os
import random
import sys
import tempfile
import unittest

from differential.accepted import accepted
from differential.generator import Generator
from differential.side import Side

import safemap

STEPS = int(os.environ.get("SAFEMAP_STEPS", "30000"))
SEED = os.environ.get("SAFEMAP_SEED", "1")
TRACE = os.environ.get("SAFEMAP_TRACE")
PROGRAM = 60
SIZES = [0, 1, 40, 4095, 4096, 4097, 8192, 12305]


class Difference(AssertionError):
    """The two sides differ and no row of the table allows it."""


class Differential(unittest.TestCase):
    def test_random_programs_do_the_same_on_the_standard_module_and_on_ours(self):
        seed = random.SystemRandom().randrange(1 << 32) if SEED == "random" else int(SEED)
        print("differential: SAFEMAP_SEED={} SAFEMAP_STEPS={}".format(seed, STEPS), file=sys.stderr, flush=True)
        steps, program = 0, seed
        while steps < STEPS:
            steps += run(program)
            program += 1


def run(seed):
    """Runs one program and returns how many steps it had."""
    rng = random.Random(seed)
    content = bytes(ord(rng.choice("ab\n\x00z")) for _ in range(rng.choice(SIZES)))
    with tempfile.TemporaryDirectory(prefix="safemap-") as folder:
        sides = [Side(module, os.path.join(folder, name), content) for name, module in (("a", standard), ("b", safemap))]
        try:
            return walk(seed, rng, *sides)
        finally:
            for side in sides:
                side.close()


def walk(seed, rng, theirs, ours):
    """Takes step after step on both sides."""
    program, generator = [], Generator(rng, theirs)
    while len(program) < PROGRAM:
        program.append(generator.step())
        if TRACE:
            print(seed, len(program), program[-1], file=sys.stderr, flush=True)
        row = compare(seed, program, theirs, ours)
        if row and row.ends:
            break
    return len(program)


def compare(seed, program, theirs, ours):
    """Takes the last step of the program on both sides; the row that allows a difference, if there is one."""
    step = program[-1]
    came = [side.run(step) for side in (theirs, ours)]
    row = None
    if came[0] != came[1]:
        row = accepted(step, *came) or tell(seed, program, *came)
    seen = [side.seen() for side in (theirs, ours)]
    if seen[0] != seen[1] and not (row and row.ends):
        tell(seed, program, *(dict(each, file=digest(each["file"]), came=value) for each, value in zip(seen, came)))
    return row


def digest(content):
    """A file's content, short enough to be read."""
    return len(content), hash(content), content[:40]


def tell(seed, program, theirs, ours):
    """Raises with all that one needs to see the difference again."""
    lines = "\n".join("  {:3} {}".format(at, step) for at, step in enumerate(program, 1))
    raise Difference("seed {}\n{}\nstandard: {!r}\nours:     {!r}".format(seed, lines, theirs, ours))


if __name__ == "__main__":
    unittest.main()
