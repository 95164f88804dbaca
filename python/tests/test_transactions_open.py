"""Tests of how transactional maps are opened, what they refuse, and what objects they are."""

import copy
import io
import os
import pathlib
import pickle
import stat
import unittest

from support import CLOSED, PAGE, FileCase, run_threads, succeed
from test_transactions import HAS_TRANSACTIONS, TransactionCase, content, journal

import safemap
from safemap.ipc import Atomic, Mutex


class Opening(TransactionCase):
    def test_paths(self):
        path = self.path(b"abc")
        for name in (path, os.fsencode(path), pathlib.Path(path), os.path.relpath(path)):
            with self.open(name) as m:
                self.assertEqual((m.name, m[:]), (os.fspath(name), b"abc"))

    def test_other_files_are_refused(self):
        with open(self.path(b"abc"), "r+b") as file:
            for other in (file, file.fileno()):
                self.assertRaisesRegex(TypeError, "takes a path, not", self.open, other)
        for path in (os.devnull, self.folder):
            self.assertRaises(OSError, self.open, path)
        os.link(self.latest, self.latest + "-link")
        self.assertRaises(io.UnsupportedOperation, self.open, self.latest)

    def test_modes(self):
        path = self.path(b"abc")
        with self.open(path, "r") as m:
            self.assertEqual((m[:], m.access), (b"abc", safemap.ACCESS_READ))
        with self.open(path, "w+") as m:
            self.assertEqual((m[:], content(path)), (b"", b""))
            m.write(b"new")
            m.commit()
        self.assertEqual(content(path), b"new")
        with self.open(path, "w+", 5) as m:
            self.assertEqual((m[:], content(path)), (bytes(5), bytes(5)))
        os.unlink(path)
        with self.open(path, "x+", 3) as m:
            self.assertEqual((m[:], content(path)), (bytes(3), bytes(3)))
            self.assertRaises(io.UnsupportedOperation, m.truncate, 1)
        self.assertRaises(FileExistsError, self.open, path, "x+")
        os.unlink(path)
        for mode in ("r", "r+"):
            with self.assertRaises(FileNotFoundError) as caught:
                self.open(path, mode)
            self.assertEqual(caught.exception.filename, path)
        with self.open(path, "w+") as m:
            self.assertEqual(m[:], b"")

    def test_create(self):
        path = os.path.join(self.folder, "new")
        with self.open(path, create=True) as m:
            self.assertEqual((len(m), os.path.getsize(path)), (0, 0))
            with m.transaction():
                m.append(b"abc")
        for size in (None, 3, 1):
            with self.open(path, "r+", size, create=True) as m:
                self.assertEqual((m[:], content(path)), (b"abc", b"abc"))
        self.assertRaises(io.UnsupportedOperation, self.open, path, "r+", 1)
        with self.open(path, "r+", 5, create=True) as m:
            self.assertEqual((m[:], content(path)), (b"abc\0\0", b"abc\0\0"))
        os.unlink(path)
        for mode in ("r", "w+", "x+", "c"):
            self.assertRaises(ValueError, self.open, path, mode, create=True)
        self.assertEqual(os.listdir(self.folder), [])
        with self.open(path, "r+", 5, create=True) as m:
            self.assertEqual((m[:], content(path)), (bytes(5), bytes(5)))

    def test_processes_that_create_at_the_same_time_take_turns(self):
        code = """
            import os, safemap, sys
            folder, me = sys.argv[1], int(sys.argv[2])
            with safemap.open(os.path.join(folder, "ready"), "r+", 16, create=True) as ready:
                ready[me] = 1
                while sum(ready[:]) < 2:
                    pass
            for i in range(40):
                path = os.path.join(folder, str(i))
                options = {"create": True, "transactional": True, "timeout": 60}
                with safemap.open(path, "r+", 16, **options) as m, m.transaction():
                    m[me] = 1 + sum(m[:])
        """
        run_threads(lambda me: succeed(self, code, self.folder, str(me)), 0, 1)
        for i in range(40):
            self.assertEqual(sorted(content(os.path.join(self.folder, str(i)))[:2]), [1, 2])

    def test_arguments_that_are_refused(self):
        path = self.path(bytes(2 * PAGE))
        refused = ({"offset": PAGE}, {"repair": True}, {"populate": True}, {"lock": True})
        for arguments in (*refused, {"mode": "c"}, {"drop_behind": 1 << 20}):
            with self.subTest(arguments):
                (name,) = arguments
                text = "copy-on-write" if name == "mode" else name + " cannot be used"
                mode = arguments.pop("mode", "r+")
                with self.assertRaisesRegex(io.UnsupportedOperation, text):
                    self.open(path, mode, **arguments)
        self.assertEqual(os.listdir(self.folder), ["file"])
        self.open(path).close()

    def test_timeout_is_for_transactional_maps(self):
        path = self.path(b"abc")
        for timeout in (1, None):
            self.assertRaises(ValueError, safemap.open, path, timeout=timeout)
        self.assertRaises(ValueError, self.open, path, timeout=float("nan"))
        self.assertRaises(TypeError, self.open, path, timeout="1")
        safemap.open(path, timeout=0).close()
        self.open(path, timeout=None).close()

    def test_a_second_writer_is_refused_and_changes_nothing(self):
        m = self.changed(b"abc")
        for mode in ("r+", "w+"):
            for timeout in (0, 0.1):
                with self.assertRaises(TimeoutError) as caught:
                    self.open(self.latest, mode, timeout=timeout)
                self.assertTrue(str(caught.exception).startswith(self.latest))
                self.assertEqual(hasattr(caught.exception, "__notes__"), timeout == 0)
        self.assertEqual(self.latest_content(), b"abc")
        m.commit()
        self.open(self.latest, "r")
        m.close()
        self.open(self.latest)

    def test_a_symbolic_link_is_resolved(self):
        target, link = self.path(b"abc"), os.path.join(self.folder, "link")
        os.symlink(target, link)
        m = self.open(link)
        self.assertTrue(os.path.exists(journal(target)))
        self.assertEqual(journal(link), journal(target))
        self.assertRaises(TimeoutError, self.open, target)
        m.close()

    def test_the_journal_has_the_mode_of_the_file(self):
        for mode in (0o600, 0o640, 0o666):
            path = self.path(b"abc")
            os.chmod(path, mode)
            with self.open(path):
                self.assertEqual(stat.S_IMODE(os.stat(journal(path)).st_mode), mode)

    def test_a_file_with_the_name_of_the_journal_is_kept(self):
        path = self.path(b"abc")
        with open(journal(path), "wb") as file:
            file.write(b"something else" * 1000)
        self.assertRaisesRegex(ValueError, path + ": its commit journal: ", self.open, path)
        self.assertEqual(content(journal(path)), b"something else" * 1000)

    def test_a_descriptor_is_not_left_open(self):
        before = len(os.listdir("/dev/fd"))
        with self.changed() as m:
            m.commit()
            with m.reading():
                pass
        self.assertRaises(io.UnsupportedOperation, self.open, self.latest, "c")
        self.assertEqual(len(os.listdir("/dev/fd")), before)


