"""Tests of the interface of the newest CPython, on every version, and of safemap's additions."""

import ctypes
import errno
import inspect
import os
import sys
import unittest

from support import CLOSED, PAGE, FileCase, open_files, unix_only

import safemap


class NewestInterface(FileCase):
    def test_seek_returns_the_new_position(self):
        m = self.map(b"0123456789")
        self.assertEqual([m.seek(3), m.seek(2, os.SEEK_CUR), m.seek(-1, os.SEEK_END)], [3, 5, 9])

    def test_seekable_is_true_even_when_closed(self):
        m = self.anonymous()
        self.assertIs(m.seekable(), True)
        m.close()
        self.assertIs(m.seekable(), True)

    def test_size_of_anonymous_memory_is_its_length(self):
        self.assertEqual(self.anonymous(123).size(), 123)

    def test_size_is_the_length_of_the_file(self):
        m = self.map(b"x" * 100, 10)
        self.assertEqual((len(m), m.size()), (10, 100))

    def test_without_trackfd_no_descriptor_is_kept(self):
        fd = os.open(self.path(b"abc" * PAGE), os.O_RDWR)
        before = open_files()
        with safemap.mmap(fd, 0, trackfd=False) as m:
            self.assertEqual(open_files(), before)
            os.close(fd)
            self.assertEqual(m[:3], b"abc")
            m[:3] = b"xyz"
            m.flush()

    def test_without_trackfd_size_and_resize_raise(self):
        m = self.map(b"abc", 0, trackfd=False)
        with self.assertRaisesRegex(ValueError, "can't get size with trackfd=False"):
            m.size()
        with self.assertRaisesRegex(ValueError, "mmap can't resize with trackfd=False."):
            m.resize(10)

    @unix_only("flush has no flags")
    def test_flush_takes_flags(self):
        m = self.map(b"x" * PAGE)
        m[:3] = b"abc"
        sync, invalidate = safemap.MS_SYNC, safemap.MS_INVALIDATE
        for flags in (0, sync, safemap.MS_ASYNC, sync | invalidate):
            self.assertIsNone(m.flush(flags=flags))
            self.assertIsNone(m.flush(0, PAGE, flags=flags))

    @unix_only("flush has no flags")
    def test_flush_refuses_unknown_flags(self):
        m = self.map(b"x" * PAGE)
        with self.assertRaises(OSError) as caught:
            m.flush(flags=1 << 20)
        self.assertEqual(caught.exception.errno, errno.EINVAL)

    def test_an_empty_needle_is_found_like_in_bytes(self):
        m, data = self.map(b"one two ones"), b"one two ones"
        for start in range(-14, 15):
            for end in range(-14, 15):
                for find, expected in ((m.find, data.find), (m.rfind, data.rfind)):
                    self.assertEqual(find(b"", start, end), expected(b"", start, end), (start, end))

    def test_sync_writes_to_the_file(self):
        m = self.map(b"abc")
        m[0] = ord("x")
        self.assertIsNone(m.sync())
        self.assertEqual(self.latest_content(), b"xbc")
        self.assertIsNone(self.anonymous(PAGE).sync())
        self.assertIsNone(self.map(b"abc", access=safemap.ACCESS_READ).sync())
        with self.assertRaises(ValueError):
            self.map(b"abc", trackfd=False).sync()
        m.close()
        with self.assertRaisesRegex(ValueError, CLOSED):
            m.sync()

    def test_flush_with_an_offset_alone_covers_the_rest_of_the_map(self):
        m = self.map(b"x" * 3 * PAGE)
        self.assertIsNone(m.flush(PAGE))
        self.assertIsNone(m.flush(PAGE, -1))

    def test_find_accepts_none_for_a_bound(self):
        m = self.map(b"abcabc")
        m.seek(1)
        self.assertEqual(m.find(b"a", None, None), 3)
        self.assertEqual(m.find(b"a", 0, None), 0)
        self.assertEqual(m.rfind(b"a", None, None), 3)
        self.assertEqual(m.rfind(b"b", 0, None), 4)

    def test_find_respects_an_end_if_the_start_is_none(self):
        # CPython 3.14 and 3.15 ignore the end in this case.
        m = self.map(b"abcabc")
        m.seek(1)
        self.assertEqual(m.find(b"c", None, 2), -1)
        self.assertEqual(m.rfind(b"c", None, 5), 2)

    @unix_only("there is no madvise")
    def test_madvise_accepts_none_for_the_length(self):
        m = self.anonymous(2 * PAGE)
        self.assertIsNone(m.madvise(safemap.MADV_WILLNEED, 0, None))

    def test_an_argument_is_converted_before_a_closed_map_is_reported(self):
        m = self.map(b"abc")
        m.close()
        uses = ["read('a')", "find('a')", "rfind('a')", "write('a')", "write_byte('a')"]
        uses += ["seek('a')", "seek(0, 'a')", "move(0, 0, 'a')", "resize('a')", "flush(0, 'a')"]
        uses += ["set_name(1)", "madvise(0, 'a')"] if hasattr(m, "madvise") else ["set_name(1)"]
        for use in uses:
            with self.subTest(use), self.assertRaises(TypeError):
                eval("m." + use)
        # The bounds are converted after the check.
        for use in ("read(1)", "find(b'a', 'a')", "write(b'a')", "seek(0)"):
            with self.subTest(use), self.assertRaisesRegex(ValueError, CLOSED):
                eval("m." + use)

    def test_exit_takes_three_arguments(self):
        m = self.map(b"abc")
        for arguments in ((), (1,), (1, 2, 3, 4)):
            with self.subTest(arguments), self.assertRaises(TypeError):
                m.__exit__(*arguments)
            self.assertFalse(m.closed)
        self.assertIsNone(m.__exit__(None, None, None))
        self.assertTrue(m.closed)

    def test_methods_have_the_signatures_of_the_newest_version(self):
        signatures = {
            "flush": "(self, offset=0, size=-1, /, *, flags=0)",
            "find": "(self, view, start=None, end=None, /)",
            "rfind": "(self, view, start=None, end=None, /)",
            "read": "(self, n=None, /)",
            "seek": "(self, pos, whence=0, /)",
            "move": "(self, dest, src, count, /)",
            "resize": "(self, newsize, /)",
            "write": "(self, bytes, /)",
            "write_byte": "(self, byte, /)",
            "set_name": "(self, name, /)",
        }
        if hasattr(safemap.mmap, "madvise"):
            signatures["madvise"] = "(self, option, start=0, length=None, /)"
        for name, signature in signatures.items():
            with self.subTest(name):
                self.assertEqual(str(inspect.signature(getattr(safemap.mmap, name))), signature)


