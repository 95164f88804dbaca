"""Do random programs do the same on the standard module and on ours? Those of the differential test, as many as the time allows."""

from asked import facts, from_tests

SABOTAGE = "a map that finds one byte too late"


def run(asked):
    programs = from_tests("test_differential")
    if asked.control:
        programs.safemap = Late(programs.safemap)
    clock, seed, steps, count = asked.clock(3, 50), asked.seed * 1_000_000, 0, 0
    while clock:
        asked.about_to("program {}".format(seed + count))
        steps += programs.run(seed + count)
        count += 1
    return facts(steps, "random steps on both modules", "{} programs, from seed {} on".format(count, seed))


class Late:
    """The module, with a class that is wrong."""

    def __init__(self, module):
        self.module = module

        class mmap(module.mmap):
            def find(self, *arguments):
                found = super().find(*arguments)
                return found + 1 if found > 0 else found

        self.mmap = mmap

    def __getattr__(self, name):
        return getattr(self.module, name)
