"""Tests of the searches, counts and lines of the class Map. The oracle is a `bytes` object."""

import errno
import os
import pickle
import random
import unittest

from support import CLOSED, PAGE, FileCase, run_threads, unix_only

import safemap


class MapCase(FileCase):
    """A test with maps of new files."""

    def opened_map(self, data, mode="r+", **keywords):
        """Opens a new file that holds `data`, until the test ends."""
        m = safemap.open(self.path(data), mode, **keywords)
        self.addCleanup(m.close)
        return m


def all_matches(text, needle, start, end, overlapping):
    """Where the needle is found, one offset after the other."""
    found, step = [], 1 if overlapping else max(1, len(needle))
    at = text.find(needle, start, end)
    while at >= 0:
        found.append(at)
        at = text.find(needle, at + step, end)
    return found


def split(text, start, separator):
    """The lines with their numbers and offsets."""
    lines, number = [], 1
    while text:
        line = text[: text.find(separator) + 1] or text
        lines.append(safemap.Line(number, start, line))
        text, start, number = text[len(line) :], start + len(line), number + 1
    return lines


def random_text(rng, length):
    return bytes(rng.choices(b"aaabbc\n;", k=length))


class Searches(MapCase):
    def test_random_searches_equal_those_of_bytes(self):
        rng = random.Random(1)
        for length in (0, 1, 5, 40, 300, 3000):
            text = random_text(rng, length)
            m = self.opened_map(text, "r", offset=0)
            m.seek(length // 2)
            for _ in range(150):
                needle = random_text(rng, rng.choice((0, 1, 1, 2, 3, 9)))
                start, end = (rng.randrange(-length - 4, length + 5) for _ in range(2))
                end = rng.choice((end, None))
                with self.subTest(length=length, needle=needle, start=start, end=end):
                    self.check(m, text, needle, start, end)
            self.assertEqual(m.tell(), length // 2)

    def check(self, m, text, needle, start, end):
        begin = start if start >= 0 else max(0, len(text) + start)
        for overlapping in (False, True):
            found = list(m.find_iter(needle, start, end, overlapping=overlapping))
            self.assertEqual(found, all_matches(text, needle, begin, end, overlapping))
        self.assertEqual(m.count(needle, start, end), text.count(needle, start, end))
        self.assertEqual(m.startswith(needle, start), text.startswith(needle, start))
        for name in ("index", "rindex"):
            self.assertEqual(
                self.outcome(getattr(m, name), needle, start, end),
                self.outcome(getattr(text, name), needle, start, end),
            )

    def outcome(self, call, *arguments):
        try:
            return call(*arguments)
        except ValueError as error:
            return str(error)

    def test_searches_across_pieces_equal_those_of_bytes(self):
        piece, needle = 8 << 20, b"\xff\xfe\xff"
        text = bytearray(2 * piece + 100_000)
        for at in (0, 65535, piece - 1, piece + 65534, 2 * piece + 65535, len(text) - 5):
            text[at : at + 5] = b"\xff\xfe\xff\xfe\xff"
        m, text = self.opened_map(text), bytes(text)
        for overlapping in (False, True):
            found = list(m.find_iter(needle, overlapping=overlapping))
            self.assertEqual(found, all_matches(text, needle, 0, None, overlapping))
        for sub in (needle, b"\xff", 0, b"\0\0\0"):
            self.assertEqual(m.count(sub), text.count(sub))
        self.assertTrue(m.startswith(text))
        self.assertTrue(m.startswith(bytearray(text[5:]), 5))
        self.assertFalse(m.startswith(text[:-1] + b"!"))

    def test_ints_are_bytes(self):
        m = self.opened_map(b"abca")
        self.assertEqual((m.count(97), m.index(97, 1), m.rindex(98)), (2, 3, 1))
        for call in (m.count, m.index, m.rindex):
            for byte in (-1, 256):
                with self.assertRaisesRegex(ValueError, r"^byte must be in range\(0, 256\)$"):
                    call(byte)

    def test_a_str_raises_type_error_with_a_note(self):
        m = self.opened_map(b"abc")
        calls = [m.find_iter, m.count, m.startswith, m.index, m.rindex]
        calls += [lambda text: m.lines(containing=text), lambda text: m.lines(containing=[text])]
        calls.append(lambda text: m.lines(separator=text))
        for call in calls:
            with self.assertRaises(TypeError) as caught:
                call("a")
            self.assertEqual(caught.exception.__notes__, ["encode it"])

    def test_a_closed_map_raises(self):
        m = self.opened_map(b"abcabc")
        found, lines = m.find_iter(b"a"), m.lines(numbered=True)
        self.assertEqual((next(found), next(lines).number), (0, 1))
        m.close()
        calls = [m.find_iter, m.count, m.startswith, m.index, m.rindex]
        calls += [lambda needle: m.lines(containing=needle), lambda _: next(found)]
        for call in calls:
            with self.assertRaisesRegex(ValueError, CLOSED):
                call(b"a")
        self.assertEqual((list(found), lines.tell()), ([], 6))

    def test_code_of_an_argument_may_close_the_map(self):
        class Closing:
            def __init__(self, m):
                self.m = m

            def __index__(self):
                self.m.close()
                return 1

            def __iter__(self):
                yield b"a"
                self.m.close()

        calls = {
            "find_iter": lambda m, closing: m.find_iter(b"a", closing),
            "count of a byte": lambda m, closing: m.count(closing),
            "count": lambda m, closing: m.count(b"a", 0, closing),
            "startswith": lambda m, closing: m.startswith(b"a", closing),
            "index": lambda m, closing: m.index(b"a", closing),
            "rindex": lambda m, closing: m.rindex(closing),
            "lines": lambda m, closing: m.lines(closing),
            "needles": lambda m, closing: m.lines(containing=closing),
        }
        for name, call in calls.items():
            with self.subTest(name), self.assertRaisesRegex(ValueError, CLOSED):
                m = self.opened_map(b"abcabc")
                call(m, Closing(m))

    def test_an_iterator_follows_the_end_of_the_map(self):
        m = self.opened_map(b"aba")
        found, limited = m.find_iter(b"a"), m.find_iter(b"a", 0, 3)
        # An end behind the map is the end of the map, as for lines().
        beyond = m.find_iter(b"a", 0, 100)
        self.assertEqual((next(found), next(limited), next(beyond)), (0, 0, 0))
        m.resize(5)
        m[3:] = b"aa"
        self.assertEqual((list(found), list(limited), list(beyond)), ([2, 3, 4], [2], [2]))
        found = m.find_iter(b"a")
        next(found)
        m.resize(1)
        self.assertEqual(list(found), [])

    def test_matches_before_a_lost_page_come_before_the_fault(self):
        m = self.opened_map(b"ab" * PAGE)
        self.lose(m, PAGE)
        found = m.find_iter(b"ba")
        self.assertEqual([next(found) for _ in range(PAGE // 2 - 1)], list(range(1, PAGE - 2, 2)))
        for call in (lambda: next(found), lambda: m.count(b"ba"), lambda: m.count(97)):
            with self.assertRaises(safemap.FaultError) as caught:
                call()
            error = caught.exception
            self.assertEqual((error.errno, error.offset), (errno.EFAULT, PAGE))
        self.assertEqual(list(found), [])
        self.assertFalse(m.startswith(b"b" * len(m)))

    def test_threads_that_share_an_iterator_get_each_match_once(self):
        m, collected = self.opened_map(b"ab" * 20_000), []
        run_threads(collected.extend, *[m.find_iter(b"b")] * 4)
        self.assertEqual(sorted(collected), list(range(1, 40_000, 2)))


class Lines(MapCase):
    def test_random_lines_equal_those_of_bytes(self):
        rng = random.Random(2)
        for length in (0, 1, 40, 300, 9000, 70_000):
            text = random_text(rng, length)
            m = self.opened_map(text, "r")
            for _ in range(40):
                start, end = sorted(rng.randrange(length + 1) for _ in range(2))
                end = rng.choice((end, None))
                separator = rng.choice((b"\n", b";", b"c"))
                needles = [
                    random_text(rng, rng.randrange(4)).replace(separator, b"")
                    + rng.choice((b"", separator))
                    for _ in range(rng.randrange(4))
                ]
                with self.subTest(length=length, start=start, end=end, needles=needles):
                    self.check(m, text, start, end, separator, needles)

    def check(self, m, text, start, end, separator, needles):
        every = split(text[start:end], start, separator)
        some = [line for line in every if any(needle in line.bytes for needle in needles)]
        for keepends in (True, False):
            same = {"separator": separator, "keepends": keepends}
            for lines, containing in ((every, None), (some, needles), (some, tuple(needles))):
                if not keepends:
                    text_of = [line.bytes.removesuffix(separator) for line in lines]
                    lines = [line._replace(bytes=text) for line, text in zip(lines, text_of)]
                found = m.lines(start, end, containing=containing, numbered=True, **same)
                self.assertEqual(list(found), lines)
                found = m.lines(start, end, containing=containing, **same)
                self.assertEqual(list(found), [line.bytes for line in lines])

    def test_long_lines_have_the_right_numbers(self):
        lines = [b"x" * length + b"\n" for length in (5, 9000, 0, 300_000, 2, 17 << 20, 7)]
        text = b"".join(lines)
        m = self.opened_map(text)
        expected = split(text, 0, b"\n")
        self.assertEqual(list(m.lines(numbered=True)), expected)
        found = list(m.lines(numbered=True, containing=[b"xx", b"absent"]))
        self.assertEqual(found, [line for line in expected if len(line.bytes) > 2])
        without = [line.bytes[:-1] for line in expected]
        self.assertEqual(list(m.lines(keepends=False)), without)

    def test_an_iterator_returns_the_offset_of_the_next_line(self):
        text = random_text(random.Random(3), 30_000) + b"z" * 300_000 + b"\nz\n"
        m = self.opened_map(text)
        for arguments in ({}, {"containing": [b"ab", b"z"]}):
            lines = m.lines(numbered=True, **arguments)
            self.assertEqual(lines.tell(), 0)
            for line in lines:
                self.assertEqual(lines.tell(), line.offset + len(line.bytes))
            self.assertEqual(lines.tell(), len(text))

    def test_a_line_is_a_named_tuple(self):
        (line,) = self.opened_map(b"abc").lines(numbered=True)
        self.assertEqual(line, (1, 0, b"abc"))
        self.assertEqual((line.number, line.offset, line.bytes), line)
        self.assertEqual(repr(line), "Line(number=1, offset=0, bytes=b'abc')")
        self.assertIs(type(pickle.loads(pickle.dumps(line))), safemap.Line)
        self.assertEqual(str(safemap.LineIterator[int]), "safemap.LineIterator[int]")

    def test_needles_that_no_line_contains_raise(self):
        m = self.opened_map(b"a\nb\n")
        for containing in (b"a\nb", [b"a", b"\na"], (b"\n\n",)):
            with self.assertRaisesRegex(ValueError, "separator that is not at its end"):
                m.lines(containing=containing)
        self.assertEqual(list(m.lines(containing=b"a\nb", separator=b"b")), [b"a\nb"])
        for separator in (b"", b"ab"):
            with self.assertRaisesRegex(ValueError, "must be one byte"):
                m.lines(separator=separator)
        with self.assertRaises(TypeError):
            m.lines(containing=5)
        with self.assertRaises(TypeError):
            m.lines(containing=[5])

    def test_the_class_mmap_has_the_interface_of_before(self):
        m = self.map(b"a\nb\n")
        self.assertEqual(list(m.lines(containing=b"a\nb")), [])
        for name in ("find_iter", "count", "startswith", "index", "rindex"):
            self.assertFalse(hasattr(m, name), name)
        for name in ("separator", "numbered"):
            with self.assertRaises(TypeError):
                m.lines(**{name: None})
        with self.assertRaises(TypeError):
            m.lines(containing=[b"a"])

    @unix_only("a mapped file cannot be truncated")
    def test_lines_before_a_lost_page_have_numbers(self):
        text = (b"x" * 99 + b"\n") * (4 * PAGE // 100)
        for arguments in ({}, {"containing": [b"x", b"y"]}):
            m = self.opened_map(text)
            os.truncate(self.latest, PAGE)
            lines = m.lines(numbered=True, **arguments)
            numbers = [next(lines).number for _ in range(PAGE // 100)]
            self.assertEqual(numbers, list(range(1, PAGE // 100 + 1)))
            with self.assertRaises(safemap.FaultError) as caught:
                next(lines)
            self.assertEqual(caught.exception.offset, PAGE)
            self.assertIsNone(next(lines, None))

    def test_threads_that_share_an_iterator_get_each_line_once(self):
        text = b"".join(b"%d %s\n" % (i, b"x" * (i % 7 * 60_000)) for i in range(60))
        m = self.opened_map(text)
        for arguments in ({}, {"containing": [b"x", b"1"]}):
            expected = list(m.lines(numbered=True, **arguments))
            collected = []
            run_threads(collected.extend, *[m.lines(numbered=True, **arguments)] * 4)
            self.assertEqual(sorted(collected), expected)


if __name__ == "__main__":
    unittest.main()
