"""Tests of atomic words, waiting and notify."""

import _thread
import ctypes
import math
import multiprocessing
import random
import signal
import struct
import threading
import time
import unittest

from support import NO_TRUNCATION, PAGE, FileCase, run_threads, unix_only

import safemap
from safemap.ipc import Atomic, Mutex

INTEGERS = "bBhHiIlLqQnN"
TYPES = {"b": "byte", "h": "short", "i": "int", "l": "long", "q": "longlong", "n": "ssize_t"}


def value_of(letter, value):
    """The number with the bits of `value` in a C type."""
    name = TYPES[letter.lower()]
    unsigned = {"ssize_t": "size_t", "byte": "ubyte"}.get(name, "u" + name)
    return getattr(ctypes, "c_" + (unsigned if letter.isupper() else name))(value).value


OPERATIONS = {
    "fetch_add": lambda old, value: old + value,
    "fetch_sub": lambda old, value: old - value,
    "fetch_and": lambda old, value: old & value,
    "fetch_or": lambda old, value: old | value,
    "fetch_xor": lambda old, value: old ^ value,
    "fetch_min": min,
    "fetch_max": max,
    "swap": lambda old, value: value,
}


class WordCase(FileCase):
    def open(self, content=bytes(64), mode="r+", **keywords):
        """Maps a new file until the test ends."""
        m = safemap.open(self.path(content), mode, **keywords)
        self.addCleanup(m.close)
        return m


