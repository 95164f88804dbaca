"""The buffer: views of the memory, what they forbid meanwhile, and who works on them."""

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

from support import PAGE, FileCase

import safemap

HELD_CLOSE = "cannot close exported pointers exist"
HELD_RESIZE = "mmap can't resize with extant buffers exported."


class Views(FileCase):
    def test_a_view_shows_the_memory_and_changes_it(self):
        m = self.map(b"abcdef")
        with memoryview(m) as view:
            self.assertEqual((view.format, view.itemsize, view.ndim, view.nbytes), ("B", 1, 1, 6))
            view[0] = ord("x")
            m[1] = ord("y")
            self.assertEqual((m[:3], bytes(view[:3])), (b"xyc", b"xyc"))

    def test_only_a_read_only_map_gives_read_only_views(self):
        for access, readonly in ((safemap.ACCESS_READ, True), (safemap.ACCESS_COPY, False), (safemap.ACCESS_WRITE, False)):
            m = self.map(b"abc", 0, access=access)
            with memoryview(m) as view:
                self.assertEqual(view.readonly, readonly)

    def test_a_read_only_map_cannot_be_packed_into(self):
        m = self.map(b"abcd", 0, access=safemap.ACCESS_READ)
        with self.assertRaises(TypeError):
            struct.pack_into("<H", m, 0, 1)

    def test_a_map_cannot_be_closed_or_resized_while_a_view_lives_and_nothing_changes(self):
        m = self.map(b"abcdef")
        views = [memoryview(m), memoryview(m)[2:4], memoryview(m).cast("H")]
        for view in views:
            with self.assertRaisesRegex(BufferError, HELD_CLOSE):
                m.close()
            with self.assertRaisesRegex(BufferError, HELD_RESIZE):
                m.resize(3)
            self.assertEqual((m[:], m.size(), m.closed), (b"abcdef", 6, False))
            view.release()
        del views, view
        gc.collect()
        m.resize(3)
        m.close()

    def test_leaving_a_with_while_a_view_lives_raises_and_keeps_the_map(self):
        m = self.map(b"abc")
        with self.assertRaisesRegex(BufferError, HELD_CLOSE):
            with m:
                view = memoryview(m)
        self.assertEqual(bytes(view), b"abc")
        view.release()

    def test_a_view_keeps_the_memory_after_the_last_name_of_the_map_is_gone(self):
        m = safemap.mmap(self.descriptor(b"abc"), 0)
        r, view = weakref.ref(m), memoryview(m)
        del m
        gc.collect()
        self.assertEqual(bytes(view), b"abc")
        self.assertIs(view.obj, r())
        view.release()
        del view
        gc.collect()
        self.assertIsNone(r())

    def test_a_view_of_a_closed_map_cannot_be_had(self):
        m = self.anonymous()
        m.close()
        with self.assertRaisesRegex(ValueError, "mmap closed or invalid"):
            memoryview(m)

    @unittest.skipIf(sys.version_info < (3, 12), "__buffer__ came with Python 3.12")
    def test_the_buffer_can_be_had_by_its_method(self):
        m = self.map(b"abc")
        view = m.__buffer__(0)
        self.assertEqual(bytes(view), b"abc")
        with self.assertRaises(BufferError):
            m.close()
        view.release()
        m.close()

    def test_a_refused_view_leaves_no_count_behind(self):
        m = self.map(b"abc", 0, access=safemap.ACCESS_READ)
        wrongs = [
            lambda: (ctypes.c_char * 2).from_buffer(m),
            lambda: struct.pack_into("B", m, 0, 1),
            lambda: io.BytesIO(b"x").readinto(m),
        ]
        for wrong in wrongs:
            with self.assertRaises((TypeError, BufferError, ValueError)):
                wrong()
        m.close()

    def test_resizing_by_one_who_is_no_view_of_it_moves_nothing_under_a_later_one(self):
        m = self.map(b"abc")
        m.resize(100 * PAGE)
        with memoryview(m) as view:
            view[99 * PAGE] = 7
            self.assertEqual((m[99 * PAGE], m[:3]), (7, b"abc"))


