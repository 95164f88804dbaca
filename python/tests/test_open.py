"""Tests of safemap.open and of what the class Map adds to mmap, except streams."""

import copy
import io
import mmap as standard
import os
import pathlib
import pickle
import sys
import unittest
import warnings

from support import (
    NO_TRUNCATION,
    PAGE,
    WINDOWS,
    FileCase,
    open_files,
    run_threads,
    succeed,
    unix_only,
)

import safemap


# A true object, where maps can be repaired.
REPAIR = "" if WINDOWS else "yes"


class OpenCase(FileCase):
    def open(self, path, *args, **keywords):
        """Maps a file until the test ends."""
        m = safemap.open(path, *args, **keywords)
        self.addCleanup(m.close, detach=True)
        return m


class Modes(OpenCase):
    def test_r_is_read_only(self):
        m = self.open(self.path(b"abc"))
        self.assertEqual((m[:], m.access, m.writable()), (b"abc", safemap.ACCESS_READ, False))
        for change in (lambda: m.write(b"x"), lambda: m.resize(1), lambda: m.__setitem__(0, 1)):
            self.assertRaises(TypeError, change)
        self.assertRaises(io.UnsupportedOperation, m.truncate, 1)

    def test_r_plus_changes_the_file(self):
        with self.open(self.path(b"abc"), "r+") as m:
            m[0] = ord("x")
        self.assertEqual(self.latest_content(), b"xbc")

    def test_w_plus_starts_empty_and_grows(self):
        for size in (None, 0):
            with self.open(self.path(b"abc"), "w+", size) as m:
                self.assertEqual(len(m), 0)
                m.write(b"new")
            self.assertEqual(self.latest_content(), b"new")

    def test_x_plus_creates_the_file(self):
        path = os.path.join(self.folder, "new")
        with self.open(path, "x+", 3) as m:
            self.assertEqual(m[:], bytes(3))
        self.assertRaises(FileExistsError, safemap.open, path, "x+")
        self.assertRaises(ValueError, safemap.open, self.descriptor(), "x+")

    def test_c_keeps_changes_in_memory(self):
        os.chmod(self.path(b"abc"), 0o444)
        m = self.open(self.latest, "c")
        m[0] = ord("x")
        self.assertEqual((m[:], self.latest_content()), (b"xbc", b"abc"))
        self.assertRaises(TypeError, m.resize, 1)
        self.assertRaises(ValueError, m.write, b"abcd")

    def test_an_unknown_mode_is_a_value_error(self):
        text = "mode must be r, .*; to create a file or keep the one that exists, use r.* with"
        with self.assertRaisesRegex(ValueError, text):
            safemap.open(self.path(), "a")

    def test_a_missing_file_is_an_error_with_its_name(self):
        for mode in ("r", "r+", "c"):
            with self.assertRaises(FileNotFoundError) as raised:
                safemap.open(os.path.join(self.folder, "missing"), mode)
            self.assertTrue(raised.exception.filename.endswith("missing"))


