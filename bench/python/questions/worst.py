"""Is a search fast on the data and needles that are worst for it?"""

import contest
import data

TITLE = "Python: the worst cases of a search"
HOW = """Needles and data of the same period, and needles whose rare bytes are frequent in the data.
Either there is no match, or it is at the very end. The aims: never slower than the standard module;
and linear: twice the data takes at most 2.2 times as long."""

# The processor's second cache holds all of it.
SIZE = data.MIB

# Name, needle, and the block that is repeated.
CASES = [
    ("`aaa…b` in `aaa…`", b"a" * 31 + b"b", b"a"),
    ("`baaa…` in `aaa…`", b"b" + b"a" * 31, b"a"),
    ("`aa…baa…` (1000) in `aaa…`", b"a" * 500 + b"b" + b"a" * 499, b"a"),
    ("`abab…ac` in `abab…`", b"ab" * 15 + b"ac", b"ab"),
    ("`abab…` broken in the middle", b"ab" * 8 + b"ba" * 8, b"ab"),
    ("period 7, last byte wrong (1000)", (b"abcdefg" * 143)[:999] + b"x", b"abcdefg"),
    ("`zq` where `z` and `q` are everywhere", b"zq" * 3 + b"zz", b"zqzzqq"),
    ("rare bytes that are not rare", b"\x00\xff\x00\xfe", b"\x00\xff\x00\xff"),
    ("a zero among zeros", b"\x00" * 15 + b"\x01", b"\x00"),
    ("four bytes, all but one right", b"abcd", b"abce"),
    ("a needle that begins everywhere", b"the cat", b"the car "),
]
HALF = "safemap, half of it"
AIMS = [contest.against("mmap", 1.0), contest.against(HALF, 2.2)]


def answer(run):
    for name, needle, block in CASES + [("Fibonacci words", *fibonacci())]:
        row(run, "find", name, needle, block)
        row(run, "rfind", name, needle[::-1], block[::-1])


def fibonacci():
    """Returns a needle and data that agree with it at many offsets, for different lengths."""
    shorter, word = b"a", b"ab"
    while len(word) < 100_000:
        shorter, word = word, word + shorter
    return word[:600] + b"bb", word


def row(run, direction, name, needle, block):
    """Prints a row, with the standard module and half of the data as contenders."""
    size = run.size(SIZE)
    with data.maps(block * (65536 // len(block) + 1), size) as (_, ours, theirs):
        us, them = getattr(ours, direction), getattr(theirs, direction)
        contenders = {
            "safemap": lambda: us(needle, 0),
            "mmap": lambda: them(needle, 0),
            HALF: lambda: us(needle, 0, size // 2),
        }
        run.time(f"{direction}, {name}", contenders, AIMS)
