"""Records that are appended to a file, and read from it."""

import itertools
import os
import struct
import tempfile

from contest import question
from safemap.ipc import Journal

RECORD = bytes(range(100, 163)) + b"\n"
COUNT = 1000
LENGTH = struct.Struct("I")
OURS, FILE = "safemap", "file.write, unbuffered"
DURABLE_FILE = "file.write, unbuffered + fdatasync"


@question("python_journal", "Python: records that are appended to a file")
def python_journal(run):
    """`append` of a journal's writer beside `write` of a file in the mode `ab` without a buffer,
    alone and with `sync` and `os.fdatasync`: the disk is that of the temporary files. What was
    appended is read and compared after the row. The records that are read have 64 bytes: from a new
    reader by `read_many`, by iteration and by `try_read`, beside a file of lines, and one of
    lengths (`struct`) and bytes with a buffer."""
    append(run, "append 64 B", FILE, lambda writer: None, lambda file: None)
    durable = lambda file: os.fdatasync(file.fileno())
    append(run, "append 64 B, durable", DURABLE_FILE, lambda writer: writer.sync(), durable)
    read(run)


def append(run, name, peer, after_ours, after_theirs):
    """Appends records to a journal and to a file, each followed by a call."""
    if run.only not in name:
        return
    with tempfile.TemporaryDirectory() as folder, Journal(f"{folder}/journal") as journal:
        with journal.writer() as writer, open(f"{folder}/file", "ab", 0) as file:
            ours = lambda: (writer.append(RECORD), after_ours(writer))
            theirs = lambda: (file.write(RECORD), after_theirs(file))
            run.time(name, {OURS: ours, peer: theirs}, [])
        with journal.reader() as reader:
            equal = all(record == RECORD for record in iter(reader.try_read, None))
        with open(f"{folder}/file", "rb") as file:
            equal = equal and all(line == RECORD for line in file)
        if not equal:
            raise ValueError("other records are in the files than were appended")


def read(run):
    count = run.times(COUNT)
    with tempfile.TemporaryDirectory() as folder, Journal(f"{folder}/journal") as journal:
        with journal.writer() as writer:
            writer.append_many(itertools.repeat(RECORD, count))
            writer.finish()
        write(f"{folder}/lines", RECORD * count)
        write(f"{folder}/lengths", (LENGTH.pack(len(RECORD)) + RECORD) * count)
        contenders = {
            OURS: lambda: many(journal),
            "safemap, iteration": lambda: list(journal.reader()),
            "safemap, try_read": lambda: one_by_one(journal, count),
            "lines of a file": lambda: lines(f"{folder}/lines"),
            "lengths and bytes": lambda: with_lengths(f"{folder}/lengths"),
        }
        for name, records in contenders.items():
            if records() != [RECORD] * count:
                raise ValueError(f"{name}: other records are read than were appended")
        run.time(f"read {COUNT} records of 64 B", contenders, [])


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def many(journal):
    return journal.reader().read_many(COUNT)


def one_by_one(journal, count):
    read = journal.reader().try_read
    return [read() for _ in range(count)]


def lines(path):
    with open(path, "rb") as file:
        return list(file)


def with_lengths(path):
    with open(path, "rb") as file:
        heads = iter(lambda: file.read(LENGTH.size), b"")
        return [file.read(*LENGTH.unpack(head)) for head in heads]
