"""Tests of maps that grow: append, growth beside buffers, windows, drop_behind."""

import errno
import io
import os
import re
import sys
import threading
import unittest

from support import PAGE, WINDOWS, FileCase, run_threads, succeed, unix_only

import safemap

MIB = 1 << 20
NO_RESERVE = "a file cannot be mapped beyond its end"


class GrowthCase(FileCase):
    def open(self, content, mode="r+", *args, **keywords):
        """Maps a new file until the test ends."""
        m = safemap.open(self.path(content), mode, *args, **keywords)
        self.addCleanup(m.close, detach=True)
        return m


class Append(GrowthCase):
    def test_append_returns_the_offset_and_keeps_the_position(self):
        m = self.open(b"abc")
        m.seek(1)
        self.assertEqual((m.append(b"de"), m.append(b""), m.append(bytearray(PAGE))), (3, 5, 5))
        self.assertEqual((m[:5], len(m), m.tell()), (b"abcde", 5 + PAGE, 1))
        self.assertEqual(self.latest_content(), b"abcde" + bytes(PAGE))

    def test_a_reader_sees_what_was_appended(self):
        m = self.open(b"")
        reader = safemap.open(self.latest)
        self.addCleanup(reader.close)
        for text in (b"one\n", b"two\n" * PAGE, b"three\n"):
            at = m.append(text)
            self.assertEqual((reader.refresh(), reader[at:]), (len(m), text))

    def test_append_needs_the_end_of_the_file(self):
        m = self.open(b"abc")
        with open(self.latest, "ab") as file:
            file.write(b"d")
        with self.assertRaisesRegex(io.UnsupportedOperation, "refresh"):
            m.append(b"x")
        m.refresh()
        self.assertEqual((m.append(b"e"), self.latest_content()), (4, b"abcde"))

    def test_maps_that_cannot_append(self):
        for data in (b"x", b""):
            self.assertRaises(TypeError, self.open(b"abc", "r").append, data)
        if not WINDOWS:
            m = self.open(b"abc", "r", reserve=MIB)
            with memoryview(m):
                self.assertRaises(TypeError, m.append, b"x")
        self.assertRaises(io.UnsupportedOperation, self.open(b"abc", "c").append, b"x")
        m = self.open(b"abc")
        self.assertRaises(TypeError, m.append, "text")
        m.close()
        self.assertRaises(ValueError, m.append, b"x")

    @unix_only("a file opened for appending only cannot be mapped")
    def test_a_descriptor_that_appends_is_refused(self):
        with open(self.path(b"abc"), "a+b") as file, safemap.open(file, "r+") as m:
            self.assertRaises(io.UnsupportedOperation, m.append, b"x")
            m.seek(0, 2)
            self.assertRaises(io.UnsupportedOperation, m.write, b"x")
        self.assertEqual(self.latest_content(), b"abc")

    def test_a_map_with_a_size_appends_too(self):
        m = self.open(b"abc", "r+", 3)
        self.assertEqual((m.append(b"d"), m[:]), (3, b"abcd"))
        m.seek(4)
        self.assertRaises(ValueError, m.write, b"e")

    def test_threads_append_in_turns(self):
        m = self.open(b"")

        def append(_):
            for _ in range(200):
                m.append(b"%d\n" % threading.get_ident() * 5)

        run_threads(append, *range(4))
        self.assertEqual(len(m[:].split(b"\n")), 4 * 200 * 5 + 1)

    @unix_only("there is no such limit")
    def test_a_refused_append_changes_nothing(self):
        succeed(
            self,
            """
            import errno, resource, safemap, tempfile, os
            resource.setrlimit(resource.RLIMIT_FSIZE, (10000, 10000))
            path = os.path.join(tempfile.mkdtemp(), "file")
            with safemap.open(path, "w+") as m:
                m.append(b"abc")
                m.seek(3)
                for call in (m.append, m.write):
                    try:
                        call(bytes(9998))
                    except OSError as error:
                        assert error.errno == errno.EFBIG, error
                    else:
                        raise AssertionError
                assert m[:] == b"abc" and os.path.getsize(path) == 3
            os.remove(path)
            """,
        )


class Behind(GrowthCase):
    """Maps that are behind, because another process has made the file longer."""

    def test_a_write_past_the_end_keeps_what_was_appended(self):
        m = self.open(b"a" * 100)
        with open(self.latest, "ab") as file:
            file.write(b"b" * 900)
        m.seek(100)
        m.write(b"c" * 10)
        self.assertEqual((len(m), m[100:]), (110, b"c" * 10))
        self.assertEqual(self.latest_content(), b"a" * 100 + b"c" * 10 + b"b" * 890)
        # The control.
        m.resize(111)
        self.assertEqual(len(self.latest_content()), 111)