class Creating(OpenCase):
    def test_a_missing_file_is_created_and_an_existing_one_kept(self):
        path = os.path.join(self.folder, "new")
        with self.open(path, "r+", create=True) as m:
            self.assertEqual((m.name, repr(m).split()[2], len(m)), (path, "mode='r+'", 0))
            m.write(b"abc")
        for name in (path, os.fsencode(path), pathlib.Path(path)):
            with self.open(name, "r+", create=True) as m:
                self.assertEqual((m.name, m[:]), (os.fspath(name), b"abc"))

    def test_a_size_is_that_of_a_new_file_and_extends_an_old_one(self):
        path = os.path.join(self.folder, "new")
        for size in (3, 5, 4):
            with self.open(path, "r+", size, create=True) as m:
                self.assertEqual(m[:], bytes(size))
        self.assertEqual(os.path.getsize(path), 5)

    def test_as_io_open_does(self):
        path = os.path.join(self.folder, "new")
        self.open(path, "r+", create=True)
        with open(os.path.join(self.folder, "other"), "w+b") as file:
            self.assertEqual(os.stat(path).st_mode, os.fstat(file.fileno()).st_mode)
        with self.assertRaises(OSError) as ours:
            safemap.open(self.folder, "r+", create=True)
        with self.assertRaises(OSError) as theirs:
            open(self.folder, "a+b")
        self.assertEqual(repr(ours.exception), repr(theirs.exception))
        self.assertEqual(ours.exception.filename, theirs.exception.filename)

    def test_a_created_map_is_pickled_without_creating_it_again(self):
        path = os.path.join(self.folder, "new")
        with self.open(path, "r+", 3, create=True) as m:
            pickled = pickle.dumps(m)
        os.unlink(path)
        self.assertRaises(FileNotFoundError, pickle.loads, pickled)

    def test_it_is_for_one_mode_and_for_paths(self):
        for mode in ("r", "w+", "x+", "c"):
            with self.assertRaisesRegex(ValueError, r"create=True needs the mode r\+"):
                safemap.open(os.path.join(self.folder, "new"), mode, create=True)
        with open(self.path(b"abc"), "r+b") as file:
            for it in (file, file.fileno()):
                with self.assertRaisesRegex(ValueError, "create=True needs a path"):
                    safemap.open(it, "r+", create=True)
        self.assertEqual(os.listdir(self.folder), ["file"])

    def test_processes_that_create_at_the_same_time_share_the_file(self):
        code = """
            import os, safemap, sys
            folder, me = sys.argv[1], int(sys.argv[2])
            path = os.path.join(folder, "ready")
            with safemap.open(path, "r+", 16, create=True) as ready:
                ready[me] = 1
                while sum(ready[:]) < 3:
                    pass
            for i in range(1000):
                with safemap.open(os.path.join(folder, str(i)), "r+", 16, create=True) as m:
                    m[me] = 1
        """
        run_threads(lambda me: succeed(self, code, self.folder, str(me)), 0, 1, 2)
        for i in range(1000):
            with open(os.path.join(self.folder, str(i)), "rb") as file:
                self.assertEqual(file.read(), b"\1\1\1" + bytes(13))