class Refused(TransactionCase):
    def test_calls_that_would_copy_every_page_or_lose_changes(self):
        m = self.changed(bytes(2 * PAGE))
        calls = {
            "lock": m.lock,
            "DONTNEED": lambda: m.madvise(safemap.MADV_DONTNEED),
            "FREE": lambda: m.madvise(safemap.MADV_FREE),
            "protect": lambda: m.protect(safemap.PROT_READ),
            "windows": lambda: m.windows(PAGE),
        }
        if hasattr(safemap, "MADV_REMOVE"):
            calls["REMOVE"] = lambda: m.madvise(safemap.MADV_REMOVE)
        for name, call in calls.items():
            with self.subTest(name):
                self.assertRaises(io.UnsupportedOperation, call)
        self.assertEqual((m.changed(), m[0]), ([(0, 1)], 1))
        m.madvise(safemap.MADV_SEQUENTIAL)
        self.assertEqual(b"".join(m.windows(PAGE, drop=False)), m[:])

    def test_words_that_processes_share(self):
        m = self.open()
        calls = {
            "Mutex": lambda: Mutex(m, 0).acquire(),
            "Atomic": lambda: Atomic(m, 0, "I").fetch_add(1),
            "wait": lambda: m.wait(0, 0, 0),
            "notify": lambda: m.notify(0),
        }
        for name, call in calls.items():
            with self.subTest(name):
                self.assertRaises(ValueError, call)
        self.assertRaisesRegex(ValueError, "put the mutex into another file", Mutex, m, 0)

    def test_methods_of_transactions_on_other_maps(self):
        m = safemap.open(self.path(b"abc"), "r+")
        self.addCleanup(m.close)
        self.assertFalse(m.transactional)
        for name in ("commit", "rollback", "changed", "checkpoint", "transaction", "reading"):
            self.assertRaises(io.UnsupportedOperation, getattr(m, name))
            self.assertFalse(hasattr(safemap.mmap, name))

    def test_a_map_for_reading(self):
        m = self.open(self.path(b"abc"), "r")
        calls = (m.commit, m.rollback, m.changed, m.checkpoint, lambda: m.append(b"x"))
        for call in (*calls, m.transaction().__enter__, lambda: m.__setitem__(0, 1)):
            self.assertRaises(TypeError, call)
        m.flush()
        m.sync()
        with m.reading() as bound:
            self.assertIs(bound, m)
            self.assertEqual(m[:], b"abc")
        self.assertTrue(memoryview(m).readonly)

    def test_a_reading_has_the_length_of_the_last_commit(self):
        m = self.open(self.path(bytes(9)))
        r, sized = self.open(self.latest, "r"), self.open(self.latest, "r", 9)
        for data in (b"x", bytes(PAGE), bytes(1 << 20)):
            m.append(data)
            with r.reading():
                self.assertEqual(len(r), r.size())
            m.commit()
            with r.reading(), r.reading(), sized.reading():
                self.assertEqual((r[:], len(sized)), (m[:], 9))
        m.resize(5)
        with r.reading():
            self.assertEqual(r[:], bytes(5))

    def test_buffers_keep_their_memory_when_a_reading_moves_the_map(self):
        m = self.open(self.path(bytes(9)))
        r = self.open(self.latest, "r")
        with memoryview(r) as view:
            with m.transaction():
                m[3] = 7
                m.append(bytes(1 << 20))
            with r.reading():
                self.assertEqual((len(r), r[3], r.exports), (9 + (1 << 20), 7, 1))
                self.assertEqual(bytes(view), b"\0\0\0\7".ljust(9, b"\0"))
            m[3] = 8
            m.commit()
            self.assertEqual((view[3], r[3]), (8, 8))
            self.assertRaises(BufferError, r.close)
        r.close()

    def test_a_closed_map(self):
        m = self.open()
        block, reading = m.transaction(), m.reading()
        m.close()
        calls = (m.commit, m.rollback, m.changed, m.checkpoint, m.transaction, m.reading, m.flush)
        for call in (*calls, block.__enter__, reading.__enter__):
            self.assertRaisesRegex(ValueError, CLOSED, call)
        m.close()


