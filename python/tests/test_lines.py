"""Tests of mmap.lines() and readline(). The oracle is io.BytesIO with the same bytes."""

import errno
import gc
import io
import os
import random
import unittest
import weakref
from textwrap import dedent

from support import CLOSED, NO_RLIMIT, PAGE, FileCase, run_threads, succeed, unix_only

import safemap


def random_lines(seed):
    """Returns 404 lines, some empty or longer than the read-ahead. The last may lack a newline."""
    rng = random.Random(seed)
    lengths = [rng.choice((0, 1, 7, rng.randrange(300))) for _ in range(400)]
    lengths += [20_000, 8191, 8192, 70_000]
    rng.shuffle(lengths)
    lines = [bytes(rng.choices(b"abcdefghij \r\0", k=length)) for length in lengths]
    return b"\n".join(lines) + rng.choice((b"", b"\n"))


def file_lines(text, keepends=True):
    """The lines of a file object with these bytes."""
    lines = io.BytesIO(text).readlines()
    return lines if keepends else [line.removesuffix(b"\n") for line in lines]


class AllLines(FileCase):
    def test_lines_equal_those_of_a_file_object(self):
        for seed in range(20):
            with self.subTest(seed):
                text = random_lines(seed)
                m = self.map(text)
                self.assertEqual(list(m.lines()), file_lines(text))
                self.assertEqual(list(m.lines(keepends=False)), file_lines(text, keepends=False))

    def test_lines_of_a_range_equal_those_of_a_slice(self):
        text = random_lines(100)
        m = self.map(text)
        rng = random.Random(1)
        for _ in range(200):
            start, end = (rng.randrange(-len(text) - 10, len(text) + 10) for _ in range(2))
            with self.subTest(start=start, end=end):
                self.assertEqual(list(m.lines(start, end)), file_lines(text[start:end]))
                self.assertEqual(list(m.lines(start)), file_lines(text[start:]))

    def test_lines_neither_use_nor_move_the_position(self):
        m = self.map(b"one\ntwo\nthree")
        m.seek(5)
        self.assertEqual(list(m.lines()), [b"one\n", b"two\n", b"three"])
        self.assertEqual(m.tell(), 5)

    def test_two_iterators_are_independent(self):
        m = self.map(b"1\n2\n3\n")
        one, two = m.lines(), m.lines()
        lines = [next(lines) for lines in (one, one, two, one, two)]
        self.assertEqual(lines, [b"1\n", b"2\n", b"1\n", b"3\n", b"2\n"])
        self.assertIs(iter(one), one)

    def test_an_exhausted_iterator_stays_exhausted(self):
        m = self.map(b"1\n")
        lines = m.lines()
        self.assertEqual([next(lines, None) for _ in range(3)], [b"1\n", None, None])
        self.assertRaises(StopIteration, lines.__next__)

    def test_invalid_arguments_raise(self):
        m = self.map(b"1\n")
        invalid = [("start", 1.0), ("end", "1"), ("containing", "1"), ("containing", 1)]
        for name, value in [*invalid, ("other", 1)]:
            with self.subTest(name, value=value), self.assertRaises(TypeError):
                m.lines(**{name: value})
        with self.assertRaises(TypeError):
            m.lines(0, None, False)
        with self.assertRaises(TypeError):
            type(m.lines())()


class Readline(FileCase):
    def test_readline_returns_lines_of_every_length(self):
        lengths = [*range(70), *range(225, 290), 4094, 4095, 4096, 9000]
        text = b"".join(b"x" * length + b"\n" for length in lengths) + b"end"
        m = self.map(text)
        self.assertEqual(list(iter(m.readline, b"")), file_lines(text))
        for start in range(len(text) - 40, len(text) + 1):
            m.seek(start)
            line = b"".join(file_lines(text[start:])[:1])
            self.assertEqual((m.readline(), m.tell()), (line, start + len(line)))


class LinesContaining(FileCase):
    NEEDLES = [b"a", b"ab", b"abc", b"a\n", b"\n", b"\r\n", b"a\nb", b"", b"\0", b"j" * 40, b"x"]

    def test_containing_selects_the_lines_that_a_loop_selects(self):
        for seed in range(10):
            text = random_lines(seed)
            m = self.map(text)
            for needle in self.NEEDLES:
                with self.subTest(seed=seed, needle=needle):
                    lines = [line for line in file_lines(text) if needle in line]
                    self.assertEqual(list(m.lines(containing=needle)), lines)

    def test_containing_searches_a_range_like_a_slice(self):
        text = random_lines(50)
        m = self.map(text)
        rng = random.Random(2)
        for _ in range(100):
            start, end = (rng.randrange(-len(text), len(text)) for _ in range(2))
            lines = [line for line in file_lines(text[start:end], keepends=False) if b"de" in line]
            self.assertEqual(list(m.lines(start, end, keepends=False, containing=b"de")), lines)

    def test_the_needle_is_copied_when_the_iterator_is_made(self):
        m = self.map(b"one\ntwo\n")
        needle = bytearray(b"two")
        lines = m.lines(containing=needle)
        needle[:] = b"one"
        self.assertEqual(list(lines), [b"two\n"])


