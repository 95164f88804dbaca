"""Measures contenders in alternation, and prints each row of a table as a line of JSON.

`src/measure.rs` and `src/row.rs` do the same for Rust. `tools/figures.py` documents the lines.
"""

import json
import timeit

# Nanoseconds in a second: the samples of a row are nanoseconds.
SECOND = 1e9
# Nanoseconds that one row may take.
BUDGET = 1.5 * SECOND

# The title and the function of each question. The function's docstring says how it is measured.
QUESTIONS = {}


def question(name, title):
    """Registers a function that answers a question. `run.py` lists the names and their modules."""
    return lambda answer: QUESTIONS.setdefault(name, (title, answer))[1]


def against(name, ratio, plus=0.0):
    """Returns an aim: the first contender takes at most `ratio` times another, and `plus` s."""
    return {"against": name, "ratio": ratio, "plus": plus * SECOND}


class Run:
    """The options of a run, and its output."""

    def __init__(self, quick=False, only=""):
        self.quick, self.only = quick, only

    def size(self, full):
        """Returns a number of bytes, reduced by `--quick`."""
        return max(full // 256, min(full, 65536)) if self.quick else full

    def times(self, full):
        """Returns a number of repetitions, reduced by `--quick`."""
        return max(full // 256, 1) if self.quick else full

    def time(self, name, contenders, aims, rounds=None, repeat=None):
        """Times functions or `timeit.Timer`s and prints a row; returns the samples.

        A batch is `repeat` calls, or as many as fill its length. Without `rounds` there
        are as many as the budget allows.
        """
        if self.only not in name:
            return None
        timers = {key: as_timer(work) for key, work in contenders.items()}
        calls = {key: repeat or self.calls_per_batch(timer) for key, timer in timers.items()}
        batch = lambda key: timers[key].timeit(calls[key]) / calls[key] * SECOND
        rounds = rounds or affordable(sum(batch(key) * calls[key] for key in timers))
        return self.row(name, "ns", self.alternate(rounds, timers, batch), aims)

    def measure(self, name, unit, contenders, aims, rounds=15):
        """Prints a row of functions that return what they have measured."""
        if self.only in name:
            samples = self.alternate(rounds, contenders, lambda key: contenders[key]())
            self.row(name, unit, samples, aims)

    def alternate(self, rounds, names, batch):
        """Returns what `batch` measured for each contender. The first one changes each round."""
        names, samples = list(names), {key: [] for key in names}
        for number in range(min(2, rounds) if self.quick else rounds):
            start = number % len(names)
            for key in names[start:] + names[:start]:
                samples[key].append(batch(key))
        return samples

    def calls_per_batch(self, timer):
        """Returns how many calls fill a batch. The trials also warm up caches."""
        length, calls = 1e-5 if self.quick else 5e-4, 1
        while True:
            # The least of three, because a trial may be interrupted.
            taken = min(timer.repeat(3, calls))
            if taken >= length / 2:
                return max(1, int(calls * length / taken))
            calls *= 4

    def row(self, name, unit, samples, aims):
        """Prints a row and returns its samples. Aims against absent contenders are left out."""
        aims = [aim for aim in aims if aim["against"] in samples]
        show({"row": name, "unit": unit, "samples": list(samples.items()), "aims": aims})
        return samples

    def skip(self, name, why):
        """Prints that a row cannot be measured on this system."""
        show({"row": name, "skipped": why})


def as_timer(work):
    """Returns a timer of a function. `timeit` pauses the garbage collector during a batch."""
    return work if isinstance(work, timeit.Timer) else timeit.Timer(work)


def affordable(round_length):
    """Returns the number of rounds of that many nanoseconds that fit into the budget."""
    return max(7, min(151, int(BUDGET / round_length)))


def show(line):
    """Prints a line of JSON."""
    print(json.dumps(line, ensure_ascii=False), flush=True)