class Users(FileCase):
    def test_struct(self):
        m = self.map(bytes(16))
        struct.pack_into("<QI", m, 2, 1 << 40, 7)
        self.assertEqual(struct.unpack_from("<QI", m, 2), (1 << 40, 7))

    def test_regular_expressions(self):
        m = self.map(b"one two\nthree four\n" * 100)
        self.assertEqual(len(re.findall(rb"^\w+ (four)$", m, re.M)), 100)
        self.assertEqual(re.search(rb"three", m).start(), 8)
        gc.collect()
        m.close()

    def test_checksums(self):
        data = bytes(range(256)) * 50
        m = self.map(data)
        self.assertEqual(hashlib.sha256(m).digest(), hashlib.sha256(data).digest())
        self.assertEqual((zlib.crc32(m), binascii.crc32(m)), (zlib.crc32(data), binascii.crc32(data)))

    def test_arrays_and_bytes(self):
        m = self.map(b"abcdef")
        self.assertEqual((bytes(m), bytearray(m), b"".join([m, m])), (b"abcdef", b"abcdef", b"abcdefabcdef"))
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
        gc.collect()
        m.close()

    def test_files_read_into_it_and_write_it(self):
        m = self.map(bytes(8))
        self.assertEqual(io.BytesIO(b"abcdefghijk").readinto(m), 8)
        out = io.BytesIO()
        out.write(m)
        self.assertEqual((m[:], out.getvalue()), (b"abcdefgh", b"abcdefgh"))

    def test_it_can_be_wrapped_as_text(self):
        class Readable(safemap.mmap):
            def readable(self):
                return True

            def writable(self):
                return False

            def read1(self, n):
                return self.read(n)

        m = Readable(self.descriptor("grün\nblau\n".encode()), 0, access=safemap.ACCESS_READ)
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
        gc.collect()
        m.close()


class Arguments(FileCase):
    def test_every_kind_of_bytes_can_be_written_and_found(self):
        kinds = [b"abc", bytearray(b"abc"), memoryview(b"abc"), array.array("B", b"abc"), (ctypes.c_char * 3)(*b"abc")]
        kinds += [memoryview(b"xabcx")[1:4], self.map(b"abc")]
        for kind in kinds:
            m = self.anonymous(10)
            m.seek(2)
            self.assertEqual(m.write(kind), 3)
            self.assertEqual((m[:6], m.find(kind, 0), m.rfind(kind, 0)), (b"\0\0abc\0", 2, 2))
            m[5:8] = kind
            self.assertEqual((m[5:8], m.rfind(kind, 0)), (b"abc", 5))

    def test_what_is_no_bytes_is_refused(self):
        m = self.anonymous(10)
        for wrong in ("abc", None, 3, [97], 1.5):
            with self.subTest(wrong):
                for call in (m.write, m.find, m.rfind, lambda w: m.__setitem__(slice(0, 3), w)):
                    with self.assertRaisesRegex(TypeError, "a bytes-like object is required, not"):
                        call(wrong)

    def test_bytes_with_gaps_are_refused(self):
        m = self.anonymous(10)
        for call in (m.write, m.find, m.rfind, lambda w: m.__setitem__(slice(0, 3), w)):
            with self.assertRaisesRegex(BufferError, "not C-contiguous"):
                call(memoryview(b"abcdef")[::2])

    def test_a_buffer_that_was_given_is_given_back(self):
        m, given = self.anonymous(10), bytearray(b"abc")
        m.write(given), m.find(given), m.rfind(given), m.__setitem__(slice(0, 3), given)
        for wrong in (lambda: m.__setitem__(slice(0, 2), given), lambda: (m.seek(9), m.write(given)), lambda: m.find(given, "x")):
            with self.assertRaises(Exception):
                wrong()
        given.extend(b"this raises BufferError while it is held")


if __name__ == "__main__":
    unittest.main()
