"""Runs random programs on the standard module and on safemap, and compares the results.

The programs are those of the differential test. Their number depends on the time.
"""

import types

from settings import import_test, report

CONTROL = "a map that finds one byte too late"


def run(settings):
    programs = import_test("test_differential")
    if settings.control:
        programs.safemap = off_by_one(programs.safemap)
    clock, seed, steps, count = settings.clock(3, 50), settings.seed * 1_000_000, 0, 0
    while clock:
        settings.log(f"program {seed + count}")
        steps += programs.run(seed + count)
        count += 1
    return report(steps, "random steps on both modules", f"{count} programs, from seed {seed} on")


def off_by_one(module):
    """Returns the module with a class whose `find` is wrong."""

    class mmap(module.mmap):
        def find(self, *arguments):
            found = super().find(*arguments)
            return found + 1 if found > 0 else found

    return types.SimpleNamespace(**{**vars(module), "mmap": mmap})
