"""Tests of journals between processes: passing them, forks, and writers that are killed."""

import multiprocessing
import os
import pickle
import random
import signal
import threading
import time
import unittest

from support import NO_FORK, WINDOWS, child, unix_only
from test_journal import JournalCase

from safemap.ipc import Journal

METHODS = ["spawn"] if WINDOWS else ["fork", "spawn", "forkserver"]


def append(journal, number, count):
    """Appends records with the number of this process."""
    writer = journal.writer()
    for n in range(count):
        writer.append(record(number, n))
    writer.sync()


def record(number, n):
    """A record whose bytes follow from its numbers."""
    return b"%d %d " % (number, n) + random.Random(n).randbytes(n * 7919 % 3000)


def copy(journal, other, after):
    """Appends each record that comes to another journal, until it is finished."""
    writer = other.writer()
    for data in journal.reader(after=after):
        writer.append(data)
    writer.finish()


def append_for_ever(journal, number):
    writer, n = journal.writer(), 0
    while True:
        writer.append(record(number, n))
        n += 1


class Processes(JournalCase):
    """A test with child processes."""

    def start(self, method, target, *args):
        """Runs a function in a child process, until the test ends."""
        process = multiprocessing.get_context(method).Process(target=target, args=args)
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        return process

    def check(self, records):
        """Checks that records are complete, and in the order of their writers."""
        following = {}
        for data in records:
            number, n = map(int, data.split(b" ")[:2])
            self.assertEqual((data, n), (record(number, n), following.get(number, 0)))
            following[number] = n + 1
        return following


class Passing(Processes):
    def test_children_append_to_a_journal(self):
        for number, method in enumerate(METHODS):
            self.start(method, append, self.journal, number, 500)
        reader = self.journal.reader()
        records = [reader.read(timeout=60) for _ in range(500 * len(METHODS))]
        self.assertEqual(set(self.check(records).values()), {500})
        self.assertIsNone(reader.try_read())

    def test_children_follow_a_journal(self):
        writer = self.journal.writer()
        positions = [writer.append(record(0, n)) for n in range(100)]
        others = []
        for n, method in enumerate(METHODS):
            path = os.path.join(self.folder, method)
            others.append(self.open(path))
            after = positions[n] if n else None
            process = self.start(method, copy, self.open(self.journal_path, "r"), others[n], after)
            self.addCleanup(process.join)
        for n in range(100, 200):
            writer.append(record(0, n))
        writer.finish()
        for n, other in enumerate(others):
            records = [record(0, n) for n in range(n + 1 if n else 0, 200)]
            self.assertEqual(list(other.reader()), records)

    @unix_only("an open file cannot be renamed")
    def test_a_pickled_journal_is_that_file(self):
        data = pickle.dumps(self.journal)
        with pickle.loads(data) as same:
            self.assertEqual((same.path, same.mode), (self.journal_path, "r+"))
            same.writer().append(b"data")
        for mode in ("r", "r+"):
            with pickle.loads(pickle.dumps(self.open(self.journal_path, mode))) as same:
                self.assertEqual(same.mode, mode)
                self.assertEqual(same.reader().read(), b"data")
        os.rename(self.journal_path, self.journal_path + "2")
        self.assertRaises(FileNotFoundError, pickle.loads, data)
        with Journal(self.journal_path):
            self.assertRaisesRegex(ValueError, "different file", pickle.loads, data)

    def test_writers_and_readers_are_not_pickled(self):
        for end in self.ends():
            self.assertRaises(TypeError, pickle.dumps, end)

    def test_a_program_that_ends_loses_nothing(self):
        code = """
            import sys, threading, time
            from safemap.ipc import Journal
            writer = Journal(sys.argv[1]).writer()
            # The interpreter does not delete what such a thread uses.
            threading.Thread(target=lambda _: time.sleep(60), args=[writer], daemon=True).start()
            writer.append(b"data")
        """
        for status, end in enumerate(("", "1/0", "sys.exit(2)", "import os; os._exit(3)")):
            done = child(code.rstrip() + "\n" + 12 * " " + end, self.journal_path)
            self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(self.records(), [b"data"] * 4)


