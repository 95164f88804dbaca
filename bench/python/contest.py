"""Contest: contenders that take turns, and the lines of JSON that tell of it.

As `src/measure.rs` and `src/row.rs` do for Rust. A contender is a function, which is timed, or a number, which is a limit.
"""

import gc
import json
import time

# Times are told in nanoseconds, whatever is measured in seconds here.
SECOND = 1e9
# What a row may take.
BUDGET = 1.5 * SECOND


class Run:
    """How a question is to be answered."""

    def __init__(self, quick):
        self.quick = quick

    def size(self, full):
        """So many bytes, much fewer of them when it has to be quick."""
        return max(full // 256, min(full, 65536)) if self.quick else full

    def times(self, full):
        """So often, much less often when it has to be quick."""
        return max(full // 256, 1) if self.quick else full

    def rounds(self, full):
        """How often each contender has its turn."""
        return min(2, full) if self.quick else full

    @property
    def turn(self):
        """How long a turn is to take, in seconds, where the work can be repeated."""
        return 1e-5 if self.quick else 5e-4


def against(name, ratio, plus=0.0):
    """An aim: the first contender takes at most `ratio` times what the named one takes, and `plus` seconds more."""
    return {"against": name, "ratio": ratio, "plus": plus * SECOND}


def timed(run, name, contenders, aims, rounds=None, repeat=True):
    """Measures a row of functions and tells it. Without `repeat` a turn is one call; `rounds` may be left to the harness."""
    # A collection in the midst of a turn would be one contender's bad luck.
    gc.disable()
    times = {who: repetitions(run, work) if repeat else 1 for who, work in contenders.items()}
    turn = lambda who: clocked(contenders[who], times[who])
    rounds = run.rounds(rounds or affordable(sum(turn(who) * times[who] for who in contenders)))
    told(name, "ns", alternate(rounds, contenders, turn), aims)
    gc.enable()


def affordable(round_length):
    """How many rounds of so many nanoseconds there is time for."""
    return max(7, min(151, int(BUDGET / round_length)))


def measured(run, name, unit, contenders, aims, rounds=15):
    """Tells a row of functions that return what they have measured."""
    told(name, unit, alternate(run.rounds(rounds), contenders, lambda who: contenders[who]()), aims)


def alternate(rounds, contenders, turn):
    """What each contender took, round by round, in an order that turns with each round."""
    names, taken = list(contenders), {who: [] for who in contenders}
    for number in range(rounds):
        start = number % len(names)
        for who in names[start:] + names[:start]:
            taken[who].append(turn(who))
    return taken


def repetitions(run, work):
    """How often the work is to be done in a turn. Trying it also warms it up."""
    times = 1
    while True:
        # The least of three: a turn that was interrupted tells nothing.
        taken = min(clocked(work, times) for _ in range(3)) / SECOND
        if taken * times >= run.turn / 2:
            return max(1, int(run.turn / taken))
        times *= 4


def clocked(work, times):
    """Nanoseconds for one piece of the work."""
    begun = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - begun) / times * SECOND


def told(name, unit, samples, aims):
    """Prints a row; aims against contenders that are not there are left out."""
    samples = {who: values for who, values in samples.items()}
    aims = [aim for aim in aims if aim["against"] in samples]
    print(json.dumps({"row": name, "unit": unit, "samples": list(samples.items()), "aims": aims}), flush=True)


def skipped(name, why):
    """Says that a row cannot be measured here."""
    print(json.dumps({"row": name, "skipped": why}), flush=True)


def asked(name, title, how):
    """Prints what is asked."""
    print(json.dumps({"question": name, "title": title, "how": " ".join(how.split())}), flush=True)