class Sizes(OpenCase):
    def test_every_offset_is_allowed(self):
        data = os.urandom(3 * PAGE)
        path = self.path(data)
        for offset in (0, 1, PAGE - 1, PAGE, 2 * PAGE + 1, 3 * PAGE):
            for mode in ("r", "r+", "c"):
                m = self.open(path, mode, offset=offset)
                self.assertEqual((m[:], m.offset), (data[offset:], offset))
                m = self.open(path, mode, 3 * PAGE - offset, offset=offset)
                self.assertEqual(m[:], data[offset:])

    def test_a_size_beyond_the_file_names_both_numbers(self):
        path = self.path(b"0123456789")
        for mode in ("r", "c"):
            with self.assertRaisesRegex(ValueError, "100.*7 bytes of the file from offset 3$"):
                safemap.open(path, mode, 100, offset=3)
            with self.assertRaisesRegex(ValueError, "100.*10 bytes of the file$"):
                safemap.open(path, mode, 100)
        with self.assertRaisesRegex(ValueError, "11.*10 bytes"):
            safemap.open(path, offset=11)

    def test_a_size_beyond_the_file_extends_it(self):
        with self.open(self.path(b"ab"), "r+", 4) as m:
            self.assertEqual(m[:], b"ab\0\0")
        self.assertEqual(self.latest_content(), b"ab\0\0")

    @unix_only("the size fits")
    def test_a_file_that_was_extended_in_vain_has_its_old_length(self):
        self.assertRaises(OSError, safemap.open, self.path(b"ab"), "r+", 1 << 62)
        self.assertEqual(self.latest_content(), b"ab")

    def test_with_a_size_the_length_is_fixed_until_resize(self):
        m = self.open(self.path(b"abc"), "r+", 3)
        self.assertRaises(ValueError, m.write, b"abcd")
        self.assertRaises(io.UnsupportedOperation, m.truncate, 1)
        self.assertRaises(io.UnsupportedOperation, m.refresh)
        m.resize(5)
        self.assertEqual(m[:], b"abc\0\0")

    def test_without_a_size_a_write_past_the_end_makes_the_file_longer(self):
        for offset in (0, 1):
            m = self.open(self.path(b"abc"), "r+", offset=offset)
            m.seek(1)
            self.assertEqual(m.write(b"X" * 2 * PAGE), 2 * PAGE)
            self.assertEqual(m.tell(), 2 * PAGE + 1)
            m.write_byte(ord("!"))
            expected = b"abc"[: offset + 1] + b"X" * 2 * PAGE + b"!"
            self.assertEqual((m[:], self.latest_content()), (expected[offset:], expected))

    def test_truncate_changes_the_length_and_not_the_position(self):
        m = self.open(self.path(b"0123456789"), "r+")
        m.seek(4)
        self.assertEqual((m.truncate(), len(m), m.tell()), (4, 4, 4))
        self.assertEqual((m.truncate(2), m.tell(), m.read()), (2, 4, b""))
        m.write(b"x")
        self.assertEqual(m[:], b"01\0\0x")
        self.assertEqual((m.truncate(0), len(m)), (0, 0))
        self.assertRaises(ValueError, m.truncate, -1)

    def test_every_method_works_on_an_empty_map(self):
        m = self.open(self.path(), "r+")
        self.assertEqual(
            (len(m), m[:], m.read(), m.readline(), m.find(b"x")), (0, b"", b"", b"", -1)
        )
        self.assertEqual((list(m.lines()), m.tell(), m.size(), m.refresh()), ([], 0, 0, 0))
        self.assertTrue(m)
        if not WINDOWS:
            m.madvise(safemap.MADV_WILLNEED)
        m.flush()
        m.verify()
        with memoryview(m) as view:
            self.assertEqual(view.tobytes(), b"")
        self.assertRaises(IndexError, lambda: m[0])
        m.resize(3)
        self.assertEqual(m[:], bytes(3))
        m.resize(0)
        self.assertEqual(m[:], b"")

    def test_refresh_follows_the_file(self):
        m = self.open(self.path(b"abc"), offset=1)
        with open(self.latest, "ab") as file:
            file.write(b"defg" * PAGE)
        self.assertEqual(m[:], b"bc")
        self.assertEqual((m.refresh(), m[:6]), (2 + 4 * PAGE, b"bcdefg"))
        with memoryview(m), self.assertRaises(BufferError):
            with open(self.latest, "ab") as file:
                file.write(b"more")
            m.refresh()

    @unix_only(NO_TRUNCATION)
    def test_refresh_follows_a_file_that_becomes_shorter(self):
        m = self.open(self.path(b"abcdef"))
        os.truncate(self.latest, 2)
        self.assertEqual((m.refresh(), m[:]), (2, b"ab"))

    def test_pages_of_a_map_that_does_not_start_with_one(self):
        m = self.open(self.path(bytes(3 * PAGE)), "r+", offset=100)
        for start in (0, 9, PAGE - 100, PAGE):
            m.flush(start, 5)
            if not WINDOWS:
                m.madvise(safemap.MADV_WILLNEED, start, 5)
        m.protect(1, PAGE - 100, 1)
        self.assertRaises(safemap.FaultError, m.__setitem__, PAGE - 100, 1)
        m[PAGE - 101] = m[2 * PAGE - 100] = 1


