"""Differential test: random programs have the same results on the standard module and on safemap.

`SAFEMAP_SEED` (a number, or `random`) selects the programs and `SAFEMAP_STEPS` the total number of
steps. `SAFEMAP_TRACE=1` prints each step before it is run.
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
STEPS_PER_PROGRAM = 60
SIZES = [0, 1, 40, 4095, 4096, 4097, 8192, 12305]


class Difference(AssertionError):
    """The two modules differ, and the difference is not in the table of accepted ones."""


class Differential(unittest.TestCase):
    def test_random_programs_have_the_same_results_on_both_modules(self):
        seed = random.SystemRandom().randrange(1 << 32) if SEED == "random" else int(SEED)
        print("SAFEMAP_SEED={} SAFEMAP_STEPS={}".format(seed, STEPS), file=sys.stderr, flush=True)
        steps = 0
        while steps < STEPS:
            steps += run(seed)
            seed += 1


def run(seed):
    """Runs one program and returns its number of steps."""
    rng = random.Random(seed)
    content = bytes(ord(rng.choice("ab\n\x00z")) for _ in range(rng.choice(SIZES)))
    with tempfile.TemporaryDirectory(prefix="safemap-") as folder:
        sides = [
            Side(module, os.path.join(folder, name), content)
            for name, module in (("a", standard), ("b", safemap))
        ]
        try:
            return run_steps(seed, rng, *sides)
        finally:
            for side in sides:
                side.close()


def run_steps(seed, rng, theirs, ours):
    """Runs one step after the other on both sides and returns the number of steps."""
    program, generator = [], Generator(rng, theirs)
    while len(program) < STEPS_PER_PROGRAM:
        program.append(generator.step())
        if TRACE:
            print(seed, len(program), program[-1], file=sys.stderr, flush=True)
        difference = compare(seed, program, theirs, ours)
        if difference and difference.ends:
            break
    return len(program)


def compare(seed, program, theirs, ours):
    """Runs the last step of the program on both sides.

    Returns the accepted difference, or None if the results are equal. Raises Difference otherwise.
    """
    step = program[-1]
    results = [side.run(step) for side in (theirs, ours)]
    difference = None
    if results[0] != results[1]:
        difference = accepted(step, *results) or fail(seed, program, *results)
    states = [side.state() for side in (theirs, ours)]
    if states[0] != states[1] and not (difference and difference.ends):
        fail(seed, program, *map(summary, states, results))
    return difference


def summary(state, result):
    """A state in which the content of the file is short enough to be read."""
    content = state["file"]
    return dict(state, file=(len(content), hash(content), content[:40]), result=result)


def fail(seed, program, theirs, ours):
    """Raises Difference with all that is needed to reproduce it."""
    steps = "\n".join("  {:3} {}".format(number, step) for number, step in enumerate(program, 1))
    text = "seed {}\n{}\nstandard: {!r}\nsafemap:  {!r}"
    raise Difference(text.format(seed, steps, theirs, ours))
