"""Tests of transactional maps in one thread: the oracle is a bytearray, and what open() reads."""

import errno
import io
import os
import random
import sys
import unittest

from support import PAGE, FileCase

import safemap

HAS_TRANSACTIONS = sys.platform in ("linux", "darwin")


def content(path):
    """Returns what other programs read."""
    with open(path, "rb") as file:
        return file.read()


def journal(path):
    """The path of the journal."""
    return os.path.realpath(path) + "-commit"


@unittest.skipUnless(HAS_TRANSACTIONS, "this system has no transactional maps")
class TransactionCase(FileCase):
    """A test with transactional maps."""

    def open(self, path=None, mode="r+", *args, **keywords):
        """Maps a file until the test ends."""
        path = self.path(bytes(64)) if path is None else path
        m = safemap.open(path, mode, *args, transactional=True, **keywords)
        self.addCleanup(m.close, detach=True)
        return m

    def changed(self, data=bytes(64), **keywords):
        """Returns a map with a change that is not committed."""
        m = self.open(self.path(data), **keywords)
        m[0] = 1
        return m


class Blocks(TransactionCase):
    def test_the_file_has_a_change_after_the_block(self):
        m = self.open(self.path(b"old bytes"))
        with m.transaction() as bound:
            self.assertIs(bound, m)
            m[0:3] = b"new"
            self.assertEqual((m[:], self.latest_content()), (b"new bytes", b"old bytes"))
        self.assertEqual((m[:], self.latest_content()), (b"new bytes", b"new bytes"))

    def test_every_exception_rolls_back(self):
        m = self.open(self.path(b"old"))
        for exception in (ZeroDivisionError, KeyboardInterrupt, SystemExit, GeneratorExit):
            with self.assertRaises(exception), m.transaction():
                m[:] = b"new"
                m.append(b"er")
                raise exception
            self.assertEqual((m[:], self.latest_content(), m.changed()), (b"old", b"old", []))
        with m.transaction():
            m[:] = b"NEW"
        self.assertEqual(self.latest_content(), b"NEW")

    def test_a_transaction_object_can_be_used_again_but_not_within_itself(self):
        m = self.open()
        block = m.transaction()
        for number in (1, 2):
            with block:
                m[number] = number
                self.assertRaises(ValueError, block.__enter__)
                self.assertRaises(ValueError, m.transaction().__enter__)
        self.assertEqual(self.latest_content()[:3], b"\0\1\2")

    def test_a_block_does_not_begin_with_pending_changes(self):
        m = self.changed()
        self.assertRaisesRegex(ValueError, "not committed", m.transaction().__enter__)
        m.rollback()
        with m.transaction():
            pass

    def test_calls_that_a_block_excludes(self):
        m = self.open()
        calls = (m.commit, m.rollback, m.flush, m.sync, lambda: m.resize(9), lambda: m.truncate(9))
        with m.transaction():
            m[0] = 1
            for call in calls:
                self.assertRaises(ValueError, call)
            self.assertRaisesRegex(ValueError, "flush: the map is in a transaction", m.flush)
            m.checkpoint()
            self.assertEqual((m[0], len(m), self.latest_content()), (1, 64, bytes(64)))
        self.assertEqual(self.latest_content()[0], 1)

    def test_a_map_that_is_closed_in_a_block_rolls_back(self):
        m = self.open()
        lost = "closed during the transaction, whose changes are lost"
        with self.assertRaisesRegex(ValueError, lost), m.transaction():
            m[0] = 1
            m.close()
        m = self.open(self.latest)
        with self.assertRaises(ZeroDivisionError), m.transaction():
            m[0] = 1
            m.close()
            raise ZeroDivisionError
        self.assertEqual(self.latest_content(), bytes(64))

    def test_a_generator_that_is_dropped_in_a_block_rolls_back(self):
        def work(m):
            with m.transaction():
                m[0] = 1
                yield

        m = self.open()
        running = work(m)
        next(running)
        del running
        self.assertEqual((m[0], m.changed()), (0, []))

    def test_a_commit_that_fails_rolls_a_block_back_and_keeps_other_changes(self):
        m = self.open()
        with m.reading():
            with self.assertRaises(RuntimeError), m.transaction():
                m[0] = 1
            self.assertEqual((m[0], m.changed()), (0, []))
            m[1] = 1
            self.assertRaises(RuntimeError, m.commit)
            self.assertEqual((m[1], m.changed()), (1, [(1, 2)]))
        m.commit()
        self.assertEqual(self.latest_content()[:2], b"\0\1")


