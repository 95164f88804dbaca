"""Tests for Windows: constructor, named memory, resize, winerror values, and faults."""

import contextlib
import errno
import mmap as standard
import os
import socket
import sys
import time
import unittest

import truncated
from support import PAGE, UNIT, WINDOWS, FileCase, succeed

import safemap

if not WINDOWS:
    raise unittest.SkipTest("not Windows")

ERROR_NOACCESS = 998
ERROR_FILE_INVALID = 1132
ERROR_USER_MAPPED_FILE = 1224
NAME = "safemap test – gemeinsamer Speicher"

# Valid and invalid arguments of the constructor. Each side has its own files; `fd` is writable,
# `reader` is not.
ARGUMENTS = """
fd, 0
fd, 10
fd, 0, None, 1
fd, 0, None, 2
fd, 0, None, 3, 0
fd, 0, access=mmap.ACCESS_READ
reader, 0
reader, 0, access=1
reader, 0, access=3
fd, 3 * UNIT
fd, 3 * UNIT, access=1
fd, 3 * UNIT, access=3
fd, 0, offset=UNIT
fd, 10, offset=UNIT
fd, 0, offset=2 * UNIT
fd, 10, offset=2 * UNIT
fd, 3 * UNIT, offset=UNIT
fd, 0, offset=7
fd, 10, offset=PAGE
fd, 0, offset=10 * UNIT
fd, 10, offset=10 * UNIT, access=1
empty, 0
empty, 0, 5
empty, 5
empty, 5, access=1
fd, 0, 5
fd, 0, b'name'
fd, 0, offset=10 * UNIT, tagname=5
fd, 0, 'a\\0b'
fd, 0, ''
fd, 0, 'safemap test of a file'
-1, 10
0, 10
-1, 10, 'safemap test of memory'
0, 10, tagname='safemap test of memory'
-1, 10, ''
-1, 10, access=1
-1, 10, access=2
-1, 10, access=3
-1, 10, offset=UNIT
-1, 10, offset=UNIT, tagname='safemap test of memory'
-1, 10, offset=5
-1, 0
-1, 0, 5
-1, 2**62
-1, -1
-1, 10, offset=-1
-1, 10, access=4
-1, -1, access=4
-1, -1, offset=-1
-1, 10, 5, 4
999, 10
999, -1
999, 10, 5
-2, 10
pipe, 10
pipe, 10, access=1
null, 10
null, 10, access=1
fd, 2**62
fd, 2**63
2**31, 10
-2**40, 10
fd, 'a'
'a', 10
None, 10
fd, 0, 5, 'a'
fd, 0, offset='a'
fd, 0, offset=2**63
fd, 0, offset=2**62
fd, True
fd, 0, access=True
fd, 0, foo=1
fd, 0, flags=1
fd, 0, prot=1
fd, 0, fileno=3
length=5
fileno=fd, length=0

fd
-1, 10, trackfd=False
-1, 10, trackfd=True
0, 10, trackfd=True
""".splitlines()[1:]