class Crashes(Processes):
    def test_killed_writers_block_no_process_and_leave_whole_records(self):
        rng, reader, records = random.Random(3), self.journal.reader(), []
        context = multiprocessing.get_context(METHODS[0])
        for number in range(30):
            process = context.Process(target=append_for_ever, args=(self.journal, number))
            process.start()
            records.append(reader.read(timeout=60))
            time.sleep(rng.random() / 200)
            process.kill()
            process.join()
            while (data := reader.try_read()) is not None:
                records.append(data)
        writer = self.journal.writer()
        writer.append(record(30, 0))
        writer.sync()
        self.assertEqual(reader.read(timeout=1.5), record(30, 0))
        self.assertEqual(set(self.check([*records, record(30, 0)])), set(range(31)))
        self.assertEqual(self.records(), [*records, record(30, 0)])

    @unittest.skipUnless(hasattr(os, "getuid") and os.getuid() == 0, "only root changes its user")
    def test_a_file_of_another_user(self):
        writer = self.journal.writer()
        position = writer.append(b"data")
        os.chmod(self.folder, 0o755)
        os.chmod(self.journal_path, 0o444)
        before = os.stat(self.journal_path).st_mtime_ns
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.setuid(65534)
                for mode in ("r+", "a"):
                    with self.assertRaises(PermissionError) as caught:
                        Journal(self.journal_path, mode)
                    self.assertEqual(caught.exception.filename, self.journal_path)
                with Journal(self.journal_path, "r") as journal:
                    reader = journal.reader(at=position)
                    self.assertEqual(reader.read(), b"data")
                    self.assertRaises(TimeoutError, reader.read, 0.1)
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertEqual(os.stat(self.journal_path).st_mtime_ns, before)


@unix_only(NO_FORK)
class Forks(JournalCase):
    def in_child(self, work):
        """Runs `work` in a forked child, which must succeed."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.alarm(30)
                work()
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_a_child_uses_what_it_inherits(self):
        writer, reader = self.ends()
        writer.append_many([b"one", b"two"])
        self.assertEqual(reader.read(), b"one")

        def work():
            self.assertEqual(reader.read(), b"two")
            writer.append(b"three")
            writer.append(bytes(10_000))
            writer.sync()
            self.assertEqual(reader.read_many(5), [b"three", bytes(10_000)])

        self.in_child(work)
        writer.append(b"four")
        self.assertEqual(reader.read_many(5), [b"two", b"three", bytes(10_000), b"four"])

    def test_a_child_of_a_thread_that_waits_continues_where_that_was(self):
        writer, reader = self.ends()
        writer.append_many([b"one", b"two"])
        reader.read_many(5)
        got, threads = [], []
        for _ in range(3):
            threads.append(threading.Thread(target=lambda: got.append(reader.read())))
            threads[-1].start()
        time.sleep(0.05)

        def work():
            self.assertRaises(TimeoutError, reader.read, 0.1)
            writer.append(b"three")
            self.assertEqual(reader.read(), b"three")

        self.in_child(work)
        writer.append_many([b"four", b"five"])
        for thread in threads:
            thread.join(10)
        self.assertEqual(sorted(got), [b"five", b"four", b"three"])

    def test_forks_beside_threads_that_append_and_read(self):
        writer, reader = self.ends()
        stopped, counts = threading.Event(), [0, 0]

        def run(index):
            while not stopped.is_set():
                writer.append(b"%d" % index)
                reader.read()
                counts[index] += 1

        def work():
            before = reader.position
            writer.append(b"of a child")
            last = [data for data in self.journal.reader(after=before).read_many(1 << 20)][-1]
            self.assertIn(last, (b"0", b"1", b"of a child"))
            self.journal.close()

        threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                self.in_child(work)
        finally:
            stopped.set()
            for thread in threads:
                thread.join(10)
        self.assertEqual(len(self.records()), sum(counts) + 30)

    def test_a_child_waits_for_the_lock_of_its_parent(self):
        writer = self.journal.writer()
        read, write = os.pipe()
        release = self.lock(128)
        pid = os.fork()
        if pid == 0:
            try:
                os.write(write, b"%d" % writer.append(b"of the child"))
            finally:
                os._exit(0)
        time.sleep(0.1)
        self.assertEqual(self.records(), [])
        release()
        position = int(os.read(read, 100))
        self.assertEqual(self.journal.reader(at=position).read(), b"of the child")
        os.waitpid(pid, 0)
        os.close(read)
        os.close(write)


if __name__ == "__main__":
    unittest.main()
