"""Tests of maps as Python files: each user of files reads a map and streams of it, at two offsets,
and once more while the file is truncated."""

import array
import bz2
import codecs
import csv
import email
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import shutil
import socket
import sys
import tarfile
import threading
import unittest
import wave
import zipfile
from xml.etree import ElementTree

from support import NO_TRUNCATION, PAGE, WINDOWS, FileCase, run_threads

import safemap

try:
    from compression import zstd
except ImportError:
    zstd = None

# What precedes the content in the file of a map with an offset.
PREFIX = b"#" * 100
ROWS = [[str(number), "text" * 20] for number in range(2000)]


def text_of_rows():
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(ROWS)
    return table.getvalue()


def archive(kind):
    """Returns an archive with one member that cannot be compressed."""
    file, member = io.BytesIO(), os.urandom(8 * PAGE)
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as opened:
            opened.writestr("member", member)
    else:
        with tarfile.open(fileobj=file, mode="w") as opened:
            info = tarfile.TarInfo("member")
            info.size = len(member)
            opened.addfile(info, io.BytesIO(member))
    return file.getvalue()


def sound():
    file = io.BytesIO()
    with wave.open(file, "wb") as opened:
        opened.setparams((1, 2, 8000, 0, "NONE", ""))
        opened.writeframes(os.urandom(8 * PAGE))
    return file.getvalue()


def read_zip(file):
    with zipfile.ZipFile(file) as opened:
        return opened.read("member")


def read_tar(mode):
    def read(file):
        with tarfile.open(fileobj=file, mode=mode) as opened:
            return [opened.extractfile(member).read() for member in opened]

    return read


def read_wave(file):
    with wave.open(file) as opened:
        return opened.getparams(), opened.readframes(opened.getnframes())


def copy_out(file):
    target = io.BytesIO()
    shutil.copyfileobj(file, target)
    return target.getvalue()


def send(file):
    ours, theirs = socket.socketpair()
    received = []
    with ours, theirs:
        receiver = threading.Thread(
            target=lambda: received.extend(iter(lambda: theirs.recv(1 << 16), b""))
        )
        receiver.start()
        try:
            ours.sendfile(file)
        finally:
            ours.shutdown(socket.SHUT_WR)
            receiver.join()
    return b"".join(received)