class Side:
    """One of the two modules with its own files."""

    def __init__(self, case, module):
        content = b"abcdefgh" * (2 * UNIT // 8)
        self.path = case.path(content)
        self.fd = case.opened(self.path)
        self.names = {
            "mmap": module,
            "fd": self.fd,
            "reader": case.opened(self.path, os.O_RDONLY),
            "empty": case.opened(case.path(b"")),
            "null": case.opened("nul"),
            "pipe": case.pipe(),
            "UNIT": UNIT,
            "PAGE": PAGE,
        }

    def outcome(self, arguments):
        """The map made with these arguments, or the exception; and the state of the file."""
        os.lseek(self.fd, 5, os.SEEK_SET)
        outcome = self.construct(arguments)
        return (*outcome, os.lseek(self.fd, 0, os.SEEK_CUR), os.path.getsize(self.path))

    def construct(self, arguments):
        """The properties of a map made with these arguments, or of the exception."""
        try:
            m = eval("mmap.mmap({})".format(arguments), self.names)
        except Exception as error:
            codes = getattr(error, "errno", None), getattr(error, "winerror", None)
            # Before 3.13 the standard module had other texts about arguments.
            has_text = sys.version_info >= (3, 13) or not isinstance(error, TypeError)
            return type(error).__name__, has_text and str(error), *codes
        properties = repr(m), m[:5], m[-5:], m.size(), m.tell()
        m.close()
        return properties


class Constructor(FileCase):
    def pipe(self):
        """Opens a pipe until the test ends and returns its read end."""
        read, write = os.pipe()
        self.addCleanup(os.close, write)
        self.addCleanup(os.close, read)
        return read

    def test_the_constructor_behaves_as_in_the_standard_module(self):
        for arguments in ARGUMENTS:
            with self.subTest(arguments):
                theirs = Side(self, standard).outcome(arguments)
                self.assertEqual(Side(self, safemap).outcome(arguments), theirs)

    def test_a_socket_is_refused(self):
        with socket.socket() as opened:
            for module in (standard, safemap):
                with self.assertRaises(OSError) as caught:
                    module.mmap(opened.fileno(), 10)
                self.assertEqual(caught.exception.errno, errno.EBADF)

    def test_files_without_a_size_require_a_length(self):
        for fd in (self.pipe(), self.opened("nul")):
            with self.assertRaises(OSError):
                safemap.mmap(fd, 0)

    def test_trackfd_false_keeps_no_handle_and_true_is_the_default(self):
        for track in (True, False):
            m = self.map(b"abc", 0, trackfd=track)
            m[0] = ord("x")
            self.assertEqual(m[:], b"xbc")
        with self.assertRaisesRegex(ValueError, "mmap can't resize with trackfd=False."):
            m.resize(5)

    def test_repair_is_refused_and_allocate_is_accepted(self):
        with self.assertRaises(NotImplementedError):
            self.map(b"abc", 0, repair=True)
        m = self.map(b"abc", 0, repair=False, allocate=True)
        m.resize(10)
        self.assertEqual((m[:], m.damage, m.restore()), (b"abc" + bytes(7), None, None))

    def test_a_file_that_cannot_be_mapped_is_not_extended(self):
        # The standard module extends it.
        path = self.path(b"abc")
        with open(path, "r+b") as file:
            with self.assertRaises(OSError) as caught:
                safemap.mmap(file.fileno(), 100, offset=5)
        self.assertEqual(caught.exception.winerror, ERROR_FILE_INVALID)
        self.assertEqual(os.path.getsize(path), 3)

    def test_unix_constants_and_methods_are_absent(self):
        prefixes = "MAP_", "PROT_", "MADV_", "MS_"
        self.assertEqual([name for name in dir(safemap) if name.startswith(prefixes)], [])
        self.assertFalse(hasattr(safemap.mmap, "madvise"))


class ResizeCase(FileCase):
    def resize_is_refused(self, m, length):
        with self.assertRaises(OSError) as caught:
            m.resize(length)
        self.assertEqual(caught.exception.winerror, ERROR_USER_MAPPED_FILE)


class NamedMemory(ResizeCase):
    def test_a_name_refers_to_the_same_memory_in_both_modules_and_other_processes(self):
        m = safemap.mmap(-1, 2 * PAGE, NAME)
        self.addCleanup(m.close)
        m[:3] = b"abc"
        code = """
            import mmap, safemap, sys
            for module in (mmap, safemap):
                with module.mmap(-1, 8192, sys.argv[1]) as m:
                    print(m[:3])
                    m[5] += 1
        """
        self.assertEqual(succeed(self, code, NAME), "b'abc'\nb'abc'\n")
        self.assertEqual(m[5], 2)

    def test_named_memory_in_use_elsewhere_cannot_be_resized(self):
        one, two = (module.mmap(-1, 2 * PAGE, tagname=NAME) for module in (safemap, standard))
        one[:3] = b"abc"
        self.resize_is_refused(one, PAGE)
        self.assertEqual((len(one), two[:3]), (2 * PAGE, b"abc"))
        two.close()
        one.resize(5 * PAGE)
        self.assertEqual((len(one), one[:4]), (5 * PAGE, b"abc\0"))
        one.close()

    def test_a_map_of_named_memory_with_an_offset_starts_at_the_offset(self):
        whole = standard.mmap(-1, 2 * UNIT, tagname=NAME)
        part = safemap.mmap(-1, 10, tagname=NAME, offset=UNIT)
        part[:3] = b"abc"
        self.assertEqual(whole[UNIT : UNIT + 4], b"abc\0")
        part.close(), whole.close()

    def test_sizeof_includes_the_name(self):
        with safemap.mmap(-1, 100) as plain, safemap.mmap(-1, 100, "12345") as named:
            self.assertEqual(sys.getsizeof(named) - sys.getsizeof(plain), 12)


class Resize(ResizeCase):
    def test_a_file_that_is_mapped_twice_cannot_shrink_and_keeps_its_bytes(self):
        fd = self.descriptor(b"x" * 3 * PAGE)
        one, two = safemap.mmap(fd, 0), standard.mmap(fd, 0)
        self.resize_is_refused(one, PAGE)
        self.assertEqual((len(one), one[:]), (3 * PAGE, b"x" * 3 * PAGE))
        two.close()
        one.resize(PAGE)
        self.assertEqual((len(one), one.size(), one[:]), (PAGE, PAGE, b"x" * PAGE))
        one.close()

    def test_anonymous_memory_grows_and_shrinks(self):
        m = self.anonymous(100)
        m[:3] = b"abc"
        for size in (1, 5000, 3, 100_000):
            m.resize(size)
            self.assertEqual((len(m), m.size(), m[:1]), (size, size, b"a"))
        self.assertEqual(m[1:].strip(b"\0"), b"")


class Faults(FileCase):
    """Faults on pages that `protect` makes inaccessible. A mapped file cannot be truncated."""

    def protected_map(self, kept=2 * PAGE, **keywords):
        """A map of four pages without access after the first `kept` bytes."""
        m = self.map(b"x" * 4 * PAGE, 0, **keywords)
        m.protect(0, kept)
        return m

    def test_every_operation_raises_on_protected_pages(self):
        for access in (safemap.ACCESS_READ, safemap.ACCESS_WRITE, safemap.ACCESS_COPY):
            for kept in (0, 2 * PAGE, 3 * PAGE):
                m = self.protected_map(kept, access=access)
                operations = truncated.touching(access != safemap.ACCESS_READ)
                names = truncated.names(m, kept)
                outcomes = {operation: truncated.run(operation, names) for operation in operations}
                fault = ["OSError", errno.EFAULT]
                self.assertEqual(outcomes, dict.fromkeys(operations, fault))

    @unittest.skipUnless("SAFEMAP_DRIVE_C" in os.environ, "only Wine's host can truncate the file")
    def test_a_file_cut_by_the_host_raises_the_error_of_the_standard_module(self):
        fd = self.descriptor(b"x" * 3 * PAGE)
        # Before 3.13 the standard module has no error: the process would be terminated.
        classes = [safemap.mmap, standard.mmap][: 1 + (sys.version_info >= (3, 13))]
        maps = [it(fd, 0) for it in classes]
        self.truncate_on_host(PAGE)
        errors = []
        for m in maps:
            self.assertEqual(m[:PAGE], b"x" * PAGE)
            with self.assertRaises(OSError) as caught:
                m[PAGE - 5 : PAGE + 5]
            errors.append(caught.exception)
        ours, theirs = errors[0], errors[-1]
        self.assertEqual(theirs.winerror, ours.winerror)
        self.assertEqual((ours.offset, ours.errno), (PAGE, errno.EFAULT))
        for m in maps:
            m.close()

    def truncate_on_host(self, length):
        """Truncates the latest file by a program of Wine's host.

        Wine starts the program, but cannot return a process handle for it.
        """
        path = os.environ["SAFEMAP_DRIVE_C"] + self.latest[2:].replace("\\", "/")
        with contextlib.suppress(OSError):
            arguments = ["truncate", "-s", str(length), path]
            os.spawnv(os.P_NOWAIT, "Z:/usr/bin/truncate", arguments)
        while os.path.getsize(self.latest) != length:
            time.sleep(0.01)

    def test_the_error_has_the_offset_and_the_winerror_of_the_standard_module(self):
        m = self.protected_map()
        with self.assertRaises(safemap.FaultError) as caught:
            m.find(b"y")
        error = caught.exception
        self.assertEqual((error.offset, error.errno), (2 * PAGE, errno.EFAULT))
        self.assertEqual(error.winerror, ERROR_NOACCESS)
        m.protect(1, 2 * PAGE)
        self.assertEqual(m.find(b"y"), -1)

    def test_writing_read_only_memory_raises(self):
        m = self.anonymous()
        m.protect(1)
        with self.assertRaises(safemap.FaultError):
            m[5] = 1
        self.assertEqual(m[5], 0)

    def test_a_fault_outside_the_library_is_left_to_other_handlers(self):
        code = """
            import ctypes, safemap
            m = safemap.mmap(-1, 100)
            m.protect(0)
            try:
                m[0]
            except safemap.FaultError:
                print("FaultError")
            try:
                ctypes.string_at(16)
            except OSError:
                print("OSError")
        """
        self.assertEqual(succeed(self, code), "FaultError\nOSError\n")