class Commits(TransactionCase):
    def test_commit_and_rollback(self):
        m = self.changed(b"abc")
        m.rollback()
        self.assertEqual((m[:], self.latest_content()), (b"abc", b"abc"))
        m[0] = ord("x")
        m.commit()
        self.assertEqual((m[:], self.latest_content()), (b"xbc", b"xbc"))
        m.rollback()
        m.commit()
        self.assertEqual((m[:], self.latest_content()), (b"xbc", b"xbc"))

    def test_flush_and_sync_are_commits(self):
        m = self.open()
        for number, flush in enumerate((m.flush, m.sync, lambda: m.flush(0, -1))):
            m[number] = 1
            flush()
            self.assertEqual(self.latest_content()[number], 1)
        m[9] = 1
        m.flush(flags=safemap.MS_SYNC)
        self.assertEqual(self.latest_content()[9], 1)

    def test_flush_of_a_range_is_refused(self):
        m = self.changed(bytes(3 * PAGE))
        for arguments in ((0, PAGE), (PAGE,), (0, 3 * PAGE)):
            self.assertRaises(io.UnsupportedOperation, m.flush, *arguments)
        self.assertRaises(ValueError, m.flush, flags=safemap.MS_ASYNC)
        self.assertRaises(ValueError, m.flush, 0, 4 * PAGE)
        self.assertEqual(self.latest_content(), bytes(3 * PAGE))

    def test_changed_has_the_bytes_that_differ(self):
        m = self.open(self.path(bytes(3 * PAGE)))
        self.assertEqual(m.changed(), [])
        m[5:8], m[PAGE - 1 : PAGE + 1], m[2 * PAGE] = b"abc", b"de", 0
        self.assertEqual(m.changed(), [(5, 8), (PAGE - 1, PAGE + 1)])
        m[6] = 0
        self.assertEqual(m.changed()[0], (5, 8))
        m[:] = bytes(len(m))
        self.assertEqual(m.changed(), [])

    def test_append_lengthens_the_file_with_the_commit(self):
        m = self.open(self.path(b"abc"))
        self.assertEqual((m.append(b"de"), m.append(b"f")), (3, 5))
        self.assertEqual((m[:], len(m), m.size()), (b"abcdef", 6, 3))
        m.verify()
        self.assertEqual(self.latest_content(), b"abc")
        m.commit()
        self.assertEqual((self.latest_content(), m.size()), (b"abcdef", 6))
        m.append(b"x")
        m.rollback()
        self.assertEqual((m[:], len(m)), (b"abcdef", 6))

    def test_resize_is_a_commit_and_refuses_pending_changes(self):
        m = self.changed(b"abcdef")
        for call in (m.resize, m.truncate):
            self.assertRaises(ValueError, call, 3)
        self.assertEqual((len(m), self.latest_content()), (6, b"abcdef"))
        m.rollback()
        m.resize(3)
        self.assertEqual((m[:], self.latest_content()), (b"abc", b"abc"))
        m.truncate(2 * PAGE)
        self.assertEqual(self.latest_content(), b"abc".ljust(2 * PAGE, b"\0"))
        m.resize(0)
        self.assertEqual((m[:], self.latest_content()), (b"", b""))

    def test_checkpoint_keeps_pending_changes(self):
        m = self.open()
        m[0] = 1
        m.commit()
        m[1] = 1
        m.checkpoint()
        self.assertEqual((m.changed(), self.latest_content()[:2]), ([(1, 2)], b"\1\0"))

    def test_close_rolls_back_and_removes_the_journal(self):
        for end in (lambda m: m.close(), lambda m: m.__exit__(None, None, None), lambda m: None):
            m = self.open_uncollected()
            m[0] = 1
            m.commit()
            m[1] = 1
            self.assertTrue(os.path.exists(journal(self.latest)))
            end(m)
            del m
            self.assertEqual(self.latest_content()[:2], b"\1\0")
            self.assertFalse(os.path.exists(journal(self.latest)))

    def open_uncollected(self):
        """Returns a map that this test does not refer to."""
        return safemap.open(self.path(bytes(64)), "r+", transactional=True)

    def test_a_file_that_another_program_cuts(self):
        m = self.open(self.path(bytes(4 * PAGE)))
        m[3 * PAGE] = 1
        os.truncate(self.latest, PAGE)
        with self.assertRaises(safemap.FaultError) as caught:
            m.commit()
        self.assertEqual(caught.exception.errno, errno.EFAULT)
        self.assertEqual(self.latest_content(), bytes(PAGE))


class Models(TransactionCase):
    """Random programs beside a bytearray."""

    def test_random_programs(self):
        for seed in range(12):
            with self.subTest(seed):
                program = Program(self, seed)
                program.run()
                program.m.close()


