"""How long does it take until a change of several parts of a file is durable, all at once?"""

import contextlib
import itertools
import mmap
import random
import sqlite3
import tempfile
import timeit

import safemap

import data
from contest import against, question

try:
    import lmdb
except ImportError:
    lmdb = None
try:
    import numpy
except ImportError:
    numpy = None

KIB = 1 << 10
PAGE, CHANGED = 4 * KIB, 3000
SQLITE, LMDB, FLUSH = "SQLite, WAL, FULL", "LMDB", "mmap + flush"
# The numbers of changes, and the aims beside `flush` of a file that was written in pieces of 4 KiB,
# and of 1 MiB.
SIZES = [(1, 1.3, 0.3), (10, 0.75, 0.05), (100, 0.6, 0.05), (1000, 0.65, 0.2)]


@question("python_commit", "Python: durable changes of several pages of a file")
def commits(run):
    """As `commit` in Rust: 3000 bytes in each of so many random pages of 256 MiB. *SQLite* is the
    module `sqlite3`, with a statement for all rows; *LMDB* is PyPI's `lmdb`, if it is installed.
    *mmap + flush* is not atomic, and writes whole folios of the page cache."""
    pages = run.size(256 * data.MIB) // PAGE
    values = Values(pages)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        databases = {SQLITE: stack.enter_context(sqlite(folder, values))}
        if lmdb:
            databases[LMDB] = stack.enter_context(lmdb_values(folder, values))
        else:
            run.skip("commits beside LMDB", "the package lmdb is not installed")
        for piece in (4 * KIB, data.MIB):
            ours = stack.enter_context(transactions(piece, pages * PAGE))
            theirs = stack.enter_context(flushes(piece, pages * PAGE))
            works = {"safemap": ours, FLUSH: theirs, **(databases if piece == 4 * KIB else {})}
            for count, small, large in SIZES:
                aims = [against(FLUSH, small if piece == 4 * KIB else large)]
                aims += [against(SQLITE, 0.9), against(LMDB, 0.7)]
                changes = values.some(count)
                contenders = {key: timed(work, changes) for key, work in works.items()}
                name = f"{count} change{'s' * (count > 1)}, file written by {sized(piece)}"
                run.time(name, contenders, aims)


def timed(work, changes):
    """Calls `work` with other changes each time. Taking the next ones takes no time."""
    following = itertools.cycle(changes).__next__
    return lambda: work(following())


def sized(piece):
    return "1 MiB" if piece == data.MIB else "4 KiB"


class Values:
    """Changes of random pages: pairs of a number of a page, and bytes."""

    def __init__(self, pages):
        self.pages, self.rng = pages, random.Random(pages)
        self.noise = self.rng.randbytes(data.MIB)

    def value(self):
        """Returns the bytes of a change."""
        at = self.rng.randrange(len(self.noise) - CHANGED)
        return self.noise[at : at + CHANGED]

    def all(self):
        """Returns a change of each page."""
        return [(page, self.value()) for page in range(self.pages)]

    def some(self, count):
        """Returns lists of so many changes. The second half has the pages of the first one with
        other bytes, so that each list changes its pages however often all are repeated."""
        lists = range(max(8, 2048 // count))
        pages = [[self.rng.randrange(self.pages) for _ in range(count)] for _ in lists]
        return [[(page, self.value()) for page in some] for some in pages + pages]


@contextlib.contextmanager
def transactions(piece, size):
    """Yields what stores into a transactional map and commits."""
    with data.file_of(bytes(piece), size) as file:
        with safemap.open(file.name, "r+", transactional=True) as m:

            def commit(changes):
                with m.transaction():
                    store(m, changes)

            yield commit


@contextlib.contextmanager
def flushes(piece, size):
    """Yields what stores into a map of the standard module and flushes it."""
    with data.file_of(bytes(piece), size) as file, mmap.mmap(file.fileno(), 0) as m:

        def flush(changes):
            store(m, changes)
            m.flush()

        yield flush


def store(m, changes):
    """Stores changes into a map."""
    for page, value in changes:
        at = page * PAGE
        m[at : at + CHANGED] = value


@contextlib.contextmanager
def sqlite(folder, values):
    """Yields what changes rows of a table."""
    with contextlib.closing(sqlite3.connect(folder + "/sqlite", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, bytes BLOB)")

        def write(statement, rows):
            database.execute("BEGIN")
            database.executemany(statement, rows)
            database.execute("COMMIT")

        write("INSERT INTO pages VALUES (?1, ?2)", values.all())
        yield lambda changes: write("UPDATE pages SET bytes = ?2 WHERE id = ?1", changes)


@contextlib.contextmanager
def lmdb_values(folder, values):
    """Yields what changes values of a database."""
    with lmdb.open(folder + "/lmdb", map_size=1 << 30) as database:

        def write(changes):
            with database.begin(write=True) as transaction:
                for page, value in changes:
                    transaction.put(page.to_bytes(8, "big"), value)

        write(values.all())
        yield write


@question("python_commit_array", "Python: durable changes of items of a numpy array")
def items(run):
    """`a[i] += 1` for 1000 random items of an array of 1 GiB, with one index array, and a commit of
    the map; beside `numpy.memmap` and `flush`. Both files were written in pieces of 1 MiB."""
    name = "1000 items of 1 GiB"
    if numpy is None:
        run.skip(name, "numpy is not installed")
        return
    size = run.size(1 << 30)
    with data.file_of(bytes(data.MIB), size) as ours, data.file_of(bytes(data.MIB), size) as theirs:
        with safemap.open(ours.name, "r+", transactional=True) as m:
            mapped = numpy.memmap(theirs.name, "i8", "r+")
            contenders = {
                "safemap": adding(numpy.frombuffer(m, "i8"), m.commit),
                "np.memmap + flush": adding(mapped, mapped.flush),
            }
            aims = [against("np.memmap + flush", 0.3)]
            run.time(name, contenders, aims, rounds=15, repeat=1)
            contenders.clear()


def adding(array, commit):
    """Returns what adds 1 to random items and makes that durable."""
    rng = numpy.random.default_rng(1)

    def add():
        array[rng.integers(0, len(array), 1000)] += 1
        commit()

    return add


@question("python_transactional", "Python: calls on a transactional map")
def calls(run):
    """Beside the same call on an ordinary map of `safemap.open`. All pages have been stored to
    before."""
    size = 256 * KIB
    with data.file_of(bytes(PAGE), size) as one, data.file_of(bytes(PAGE), size) as other:
        with (
            safemap.open(one.name, "r+", transactional=True) as ours,
            safemap.open(other.name, "r+") as theirs,
        ):
            for m in (ours, theirs):
                m[:] = bytes(size)
            for statement, aim in CALLS.items():
                contenders = {
                    name: timeit.Timer(statement, globals={"m": m, "some": bytes(64)})
                    for name, m in (("safemap", ours), ("safemap, shared", theirs))
                }
                run.time(f"`{statement}`", contenders, [against("safemap, shared", aim)])


CALLS = {
    "m[99]": 1.02,
    "m[64:128]": 1.02,
    "m.load('Q', 64)": 1.02,
    "m.find(b'x', 0, 64)": 1.02,
    "m[99] = 1": 1.1,
    "m[64:128] = some": 1.1,
    "m.store('Q', 64, 1)": 1.1,
}