def kernel_has_names():
    """Whether prctl(PR_SET_VMA) works, that is, Linux was built with CONFIG_ANON_VMA_NAME."""
    if not LINUX:
        return False
    set_vma, set_name = 0x53564D41, ctypes.c_ulong(0)
    with safemap.mmap(-1, PAGE, flags=safemap.MAP_PRIVATE) as m:
        page = ctypes.c_char.from_buffer(m)
        address, length = ctypes.c_void_p(ctypes.addressof(page)), ctypes.c_size_t(PAGE)
        status = ctypes.CDLL(None).prctl(set_vma, set_name, address, length, b"x")
        del page
    return status == 0


LINUX = sys.platform == "linux"
KERNEL_HAS_NAMES = kernel_has_names()


class Name(FileCase):
    @unittest.skipUnless(KERNEL_HAS_NAMES, "this kernel has no names for anonymous memory")
    def test_a_name_is_visible_in_proc_self_maps(self):
        for flags in (safemap.MAP_PRIVATE, safemap.MAP_SHARED):
            m = self.anonymous(3 * PAGE, flags=flags)
            m.set_name("tests of safemap {}".format(flags))
            with open("/proc/self/maps") as maps:
                self.assertTrue(any("tests of safemap {}]".format(flags) in line for line in maps))

    @unittest.skipIf(LINUX, "Linux has names for anonymous memory")
    def test_set_name_is_not_implemented_outside_linux(self):
        with self.assertRaises(NotImplementedError):
            self.anonymous().set_name("x")

    @unittest.skipUnless(LINUX and not KERNEL_HAS_NAMES, "this kernel has names, or is not Linux")
    def test_set_name_succeeds_on_kernels_without_names(self):
        self.anonymous().set_name("x")

    def test_a_map_of_a_file_cannot_be_named(self):
        with self.assertRaisesRegex(ValueError, "Cannot set annotation on non-anonymous mappings"):
            self.map(b"x").set_name("x")

    def test_invalid_names_are_refused(self):
        m = self.anonymous()
        with self.assertRaises(TypeError):
            m.set_name(b"x")
        with self.assertRaises(TypeError):
            m.set_name()
        with self.assertRaisesRegex(ValueError, "embedded null character"):
            m.set_name("a\0b")
        error = ValueError if LINUX else NotImplementedError
        with self.assertRaisesRegex(error, "name is too long|not supported"):
            m.set_name("x" * 67)