class Program:
    """A random program: `now` is what the map has, `old` what the file has."""

    def __init__(self, case, seed):
        self.case, self.random = case, random.Random(seed)
        self.old = bytearray(self.random.randbytes(self.random.randrange(3 * PAGE)))
        self.now = bytearray(self.old)
        self.path = case.path(self.old, "program {}".format(seed))
        self.m = case.open(self.path)

    def run(self):
        calls = [self.store, self.assign, self.step, self.write, self.move, self.append, self.word]
        calls += [self.commit, self.rollback, self.block, self.resize, self.reopen, self.buffer]
        for _ in range(150):
            self.random.choice(calls)()
            self.check()

    def check(self):
        case, m, now, old = self.case, self.m, self.now, self.old
        case.assertEqual(len(m), len(now))
        case.assertTrue(m[:] == now, "the map has other bytes")
        case.assertTrue(content(self.path) == old, "the file has other bytes")
        differing = {at for at in range(len(old)) if old[at] != now[at]}
        differing |= {at for at in range(len(old), len(now)) if now[at]}
        reported = m.changed()
        case.assertEqual(reported, sorted(reported))
        covered = {at for start, end in reported for at in range(start, end)}
        case.assertEqual(sorted(differing - covered)[:5], [])
        # What is appended may begin and end with zeros.
        edges = {edge for start, end in reported for edge in (start, end - 1) if edge < len(old)}
        case.assertEqual(sorted(edges - differing)[:5], [])

    def range(self):
        start, end = sorted(self.random.randrange(len(self.now) + 1) for _ in range(2))
        return start, min(end, start + self.random.choice((1, 9, 300, PAGE)))

    def store(self):
        if self.now:
            at, byte = self.random.randrange(len(self.now)), self.random.randrange(256)
            self.m[at] = self.now[at] = byte

    def assign(self):
        start, end = self.range()
        self.m[start:end] = self.now[start:end] = self.random.randbytes(end - start)

    def step(self):
        start, end = self.range()
        count = len(range(start, end, 3))
        self.m[start:end:3] = self.now[start:end:3] = self.random.randbytes(count)

    def write(self):
        at, data = self.random.randrange(len(self.now) + 1), self.random.randbytes(99)
        self.m.seek(at)
        self.m.write(data)
        self.now[at : at + len(data)] = data

    def move(self):
        start, end = self.range()
        to = self.random.randrange(len(self.now) - (end - start) + 1)
        self.m.move(to, start, end - start)
        self.now[to : to + end - start] = self.now[start:end]

    def append(self):
        data = self.random.randbytes(self.random.choice((1, 50, PAGE)))
        self.case.assertEqual(self.m.append(data), len(self.now))
        self.now += data

    def word(self):
        if len(self.now) >= 4:
            at, word = self.random.randrange(len(self.now) - 3), self.random.getrandbits(32)
            self.m.store("I", at, word)
            self.now[at : at + 4] = word.to_bytes(4, sys.byteorder)

    def buffer(self):
        with memoryview(self.m) as view:
            start, end = self.range()
            view[start:end] = self.now[start:end] = self.random.randbytes(end - start)
            if self.random.random() < 0.3:
                self.commit()
                self.check()
                view[start:end] = self.now[start:end] = bytes(end - start)

    def commit(self):
        self.random.choice((self.m.commit, self.m.flush, self.m.sync))()
        self.old = bytearray(self.now)

    def rollback(self):
        self.m.rollback()
        self.now = bytearray(self.old)

    def block(self):
        self.rollback()
        with self.case.assertRaises(ZeroDivisionError), self.m.transaction():
            self.change()
            1 // 0
        self.now = bytearray(self.old)
        with self.m.transaction():
            self.change()
        self.old = bytearray(self.now)

    def change(self):
        for _ in range(3):
            self.random.choice((self.store, self.assign, self.write, self.append, self.buffer_in))()

    def buffer_in(self):
        with memoryview(self.m) as view:
            start, end = self.range()
            view[start:end] = self.now[start:end] = self.random.randbytes(end - start)

    def resize(self):
        if self.m.changed() or len(self.now) != len(self.old):
            self.case.assertRaises(ValueError, self.m.resize, 9)
            return
        size = self.random.randrange(4 * PAGE)
        self.m.resize(size)
        self.now = self.now[:size].ljust(size, b"\0")
        self.old = bytearray(self.now)

    def reopen(self):
        if self.random.random() < 0.3:
            self.m.close()
            self.now = bytearray(self.old)
            self.m = self.case.open(self.path)


if __name__ == "__main__":
    unittest.main()