class Files(OpenCase):
    def test_str_bytes_and_path_like_name_a_file(self):
        path = self.path(b"abc")
        with self.open(path) as m:
            self.assertEqual(m.name, path)
        with self.open(os.fsencode(path)) as m:
            self.assertEqual(m.name, os.fsencode(path))

        class Path:
            def __fspath__(self):
                return path

        with self.open(Path()) as m:
            self.assertEqual((m.name, m[:]), (path, b"abc"))

    def test_a_descriptor_remains_the_callers(self):
        fd = self.descriptor(b"abc")
        with self.open(fd) as m:
            self.assertEqual((m.name, m[:]), (fd, b"abc"))
        os.fstat(fd)
        with self.open(fd, "w+") as m:
            self.assertEqual(os.fstat(fd).st_size, 0)

    def test_a_file_object_is_flushed_and_remains_the_callers(self):
        with open(self.path(b"abc"), "r+b") as file:
            file.write(b"xy")
            with self.open(file, "r+") as m:
                self.assertEqual((m.name, m[:]), (self.latest, b"xyc"))
            self.assertFalse(file.closed)

    def test_nothing_stays_open(self):
        path, before = self.path(b"abc"), open_files()
        with self.open(path) as m:
            self.assertEqual(m[:], b"abc")
        for bad in ({"size": 10}, {"offset": 10}, {"advise": "x"}):
            self.assertRaises(ValueError, safemap.open, path, **bad)
        self.assertEqual(open_files(), before)

    def test_an_opened_file_is_closed_without_a_warning(self):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.open(self.path(b"abc")).close()
        self.assertEqual(caught, [])

    @unix_only("the system does not ask how the file is open")
    def test_an_error_of_the_system_names_the_file(self):
        fd = self.opened(self.path(b"abc"), os.O_WRONLY)
        with self.assertRaises(PermissionError) as caught:
            safemap.open(fd)
        self.assertEqual(caught.exception.filename, fd)

    @unittest.skipUnless(sys.platform == "linux", "Linux has these files")
    def test_files_without_a_length_are_refused(self):
        with self.assertRaises(io.UnsupportedOperation) as raised:
            safemap.open("/proc/version")
        text = "/proc/version has no length; read it with open()"
        self.assertEqual(str(raised.exception), text)
        for path in ("/sys/kernel/mm/transparent_hugepage/enabled", "/dev/null"):
            if os.path.exists(path):
                self.assertRaisesRegex(io.UnsupportedOperation, path, safemap.open, path)

    def test_no_file_is_an_error(self):
        for file in (None, 3.5, [], b"a\0b", "a\0b"):
            self.assertRaises((TypeError, ValueError), safemap.open, file)
        for fd in (-1, 1 << 20):
            self.assertRaises(OSError, safemap.open, fd)
        self.assertRaises(OSError, safemap.open, self.folder)

    def test_other_refusals_keep_their_reason(self):
        path = self.path(bytes(10))
        # A private map cannot grow; on Windows no file is mapped beyond its end.
        with self.assertRaisesRegex(io.UnsupportedOperation, "cannot .*: no reserve"):
            safemap.open(path, "c", reserve=1 << 20)

    def test_switches_take_the_truth_value_of_any_object(self):
        path = self.path(b"ab\nab\n")
        m = self.open(path, "r+", populate=[1], lock=0, allocate=1, repair=REPAIR)
        self.assertEqual(list(m.lines(keepends=0, numbered=1))[0], (1, 0, b"ab"))
        self.assertEqual(list(m.find_iter(b"ab", overlapping="")), [0, 3])
        self.assertEqual(len(list(m.windows(4, drop=None))), 2)
        view = memoryview(m)
        m.close(detach=1)
        self.assertEqual(view[0], 97)

        class Undecided:
            def __bool__(self):
                raise KeyError("neither")

        self.assertRaises(KeyError, safemap.open, path, repair=Undecided())

    def test_a_negative_number_is_a_value_error_that_names_it(self):
        m = self.open(self.path(bytes(10)))
        for call in (
            lambda: m.windows(5, -7),
            lambda: m.windows(5, 0, -7),
            lambda: m.windows(-7),
            lambda: m.reader(-7),
            lambda: m.reader(0, -7),
            lambda: safemap.MapIO(m, -7),
            lambda: safemap.open(self.latest, size=-7),
            lambda: safemap.open(self.latest, offset=-7),
            lambda: safemap.open(self.latest, reserve=-7),
            lambda: safemap.open(self.latest, drop_behind=-7),
        ):
            with self.assertRaisesRegex(ValueError, "-7"):
                call()
        for call in (m.reader, lambda start: safemap.open(self.latest, offset=start)):
            self.assertRaises(OverflowError, call, 1 << 63)
        with self.assertRaisesRegex(ValueError, "^end 3 is before start 5$"):
            m.reader(5, 3)

    def test_settings_reach_the_map(self):
        path = self.path(bytes(PAGE))
        self.open(path, advise="willneed", lock=True)
        with self.open(path, "r+", allocate=True) as m:
            m.resize(2 * PAGE)
            if sys.platform == "linux":
                self.assertGreaterEqual(os.stat(path).st_blocks * 512, 2 * PAGE)
        for settings in ({"advise": "sequential"}, {"advise": "random"}, {"reserve": 1 << 30}):
            if WINDOWS:
                self.assertRaises(io.UnsupportedOperation, self.open, path, "r+", **settings)
            else:
                self.open(path, "r+", **settings)
        if not WINDOWS:
            self.assertIsNone(self.open(path, repair=True).damage)


