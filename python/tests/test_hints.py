"""Tests of the notes that exceptions carry: each in the table in src/error.rs."""

import os
import pathlib
import re
import socket
import unittest

from support import HERE, NO_RLIMIT, PAGE, PRIVATE, UNIT, WINDOWS, FileCase, succeed, unix_only
from test_transactions import HAS_TRANSACTIONS

import safemap

SOURCE = os.path.join(os.path.dirname(HERE), "src", "error.rs")
ALIGNED = "offset 100 is not a multiple of {} (ALLOCATIONGRANULARITY)".format(UNIT)
WRITABLE = "a map that changes its file needs a descriptor that is open for reading and writing"
READ = safemap.ACCESS_READ


class Hints(FileCase):
    """Each test names its row of the table: `test_FileOffset` is the one of `Hint::FileOffset`."""

    def note(self, kind, text, call, *args, **keywords):
        """Checks the exception of a call, which has one note; returns the note."""
        with self.assertRaisesRegex(kind, text) as caught:
            call(*args, **keywords)
        (note,) = getattr(caught.exception, "__notes__", [None])
        return note

    def os_note(self, call, *args, **keywords):
        """Returns the note of an OSError that only has the text of the system."""
        return self.note(OSError, r"^\[\w+ \d+\] [^0-9]*$", call, *args, **keywords)

    def test_FileOffset(self):
        note = self.os_note(safemap.mmap, self.descriptor(bytes(200)), 0, offset=100)
        self.assertEqual(note, ALIGNED + "; safemap.open accepts any offset")
        self.assertEqual(len(safemap.open(self.latest, offset=100)), 100)

    def test_MemoryOffset(self):
        note = self.os_note(safemap.mmap, -1, 10, offset=100)
        self.assertEqual(note, ALIGNED + "; memory without a file needs no offset")

    @unix_only("flush accepts any offset")
    def test_FlushedPages(self):
        m = self.map(bytes(3 * PAGE))
        for start, size, call in [
            (360, 36, (0, 396)),
            (PAGE + 1, 2 * PAGE - 1, (PAGE, 2 * PAGE)),
        ]:
            note = self.os_note(m.flush, start, size)
            expected = "offset {} is not a multiple of {} (PAGESIZE); flush{} includes these bytes"
            self.assertEqual(note, expected.format(start, PAGE, call))
            m.flush(*call)

    def test_ChangedPages(self):
        m = self.map(bytes(PAGE))
        expected = "start 10 is not a multiple of {} (PAGESIZE): the call changes pages"
        calls = [lambda: m.protect(1, 10)]
        if hasattr(m, "madvise"):
            calls.append(lambda: m.madvise(safemap.MADV_NORMAL, 10))
        for call in calls:
            self.assertEqual(self.os_note(call), expected.format(PAGE))

    def test_PagesOfFile(self):
        m = safemap.open(self.path(bytes(2 * PAGE)), "r+", offset=100)
        self.addCleanup(m.close)
        for start in (0, PAGE - 100):
            m.protect(1, start)
        note = self.os_note(m.protect, 1, PAGE)
        expected = (
            "byte {} of the file is not at a multiple of {} (PAGESIZE): the call changes pages"
        )
        self.assertEqual(note, expected.format(PAGE + 100, PAGE))

    def test_WritableDescriptor(self):
        fd = self.opened(self.path(b"abc"), os.O_RDONLY)
        self.assertIn(WRITABLE, self.os_note(safemap.mmap, fd, 0))
        self.assertIn(WRITABLE, self.note(PermissionError, "", safemap.open, fd, "r+"))

    def test_ReadableDescriptor(self):
        fd = self.opened(self.path(b"abc"), os.O_WRONLY)
        expected = "a map needs a descriptor that is open for reading"
        self.assertEqual(self.os_note(safemap.mmap, fd, 0, access=READ), expected)
        self.assertEqual(self.note(PermissionError, "", safemap.open, fd), expected)

    @unix_only("a directory has no descriptor")
    def test_Directory(self):
        fd = self.opened(self.folder, os.O_RDONLY)
        for length in (0, 1):
            note = self.os_note(safemap.mmap, fd, length, access=READ)
            self.assertEqual(note, "the descriptor is that of a directory")
        self.assertRaises(IsADirectoryError, safemap.open, fd)

    def test_Pipe(self):
        for fd in os.pipe():
            self.addCleanup(os.close, fd)
            self.assertIn("a pipe or socket", self.os_note(safemap.mmap, fd, 0, access=READ))

    @unix_only("a socket is no descriptor")
    def test_Pipe_of_a_socket(self):
        # Not one of TCP, which Linux maps.
        one, other = socket.socketpair()
        with one, other:
            for length in (0, 1):
                note = self.os_note(safemap.mmap, one.fileno(), length, access=READ)
                self.assertIn("a pipe or socket", note)

    @unix_only("the console differs")
    def test_Device(self):
        zero, null = (self.opened("/dev/" + name, os.O_RDWR) for name in ("zero", "null"))
        self.assertIn("a device", self.os_note(safemap.mmap, zero, 0))
        self.assertIn("a device", self.os_note(safemap.mmap, null, 1))

    @unix_only("each file system maps files")
    def test_FileSystem(self):
        path = "/sys/kernel/mm/transparent_hugepage/enabled"
        if not os.path.exists(path):
            self.skipTest("there is no " + path)
        fd = self.opened(path, os.O_RDONLY)
        self.assertIn("maps no files", self.os_note(safemap.mmap, fd, 0, access=READ))

    def test_Path(self):
        path = self.path(b"abc")
        for file in (path, os.fsencode(path), pathlib.Path(path)):
            note = self.note(TypeError, "cannot be interpreted as an int", safemap.mmap, file, 0)
            self.assertEqual(note, "mmap takes a descriptor; safemap.open accepts a path")
            self.assertEqual(len(safemap.open(file)), 3)

    def test_FileObject(self):
        with open(self.path(b"abc"), "rb") as file:
            note = self.note(TypeError, "cannot be interpreted as an int", safemap.mmap, file, 0)
            self.assertIn("file.fileno()", note)
            self.assertEqual(len(safemap.open(file)), 3)

    def test_Text(self):
        m = safemap.open(self.path(b"abc"), "r+")
        self.addCleanup(m.close)
        for call in (m.append, m.write, m.find, m.count, safemap.mmap(-1, 3).find):
            note = self.note(TypeError, "a bytes-like object is required, not 'str'", call, "x")
            self.assertEqual(note, "encode it")
        with self.assertRaises(TypeError) as caught:
            m.readinto("x")
        self.assertFalse(hasattr(caught.exception, "__notes__"))

    def test_EmptyFile(self):
        note = self.note(
            ValueError, "^cannot mmap an empty file$", safemap.mmap, self.descriptor(), 0
        )
        self.assertIn("safemap.open maps an empty file", note)
        self.assertEqual(len(safemap.open(self.latest)), 0)

    def test_EndBeyondFile(self):
        fd = self.descriptor(bytes(10))
        expected = (
            "the map would end at byte 11 of a file of 10 bytes; "
            "safemap.open extends the file in the modes r+, w+ and x+"
        )
        kinds = (ValueError, OSError)
        self.assertEqual(self.note(kinds, "", safemap.mmap, fd, 11, access=READ), expected)
        self.assertEqual(
            self.note(ValueError, "9 bytes", safemap.open, fd, size=10, offset=1), expected
        )
        with self.assertRaisesRegex(ValueError, "^offset 11 is greater") as caught:
            safemap.open(fd, offset=11)
        self.assertFalse(hasattr(caught.exception, "__notes__"))

    def test_StartBeyondFile(self):
        text = "^mmap offset is greater than file size$"
        for size in (UNIT, 10):
            fd = self.descriptor(bytes(size))
            note = self.note(ValueError, text, safemap.mmap, fd, 0, offset=UNIT)
            expected = "the map would start at byte {} of a file of {} bytes"
            self.assertEqual(note, expected.format(UNIT, size))

    def test_Length(self):
        length = (1 << 63) - 1
        note = self.os_note(safemap.mmap, -1, length)
        self.assertEqual(note, "{} bytes do not fit into the address space".format(length))

    def test_Limit(self):
        # The program itself occupies more of the address space.
        self.assertIn("limit of", self.os_note(safemap.mmap, -1, (1 << 47) - (1 << 20), **PRIVATE))

    @unittest.skipUnless(HAS_TRANSACTIONS, "this system has no transactional maps")
    def test_Writer(self):
        with safemap.open(self.path(b"abc"), "r+", transactional=True):
            note = self.note(
                TimeoutError, "open", safemap.open, self.latest, "r+", transactional=True
            )
        self.assertEqual(note, "open(..., timeout=5.0) waits for it")

    def test_Buffers(self):
        m = safemap.open(self.path(b"abc"))
        self.addCleanup(m.close)
        with memoryview(m):
            for call in (m.close, lambda: m.__exit__(None, None, None)):
                note = self.note(BufferError, "^cannot close exported pointers exist$", call)
                self.assertIn("or call close(detach=True)", note)


