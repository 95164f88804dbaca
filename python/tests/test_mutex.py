"""Tests of mutexes between processes."""

import _thread
import mmap
import multiprocessing
import os
import signal
import threading
import time
import unittest

from support import NO_FORK, FileCase, run_threads, unix_only

import safemap
from safemap.ipc import Atomic, Mutex

DATA = 64


def add(m, mutex, count):
    """Adds 1 to a word, not atomically."""
    for _ in range(count):
        with mutex as guard:
            assert not guard.owner_died
            m.store("Q", DATA, m.load("Q", DATA) + 1)


def add_in_child(m, count):
    add(m, Mutex(m, 0), count)


def crash(m):
    """Locks the mutex and is killed."""
    Mutex(m, 0).acquire()
    os.kill(os.getpid(), signal.SIGKILL)


class Locks(FileCase):
    def setUp(self):
        super().setUp()
        self.m = safemap.open(self.path(bytes(128)), "r+")
        self.addCleanup(self.m.close)
        try:
            self.mutex = Mutex(self.m, 0)
        except ValueError as error:
            self.skipTest(str(error))

    def test_threads_and_processes_exclude_each_other(self):
        context = multiprocessing.get_context("spawn")
        children = [context.Process(target=add_in_child, args=(self.m, 2000)) for _ in range(2)]
        for child in children:
            child.start()
        run_threads(
            lambda mutex: add(self.m, mutex, 2000), self.mutex, self.mutex, Mutex(self.m, 0)
        )
        for child in children:
            child.join()
        self.assertEqual(self.m.load("Q", DATA), 10_000)

    def test_a_locked_mutex(self):
        other = Mutex(self.m, 0)
        self.assertIs(self.mutex.acquire(), True)
        self.assertEqual(self.mutex.holder, os.getpid())
        for timeout in (0, 0.01, 0.12):
            start = time.perf_counter()
            self.assertIs(other.acquire(timeout), False)
            self.assertGreaterEqual(time.perf_counter() - start, timeout)
        for blocking in (True, False):
            self.assertRaisesRegex(TypeError, "timeout", other.acquire, blocking)
        self.assertRaisesRegex(RuntimeError, "not locked", other.release)
        self.assertIsNone(self.mutex.release())
        self.assertIsNone(self.mutex.holder)
        self.assertRaisesRegex(RuntimeError, "not locked", self.mutex.release)
        self.assertIs(other.acquire(0), True)
        other.release()
        self.assertFalse(any(self.m[:8]))

    def test_the_mutex_is_released_after_an_exception(self):
        with self.assertRaises(KeyError), self.mutex as guard:
            self.assertIs(guard, self.mutex)
            raise KeyError
        self.assertIsNone(self.mutex.holder)

    def test_a_refused_offset_is_named(self):
        size = len(self.m)
        with self.assertRaises(ValueError) as caught:
            Mutex(self.m, 4)
        self.assertEqual(str(caught.exception), "Mutex: offset 4 is not a multiple of 8")
        with self.assertRaises(IndexError) as caught:
            Mutex(self.m, size - 8)
        text = f"Mutex: range {size - 8}..{size + 8} out of bounds for a map of {size} bytes"
        self.assertEqual(str(caught.exception), text)

    def test_an_exception_is_not_hidden_by_a_locked_mutex(self):
        with self.assertRaises(KeyError) as caught, self.m:
            self.mutex.acquire()
            raise KeyError
        (note,) = caught.exception.__notes__
        self.assertRegex(note, "^the map could not be closed: .* mutex .* locked")
        self.assertFalse(self.m.closed)
        self.mutex.release()

    def test_a_map_with_a_locked_mutex_cannot_be_closed(self):
        with self.mutex:
            for keywords in ({}, {"detach": True}):
                self.assertRaisesRegex(BufferError, "mutex", self.m.close, **keywords)
                with self.assertRaisesRegex(BufferError, "mutex"), self.m:
                    pass
            self.m.resize(4096)
        self.m.close()
        self.assertRaisesRegex(ValueError, "closed", self.mutex.acquire)

    def test_a_map_cannot_be_closed_while_a_thread_waits_for_a_mutex(self):
        # Locked through another map: this one has only the thread that waits.
        with safemap.open(self.latest, "r+") as other, Mutex(other, 0):
            thread = threading.Thread(target=lambda: add(self.m, self.mutex, 1))
            thread.start()
            time.sleep(0.1)
            self.assertRaisesRegex(BufferError, "mutex", self.m.close)
        thread.join(10)
        self.m.close()

    def test_a_map_can_be_closed_after_a_locked_mutex_was_deleted(self):
        Mutex(self.m, 0).acquire()
        self.assertIs(self.mutex.acquire(0), False)
        self.m.close()
        with safemap.open(self.latest, "r+") as m, Mutex(m, 0) as guard:
            self.assertIs(guard.owner_died, True)

    @unix_only("a mapped file cannot be truncated")
    def test_a_failed_release_can_be_repeated(self):
        self.mutex.acquire()
        os.truncate(self.latest, 0)
        self.assertRaises(safemap.FaultError, self.mutex.release)
        os.truncate(self.latest, 128)
        # The word is gone with the page, and so is the lock.
        self.assertRaisesRegex(OSError, "taken the lock over", self.mutex.release)
        self.assertRaises(RuntimeError, self.mutex.release)

    def test_only_the_owner_marks_the_data_consistent(self):
        self.assertRaisesRegex(RuntimeError, "not locked", self.mutex.mark_consistent)

    def test_a_map_of_the_class_mmap(self):
        with open(self.latest, "r+b") as file:
            m = safemap.mmap(file.fileno(), 0)
        with self.mutex:
            self.assertIs(Mutex(m, 0).acquire(0), False)
        with Mutex(m, 0):
            self.assertRaisesRegex(BufferError, "mutex", m.close)
        m.close()

    def test_maps_without_mutexes(self):
        self.assertRaises(IndexError, Mutex, self.m, 113)
        self.assertRaisesRegex(ValueError, "multiple of 8", Mutex, self.m, 4)
        for mode, exception in (("r", TypeError), ("c", ValueError)):
            with safemap.open(self.latest, mode) as m:
                self.assertRaises(exception, Mutex, m, 0)
        self.assertRaises(ValueError, Mutex, safemap.mmap(-1, 64), 0)
        text = r"a map of the package safemap is required, not '(mmap\.)?mmap'"
        with mmap.mmap(-1, 64) as other:
            self.assertRaisesRegex(TypeError, text, Mutex, other, 0)
            self.assertRaisesRegex(TypeError, text, Atomic, other, 0, "Q")

    @unix_only("there is no SIGKILL")
    def test_a_crash_is_reported_until_the_data_is_consistent(self):
        child = multiprocessing.get_context("spawn").Process(target=crash, args=(self.m,))
        child.start()
        child.join()
        for _ in range(2):
            with self.mutex as guard:
                self.assertIs(guard.owner_died, True)
        with self.mutex as guard:
            guard.mark_consistent()
        with self.mutex as guard:
            self.assertIs(guard.owner_died, False)

    @unix_only(NO_FORK)
    def test_a_forked_child_leaves_the_block(self):
        with self.mutex:
            child = os.fork()
        if child == 0:
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    @unix_only(NO_FORK)
    def test_a_forked_child_does_not_own_the_lock(self):
        with self.mutex:
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    refused = not self.mutex.acquire(0.02)
                    try:
                        self.mutex.release()
                    except RuntimeError:
                        self.m.close()
                        status = 0 if refused else 2
                finally:
                    os._exit(status)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertIs(Mutex(self.m, 0).acquire(0), False)

    def test_a_signal_ends_the_wait(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with self.mutex:
            threading.Timer(0.02, _thread.interrupt_main).start()
            self.assertRaises(KeyboardInterrupt, Mutex(self.m, 0).acquire)
        self.assertIs(self.mutex.acquire(0), True)
        self.mutex.release()

    def test_threads_run_while_one_waits(self):
        word, other = Atomic(self.m, DATA, "Q"), Mutex(self.m, 0)
        with self.mutex:
            thread = threading.Thread(target=lambda: add(self.m, other, 1))
            thread.start()
            time.sleep(0.02)
            self.assertEqual(word.load(), 0)
        thread.join(10)
        self.assertEqual(word.load(), 1)


if __name__ == "__main__":
    unittest.main()