class ConcurrentChanges(FileCase):
    """The map changes while an iterator over its lines exists."""

    def test_a_closed_map_has_no_lines(self):
        m = self.map(b"1\n" * 100)
        iterators = m.lines(), m.lines(containing=b"1")
        for iterator in iterators:
            next(iterator)
        m.close()
        for iterator in iterators:
            with self.assertRaisesRegex(ValueError, CLOSED):
                next(iterator)
            self.assertIsNone(next(iterator, None))
        with self.assertRaisesRegex(ValueError, CLOSED):
            m.lines()

    def test_lines_follow_the_end_of_a_map_that_grows(self):
        m = self.map(b"1\n2\n")
        lines = m.lines()
        self.assertEqual(next(lines), b"1\n")
        m.resize(6)
        m[4:] = b"3\n"
        self.assertEqual(list(lines), [b"2\n", b"3\n"])

    def test_lines_end_at_the_end_of_a_map_that_shrank(self):
        m = self.map(b"x" * 99 + b"\n" + (b"y" * 9999 + b"\n") * 5)
        lines = m.lines()
        next(lines)
        m.resize(20_000)
        self.assertEqual(b"".join(lines), (b"y" * 9999 + b"\n") + b"y" * 9900)

    def test_lines_before_a_lost_page_are_returned_before_the_fault(self):
        text = (b"x" * 99 + b"\n") * (4 * PAGE // 100)
        for arguments in ({}, {"containing": b"x"}):
            with self.subTest(arguments):
                m = self.map(text)
                self.lose(m, PAGE)
                lines = m.lines(**arguments)
                for _ in range(PAGE // 100):
                    self.assertEqual(next(lines), b"x" * 99 + b"\n")
                with self.assertRaises(safemap.FaultError) as caught:
                    next(lines)
                self.assertEqual(caught.exception.errno, errno.EFAULT)
                self.assertEqual(caught.exception.offset, PAGE)
                self.assertIsNone(next(lines, None))

    def test_threads_that_share_an_iterator_get_each_line_once(self):
        text = b"".join(b"%d needle %s\n" % (i, b"." * (i % 3000)) for i in range(2000))
        m = self.map(text)
        for arguments in ({}, {"containing": b"needle"}):
            collected = []
            run_threads(collected.extend, *[m.lines(**arguments)] * 4)
            self.assertEqual(sorted(collected), sorted(file_lines(text)))

    def test_a_map_in_a_cycle_with_its_lines_is_collected(self):
        class Sub(safemap.mmap):
            pass

        m = Sub(-1, PAGE)
        m.my_lines = m.lines()
        reference = weakref.ref(m)
        del m
        gc.collect()
        self.assertIsNone(reference())


# Wine shows Linux's /proc to Windows programs, so the test for the file does not exclude Windows.
@unix_only(NO_RLIMIT)
@unittest.skipUnless(os.path.exists("/proc/self/statm"), "the used address space is unknown")
class MemoryExhausted(FileCase):
    BEGIN = """
        import resource
        import safemap

        def limit(more):
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * safemap.PAGESIZE
            resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))

        LONG = 64 << 20
        m = safemap.mmap(-1, LONG)
        m[LONG - 1] = 10
    """
    END = """
        try:
            call()
            print("no exception")
        except MemoryError:
            print("MemoryError")
    """
    LONG_LINE = """
        lines = m.lines(keepends=False)
        limit(LONG // 2)
        call = lambda: next(lines)
    """
    NEEDLE = """
        needle = bytes(LONG)
        limit(LONG // 2)
        call = lambda: m.lines(containing=needle)
    """

    # Free-threaded CPython otherwise allocates from 1 GiB that it reserved before the limit.
    ENVIRONMENT = {"MIMALLOC_ARENA_RESERVE": "0"}

    def test_lines_raise_memory_error_when_memory_is_exhausted(self):
        for allocation in (self.LONG_LINE, self.NEEDLE):
            with self.subTest(allocation):
                code = dedent(self.BEGIN) + dedent(allocation) + dedent(self.END)
                self.assertEqual(succeed(self, code, env=self.ENVIRONMENT), "MemoryError\n")