@unix_only(NO_RLIMIT)
class Limits(FileCase):
    """The rows `Limit`, in children that have a limit."""

    def names(self, name, limit, call, before=""):
        """Checks that the note names the limit."""
        code = """
            import os, resource, safemap, signal, sys
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            fd = os.open(sys.argv[1], os.O_RDWR)
            m = safemap.mmap(fd, 0)
            {}
            resource.setrlimit(resource.{}, ({}, {}))
            try:
                print({})
            except OSError as error:
                print(error.errno, *error.__notes__)
        """
        code = code.format(before, name, limit, limit, call)
        self.assertIn("({}".format(name), succeed(self, code, self.path(bytes(PAGE))))

    def test_of_address_space(self):
        for call in ("safemap.mmap(-1, 1 << 32)", "m.resize(1 << 32)"):
            self.names("RLIMIT_AS", 1 << 30, call)

    def test_of_open_files(self):
        for call in ("safemap.mmap(fd, 0)", "safemap.open(fd)"):
            self.names("RLIMIT_NOFILE", 5, call)

    def test_of_a_files_size(self):
        for call in ("m.resize(200_000)", "safemap.open(fd, 'r+', 200_000)"):
            self.names("RLIMIT_FSIZE", 100_000, call)

    def test_of_locked_memory(self):
        # Root may lock more than the limit.
        before = "os.getuid() == 0 and os.setuid(65534)"
        for call in ("m.lock()", "safemap.open(fd, lock=True)"):
            self.names("RLIMIT_MEMLOCK", 0, call, before)


