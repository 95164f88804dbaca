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

BATCH = 10_000

# Statement, what is done before each batch of it, and how many make a batch. `m` is a writable map of 16 KiB of text lines, `i` an
# index.
CALLS = [
    ("m[i]", "pass", BATCH),
    ("m[-1]", "pass", BATCH),
    ("m[i] = 65", "pass", BATCH),
    ("m[i:i+8]", "pass", BATCH),
    ("m[i:i+64]", "pass", BATCH),
    ("m[i:i+4096]", "pass", BATCH),
    ("m[i:i+8] = eight", "pass", BATCH),
    ("m[i:i+64] = sixtyfour", "pass", BATCH),
    ("m[i:i+4096] = page", "pass", BATCH),
    ("m[::2]", "pass", BATCH // 100),
    ("m[i:i+400:7]", "pass", BATCH),
    ("m[i:i+16:2] = eight", "pass", BATCH),
    ("m[::4] = page", "pass", BATCH // 100),
    ("len(m)", "pass", BATCH),
    ("m.tell()", "pass", BATCH),
    ("m.seek(i)", "pass", BATCH),
    ("m.seek(0); m.read(16)", "pass", BATCH),
    ("m.seek(0); m.write(sixteen)", "pass", BATCH),
    ("m.seek(0); m.readline()", "pass", BATCH),
    ("m.read_byte()", "m.seek(0)", BATCH),
    ("m.write_byte(65)", "m.seek(0)", BATCH),
    ("m.find(b'7', 0)", "pass", BATCH),
    ("m.find(b'line 7', 0)", "pass", BATCH),
    ("m.rfind(b'line 7', 0)", "pass", BATCH),
    ("memoryview(m).release()", "pass", BATCH),
    ("m.move(0, 100, 50)", "pass", BATCH),
    ("for x in m: pass", "pass", BATCH // 1000),
    ("mmap(-1, 4096).close()", "pass", BATCH // 10),
    ("mmap(fd, 0).close()", "pass", BATCH // 10),
]
TEXT = b"".join(b"line %d of a log that somebody wrote\n" % i for i in range(1000))[:16384]


def text_file():
    """A temporary file of 16 KiB."""
    file = tempfile.TemporaryFile()
    file.write(TEXT)
    file.flush()
    return file


def timer(module, file, statement, before):
    """Prepares to time one statement on one module."""
    names = {"m": module.mmap(file.fileno(), 0), "i": 1234, "mmap": module.mmap, "fd": file.fileno()}
    names.update(eight=b"12345678", sixteen=b"0123456789abcdef", sixtyfour=b"#" * 64, page=bytes(4096))
    return timeit.Timer(statement, before, globals=names)


def compare(statement, before, batch, rounds):
    """Returns a pair of times in nanoseconds per round."""
    with text_file() as file:
        timers = [timer(module, file, statement, before) for module in (mmap, safemap)]
        for one in timers:
            one.timeit(batch)
        return [[one.timeit(batch) / batch * 1e9 for one in timers] for _ in range(rounds)]


def medians(pairs):
    """The two medians of what was measured in turns."""
    return [statistics.median(column) for column in zip(*pairs)]


def row(statement, pairs):
    """A row of the table."""
    theirs, ours = medians(pairs)
    ratios = sorted(b / a for a, b in pairs)
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    return f"| `{statement}` | {theirs:.1f} | {ours:.1f} | {ours / theirs:.2f} | {low:.2f}–{high:.2f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--only", default="", help="rows that contain this text")
    options = parser.parse_args()
    print(f"CPython {platform.python_version()}, median of {options.rounds} rounds of up to {BATCH} calls; ns a call.\n")
    print("| call | mmap | safemap | ratio | 10 %–90 % of the rounds |")
    print("|---|---|---|---|---|")
    seen = []
    for statement, before, batch in CALLS:
        if options.only in statement:
            seen.append(compare(statement, before, batch, options.rounds))
            print(row(statement, seen[-1]), flush=True)
    mean = statistics.geometric_mean(ours / theirs for theirs, ours in map(medians, seen))
    print(f"| geometric mean | | | {mean:.2f} | |")


if __name__ == "__main__":
    main()