def array_of(file):
    numbers = array.array("H")
    numbers.fromfile(file, 8 * PAGE // 2)
    return numbers


def with_progress(file):
    """Reads through an object with another `read`, as `tqdm.wrapattr(m, "read")` makes one."""

    class Wrapper:
        def __getattr__(self, name):
            return getattr(file, name)

        def read(self, *arguments):
            data = file.read(*arguments)
            seen.append(len(data))
            return data

    seen = []
    return copy_out(Wrapper()), sum(seen)


def lines_and_positions(file):
    text = io.TextIOWrapper(io.BufferedReader(file), encoding="ascii", newline="")
    first, at = text.readline(), text.tell()
    rest = text.read()
    text.seek(at)
    return first, text.read() == rest, rest


TEXT = text_of_rows().encode()
JSON = json.dumps(ROWS).encode()
MESSAGE = b"Subject: a map\n\n" + TEXT
TABLE = {
    "BufferedReader": (TEXT, lambda file: io.BufferedReader(file).readlines()),
    "BufferedReader.read": (TEXT, lambda file: io.BufferedReader(file).read()),
    "TextIOWrapper": (TEXT, lines_and_positions),
    "zipfile": (archive("zip"), read_zip),
    "tarfile r:": (archive("tar"), read_tar("r:")),
    "tarfile r|": (archive("tar"), read_tar("r|")),
    "csv": (TEXT, lambda file: list(csv.reader(io.TextIOWrapper(file, newline="")))),
    "json": (JSON, json.load),
    "pickle": (pickle.dumps(ROWS), pickle.load),
    "wave": (sound(), read_wave),
    "ElementTree": (
        b"<rows>%s</rows>" % (b"<row>text</row>" * 9000),
        lambda file: ElementTree.tostring(ElementTree.parse(file).getroot()),
    ),
    "codecs": (TEXT, lambda file: codecs.getreader("ascii")(file).read()),
    "gzip": (gzip.compress(os.urandom(8 * PAGE)), lambda file: gzip.GzipFile(fileobj=file).read()),
    "bz2": (bz2.compress(os.urandom(8 * PAGE)), lambda file: bz2.BZ2File(file).read()),
    "lzma": (lzma.compress(os.urandom(8 * PAGE)), lambda file: lzma.LZMAFile(file).read()),
    "copyfileobj": (TEXT, copy_out),
    "file_digest": (TEXT, lambda file: hashlib.file_digest(file, "sha256").hexdigest()),
    "array.fromfile": (os.urandom(8 * PAGE), array_of),
    "email": (MESSAGE, lambda file: email.message_from_binary_file(file).get_payload()),
    "wrapattr": (TEXT, with_progress),
}
if zstd:
    TABLE["zstd"] = (zstd.compress(os.urandom(8 * PAGE)), lambda file: zstd.ZstdFile(file).read())
if hasattr(socket, "socketpair"):
    TABLE["sendfile"] = (TEXT, send)


class StreamCase(FileCase):
    def open(self, path, *args, **keywords):
        """Maps a file until the test ends."""
        m = safemap.open(path, *args, **keywords)
        self.addCleanup(m.close, detach=True)
        return m

    def each_stream(self, content):
        """Yields maps of the content, and streams of maps, at two offsets."""
        for prefix in (b"", PREFIX):
            yield self.open(self.path(prefix + content), offset=len(prefix))
            yield self.open(self.path(prefix + content)).reader(len(prefix))
            yield self.open(self.path(prefix + content + PREFIX)).reader(
                len(prefix), len(prefix) + len(content)
            )


class Users(StreamCase):
    def test_every_user_of_files_reads_what_it_reads_from_a_file(self):
        for name, (content, read) in TABLE.items():
            expected = read(io.BytesIO(content))
            for file in self.each_stream(content):
                with self.subTest(name, file=file):
                    self.assertEqual(read(file), expected)

    @unittest.skipIf(WINDOWS, NO_TRUNCATION)
    def test_every_user_of_files_raises_fault_error_on_a_truncated_file(self):
        for name, (content, read) in TABLE.items():
            self.assertGreater(len(content), 5 * PAGE, name)
            for file in self.each_stream(content):
                with self.subTest(name, file=file), self.assertRaises(Exception) as raised:
                    os.truncate(self.latest, 2 * PAGE)
                    read(file)
                error = raised.exception
                # While it opens an archive, zipfile replaces each OSError by a BadZipFile.
                error = error.__context__ if isinstance(error, zipfile.BadZipFile) else error
                self.assertIsInstance(error, safemap.FaultError)

    @unittest.skipIf(WINDOWS, NO_TRUNCATION)
    def test_an_open_archive_raises_fault_error_when_its_file_is_truncated(self):
        for file in self.each_stream(archive("zip")):
            with zipfile.ZipFile(file) as opened:
                os.truncate(self.latest, 2 * PAGE)
                self.assertRaises(safemap.FaultError, opened.read, "member")


class Growth(StreamCase):
    def test_a_zip_archive_grows_on_a_map(self):
        for prefix in (b"", PREFIX):
            with zipfile.ZipFile(self.path(prefix), "a") as file:
                file.writestr("first", b"1" * 1000)
            for number, opened in enumerate((lambda m: m, lambda m: m.reader())):
                m = self.open(self.latest, "r+")
                with zipfile.ZipFile(opened(m), "a") as file:
                    file.writestr(f"more {number}", b"2" * 3 * PAGE)
            with zipfile.ZipFile(self.latest) as file:
                self.assertEqual(file.namelist(), ["first", "more 0", "more 1"])
                self.assertIsNone(file.testzip())

    def test_copyfileobj_fills_a_map(self):
        data = os.urandom(100_000)
        for prefix in (b"", PREFIX):
            m = self.open(self.path(prefix), "r+", offset=len(prefix))
            shutil.copyfileobj(io.BytesIO(data), m)
            self.assertEqual(m[:], data)
            stream = m.reader(10)
            shutil.copyfileobj(io.BytesIO(data), stream)
            self.assertEqual(
                (m[:], self.latest_content()), (data[:10] + data, prefix + data[:10] + data)
            )

    def test_buffered_writers_write_to_maps_and_streams(self):
        for kind in (io.BufferedWriter, io.BufferedRandom):
            for opened in (lambda m: m, lambda m: m.reader()):
                m = self.open(self.path(b"old"), "r+")
                file = kind(opened(m))
                for row in ROWS:
                    file.write(row[1].encode())
                file.flush()
                self.assertEqual(m[:], b"".join(row[1].encode() for row in ROWS))
                if kind is io.BufferedRandom:
                    file.seek(4)
                    self.assertEqual(file.read(4), b"text")
                    file.seek(8)
                    self.assertEqual((file.truncate(), m[:]), (8, b"texttext"))
                file.detach()

    def test_text_is_appended_to_a_map(self):
        m = self.open(self.path(b"one\n"), "r+")
        with io.TextIOWrapper(io.BufferedRandom(m.reader()), newline="") as text:
            self.assertEqual(text.readline(), "one\n")
            text.write("two\n")
        self.assertEqual((m[:], m.closed), (b"one\ntwo\n", False))


class Streams(StreamCase):
    def test_each_stream_has_its_own_position(self):
        data = os.urandom(1 << 18)
        m = self.open(self.path(data))
        results = {}

        def read(start):
            with m.reader(start) as stream:
                results[start] = b"".join(iter(lambda: stream.read(1000), b""))

        run_threads(read, 0, 1, 1000, 1 << 17)
        self.assertEqual(results, {start: data[start:] for start in results})
        self.assertEqual((len(results), m.tell()), (4, 0))

    def test_a_stream_reads_as_a_file_does(self):
        data = bytes(range(256)) * 3
        stream, file = self.open(self.path(b"xx" + data + b"yy")).reader(2, 770), io.BytesIO(data)
        for call in (
            lambda f: f.read(10),
            lambda f: f.seek(-5, 1),
            lambda f: f.readline(),
            lambda f: f.seek(-3, 2),
            lambda f: f.read(),
            lambda f: (f.seek(1000), f.read(1), f.tell()),
            lambda f: (f.seek(2), f.readinto(bytearray(5)), f.tell()),
            lambda f: (f.seek(0), f.readlines()[:3], f.read(), f.read(0)),
        ):
            self.assertEqual(call(stream), call(file))
        for bad in (lambda f: f.seek(-1), lambda f: f.seek(0, 9)):
            self.assertRaises(ValueError, bad, stream)

    def test_a_stream_refuses_what_a_file_refuses(self):
        stream, file = self.open(self.path(b"0123456789")).reader(2), io.BytesIO(b"23456789")
        for call, error in (
            (lambda f: f.seek(1.0), TypeError),
            (lambda f: f.seek("1"), TypeError),
            (lambda f: f.seek(1 << 70), OverflowError),
            (lambda f: f.read(1.5), TypeError),
            (lambda f: f.read("1"), TypeError),
        ):
            for tested in (stream, file):
                self.assertRaises(error, call, tested)
                self.assertEqual((tested.tell(), tested.read(2), tested.seek(0)), (0, b"23", 0))

    def test_a_stream_with_an_end_writes_up_to_it(self):
        m = self.open(self.path(b"0123456789"), "r+")
        stream = m.reader(2, 5)
        self.assertEqual(stream.write(b"ab"), 2)
        self.assertRaises(ValueError, stream.write, b"cd")
        # One item of more than one byte.
        self.assertRaises(ValueError, stream.write, array.array("H", [1]))
        self.assertRaises(io.UnsupportedOperation, stream.truncate, 0)
        self.assertEqual(m[:], b"01ab456789")
        self.assertEqual((stream.write(b"c"), stream.write(b"")), (1, 0))
        self.assertEqual(m[:], b"01abc56789")
        self.assertRaises(ValueError, m.reader, 5, 2)
        self.assertEqual(m.reader(5, 5).read(), b"")

    def test_a_stream_that_ends_behind_the_map_ends_with_it(self):
        stream = self.open(self.path(b"0123456789")).reader(2, 1000)
        self.assertEqual((stream.seek(0, io.SEEK_END), stream.seek(-1, io.SEEK_CUR)), (8, 7))
        self.assertEqual((stream.read(), stream.read()), (b"9", b""))

    def test_positions_count_from_the_start_of_the_stream(self):
        m = self.open(self.path(b"0123456789"), "r+")
        stream = m.reader(2)
        self.assertEqual((stream.truncate(6), m[:]), (6, b"01234567"))
        stream.seek(3)
        self.assertEqual((stream.truncate(), m[:]), (3, b"01234"))
        self.assertRaises(OverflowError, stream.seek, sys.maxsize)

        class Two:
            def __index__(self):
                return 2

        self.assertEqual((stream.seek(Two()), stream.seek(0), stream.read(Two())), (2, 0, b"23"))

    def test_a_write_behind_the_end_fills_the_gap_with_zeros(self):
        m = self.open(self.path(b"ab"), "r+")
        stream = m.reader()
        stream.seek(4)
        stream.write(b"c")
        self.assertEqual(m[:], b"ab\0\0c")

    def test_a_read_only_map_cannot_be_written_through_a_stream(self):
        m = self.open(self.path(b"ab"))
        self.assertFalse(m.reader().writable())
        for data in (b"x", b""):
            self.assertRaises(TypeError, m.reader().write, data)
        self.assertRaises(OSError, io.BufferedWriter, m.reader())

    def test_closing_a_stream_does_not_close_the_map(self):
        m = self.open(self.path(b"ab"))
        with m.reader() as stream:
            self.assertEqual((stream.read(), stream.name), (b"ab", m.name))
        asks = (stream.readable, stream.writable, stream.seekable)
        for call in (stream.read, stream.tell, *asks, lambda: stream.write(b"")):
            self.assertRaises(ValueError, call)
        self.assertEqual(m[:], b"ab")
        stream = m.reader()
        m.close()
        for call in (stream.read, lambda: m.readinto(bytearray())):
            self.assertRaises(ValueError, call)

    @unittest.skipIf(WINDOWS, NO_TRUNCATION)
    def test_the_bytes_before_a_fault_come_first(self):
        content = os.urandom(4 * PAGE)
        for opened in (lambda m: m, lambda m: m.reader()):
            file = opened(self.open(self.path(content)))
            os.truncate(self.latest, 2 * PAGE)
            buffer = bytearray(3 * PAGE)
            self.assertEqual(file.readinto(buffer), 2 * PAGE)
            self.assertEqual(buffer[: 2 * PAGE], content[: 2 * PAGE])
            with self.assertRaises(safemap.FaultError) as raised:
                file.readinto(buffer)
            self.assertEqual(raised.exception.offset, 2 * PAGE)

    def test_readinto_takes_every_writable_buffer(self):
        m = self.open(self.path(b"0123456789"))
        numbers = array.array("H", bytes(4))
        self.assertEqual((m.readinto(numbers), numbers.tobytes()), (4, b"0123"))
        self.assertEqual((m.readinto(bytearray()), m.tell()), (0, 4))
        self.assertEqual((m.readinto(bytearray(20)), m.readinto(bytearray(20))), (6, 0))
        for bad in (b"abc", "abc", 3, memoryview(bytearray(10))[::2]):
            self.assertRaises(TypeError, m.readinto, bad)
            self.assertRaises(TypeError, m.reader().readinto, bad)


if __name__ == "__main__":
    unittest.main()