class Objects(OpenCase):
    def test_it_is_a_mmap_whose_items_are_ints(self):
        m = self.open(self.path(b"abc"))
        self.assertIsInstance(m, safemap.mmap)
        self.assertEqual((list(m), list(reversed(m)), 97 in m), ([97, 98, 99], [99, 98, 97], True))
        self.assertEqual((m[0], m[-1], m[1:]), (97, 99, b"bc"))

    def test_repr_shows_what_matters(self):
        m = self.open(self.path(b"abc"), "r+")
        m.seek(2)
        self.assertEqual(repr(m), f"<safemap.Map name={self.latest!r} mode='r+' length=3 pos=2>")
        m.close()
        self.assertEqual(repr(m), f"<safemap.Map name={self.latest!r} mode='r+' closed>")

    @unix_only(NO_TRUNCATION)
    def test_repr_shows_defects(self):
        m = self.open(self.path(bytes(3 * PAGE)), repair=True)
        os.truncate(self.latest, PAGE - 1)
        self.assertIn(f"file is {2 * PAGE + 1} bytes shorter", repr(m))
        self.assertEqual(memoryview(m)[PAGE], 0)
        self.assertIn(f"damaged at {PAGE}", repr(m))
        m = self.open(self.path(bytes(300)), offset=100)
        os.truncate(self.latest, 290)
        self.assertIn("file is 10 bytes shorter", repr(m))

    def test_the_class_mmap_has_no_new_names(self):
        for name in ("fileno", "readable", "writable", "readinto", "truncate", "name", "mode"):
            self.assertFalse(hasattr(safemap.mmap, name), name)
        self.assertFalse(hasattr(safemap.Map, "mode"))

    def test_it_has_no_usable_descriptor(self):
        self.assertRaises(io.UnsupportedOperation, self.open(self.path(b"abc")).fileno)

    def test_a_star_import_gives_the_names_of_the_standard_module_only(self):
        names = {}
        exec("from safemap import *", names)
        names.pop("__builtins__")
        self.assertEqual([name for name in names if not name.isupper()], ["error", "mmap"])
        self.assertNotIn("MAP_HUGETLB", names)


class Closing(OpenCase):
    def test_exports_counts_the_views(self):
        m = self.open(self.path(b"abc"))
        self.assertEqual(m.exports, 0)
        with memoryview(m), memoryview(m):
            self.assertEqual(m.exports, 2)
            self.assertRaises(BufferError, m.close)
        self.assertEqual(m.exports, 0)

    def test_the_exception_of_a_block_is_not_hidden_by_a_view(self):
        with self.assertRaises(KeyError) as caught, self.open(self.path(b"abc"), "r+") as m:
            view = memoryview(m)
            view[0] = ord("x")
            raise KeyError
        self.assertIsNone(caught.exception.__context__)
        self.assertTrue(m.closed)
        self.assertEqual((view.tobytes(), self.latest_content()), (b"xbc", b"xbc"))
        view.release()

    def test_a_view_at_the_end_of_a_block_is_a_buffer_error(self):
        for cls in (safemap.Map, safemap.mmap):
            m = self.map(b"abc") if cls is safemap.mmap else self.open(self.path(b"abc"))
            view = memoryview(m)
            self.assertRaises(BufferError, m.__exit__, None, None, None)
            self.assertFalse(m.closed)
            view.release()

    def test_the_class_mmap_replaces_the_exception_as_the_standard_class_does(self):
        fd = self.descriptor(b"abc")
        for cls in (standard.mmap, safemap.mmap):
            with self.assertRaises(BufferError) as caught, cls(fd, 0) as m:
                view = memoryview(m)
                raise KeyError
            self.assertIs(type(caught.exception.__context__), KeyError)
            self.assertFalse(hasattr(caught.exception, "__notes__"))
            self.assertFalse(m.closed)
            view.release()
            m.close()

    def test_a_detached_map_is_unmapped_with_its_last_view(self):
        path, before = self.path(b"abc"), open_files()
        m = self.open(path)
        first, second = memoryview(m), memoryview(m)
        m.close(detach=True)
        self.assertTrue(m.closed)
        self.assertRaises(ValueError, m.read)
        m.close()
        m.close(detach=True)
        first.release()
        self.assertEqual(second.tobytes(), b"abc")
        if not WINDOWS:
            self.assertEqual(open_files(), before + 1)
        second.release()
        self.assertEqual(open_files(), before)

    def test_detach_closes_a_map_without_views_at_once(self):
        path, before = self.path(b"abc"), open_files()
        m = self.open(path)
        m.close(detach=True)
        self.assertEqual((m.closed, open_files()), (True, before))


