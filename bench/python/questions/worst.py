"""Worst cases: data and needles that make a search stumble everywhere."""

import mmap

import safemap

import contest
import data

TITLE = "Python: the worst cases of a search"
HOW = """Needles and data of the same period, and needles whose rare bytes are not rare in the data. None is there, or a match is at the very end. The aims: never slower than the
standard module; and linear: twice the data takes at most 2.2 times as long."""

# So that the processor's second cache holds all of it, as it holds the half.
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
    ("Fibonacci words", None, None),
]


def answer(run):
    for name, needle, block in CASES:
        needle, block = (needle, block) if needle else fibonacci()
        for turned, direction in ((False, "find"), (True, "rfind")):
            rows(run, f"{direction}, {name}", direction, needle[::-1] if turned else needle, block[::-1] if turned else block)


def fibonacci():
    """A needle that agrees with the data at many places, for different lengths."""
    shorter, word = b"a", b"ab"
    while len(word) < 100_000:
        shorter, word = word, word + shorter
    return word[:600] + b"bb", word


def rows(run, name, direction, needle, block):
    """Beside the standard module, and beside half as much."""
    size = run.size(SIZE)
    block = block * (65536 // len(block) + 1)
    with data.file_of(block, size) as file:
        with safemap.mmap(file.fileno(), 0, access=safemap.ACCESS_READ) as ours:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as theirs:
                us, them = getattr(ours, direction), getattr(theirs, direction)
                half = (0, size // 2)
                contenders = {"safemap": lambda: us(needle, 0), "mmap": lambda: them(needle, 0), "safemap, half of it": lambda: us(needle, *half)}
                aims = [contest.against("mmap", 1.0), contest.against("safemap, half of it", 2.2)]
                contest.timed(run, name, contenders, aims)
