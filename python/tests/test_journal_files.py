"""Tests of the files of journals: modes, refusals, damage, growth; and of the documentation."""

import io
import os
import random
import re
import sys
import unittest
from pathlib import Path

from support import FileCase, succeed, unix_only
from test_channel import HAS_CHANNELS
from test_journal import RECORDS, JournalCase

import safemap
from safemap.ipc import Channel, Journal, JournalReader, JournalWriter

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "ipc.md"


class Files(JournalCase):
    def test_modes(self):
        path = os.path.join(self.folder, "new")
        for mode in ("r", "r+"):
            self.assertRaises(FileNotFoundError, Journal, path, mode)
        with Journal(path, "x") as journal:
            self.assertEqual((journal.path, journal.mode), (path, "x"))
            self.assertRegex(repr(journal), "^<safemap.ipc.Journal path='.*new' mode='x'>$")
            journal.writer().append(b"data")
        with self.assertRaises(FileExistsError) as caught:
            Journal(path, "x")
        self.assertEqual(caught.exception.filename, path)
        for mode in ("r", "r+", "a"):
            with Journal(os.fsencode(path), mode=mode) as journal:
                self.assertEqual((journal.path, journal.mode), (path, mode))
                self.assertEqual(journal.reader().read(), b"data")
        for mode in ("w", "", "rb", "a+"):
            self.assertRaisesRegex(ValueError, "must be r, r.*, a or x, not", Journal, path, mode)
        self.assertRaises(ValueError, Journal, path, allocate=-1)

    def test_a_journal_that_is_open_for_reading_has_no_writers(self):
        self.journal.writer().append(b"data")
        journal = self.open(self.journal_path, "r")
        self.assertRaisesRegex(io.UnsupportedOperation, "not writable", journal.writer)
        self.assertEqual(journal.reader().read(), b"data")

    @unittest.skipUnless(sys.platform == "linux", "/proc is that of Linux")
    def test_a_file_system_without_locks_is_refused_with_a_reason(self):
        for kind in (Channel, Journal):
            with self.assertRaises(OSError) as caught:
                kind("/proc/self/status")
            self.assertNotIn("None", str(caught.exception))
            self.assertTrue(str(caught.exception))

    def test_files_that_are_not_journals(self):
        for content in (b"text", bytes(10_000), os.urandom(10_000)):
            path = self.path(content)
            for mode in ("r", "r+", "a"):
                self.assertRaisesRegex(ValueError, f"{re.escape(path)}: ", Journal, path, mode)
            self.assertEqual(self.latest_content(), content)
        self.assertRaises(OSError, Journal, self.folder)
        self.assertRaises(ValueError, Journal, "embedded\0null")
        self.assertRaises(TypeError, Journal, 5)
        path = os.path.join(self.folder, "channel")
        with Channel(path):
            self.assertRaisesRegex(ValueError, "channel", Journal, path)
        self.assertRaises(ValueError, Channel, self.journal_path)

    def test_damage_is_an_error(self):
        self.journal.writer().append_many([b"record", b"second"])
        reader = self.journal.reader()
        with safemap.open(self.journal_path, "r+") as m:
            m[RECORDS + 17] ^= 1
            self.assertRaisesRegex(OSError, "another program", reader.read)
            self.assertRaisesRegex(OSError, "another program", reader.read_many, 5)
            m[RECORDS + 17] ^= 1
        self.assertEqual(reader.read_many(5), [b"record", b"second"])

    @unix_only("a mapped file cannot be truncated")
    def test_a_file_that_is_cut_during_its_use(self):
        writer, reader = self.ends()
        writer.append(bytes(9000))
        os.truncate(self.journal_path, 4096)
        for call in (reader.read, lambda: writer.append(b"data"), reader.try_read):
            self.assertRaises(OSError, call)
        os.truncate(self.journal_path, 0)
        for call in (reader.read, lambda: writer.append(b"data"), writer.sync):
            self.assertRaises(OSError, call)

    def test_a_peer_that_writes_anything(self):
        rng, expected = random.Random(7), (OSError, EOFError, LookupError)
        writer = self.journal.writer()
        first = writer.append(b"data")
        with safemap.open(self.journal_path, "r+") as m:
            for _ in range(2000):
                at = rng.choice((144, 384, 392, 408, 4096, 4104, 8 * rng.randrange(16, 1024)))
                m[at : at + 8] = rng.randbytes(8)
                # A mutex with an owner that exists would wait for ever.
                m[128:144] = m[512:528] = bytes(16)
                reader = self.journal.reader()
                calls = [reader.try_read, lambda: writer.append(b"data"), writer.sync]
                for call in [*calls, lambda: self.journal.reader(after=first)]:
                    try:
                        call()
                    except expected:
                        pass

    @unix_only("there is no umask")
    def test_the_permissions_of_a_new_file(self):
        self.assertEqual(os.stat(self.journal_path).st_mode & 0o777, 0o600)
        path = os.path.join(self.folder, "shared")
        self.open(path, permissions=0o640)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)

    def test_the_length_of_a_new_file(self):
        self.assertEqual(os.path.getsize(self.journal_path), 8192)
        self.journal.writer().append(bytes(1 << 16))
        self.assertGreater(os.path.getsize(self.journal_path), 1 << 16)
        self.open(path := os.path.join(self.folder, "large"), allocate=(1 << 21) + 1)
        self.assertEqual(os.path.getsize(path), (1 << 21) + 8192)

    @unix_only("there are no such resource limits")
    def test_a_file_that_cannot_grow(self):
        code = """
            import resource, sys
            from safemap.ipc import Journal
            writer = Journal(sys.argv[1]).writer()
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
            writer.append(b"before")
            try:
                writer.append_many([b"some", bytes(1 << 17), b"more"])
            except OSError as error:
                assert error.appended == 1, error
            else:
                raise AssertionError
            writer.append(b"after")
        """
        succeed(self, code, self.journal_path)
        self.assertEqual(self.records(), [b"before", b"some", b"after"])

    @unix_only("there are no descriptors")
    def test_the_descriptor(self):
        status = os.fstat(self.journal.fileno())
        self.assertTrue(os.path.samestat(status, os.stat(self.journal_path)))

    def test_audit_hooks_learn_of_the_file(self):
        code = """
            import sys
            from safemap.ipc import Journal
            events = []
            sys.addaudithook(lambda *event: event[0] == "open" and events.append(event[1]))
            Journal(sys.argv[1], "r")
            Journal(sys.argv[1])
            assert events == [(sys.argv[1], None, 0), (sys.argv[1], None, 2)], events
        """
        succeed(self, code, self.journal_path)

    def test_the_classes(self):
        writer, reader = self.ends()
        self.assertIsInstance(writer, JournalWriter)
        self.assertIsInstance(reader, JournalReader)
        self.assertRaises(TypeError, JournalWriter)
        self.assertRaises(TypeError, JournalReader)

    def test_a_program_with_journals_does_not_load_multiprocessing(self):
        code = """
            import sys
            import safemap.ipc
            with safemap.ipc.Journal(sys.argv[1]) as journal:
                journal.writer().append(b"data")
            assert not any("multiprocessing" in name for name in sys.modules)
            assert "safemap._channel" not in sys.modules
        """
        succeed(self, code, self.journal_path)


@unittest.skipUnless(HAS_CHANNELS, "this system has no journals")
@unittest.skipUnless(DOCUMENT.exists(), "the tests were copied without the documentation")
class Documentation(FileCase):
    def test_the_example_prints_what_its_comments_say(self):
        text = DOCUMENT.read_text(encoding="utf-8").split("\n### Journals in Python\n")[1]
        example = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
        output = succeed(self, "import os, sys; os.chdir(sys.argv[1])\n" + example, self.folder)
        comments = re.findall(r"print\(.*\) +# (.*)", example)
        for line, comment in zip(output.splitlines(), comments, strict=True):
            self.assertTrue(comment.startswith(line), (line, comment))


if __name__ == "__main__":
    unittest.main()