class Pickling(OpenCase):
    def copy(self, m):
        again = pickle.loads(pickle.dumps(m))
        self.addCleanup(again.close)
        return again

    def test_a_pickle_opens_the_file_again(self):
        path = self.path(b"0123456789")
        again = self.copy(self.open(path, offset=3))
        self.assertEqual(
            (again[:], again.offset, again.access), (b"3456789", 3, safemap.ACCESS_READ)
        )
        again = self.copy(self.open(path, "r+", 4, offset=3))
        self.assertEqual(again[:], b"3456")
        self.assertRaises(ValueError, again.write, b"too long")

    def test_nothing_is_truncated_or_created(self):
        m = self.open(self.path(), "w+")
        m.write(b"abc")
        again = self.copy(m)
        self.assertEqual(again[:], b"abc")
        again.write(b"xyz!")
        m.refresh()
        self.assertEqual(m[:], b"xyz!")

    def test_a_file_that_has_become_shorter_is_not_extended(self):
        path = self.path(b"0123456789")
        m = self.open(path, "r+", 6, offset=3)
        data = pickle.dumps(m)
        m.close()
        for length, rest in ((8, 5), (2, 0)):
            os.truncate(path, length)
            text = "^size 6 is greater than the {} bytes of the file$".format(rest)
            with self.assertRaisesRegex(ValueError, text):
                pickle.loads(data)
            self.assertEqual(os.path.getsize(path), length)

    def test_another_file_is_a_value_error(self):
        data = pickle.dumps(self.open(self.path(b"abc"), "r+", 3))
        os.replace(
            self.path(b"x", "other"), os.path.join(self.folder, "file")
        ) if not WINDOWS else (self.skipTest("a mapped file cannot be replaced"))
        with self.assertRaisesRegex(ValueError, "is a different file now"):
            pickle.loads(data)
        with open(os.path.join(self.folder, "file"), "rb") as file:
            self.assertEqual(file.read(), b"x")

    def test_a_file_that_is_replaced_during_the_call_is_a_value_error(self):
        reopen, arguments = self.open(self.path(b"abc")).__reduce__()
        other, opened = self.path(b"x", "other"), []

        def replaced(path, *args, **keywords):
            opened.append(safemap.open(other, *args, **keywords))
            return opened[0]

        with self.assertRaisesRegex(ValueError, "is a different file now"):
            reopen(replaced, *arguments[1:])
        self.assertTrue(opened[0].closed)

    @unix_only("the devices differ")
    def test_a_device_has_no_length_to_compare(self):
        self.assertEqual(self.copy(self.open("/dev/zero", "r", 100))[:], bytes(100))

    def test_a_relative_path_is_made_absolute(self):
        self.path(b"abc")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder)
        data = pickle.dumps(self.open("file"))
        os.chdir(before)
        again = pickle.loads(data)
        self.addCleanup(again.close)
        self.assertEqual(again[:], b"abc")

    def test_some_maps_have_no_pickle(self):
        path = self.path(b"abc")
        with open(path, "rb") as file:
            maps = [self.open(path, "c"), self.open(file), self.open(self.opened(path))]
        for m in maps:
            self.assertRaises(TypeError, pickle.dumps, m)

    def test_a_map_is_not_copied(self):
        m = self.open(self.path(b"abc"))
        self.assertRaises(TypeError, copy.copy, m)
        self.assertRaises(TypeError, copy.deepcopy, m)

    def test_a_pool_of_new_processes_takes_maps(self):
        code = """
            import multiprocessing, sys, safemap
            if __name__ == "__main__":
                m = safemap.open(sys.argv[1])
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    print(pool.map(bytes.upper, [m[:]]), pool.map(len, [m]))
        """
        self.assertEqual(succeed(self, code, self.path(b"abc")), "[b'ABC'] [3]\n")


class Subclass(safemap.Map):
    """A subclass for the test below; pickle needs it at the top of a module."""


class Subclasses(OpenCase):
    def test_a_subclass_opens_and_pickles_itself(self):
        with Subclass(self.path(b"abc")) as m:
            again = pickle.loads(pickle.dumps(m))
            self.addCleanup(again.close)
            self.assertEqual((type(again), again[:], list(again)), (Subclass, b"abc", [97, 98, 99]))


if __name__ == "__main__":
    unittest.main()