class Objects(TransactionCase):
    def test_repr(self):
        m = self.open(self.path(b"abc"))
        m.append(b"d")
        text = "<safemap.Map name={!r} mode='r+' transactional length=4 pos=0>"
        self.assertEqual(repr(m), text.format(self.latest))
        m.close()
        self.assertTrue(repr(m).endswith("transactional closed>"))

    def test_pickles(self):
        writer = self.open(self.path(b"abc"))
        self.assertRaises(TypeError, pickle.dumps, writer)
        self.assertRaises(TypeError, copy.copy, writer)
        reader = self.open(self.latest, "r")
        again = pickle.loads(pickle.dumps(reader))
        self.addCleanup(again.close)
        self.assertEqual((again[:], again.transactional, again.access), (b"abc", True, 1))

    def test_the_map_is_a_file_object(self):
        m = self.open(self.path(b"one\ntwo\n"))
        stream = io.TextIOWrapper(io.BufferedRandom(m), newline="\n")
        self.assertEqual(stream.readline(), "one\n")
        stream.seek(0, os.SEEK_END)
        stream.write("three\n")
        stream.flush()
        self.assertEqual((m[:], self.latest_content()), (b"one\ntwo\nthree\n", b"one\ntwo\n"))
        m.commit()
        self.assertEqual(self.latest_content(), b"one\ntwo\nthree\n")
        stream.close()
        self.assertTrue(m.closed)

    def test_streams_of_a_part(self):
        m = self.open(self.path(b"abcdef"))
        part = m.reader(4)
        part.write(b"xyz")
        part.flush()
        self.assertEqual((m[:], self.latest_content()), (b"abcdxyz", b"abcdef"))

    def test_subclasses(self):
        class Table(safemap.Map):
            """A map with a method."""

            def add(self, at):
                with self.transaction():
                    self[at] += 1

        with Table(self.path(b"abc"), "r+", transactional=True) as table:
            table.add(1)
        self.assertEqual(self.latest_content(), b"acc")

    def test_searches_and_lines_see_the_changes(self):
        m = self.open(self.path(b"one\ntwo\n"))
        m[4:7] = b"2wo"
        m.append(b"three\n")
        self.assertEqual(list(m.lines()), [b"one\n", b"2wo\n", b"three\n"])
        self.assertEqual((m.find(b"2wo"), m.count(b"\n")), (4, 3))


@unittest.skipIf(HAS_TRANSACTIONS, "this system has them")
class Elsewhere(FileCase):
    def test_there_are_none(self):
        path = self.path(b"abc")
        self.assertRaises(io.UnsupportedOperation, safemap.open, path, transactional=True)


if __name__ == "__main__":
    unittest.main()