class Table(unittest.TestCase):
    def test_each_row_has_a_test(self):
        if not os.path.exists(SOURCE):
            self.skipTest("the source is not here")
        with open(SOURCE, encoding="utf-8") as file:
            table = file.read().split("fn text(")[1].split("\n    }\n")[0]
        rows = set(re.findall(r"Hint::(\w+)", table))
        self.assertGreater(len(rows), 10)
        tests = {name.split("_")[1] for name in dir(Hints) if name.startswith("test_")}
        self.assertEqual(tests, rows)


class Compatibility(FileCase):
    def test_a_note_changes_neither_type_nor_text(self):
        # The differential tests compare more calls with the standard module.
        with self.assertRaises(OSError) as caught:
            safemap.mmap(self.descriptor(bytes(200)), 0, offset=100)
        self.assertNotIn("multiple", str(caught.exception))
        self.assertEqual(len(caught.exception.args), 5 if WINDOWS else 2)

    def test_other_exceptions_have_no_note(self):
        m = self.map(b"abc")
        for call in (
            lambda: m[9],
            lambda: m.seek(9),
            lambda: m.find(1),
            lambda: safemap.mmap(1.5, 0),
        ):
            with self.assertRaises((IndexError, ValueError, TypeError)) as caught:
                call()
            self.assertFalse(hasattr(caught.exception, "__notes__"))


if __name__ == "__main__":
    unittest.main()
