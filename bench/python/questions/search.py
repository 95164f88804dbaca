"""How long does a search take for bytes that do not occur?"""

import concurrent.futures
import ctypes
import mmap
import os

import safemap

import contest
import data

LIBC = ctypes.CDLL(None)
LIBC.memmem.restype = ctypes.c_void_p
LIBC.memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


@contest.question("python_find", "Python: find a needle that does not occur")
def find(run):
    """`find` and `rfind` in 64 MiB, beside the standard module, the C library's `memmem` on the
    mapped memory (as in fmmap), and `bytes.find` on private memory. The text is a log, the binary
    file has records of numbers; the needle is a piece of it with two bytes exchanged. The aims: ten
    times as fast as the standard module, and backwards twice as fast."""
    for kind, make in data.KINDS.items():
        block = make()
        with data.maps(block, run.size(64 * data.MIB)) as (file, ours, theirs):
            fmmap = fmmap_find(file)
            maps = {"safemap": ours, "mmap": theirs, "bytes": theirs[:]}
            for length in (2, 3, 8, 16, 1000):
                needle, name = data.absent(kind, block, length), f"{length} bytes, {kind}"
                more = {"fmmap's way": lambda: fmmap(needle)}
                row(run, "find", name, maps, needle, [contest.against("mmap", 0.1)], more)
                row(run, "rfind", name, maps, needle, [contest.against("mmap", 0.5)])


def row(run, direction, name, maps, needle, aims, more={}):
    """Prints a row of searches of one direction."""
    finds = {contender: getattr(m, direction) for contender, m in maps.items()}
    contenders = {contender: lambda find=find: find(needle, 0) for contender, find in finds.items()}
    run.time(f"{direction}, {name}", {**contenders, **more}, aims)


def fmmap_find(file):
    """Returns the search of fmmap: the C library's `memmem` on a map, without the GIL."""
    # ctypes demands a writable buffer; a private map is one and shares the file's pages.
    m = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    start = ctypes.addressof(ctypes.c_char.from_buffer(m))

    def find(needle):
        found = LIBC.memmem(start, len(m), needle, len(needle))
        return -1 if found is None else found - start

    return find


@contest.question("python_find_byte", "Python: find a byte that does not occur")
def find_byte(run):
    """As `python_find`, for one byte, for which the standard module calls the C library's `memchr`
    and `memrchr`. numpy compares all bytes and asks whether any comparison is true."""
    for name, size in (("4 KiB", 4096), ("64 MiB", 64 * data.MIB)):
        with data.maps(data.text(), run.size(size)) as (file, ours, theirs):
            maps, more = {"safemap": ours, "mmap": theirs, "bytes": theirs[:]}, {}
            if data.numpy:
                array = data.numpy.memmap(file.name, mode="r")
                more["numpy.memmap"] = lambda: (array == data.ABSENT[0]).any()
            aims = [contest.against("mmap", 1.0)]
            row(run, "find", name, maps, data.ABSENT, aims, more)
            row(run, "rfind", name, maps, data.ABSENT, aims)


# Name, needle, and the block that is repeated.
WORST = [
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


@contest.question("python_worst", "Python: the worst cases of a search")
def worst(run):
    """Needles and data of the same period, and needles whose rare bytes are frequent in the data.
    Either there is no match, or it is at the very end. The aims: never slower than the standard
    module; and linear: twice the data takes at most 2.2 times as long."""
    aims = [contest.against("mmap", 1.0), contest.against(HALF, 2.2)]
    # The processor's second cache holds all of it.
    size = run.size(data.MIB)
    for name, *pair in WORST + [("Fibonacci words", *fibonacci())]:
        for direction, step in (("find", 1), ("rfind", -1)):
            needle, block = (it[::step] for it in pair)
            with data.maps(block * (65536 // len(block) + 1), size) as (_, ours, theirs):
                half = getattr(ours, direction)
                more = {HALF: lambda: half(needle, 0, size // 2)}
                row(run, direction, name, {"safemap": ours, "mmap": theirs}, needle, aims, more)


def fibonacci():
    """Returns a needle and data that agree with it at many offsets, for different lengths."""
    shorter, word = b"a", b"ab"
    while len(word) < 100_000:
        shorter, word = word, word + shorter
    return word[:600] + b"bb", word


@contest.question("python_threads", "Python: two threads that search")
def threads(run):
    """The halves of 256 MiB, for 16 bytes that do not occur: one after the other, and by two
    threads. The aim: 1.8 times as fast. The standard module holds the GIL while it searches."""
    if (os.cpu_count() or 1) < 2:
        run.skip("two threads", "there is only one processor")
        return
    size, block = run.size(256 * data.MIB), data.text()
    needle, halves = data.absent("text", block, 16), [(0, size // 2), (size // 2, size)]
    with data.maps(block, size) as (_, *maps), concurrent.futures.ThreadPoolExecutor(2) as pool:
        for module, m in zip((safemap, mmap), maps):
            search = lambda half: m.find(needle, *half)
            contenders = {
                "two threads": lambda: list(pool.map(search, halves)),
                "one thread": lambda: list(map(search, halves)),
            }
            aims = [contest.against("one thread", 1 / 1.8)] if module is safemap else []
            run.time(module.__name__, contenders, aims)