@unix_only(NO_RESERVE)
class Reserve(GrowthCase):
    def test_a_map_grows_beside_buffers_within_its_reserve(self):
        m = self.open(b"abc", reserve=MIB)
        reader = safemap.open(self.latest, reserve=MIB)
        self.addCleanup(reader.close, detach=True)
        view, seen = memoryview(m), memoryview(reader)
        m.append(b"de")
        m.seek(4)
        m.write(b"fgh")
        m.write_byte(ord("i"))
        m.resize(MIB)
        self.assertEqual((reader.refresh(), reader[:9], len(m)), (MIB, b"abcdfghi\0", MIB))
        view[0] = ord("x")
        self.assertEqual((bytes(view), bytes(seen)), (b"xbc", b"xbc"))
        self.assertEqual((m[:5], reader[0]), (b"xbcdf", ord("x")))

    def test_other_changes_raise_a_buffer_error_with_a_note(self):
        m = self.open(bytes(PAGE), reserve=2 * PAGE)
        views = [memoryview(m), memoryview(m)]
        m.seek(0, 2)
        calls = (m.resize, 5), (m.resize, 1000 * PAGE), (m.append, bytes(9 * PAGE)), (m.truncate, 3)
        for call, argument in (*calls, (m.write, bytes(9 * PAGE))):
            with self.assertRaises(BufferError) as caught:
                call(argument)
            text = "mmap can't resize with extant buffers exported."
            self.assertEqual(str(caught.exception), text)
            (note,) = caught.exception.__notes__
            self.assertRegex(note, f"^2 buffers exist .* reserve of {2 * PAGE} bytes")
        self.assertEqual((len(m), len(views[1])), (PAGE, PAGE))
        del views, call, calls
        m.resize(5)

    def test_without_a_reserve_no_call_changes_the_length(self):
        m = self.open(b"abc")
        with memoryview(m):
            for call in (lambda: m.append(b"d"), lambda: m.resize(4), m.refresh):
                with self.assertRaises(BufferError) as caught:
                    call()
                self.assertRegex(caught.exception.__notes__[0], "^1 buffer exists .* a reserve")

    def test_a_copy_on_write_map_has_no_reserve(self):
        self.assertRaises(io.UnsupportedOperation, self.open, b"abc", "c", reserve=MIB)

    def test_a_reader_that_keeps_a_view_sees_each_record(self):
        succeed(
            self,
            """
            import os, safemap, sys, tempfile
            COUNT = 3000
            path = os.path.join(tempfile.mkdtemp(), "journal")
            m = safemap.open(path, "w+", reserve=1 << 24)
            children = []
            for _ in range(2):
                children.append(os.fork())
                if children[-1] == 0:
                    reader, at = safemap.open(path, reserve=1 << 24), 0
                    view = memoryview(reader)
                    for number in range(COUNT):
                        expected = b"%d " % number * (number % 50 + 1) + b"\\n"
                        while reader[at : at + len(expected)] != expected:
                            part = reader[at:]
                            assert expected.startswith(part[: len(expected)]), (part, number)
                            reader.refresh()
                        at += len(expected)
                    os._exit(0)
            for number in range(COUNT):
                m.append(b"%d " % number * (number % 50 + 1) + b"\\n")
            for child in children:
                assert os.waitpid(child, 0)[1] == 0
            os.remove(path)
            """,
        )


class Recording(safemap.Map):
    """Records the parts whose pages are released."""

    def _drop(self, start, end):
        self.dropped.append((start, end))
        super()._drop(start, end)


