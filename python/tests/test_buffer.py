"""Tests of the buffer protocol: views of a map, and bytes-like objects as arguments."""

import array
import binascii
import ctypes
import gc
import hashlib
import io
import re
import struct
import sys
import unittest
import weakref
import zlib

from support import CLOSED, PAGE, FileCase

import safemap

CLOSE_REFUSED = "cannot close exported pointers exist"
RESIZE_REFUSED = "mmap can't resize with extant buffers exported."


class Views(FileCase):
    def test_a_view_reads_and_writes_the_memory(self):
        m = self.map(b"abcdef")
        with memoryview(m) as view:
            self.assertEqual((view.format, view.itemsize, view.ndim, view.nbytes), ("B", 1, 1, 6))
            view[0] = ord("x")
            m[1] = ord("y")
            self.assertEqual((m[:3], bytes(view[:3])), (b"xyc", b"xyc"))

    def test_only_a_read_only_map_gives_read_only_views(self):
        for access in (safemap.ACCESS_READ, safemap.ACCESS_COPY, safemap.ACCESS_WRITE):
            m = self.map(b"abc", 0, access=access)
            with memoryview(m) as view:
                self.assertEqual(view.readonly, access == safemap.ACCESS_READ)

    def test_a_read_only_map_cannot_be_packed_into(self):
        m = self.map(b"abcd", 0, access=safemap.ACCESS_READ)
        with self.assertRaises(TypeError):
            struct.pack_into("<H", m, 0, 1)

    def test_close_and_resize_fail_and_change_nothing_while_a_view_exists(self):
        m = self.map(b"abcdef")
        views = [memoryview(m), memoryview(m)[2:4], memoryview(m).cast("H")]
        for view in views:
            with self.assertRaisesRegex(BufferError, CLOSE_REFUSED):
                m.close()
            with self.assertRaisesRegex(BufferError, RESIZE_REFUSED):
                m.resize(3)
            self.assertEqual((m[:], m.size(), m.closed), (b"abcdef", 6, False))
            view.release()
        del views, view
        gc.collect()
        m.resize(3)
        m.close()

    def test_leaving_a_with_block_raises_and_keeps_the_map_while_a_view_exists(self):
        m = self.map(b"abc")
        with self.assertRaisesRegex(BufferError, CLOSE_REFUSED):
            with m:
                view = memoryview(m)
        self.assertEqual(bytes(view), b"abc")
        view.release()

    def test_a_view_keeps_the_map_alive_after_its_last_reference(self):
        m = safemap.mmap(self.descriptor(b"abc"), 0)
        reference, view = weakref.ref(m), memoryview(m)
        del m
        gc.collect()
        self.assertEqual(bytes(view), b"abc")
        self.assertIs(view.obj, reference())
        view.release()
        del view
        gc.collect()
        self.assertIsNone(reference())

    def test_a_view_of_a_closed_map_is_refused(self):
        m = self.anonymous()
        m.close()
        with self.assertRaisesRegex(ValueError, CLOSED):
            memoryview(m)

    @unittest.skipIf(sys.version_info < (3, 12), "__buffer__ came with Python 3.12")
    def test_the_buffer_method_returns_a_view(self):
        m = self.map(b"abc")
        view = m.__buffer__(0)
        self.assertEqual(bytes(view), b"abc")
        with self.assertRaises(BufferError):
            m.close()
        view.release()
        m.close()

    def test_a_refused_view_does_not_keep_the_map_from_closing(self):
        m = self.map(b"abc", 0, access=safemap.ACCESS_READ)
        calls = [
            lambda: (ctypes.c_char * 2).from_buffer(m),
            lambda: struct.pack_into("B", m, 0, 1),
            lambda: io.BytesIO(b"x").readinto(m),
        ]
        for call in calls:
            with self.assertRaises((TypeError, BufferError, ValueError)):
                call()
        m.close()

    def test_a_view_made_after_a_resize_shows_the_resized_map(self):
        m = self.map(b"abc")
        m.resize(100 * PAGE)
        with memoryview(m) as view:
            view[99 * PAGE] = 7
            self.assertEqual((m[99 * PAGE], m[:3]), (7, b"abc"))


