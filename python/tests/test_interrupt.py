"""Tests of signals during long calls: handlers run in the main thread, between two pieces."""

import _thread
import contextlib
import signal
import sys
import threading
import time
import unittest

from support import CLOSED, PRIVATE, WINDOWS, FileCase, unix_only

import safemap

# The maps may be longer than the memory of the machine.
if hasattr(safemap, "MAP_NORESERVE"):
    PRIVATE = {"flags": PRIVATE["flags"] | safemap.MAP_NORESERVE}

# Private memory that was never written takes time to read, but no memory. Calls that copy it to a
# `bytes` object get less of it.
LONG = (8 << 30) if sys.maxsize > 2**32 and not WINDOWS else (1 << 30)
COPIED = 1 << 29
ABSENT = b"absent"
# When the signal arrives. It is handled up to 50 ms later, and one piece.
DELAY = 0.02


def positioned(m, name):
    """Calls a method at position 0."""
    m.seek(0)
    return getattr(m, name)()


def middle(m):
    """Writes a needle into the middle of the map."""
    m[len(m) // 2] = 1
    return b"\1"


READING = {
    "find": (LONG, lambda m: m.find(ABSENT)),
    "find of a byte": (LONG, lambda m: m.find(b"a")),
    "rfind": (LONG, lambda m: m.rfind(ABSENT)),
    "read": (COPIED, lambda m: positioned(m, "read")),
    "readline": (LONG, lambda m: positioned(m, "readline")),
    "slice": (COPIED, lambda m: m[:]),
    "slice with a step": (LONG, lambda m: m[::16]),
    "lines": (COPIED, lambda m: next(m.lines(), b"")),
    "lines of a needle": (LONG, lambda m: next(m.lines(containing=ABSENT), None)),
    "the line around a match": (LONG, lambda m: next(m.lines(containing=middle(m)), b"")),
}
WRITING = {
    "move up": lambda m, _: m.move(1, 0, COPIED - 1),
    "move down": lambda m, _: m.move(0, 1, COPIED - 1),
    "slice assignment": lambda m, zeros: m.__setitem__(slice(None), zeros),
    "assignment with a step": lambda m, zeros: m.__setitem__(
        slice(None, None, -2), zeros[: COPIED // 2]
    ),
    "write": lambda m, zeros: m.write(zeros),
}


class Handled(FileCase):
    """A test that lets a signal arrive during a call."""

    def setUp(self):
        """Handles SIGINT, which a process in the background may ignore."""
        super().setUp()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    @contextlib.contextmanager
    def handler(self, handle, send=_thread.interrupt_main, anywhere=False):
        """Calls `handle` for a SIGINT that `send` makes arrive during a call of the block, or
        anywhere.
        """
        timers, within, has_ended = [], not anywhere, False

        def arm():
            timers.append(threading.Timer(DELAY, send))
            timers[-1].start()

        def handler(_, frame):
            # The call took less time than the signal. The test says so.
            if has_ended:
                return
            # A slow machine may not have begun the call yet.
            file, name = frame.f_code.co_filename, frame.f_code.co_name
            if within and (file != Handled.zeros.__code__.co_filename or name == "handler"):
                arm()
                return
            self.handled += 1
            handle()

        self.handled, before = 0, signal.signal(signal.SIGINT, handler)
        arm()
        try:
            yield
        finally:
            has_ended = True
            for timer in timers:
                timer.join()
            signal.signal(signal.SIGINT, before)

    def zeros(self):
        """A view of bytes that are not a `bytes` object."""
        view = memoryview(self.anonymous(COPIED, **PRIVATE))
        self.addCleanup(view.release)
        return view

    def calls(self):
        """Yields a new map, a function that works on it for long, and the name of the call."""
        for name, (length, call) in READING.items():
            m = self.anonymous(length, **PRIVATE)
            yield m, lambda m=m, call=call: call(m), name
            m.close()
        for name, call in WRITING.items():
            m, zeros = self.anonymous(COPIED, **PRIVATE), self.zeros()
            yield m, lambda m=m, call=call, zeros=zeros: call(m, zeros), name
            m.close()


def interrupt():
    raise KeyboardInterrupt


class Interrupted(Handled):
    def test_each_long_call_is_interrupted_and_leaves_the_position(self):
        for m, call, name in self.calls():
            with self.subTest(name), self.handler(interrupt):
                with self.assertRaises(KeyboardInterrupt) as caught:
                    call()
                self.assertEqual(m.tell(), 0)
                notes = getattr(caught.exception, "__notes__", [])
                self.assertEqual(len(notes), name in WRITING)

    @unix_only("there is no clock of a thread")
    def test_an_interrupt_takes_a_tenth_of_a_second_of_the_processor(self):
        clock = time.pthread_getcpuclockid(threading.main_thread().ident)
        for _, call, name in self.calls():
            with self.subTest(name):
                self.assertLess(min(self.delay(clock, call) for _ in range(3)), 0.1)

    def delay(self, clock, call):
        """The time that this thread works after the signal until the call has raised."""
        sent = []

        def send():
            sent.append(time.clock_gettime(clock))
            _thread.interrupt_main()

        with self.handler(interrupt, send):
            with self.assertRaises(KeyboardInterrupt):
                call()
            return time.clock_gettime(clock) - sent[-1]

    def test_a_note_says_how_many_bytes_were_written(self):
        m = self.anonymous(COPIED, **PRIVATE)
        for name, call in WRITING.items():
            zeros = self.zeros()
            with self.subTest(name), self.handler(interrupt):
                with self.assertRaises(KeyboardInterrupt) as caught:
                    call(m, zeros)
                (note,) = caught.exception.__notes__
                self.assertRegex(note, r"^(the last )?\d+ of \d+ bytes were written$")
                self.assertEqual(note.startswith("the last"), name == "move up")
                done, total = (int(word) for word in note.split() if word.isdigit())
                self.assertTrue(0 < done < total <= COPIED)

    def test_the_bytes_that_the_note_counts_were_written(self):
        m, ones = self.anonymous(COPIED, **PRIVATE), b"1" * (COPIED // 2)
        with self.handler(interrupt), self.assertRaises(KeyboardInterrupt) as caught:
            m[::2] = ones
        done = int(caught.exception.__notes__[0].split()[0])
        self.assertEqual(m.find(b"\0", 2 * done), 2 * done)
        self.assertEqual(m.find(b"\0\0", 0), 2 * done - 1)


class HandlersThatUseTheMap(Handled):
    def test_a_call_fails_if_a_handler_closes_the_map(self):
        # In one piece each call would return a result before the handler runs.
        for m, call, name in self.calls():
            with self.subTest(name), self.handler(m.close):
                with self.assertRaisesRegex(ValueError, CLOSED):
                    call()
                self.assertEqual(self.handled, 1)

    def test_a_call_sees_the_length_that_a_handler_has_set(self):
        short = 1 << 20
        expected = {
            "read": bytes(short),
            "readline": bytes(short),
            "slice": bytes(short),
            "lines": bytes(short),
            "lines of a needle": None,
        }
        for m, call, name in self.calls():
            if name == "the line around a match":
                # It is gone, or its line is.
                continue
            with self.subTest(name), self.handler(lambda m=m: m.resize(short)):
                if name.startswith(("find", "rfind")):
                    self.assertEqual(call(), -1)
                elif name in expected:
                    self.assertEqual(call(), expected[name])
                else:
                    with self.assertRaisesRegex(ValueError, "shorter during the call"):
                        call()
                self.assertEqual((len(m), self.handled), (short, 1))

    def test_a_handler_may_make_a_long_call_itself(self):
        m, found = self.anonymous(LONG, **PRIVATE), []
        m[LONG - 6 :] = ABSENT
        with self.handler(lambda: found.append(m.find(ABSENT, LONG // 2))):
            found.append(m.find(ABSENT))
        self.assertEqual(found, [LONG - 6] * 2)

    def test_results_are_those_of_calls_without_a_handler(self):
        m = self.anonymous(LONG, **PRIVATE)
        m[LONG - 6 :] = ABSENT
        for needle in (ABSENT, b"a"):
            with self.handler(lambda: None):
                self.assertEqual(m.find(needle), LONG - 6)
            self.assertEqual(self.handled, 1)
        m[0:6] = ABSENT
        with self.handler(lambda: None):
            self.assertEqual(m.rfind(ABSENT, 0, LONG - 6), 0)


class Iterators(Handled):
    """A handler runs while an iterator looks for its next item."""

    ARGUMENTS = ({}, {"containing": b"x"}, {"containing": b"y"}, {"keepends": False})

    def text(self):
        """A map of two long lines."""
        m = self.anonymous(COPIED + 4, **PRIVATE)
        m[0], m[COPIED - 1], m[COPIED + 1 :] = ord("x"), ord("y"), b"\nxy"
        return m

    def test_the_line_of_an_interrupted_call_is_the_next_one(self):
        m = self.text()
        for arguments in self.ARGUMENTS:
            with self.subTest(arguments):
                lines, first = m.lines(**arguments), next(m.lines(**arguments))
                with self.handler(interrupt), self.assertRaises(KeyboardInterrupt):
                    next(lines)
                self.assertEqual((lines.tell(), len(first)), (0, len(next(lines))))
                self.assertEqual((list(lines), lines.tell()), ([b"xy"], len(m)))

    def test_the_match_of_an_interrupted_call_is_the_next_one(self):
        path, offset = self.path(b"x"), max(COPIED, LONG // 8)
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(b"y")
        with safemap.open(path) as m:
            found = m.find_iter(b"y")
            with self.handler(interrupt), self.assertRaises(KeyboardInterrupt):
                next(found)
            self.assertEqual(list(found), [offset])

    def test_a_handler_may_take_the_line(self):
        m = self.text()
        for arguments in self.ARGUMENTS:
            with self.subTest(arguments):
                lines, taken = m.lines(**arguments), []
                with self.handler(lambda lines=lines, taken=taken: taken.append(len(next(lines)))):
                    self.assertEqual(next(lines), b"xy")
                length = COPIED + (2 if arguments.get("keepends", True) else 1)
                self.assertEqual((taken, list(lines)), ([length], []))

    def test_a_handler_that_takes_nothing_changes_nothing(self):
        m = self.text()
        for arguments in self.ARGUMENTS:
            with self.subTest(arguments), self.handler(lambda: None):
                lines = [len(line) for line in m.lines(**arguments)]
                self.assertEqual((len(lines), lines[1], self.handled), (2, 2, 1))


class Threads(Handled):
    def test_a_call_of_another_thread_is_not_interrupted(self):
        m, results = self.anonymous(LONG, **PRIVATE), []
        thread = threading.Thread(target=lambda: results.append(m.find(ABSENT)))
        with self.handler(lambda: None, anywhere=True):
            thread.start()
            thread.join()
        self.assertEqual((results, self.handled), ([-1], 1))


class Pieces(FileCase):
    """Calls on several pieces, compared with `bytes`. A piece has 8 MiB."""

    LENGTH = (24 << 20) + 4321

    def setUp(self):
        super().setUp()
        unit = bytes(range(1, 252))
        self.data = bytearray(unit * (self.LENGTH // len(unit) + 1))[: self.LENGTH]
        self.m = self.anonymous(self.LENGTH)
        self.m[:] = self.data

    def test_slices_equal_those_of_bytes(self):
        for step in (1, -1, 3, -7, 5000, -(9 << 20), 9 << 20):
            with self.subTest(step):
                self.assertEqual(self.m[::step], bytes(self.data[::step]))

    def test_assignments_equal_those_of_a_bytearray(self):
        for step in (1, -1, 3, -7, 5000, 9 << 20):
            with self.subTest(step):
                value = self.data[::step][::-1]
                self.m[::step] = value
                self.data[::step] = value
                self.assertEqual(self.m[:], self.data)

    def test_moves_that_overlap_equal_slices(self):
        for distance in (1, 4097, 8 << 20, 9 << 20):
            count = self.LENGTH - distance
            with self.subTest(distance):
                self.m.move(distance, 0, count)
                self.data[distance:] = self.data[:count]
                self.assertEqual(self.m[:], self.data)
                self.m.move(0, distance, count)
                self.data[:count] = self.data[distance:]
                self.assertEqual(self.m[:], self.data)

    def test_assignments_of_views_that_overlap_equal_those_of_copies(self):
        for distance in (1, 8 << 20):
            with self.subTest(distance), memoryview(self.m) as view:
                self.m[distance:] = view[:-distance]
                self.data[distance:] = self.data[:-distance]
                self.assertEqual(self.m[:], self.data)
                self.m[:-distance] = view[distance:]
                self.data[:-distance] = self.data[distance:]
                self.assertEqual(self.m[:], self.data)
                self.m[::-1] = view
                self.data.reverse()
                self.assertEqual(self.m[:], self.data)

    def test_matches_across_pieces_are_found(self):
        m, piece, first = self.m, 8 << 20, 64 << 10
        for length in (1, 2, 9, 700, 3 << 20):
            needle = b"\xff" * (length - 1) + b"\xfe"
            for border in (first, piece, first + piece, 2 * piece + first, self.LENGTH - length):
                for start in {border - length, border - length // 2, border - 1, border}:
                    with self.subTest(length=length, start=start):
                        start = min(max(start, 0), self.LENGTH - length)
                        m[start : start + length] = needle
                        self.assertEqual(m.find(needle, 0), start)
                        self.assertEqual(m.rfind(needle, 0), start)
                        m[start : start + length] = self.data[start : start + length]
        self.assertEqual((m.find(b"\xfe", 0), m.rfind(b"\xfe", 0)), (-1, -1))


if __name__ == "__main__":
    unittest.main()