@unix_only("mmap has no flags")
class Flags(FileCase):
    def test_flags_without_a_name_in_cpython_are_passed_to_the_system(self):
        for flags in ("MAP_NORESERVE", "MAP_POPULATE", "MAP_STACK", "MAP_NONBLOCK"):
            with self.subTest(flags):
                m = self.anonymous(3 * PAGE, flags=safemap.MAP_PRIVATE | getattr(safemap, flags))
                m[PAGE : PAGE + 3] = b"abc"
                self.assertEqual(m.find(b"b"), PAGE + 1)

    def test_anonymous_memory_with_a_descriptor_takes_its_length_from_the_file(self):
        m = self.map(b"abc", 0, flags=safemap.MAP_PRIVATE | safemap.MAP_ANONYMOUS)
        os.truncate(self.latest, 0)
        self.assertEqual((m[:], m.size()), (b"\0\0\0", 3))

    @unittest.skipUnless(LINUX and hasattr(safemap, "MAP_32BIT"), "only Linux on x86-64 has it")
    def test_map_32bit_returns_memory_below_two_gigabytes(self):
        m = self.anonymous(PAGE, flags=safemap.MAP_PRIVATE | safemap.MAP_32BIT)
        view = ctypes.c_char.from_buffer(m)
        self.assertLess(ctypes.addressof(view), 1 << 31)
        del view

    @unittest.skipUnless(hasattr(safemap, "MADV_REMOVE"), "Linux")
    def test_bytes_of_the_file_behind_the_map_are_not_removed(self):
        m = self.map(b"x" * (2 * PAGE), PAGE + 9)
        m.madvise(safemap.MADV_REMOVE)
        self.assertEqual(self.latest_content(), bytes(PAGE + 9) + b"x" * (PAGE - 9))

    @unittest.skipUnless(hasattr(safemap, "MADV_REMOVE"), "Linux")
    def test_bytes_behind_the_range_are_not_removed(self):
        for offset in (0, 100):
            m = safemap.open(self.path(b"x" * (2 * PAGE)), "r+", offset=offset)
            m.madvise(safemap.MADV_REMOVE, 0, 9)
            expected = b"x" * offset + bytes(9) + b"x" * (2 * PAGE - offset - 9)
            self.assertEqual(self.latest_content(), expected)
            m.close()

    @unittest.skipUnless(hasattr(safemap, "MADV_REMOVE"), "Linux")
    def test_bytes_are_not_removed_through_a_read_only_map(self):
        for keywords in ({"access": safemap.ACCESS_READ}, {"prot": safemap.PROT_READ}):
            m = self.map(b"x" * (2 * PAGE), 0, **keywords)
            for arguments in ((), (0,), (PAGE, PAGE), (0, 0), (0, 9)):
                with self.assertRaises(PermissionError) as raised:
                    m.madvise(safemap.MADV_REMOVE, *arguments)
                self.assertEqual(raised.exception.errno, errno.EACCES)
            self.assertEqual(self.latest_content(), b"x" * (2 * PAGE))

    @unittest.skipUnless(hasattr(safemap, "MADV_REMOVE"), "Linux")
    def test_bytes_of_protected_pages_are_not_removed(self):
        m = self.map(b"x" * (2 * PAGE), 0)
        m.protect(safemap.PROT_READ, PAGE)
        with self.assertRaises(safemap.FaultError) as raised:
            m.madvise(safemap.MADV_REMOVE)
        self.assertEqual(raised.exception.offset, PAGE)
        self.assertEqual(self.latest_content(), b"x" * (2 * PAGE))

    def test_newer_advice_is_passed_to_the_system(self):
        m = self.anonymous(4 * PAGE, flags=safemap.MAP_PRIVATE)
        m[:4] = b"abcd"
        for name in ("MADV_COLD", "MADV_PAGEOUT", "MADV_POPULATE_READ", "MADV_POPULATE_WRITE"):
            with self.subTest(name):
                try:
                    m.madvise(getattr(safemap, name))
                except OSError as error:
                    self.assertEqual(error.errno, errno.EINVAL, "the kernel is older")
        self.assertEqual(m[:4], b"abcd")

    def test_wipeonfork_clears_the_memory_of_a_forked_child(self):
        m = self.anonymous(PAGE, flags=safemap.MAP_PRIVATE)
        m[:3] = b"abc"
        m.madvise(safemap.MADV_WIPEONFORK)
        pid = os.fork()
        if pid == 0:
            os._exit(0 if m[:3] == b"\0\0\0" else 1)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertEqual(m[:3], b"abc")