class Consumers(FileCase):
    """Libraries that accept a buffer."""

    def closes(self, m):
        """Checks that no view of the map is left."""
        gc.collect()
        m.close()

    def test_struct(self):
        m = self.map(bytes(16))
        struct.pack_into("<QI", m, 2, 1 << 40, 7)
        self.assertEqual(struct.unpack_from("<QI", m, 2), (1 << 40, 7))

    def test_regular_expressions(self):
        m = self.map(b"one two\nthree four\n" * 100)
        self.assertEqual(len(re.findall(rb"^\w+ (four)$", m, re.M)), 100)
        self.assertEqual(re.search(rb"three", m).start(), 8)
        self.closes(m)

    def test_checksums(self):
        data = bytes(range(256)) * 50
        m = self.map(data)
        self.assertEqual(hashlib.sha256(m).digest(), hashlib.sha256(data).digest())
        self.assertEqual(zlib.crc32(m), zlib.crc32(data))
        self.assertEqual(binascii.crc32(m), binascii.crc32(data))

    def test_arrays_and_bytes(self):
        m = self.map(b"abcdef")
        self.assertEqual((bytes(m), bytearray(m)), (b"abcdef", b"abcdef"))
        self.assertEqual(b"".join([m, m]), b"abcdefabcdef")
        numbers = array.array("H")
        numbers.frombytes(m)
        self.assertEqual(numbers.tobytes(), b"abcdef")
        m.close()

    def test_ctypes(self):
        m = self.map(b"abcdef")
        letters = (ctypes.c_char * 3).from_buffer(m, 1)
        letters[0] = b"x"
        self.assertEqual(m[:], b"axcdef")
        with self.assertRaises(BufferError):
            m.close()
        del letters
        self.closes(m)

    def test_a_file_object_reads_into_a_map_and_writes_it(self):
        m = self.map(bytes(8))
        self.assertEqual(io.BytesIO(b"abcdefghijk").readinto(m), 8)
        out = io.BytesIO()
        out.write(m)
        self.assertEqual((m[:], out.getvalue()), (b"abcdefgh", b"abcdefgh"))

    def test_text_io_wrapper_accepts_a_subclass(self):
        class Readable(safemap.mmap):
            def readable(self):
                return True

            def writable(self):
                return False

            def read1(self, n):
                return self.read(n)

        fd = self.descriptor("grün\nblau\n".encode())
        m = Readable(fd, 0, access=safemap.ACCESS_READ)
        text = io.TextIOWrapper(m, encoding="utf-8")
        self.assertEqual((text.readline(), text.read()), ("grün\n", "blau\n"))
        text.close()
        self.assertTrue(m.closed)

    def test_numpy(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        m = self.map(bytes(80))
        numbers = numpy.frombuffer(m, dtype="<i8")
        numbers[3] = 5
        self.assertEqual(m[24], 5)
        with self.assertRaises(BufferError):
            m.close()
        del numbers
        self.closes(m)


class Arguments(FileCase):
    def calls(self, m):
        """The operations that take a bytes-like object."""
        return m.write, m.find, m.rfind, lambda value: m.__setitem__(slice(0, 3), value)

    def test_every_bytes_like_type_can_be_written_and_found(self):
        values = [b"abc", bytearray(b"abc"), memoryview(b"abc"), array.array("B", b"abc")]
        values += [(ctypes.c_char * 3)(*b"abc"), memoryview(b"xabcx")[1:4], self.map(b"abc")]
        for value in values:
            m = self.anonymous(10)
            m.seek(2)
            self.assertEqual(m.write(value), 3)
            self.assertEqual((m[:6], m.find(value, 0), m.rfind(value, 0)), (b"\0\0abc\0", 2, 2))
            m[5:8] = value
            self.assertEqual((m[5:8], m.rfind(value, 0)), (b"abc", 5))

    def test_an_argument_that_is_not_bytes_like_is_refused(self):
        m = self.anonymous(10)
        for value in ("abc", None, 3, [97], 1.5):
            with self.subTest(value):
                for call in self.calls(m):
                    with self.assertRaisesRegex(TypeError, "a bytes-like object is required, not"):
                        call(value)

    def test_a_buffer_that_is_not_contiguous_is_refused(self):
        m = self.anonymous(10)
        for call in self.calls(m):
            with self.assertRaisesRegex(BufferError, "not C-contiguous"):
                call(memoryview(b"abcdef")[::2])

    def test_an_argument_buffer_is_released_after_the_call(self):
        m, value = self.anonymous(10), bytearray(b"abc")
        for call in self.calls(m):
            call(value)
        failing = [
            lambda: m.__setitem__(slice(0, 2), value),
            lambda: (m.seek(9), m.write(value)),
            lambda: m.find(value, "x"),
        ]
        for call in failing:
            with self.assertRaises(Exception):
                call()
        value.extend(b"extend raises BufferError while a buffer is exported")
