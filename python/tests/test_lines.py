"""Lines: mmap.lines() beside what io.BytesIO makes of the same bytes."""

import errno
import gc
import io
import random
import threading
import unittest
import weakref

from support import PAGE, FileCase

import safemap


def some_lines(seed, longest=300):
    """A few hundred lines, some empty, some longer than what is read ahead; the last may lack its newline."""
    chance = random.Random(seed)
    lengths = [chance.choice((0, 1, 7, chance.randrange(longest))) for _ in range(400)] + [20_000, 8191, 8192, 70_000]
    chance.shuffle(lengths)
    lines = [bytes(chance.choices(b"abcdefghij \r\0", k=length)) for length in lengths]
    return b"\n".join(lines) + chance.choice((b"", b"\n"))


def wanted(text, keepends=True):
    """What open() would give."""
    lines = io.BytesIO(text).readlines()
    return lines if keepends else [line[:-1] if line.endswith(b"\n") else line for line in lines]


class All(FileCase):
    def test_lines_equal_those_of_a_file_object(self):
        for seed in range(20):
            with self.subTest(seed):
                text = some_lines(seed)
                m = self.map(text)
                self.assertEqual(list(m.lines()), wanted(text))
                self.assertEqual(list(m.lines(keepends=False)), wanted(text, keepends=False))

    def test_lines_of_a_range_equal_those_of_a_slice(self):
        text = some_lines(100)
        m = self.map(text)
        chance = random.Random(1)
        for _ in range(200):
            start, end = (chance.randrange(-len(text) - 10, len(text) + 10) for _ in range(2))
            with self.subTest(start=start, end=end):
                self.assertEqual(list(m.lines(start, end)), wanted(text[start:end]))
                self.assertEqual(list(m.lines(start)), wanted(text[start:]))

    def test_lines_neither_use_nor_move_the_position(self):
        m = self.map(b"one\ntwo\nthree")
        m.seek(5)
        self.assertEqual(list(m.lines()), [b"one\n", b"two\n", b"three"])
        self.assertEqual(m.tell(), 5)

    def test_two_iterators_are_independent(self):
        m = self.map(b"1\n2\n3\n")
        one, two = m.lines(), m.lines()
        self.assertEqual([next(one), next(one), next(two), next(one), next(two)], [b"1\n", b"2\n", b"1\n", b"3\n", b"2\n"])
        self.assertIs(iter(one), one)

    def test_an_exhausted_iterator_stays_exhausted(self):
        m = self.map(b"1\n")
        lines = m.lines()
        self.assertEqual([next(lines, None) for _ in range(3)], [b"1\n", None, None])
        self.assertRaises(StopIteration, lines.__next__)

    def test_invalid_arguments_raise(self):
        m = self.map(b"1\n")
        for arguments in ({"start": 1.0}, {"end": "1"}, {"containing": "1"}, {"containing": 1}, {"other": 1}):
            with self.subTest(arguments), self.assertRaises(TypeError):
                m.lines(**arguments)
        with self.assertRaises(TypeError):
            m.lines(0, None, False)
        with self.assertRaises(TypeError):
            type(m.lines())()


class One(FileCase):
    def test_readline_returns_lines_of_every_length(self):
        text = b"".join(b"x" * length + b"\n" for length in [*range(70), *range(225, 290), 4094, 4095, 4096, 9000]) + b"end"
        m = self.map(text)
        self.assertEqual(list(iter(m.readline, b"")), wanted(text))
        for start in range(len(text) - 40, len(text) + 1):
            m.seek(start)
            line = b"".join(wanted(text[start:])[:1])
            self.assertEqual((m.readline(), m.tell()), (line, start + len(line)))


class Containing(FileCase):
    def test_containing_selects_the_lines_that_a_loop_selects(self):
        for seed in range(10):
            text = some_lines(seed)
            m = self.map(text)
            for needle in (b"a", b"ab", b"abc", b"a\n", b"\n", b"\r\n", b"a\nb", b"", b"\0", b"j" * 40, b"x"):
                with self.subTest(seed=seed, needle=needle):
                    lines = [line for line in wanted(text) if needle in line]
                    self.assertEqual(list(m.lines(containing=needle)), lines)

    def test_containing_searches_a_range_like_a_slice(self):
        text = some_lines(50)
        m = self.map(text)
        chance = random.Random(2)
        for _ in range(100):
            start, end = (chance.randrange(-len(text), len(text)) for _ in range(2))
            lines = [line.rstrip(b"\n") for line in wanted(text[start:end]) if b"de" in line]
            self.assertEqual(list(m.lines(start, end, keepends=False, containing=b"de")), lines)

    def test_the_needle_is_copied_when_the_iterator_is_made(self):
        m = self.map(b"one\ntwo\n")
        needle = bytearray(b"two")
        lines = m.lines(containing=needle)
        needle[:] = b"one"
        self.assertEqual(list(lines), [b"two\n"])


class Changes(FileCase):
    def test_a_closed_map_has_no_lines(self):
        m = self.map(b"1\n" * 100)
        lines, found = m.lines(), m.lines(containing=b"1")
        next(lines), next(found)
        m.close()
        for closed in (lines, found):
            with self.assertRaisesRegex(ValueError, CLOSED):
                next(closed)
            self.assertIsNone(next(closed, None))
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
                self.assertEqual((caught.exception.errno, caught.exception.offset), (errno.EFAULT, PAGE))
                self.assertIsNone(next(lines, None))

    def test_threads_that_share_an_iterator_get_each_line_once(self):
        text = b"".join(b"%d needle %s\n" % (i, b"." * (i % 3000)) for i in range(2000))
        m = self.map(text)
        for arguments in ({}, {"containing": b"needle"}):
            lines, seen = m.lines(**arguments), []
            threads = [threading.Thread(target=lambda: seen.extend(iter(lines))) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(seen), sorted(wanted(text)))

    def test_a_map_in_a_cycle_with_its_lines_is_collected(self):
        class Mine(safemap.mmap):
            pass

        m = Mine(-1, PAGE)
        m.mine = m.lines()
        gone = weakref.ref(m)
        del m
        gc.collect()
        self.assertIsNone(gone())
