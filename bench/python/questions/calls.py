"""How long does one call take?"""

import mmap
import statistics
import tempfile
import timeit

import safemap

import contest

TITLE = "Python: one call in a loop"
HOW = """A writable map of a file of 16 KiB in the page cache. Times include the loop and the lookup of
the method. The aims: no row slower than the standard module, and 0.8 in the geometric mean."""

BATCH = 10_000
# `m` is a writable map of 16 KiB of text lines, `i` an index.
STATEMENTS = """m[i]
m[-1]
m[i] = 65
m[i:i+8]
m[i:i+64]
m[i:i+4096]
m[i:i+8] = eight
m[i:i+64] = sixtyfour
m[i:i+4096] = page
m[::2]
m[i:i+400:7]
m[i:i+16:2] = eight
m[::4] = page
len(m)
m.tell()
m.seek(i)
m.seek(0); m.read(16)
m.seek(0); m.write(sixteen)
m.seek(0); m.readline()
m.read_byte()
m.write_byte(65)
m.find(b'7', 0)
m.find(b'line 7', 0)
m.rfind(b'line 7', 0)
memoryview(m).release()
m.move(0, 100, 50)
for x in m: pass
mmap(-1, 4096).close()
mmap(fd, 0).close()""".splitlines()
# These advance the position, which must not pass the end of the map.
REWOUND = ["m.read_byte()", "m.write_byte(65)"]
# Statements that take longer are repeated less often.
LONG = {"m[::2]": 100, "m[::4] = page": 100, "for x in m: pass": 1000}
LONG.update({"mmap(-1, 4096).close()": 10, "mmap(fd, 0).close()": 10})
TEXT = b"".join(b"line %d of a log that somebody wrote\n" % i for i in range(1000))[:16384]

# 1 within the rounding of a ratio to two digits.
AIMS = [contest.against("mmap", 1.005)]
MEAN = [contest.against("mmap", 0.8)]


def answer(run):
    ratios = []
    for statement in STATEMENTS:
        with text_file() as file:
            contenders = {module.__name__: timer(module, file, statement) for module in (safemap, mmap)}
            samples = run.time(f"`{statement}`", contenders, AIMS, rounds=31, repeat=batch(statement))
        if samples:
            ours, theirs = map(statistics.median, samples.values())
            ratios.append(ours / theirs)
    mean(run, ratios)


def mean(run, ratios):
    """Prints the geometric mean of the rows as a row."""
    if len(ratios) == len(STATEMENTS):
        samples = {"safemap": [statistics.geometric_mean(ratios)], "mmap": [1.0]}
        run.row("geometric mean", "×", samples, MEAN)


def text_file():
    """Returns a temporary file of 16 KiB."""
    file = tempfile.TemporaryFile()
    file.write(TEXT)
    file.flush()
    return file


def batch(statement):
    """Returns how often a statement is repeated in a turn."""
    return BATCH // LONG.get(statement, 1)


def timer(module, file, statement):
    """Returns a timer of a statement on a map of one module."""
    names = {"m": module.mmap(file.fileno(), 0), "i": 1234, "mmap": module.mmap, "fd": file.fileno()}
    names.update(eight=b"12345678", sixteen=b"0123456789abcdef", sixtyfour=b"#" * 64, page=bytes(4096))
    return timeit.Timer(statement, "m.seek(0)" if statement in REWOUND else "pass", globals=names)
