"""How long does a call take? The standard library's `mmap` against `safemap`, in one process, taking turns.

`python3 x.py bench` builds the package, runs this, and prints Markdown. Each row: the median over the rounds of the time of
one call in nanoseconds, and the ratio safemap : mmap of the medians with the range of the ratios of single rounds.
"""

import argparse
import mmap
import platform
import statistics
import tempfile
import timeit

import safemap

# Statement, and what is done before each batch of it. `m` is a writable map of 16 KiB of text lines, `i` an index.
CALLS = [
    ("m[i]", "pass"),
    ("m[-1]", "pass"),
    ("m[i] = 65", "pass"),
    ("m[i:i+8]", "pass"),
    ("m[i:i+64]", "pass"),
    ("m[i:i+4096]", "pass"),
    ("m[i:i+8] = eight", "pass"),
    ("m[i:i+400:7]", "pass"),
    ("len(m)", "pass"),
    ("m.tell()", "pass"),
    ("m.seek(i)", "pass"),
    ("m.seek(0); m.read(16)", "pass"),
    ("m.seek(0); m.write(sixteen)", "pass"),
    ("m.seek(0); m.readline()", "pass"),
    ("m.read_byte()", "m.seek(0)"),
    ("m.write_byte(65)", "m.seek(0)"),
    ("m.find(b'7', 0)", "pass"),
    ("m.find(b'line 7', 0)", "pass"),
    ("m.rfind(b'line 7', 0)", "pass"),
    ("memoryview(m).release()", "pass"),
    ("m.move(0, 100, 50)", "pass"),
    ("mmap(-1, 4096).close()", "pass"),
    ("mmap(fd, 0).close()", "pass"),
]
TEXT = b"".join(b"line %d of a log that somebody wrote\n" % i for i in range(1000))[:16384]
BATCH = 10_000


def timer(module, file, statement, before):
    """Prepares to time one statement on one module."""
    names = {"m": module.mmap(file.fileno(), 0), "i": 1234, "eight": b"12345678", "sixteen": b"0123456789abcdef"}
    names.update(mmap=module.mmap, fd=file.fileno())
    return timeit.Timer(statement, before, globals=names)


def compare(statement, before, rounds):
    """Returns a pair of times in nanoseconds per round."""
    with tempfile.TemporaryFile() as file:
        file.write(TEXT)
        file.flush()
        timers = [timer(module, file, statement, before) for module in (mmap, safemap)]
        batch = BATCH // 10 if "close" in statement else BATCH
        for one in timers:
            one.timeit(batch)
        return [[one.timeit(batch) / batch * 1e9 for one in timers] for _ in range(rounds)]


def row(statement, pairs):
    """A row of the table."""
    theirs, ours = (statistics.median(column) for column in zip(*pairs))
    ratios = sorted(b / a for a, b in pairs)
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    return f"| `{statement}` | {theirs:.1f} | {ours:.1f} | {ours / theirs:.2f} | {low:.2f}–{high:.2f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    rounds = parser.parse_args().rounds
    print(f"CPython {platform.python_version()}, median of {rounds} rounds of {BATCH} calls; ns a call.\n")
    print("| call | mmap | safemap | ratio | 10 %–90 % of the rounds |")
    print("|---|---|---|---|---|")
    for statement, before in CALLS:
        print(row(statement, compare(statement, before, rounds)), flush=True)


if __name__ == "__main__":
    main()