class Windows(GrowthCase):
    def test_windows_are_consecutive_parts(self):
        content = bytes(range(256)) * 100
        m = self.open(content, "r", offset=3)
        for size, start, end in ((1, 0, 9), (1000, 0, None), (7000, 5, 20000), (MIB, 10, 10**9)):
            parts = list(m.windows(size, start, end))
            self.assertEqual(b"".join(parts), content[3:][start:end])
            self.assertTrue(all(len(part) == size for part in parts[:-1]))
        self.assertEqual(list(m.windows(5, len(m))), [])
        del parts
        m.close()

    def test_a_window_that_is_kept_keeps_its_bytes(self):
        m = self.open(os.urandom(5 * MIB))
        m[3] = 7
        parts = list(m.windows(MIB + 1))
        self.assertTrue(b"".join(parts) == m[:] and self.latest_content()[3] == 7)

    def test_an_iterator_holds_no_view(self):
        m = self.open(bytes(100))
        windows = m.windows(10)
        window = next(windows)
        self.assertEqual(m.exports, 1)
        window = next(windows)
        self.assertEqual(m.exports, 1)
        del window
        self.assertEqual(m.exports, 0)
        m.resize(15)
        self.assertEqual(list(windows), [])
        m.close()

    def test_a_map_that_becomes_shorter_ends_the_windows(self):
        m = self.open(bytes(3 * PAGE))
        windows = m.windows(10, 2 * PAGE)
        next(windows).release()
        m.resize(15)
        self.assertEqual(list(windows), [])

    def test_each_page_is_released_once_in_large_pieces(self):
        m = Recording(self.path(bytes(5 * MIB)), "r+")
        m.dropped = []
        for _ in m.windows(MIB // 2, 10):
            pass
        starts, ends = zip(*m.dropped)
        self.assertEqual((starts[0], starts[1:], ends[-1]), (10, ends[:-1], 5 * MIB))
        self.assertGreaterEqual(min(end - start for start, end in m.dropped[:-1]), 2 * MIB)

        # Nothing is released when the map is closed before the iterator.
        windows = m.windows(MIB)
        kept = [next(windows), next(windows)]
        m.close(detach=True)
        windows.close()
        self.assertEqual(len(kept), 2)

    def test_wrong_arguments(self):
        m = self.open(bytes(100), "c")
        self.assertRaises(ValueError, m.windows, 0, drop=False)
        self.assertRaises(io.UnsupportedOperation, m.windows, 10)
        m[0] = 1
        self.assertEqual(list(m.windows(50, drop=False)), [b"\1" + bytes(49), bytes(50)])
        m.close(detach=True)
        self.assertRaises(ValueError, m.windows, 10)

    @unix_only("locked pages cannot be dropped there either")
    def test_a_locked_map_refuses(self):
        m = self.open(bytes(100), lock=True)
        with self.assertRaises(OSError) as caught:
            m.windows(10)
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        list(m.windows(10, drop=False))
        with self.assertRaises(OSError) as caught:
            self.open(bytes(100), lock=True, drop_behind=10)
        self.assertEqual(caught.exception.errno, errno.EINVAL)


def present():
    """Returns how many bytes of files are mapped and present."""
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(r"RssFile:\s+(\d+) kB", status.read()).group(1)) * 1024


@unittest.skipUnless(sys.platform == "linux", "only Linux reports the pages of files")
class Memory(GrowthCase):
    LENGTH = 64 * MIB
    DISTANCE = 4 * MIB

    def most_present(self, steps):
        """Returns by how much the present bytes increase at most, looked at after each step."""
        start, most = present(), 0
        for _ in steps:
            most = max(most, present() - start)
        return max(most, present() - start)

    def check(self, steps):
        """Runs `steps` on a map with and without drop_behind."""
        for distance in (self.DISTANCE, None):
            with safemap.open(self.latest, drop_behind=distance) as m:
                most = self.most_present(steps(m))
            if distance is None:
                self.assertGreater(most, self.LENGTH // 2)
            else:
                self.assertLess(most, self.DISTANCE + 16 * MIB)

    def setUp(self):
        super().setUp()
        self.path((b"x" * 1023 + b"\n") * (self.LENGTH // 1024))

    def test_a_populated_map_is_present(self):
        sizes = []
        for populate in (True, False):
            start = present()
            with safemap.open(self.latest, populate=populate):
                sizes.append(present() - start)
        self.assertGreaterEqual(sizes[0], self.LENGTH)
        self.assertLess(sizes[1], self.LENGTH // 2)

    def test_reads(self):
        self.check(lambda m: iter(lambda: m.read(MIB), b""))
        self.check(lambda m: iter(lambda: m.readinto(bytearray(MIB)), 0))
        self.check(lambda m: iter(lambda: m.reader().readall() and False, False))

    def test_lines(self):
        self.check(lambda m: (1 for i, _ in enumerate(m.lines()) if i % 1000 == 0))
        self.check(lambda m: (1 for i, _ in enumerate(iter(m.readline, b"")) if i % 1000 == 0))

    def test_searches(self):
        self.check(lambda m: (m.find(b"yy") for _ in range(1)))
        self.check(lambda m: self.find_all(m, b"\n"))

    def find_all(self, m, needle):
        at, count = 0, 0
        while (at := m.find(needle, at) + 1) > 0:
            count += 1
            if count % 1000 == 0:
                yield
        self.assertEqual(count, self.LENGTH // 1024)

    def test_windows(self):
        with safemap.open(self.latest) as m:
            sums = (sum(part[::4096]) for part in m.windows(MIB))
            self.assertLess(self.most_present(sums), 8 * MIB)
            sums = (sum(part[::4096]) for part in m.windows(MIB, drop=False))
            self.assertGreater(self.most_present(sums), self.LENGTH // 2)


@unittest.skipUnless(WINDOWS, "a map can have a reserve")
class WithoutReserve(GrowthCase):
    def test_settings_that_have_no_effect_are_refused(self):
        for settings in ({"reserve": MIB}, {"drop_behind": MIB}):
            self.assertRaises(io.UnsupportedOperation, self.open, b"abc", "r", **settings)


if __name__ == "__main__":
    unittest.main()