class Words(WordCase):
    def test_operations_follow_python_integers(self):
        rng = random.Random()
        for letter in INTEGERS:
            size = struct.calcsize(letter)
            m, model = self.open(), 0
            word = Atomic(m, 2 * size, letter)
            for _ in range(500):
                value = value_of(letter, rng.choice([rng.getrandbits(64), rng.randrange(3)]))
                name = rng.choice([*OPERATIONS, "compare_exchange"])
                if name == "compare_exchange":
                    expected = rng.choice([model, value])
                    self.assertEqual(word.compare_exchange(expected, value), model)
                    model = value if expected == model else model
                else:
                    self.assertEqual(getattr(word, name)(value), model, (letter, name))
                    model = value_of(letter, OPERATIONS[name](model, value))
                self.assertEqual(word.load(), model, (letter, name))
                self.assertEqual(struct.unpack_from(letter, m, 2 * size)[0], model)
            self.assertFalse(any(m[: 2 * size]) or any(m[3 * size :]))

    def test_floats(self):
        m = self.open()
        for letter in "fd":
            word = Atomic(m, 8, "@" + letter)
            self.assertIsNone(word.store(0.25))
            self.assertEqual(word.swap(-math.inf), 0.25)
            self.assertEqual((word.load(), word.format), (-math.inf, letter))
            for name in [*OPERATIONS, "compare_exchange"]:
                if name != "swap":
                    arguments = (0, 1) if name == "compare_exchange" else (1,)
                    with self.assertRaisesRegex(TypeError, "only load, store and swap"):
                        getattr(word, name)(*arguments)

    def test_load_and_store_of_maps_follow_struct(self):
        m = self.open()
        for letter in [*INTEGERS, "f", "d"]:
            for offset in (0, 3, 64 - struct.calcsize(letter)):
                self.assertIsNone(m.store(letter, offset, 7))
                self.assertEqual(
                    m[offset : offset + struct.calcsize(letter)], struct.pack(letter, 7)
                )
                self.assertEqual(m.load(letter, offset), 7)

    def test_words_outside_the_map(self):
        m = self.open()
        for letter in [*INTEGERS, "f", "d"]:
            for offset in (65 - struct.calcsize(letter), 1 << 40):
                for call in (
                    lambda offset=offset, letter=letter: Atomic(m, offset, letter),
                    lambda offset=offset, letter=letter: m.load(letter, offset),
                    lambda offset=offset, letter=letter: m.store(letter, offset, 0),
                ):
                    self.assertRaises(IndexError, call)

    def test_negative_offsets(self):
        m = self.open()
        for call in (
            lambda: Atomic(m, -8, "Q"),
            lambda: m.load("Q", -8),
            lambda: m.store("Q", -8, 0),
            lambda: m.wait(-8, 0),
            lambda: m.notify(-8),
            lambda: m.lock_range(-8),
            lambda: m.lock_range(0, -8),
            lambda: Mutex(m, -8),
        ):
            self.assertRaisesRegex(ValueError, "-8 is negative", call)

    def test_values_outside_the_format(self):
        m = self.open()
        for letter in INTEGERS:
            size = 8 * struct.calcsize(letter)
            low, high = (0, 1 << size) if letter.isupper() else (-1 << size - 1, 1 << size - 1)
            for value in (low - 1, high):
                for call in (
                    lambda value=value, letter=letter: m.store(letter, 0, value),
                    lambda value=value, letter=letter: Atomic(m, 0, letter).fetch_add(value),
                    lambda value=value, letter=letter: Atomic(m, 0, letter).compare_exchange(
                        0, value
                    ),
                ):
                    with self.assertRaisesRegex(ValueError, f"{value} out of range"):
                        call()
            m.store(letter, 0, low)
            m.store(letter, 0, high - 1)
            self.assertRaises(TypeError, m.store, letter, 0, "1")
            self.assertRaises(TypeError, m.store, letter, 0, 1.0)

    def test_formats_that_do_not_exist(self):
        m = self.open()
        for letter in ("", "x", "s", "<I", ">I", "=I", "II", "?", "@", "e"):
            self.assertRaisesRegex(ValueError, "bad format", m.load, letter, 0)
            self.assertRaisesRegex(ValueError, "bad format", Atomic, m, 0, letter)

    def test_a_misaligned_word_is_refused(self):
        self.assertRaisesRegex(ValueError, "not a multiple of 8", Atomic, self.open(), 4, "q")
        m = self.open(offset=4)
        self.assertRaisesRegex(ValueError, "not a multiple of 8", Atomic, m, 0, "q")
        Atomic(m, 4, "q").fetch_add(1)

    def test_read_only_maps(self):
        m = self.open(b"\1" * 8, "r")
        word = Atomic(m, 0, "B")
        self.assertEqual((word.load(), m.load("B", 7)), (1, 1))
        self.assertRaises(TypeError, word.store, 1)
        self.assertRaises(TypeError, word.swap, 1)
        self.assertRaises(TypeError, word.fetch_add, 1)
        self.assertRaises(TypeError, m.store, "B", 0, 1)

    def test_copy_on_write_maps_have_plain_loads_and_stores(self):
        m = self.open(mode="c")
        word = Atomic(m, 0, "I")
        word.store(5)
        m.store("I", 4, 6)
        self.assertEqual((word.load(), m.load("I", 4)), (5, 6))
        self.assertRaisesRegex(ValueError, "private", word.fetch_add, 1)
        self.assertRaisesRegex(ValueError, "private", m.wait, 0, 5)
        self.assertRaisesRegex(ValueError, "private", m.notify, 0)

    def test_a_word_of_the_standard_class(self):
        with open(self.path(bytes(PAGE)), "r+b") as file:
            m = safemap.mmap(file.fileno(), PAGE)
        word = Atomic(m, 8, "Q")
        self.assertEqual((word.fetch_add(3), word.load(), word.offset), (0, 3, 8))
        self.assertIs(word.map, m)
        self.assertRegex(repr(word), r"safemap\.ipc\.Atomic\(offset=8, format='Q'\)")
        self.assertFalse(hasattr(m, "wait") or hasattr(m, "load"))
        m.close()
        self.assertRaisesRegex(ValueError, "closed", word.load)
        self.assertRaises(TypeError, Atomic, bytearray(8), 0, "Q")

    @unix_only(NO_TRUNCATION)
    def test_a_truncated_page_is_a_fault(self):
        m = self.open(bytes(2 * PAGE))
        word = Atomic(m, PAGE, "I")
        self.lose(m, PAGE)
        for call in (
            word.load,
            lambda: word.fetch_add(1),
            lambda: word.store(1),
            lambda: m.load("I", PAGE),
            lambda: m.wait(PAGE, 0),
        ):
            with self.assertRaises(safemap.FaultError) as caught:
                call()
            self.assertEqual(caught.exception.offset, PAGE)

    def test_no_change_is_lost_between_threads(self):
        word = Atomic(self.open(), 8, "H")

        def add(_):
            for _ in range(20_000):
                word.fetch_add(3)

        run_threads(add, *range(4))
        self.assertEqual(word.load(), 4 * 20_000 * 3 % (1 << 16))

    def test_no_change_is_lost_between_processes(self):
        m = self.open()
        context = multiprocessing.get_context("spawn")
        children = [context.Process(target=add_in_child, args=(m, 10_000)) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        self.assertEqual(Atomic(m, 0, "Q").load(), 20_000)


def add_in_child(m, count):
    word = Atomic(m, 0, "Q")
    for _ in range(count):
        word.fetch_add(1)


class Waiting(WordCase):
    def test_another_word_ends_the_wait(self):
        self.assertIs(self.open().wait(4, 1), True)

    def test_timeouts(self):
        m = self.open()
        for timeout in (0, -1, 0.001, 0.12):
            start = time.perf_counter()
            self.assertIs(m.wait(0, 0, timeout), False)
            self.assertGreaterEqual(time.perf_counter() - start, timeout)
        self.assertRaises(ValueError, m.wait, 0, 0, math.nan)
        self.assertRaises(TypeError, m.wait, 0, 0, "1")
        self.assertIs(m.wait(0, 1, math.inf), True)

    def test_a_waiting_thread_lets_others_run_and_is_notified(self):
        m, woken = self.open(), []
        thread = threading.Thread(target=lambda: woken.append(wait_until(m, 1)))
        thread.start()
        time.sleep(0.02)
        m.store("I", 0, 1)
        m.notify(0)
        thread.join(10)
        self.assertEqual(woken, [1])

    def test_two_processes_alternate(self):
        m = self.open()
        child = multiprocessing.get_context("spawn").Process(target=alternate, args=(m, 1, 500))
        child.start()
        alternate(m, 0, 500)
        child.join()
        self.assertEqual((child.exitcode, m.load("I", 0)), (0, 1000))

    def test_a_signal_ends_the_wait(self):
        m, start = self.open(), time.perf_counter()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        timer = threading.Timer(0.02, _thread.interrupt_main)
        timer.start()
        self.assertRaises(KeyboardInterrupt, m.wait, 0, 0)
        self.assertLess(time.perf_counter() - start, 10)

    def test_close_ends_the_wait_of_another_thread(self):
        m, errors = self.open(), []

        def wait():
            try:
                m.wait(0, 0)
            except ValueError as error:
                errors.append(str(error))

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.02)
        m.close()
        thread.join(10)
        self.assertFalse(thread.is_alive())
        self.assertIn("closed", errors[0])


def wait_until(m, number):
    """Waits until the first word is `number`, and returns it."""
    while (seen := m.load("I", 0)) != number:
        m.wait(0, seen)
    return number


def alternate(m, side, rounds):
    """Waits for each number of one parity and stores the next one."""
    for turn in range(side, 2 * rounds, 2):
        wait_until(m, turn)
        m.store("I", 0, turn + 1)
        m.notify(0, 1)


if __name__ == "__main__":
    unittest.main()
