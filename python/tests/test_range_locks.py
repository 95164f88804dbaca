"""Tests of locks of ranges."""

import _thread
import io
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
import unittest

from support import FileCase, run_threads, unix_only

import safemap
from safemap.ipc import RangeLock

HAS_LOCKS = sys.platform in ("linux", "darwin", "win32") and sys.maxsize > 1 << 32


def is_free(m, start=0, end=None, **keywords):
    """Whether the range can be locked."""
    try:
        m.lock_range(start, end, timeout=0, **keywords).release()
    except TimeoutError:
        return False
    return True


def add(m, count):
    """Adds to the first byte, in two steps, between which others may run."""
    for _ in range(count):
        with m.lock_range(0, 1):
            old = m[0]
            time.sleep(0)
            m[0] = old + 1


def hold(path, ready):
    """Locks bytes until the process is killed."""
    with safemap.open(path, "r+") as m, m.lock_range(2, 5):
        ready.set()
        time.sleep(60)


@unittest.skipUnless(HAS_LOCKS, "this system has no such locks")
class RangeLocks(FileCase):
    def open(self, path=None, mode="r+", **keywords):
        """Maps a file until the test ends."""
        m = safemap.open(path or self.path(bytes(64)), mode, **keywords)
        self.addCleanup(m.close)
        return m

    def test_a_lock_excludes_others_that_overlap_it(self):
        path = self.path(bytes(64))
        m, shifted = self.open(path), self.open(path, offset=10)
        with m.lock_range(12, 14) as lock:
            self.assertIsInstance(lock, RangeLock)
            free = [at for at in range(54) if is_free(shifted, at, at + 1)]
            self.assertEqual(free, [0, 1, *range(4, 54)])
            self.assertFalse(is_free(m) or is_free(m, 0, 13, shared=True))
        self.assertTrue(is_free(m))

    def test_shared_locks(self):
        m = self.open()
        first, second = m.lock_range(shared=True), m.lock_range(5, shared=True)
        self.assertFalse(is_free(m, 5))
        first.release()
        self.assertTrue(is_free(m, 0, 5))
        self.assertFalse(is_free(m))
        second.release()
        second.release()
        self.assertTrue(is_free(m))

    def test_a_lock_that_is_forgotten_is_released(self):
        m = self.open()
        m.lock_range()
        self.assertTrue(is_free(m))
        with self.assertRaises(ZeroDivisionError), m.lock_range():
            raise ZeroDivisionError
        self.assertTrue(is_free(m))

    def test_a_lock_outlives_the_map(self):
        path = self.path(bytes(64))
        m = self.open(path)
        lock = m.lock_range()
        m.close()
        other = self.open(path)
        self.assertFalse(is_free(other))
        lock.release()
        self.assertTrue(is_free(other))

    def test_timeouts(self):
        m = self.open()
        with m.lock_range():
            for timeout in (0, -1, 0.001, 0.12):
                start = time.perf_counter()
                self.assertRaises(TimeoutError, m.lock_range, timeout=timeout)
                self.assertGreaterEqual(time.perf_counter() - start, timeout)
            self.assertRaises(ValueError, m.lock_range, timeout=math.nan)
        m.lock_range(timeout=math.inf).release()

    def test_ranges_and_maps_that_cannot_be_locked(self):
        path = self.path(bytes(64))
        m = self.open(path)
        text = r"^range 5\.\.65 out of bounds for a map of 64 bytes$"
        self.assertRaisesRegex(ValueError, text, m.lock_range, 5, 65)
        for start, end, shown in ((6, 5, 5), (0, 0, 0), (64, 64, 64), (64, None, 64)):
            text = rf"range {start}\.\.{shown} has no bytes: .* its start and its end"
            self.assertRaisesRegex(ValueError, text, m.lock_range, start, end)
        self.assertRaises(ValueError, m.lock_range, -1)
        self.assertRaises(TypeError, m.lock_range, 0, 5, True)
        self.assertRaises(io.UnsupportedOperation, self.open(path, "c").lock_range)
        self.assertRaises(TypeError, RangeLock)
        m.close()
        self.assertRaisesRegex(ValueError, "closed", m.lock_range)

    def test_a_map_for_reading(self):
        path = self.path(bytes(64))
        with self.open(path, "r").lock_range(0, 8, shared=True):
            self.assertFalse(is_free(self.open(path)))

    def test_no_change_is_lost_between_threads(self):
        m = self.open()
        run_threads(lambda _: add(m, 50), *range(4))
        self.assertEqual(m[0], 200)

    def test_no_change_is_lost_between_processes(self):
        m = self.open()
        context = multiprocessing.get_context("spawn")
        children = [context.Process(target=add, args=(m, 100)) for _ in range(2)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        self.assertEqual(m[0], 200)

    def test_the_lock_of_a_killed_process_is_released(self):
        path, context = self.path(bytes(64)), multiprocessing.get_context("spawn")
        m, ready = self.open(path), context.Event()
        child = context.Process(target=hold, args=(path, ready))
        child.start()
        self.assertTrue(ready.wait(30))
        self.assertFalse(is_free(m, 2, 3))
        child.kill()
        m.lock_range(timeout=1.5).release()
        child.join()

    @unix_only("fork")
    def test_a_forked_child_does_not_release_the_lock(self):
        m = self.open()
        lock = m.lock_range()
        child = os.fork()
        if child == 0:
            lock.release()
            os._exit(is_free(m))
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertFalse(is_free(m))
        lock.release()
        self.assertTrue(is_free(m))

    @unix_only("fcntl")
    def test_locks_of_lockf(self):
        import fcntl

        path = self.path(bytes(64))
        m = self.open(path)
        with open(path, "r+b") as file:
            with m.lock_range(5, 10):
                self.assertRaises(OSError, fcntl.lockf, file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 9)
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 9)
            self.assertFalse(is_free(m))

    def test_a_signal_ends_the_wait(self):
        m, start = self.open(), time.perf_counter()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        with m.lock_range():
            threading.Timer(0.02, _thread.interrupt_main).start()
            self.assertRaises(KeyboardInterrupt, m.lock_range)
        self.assertLess(time.perf_counter() - start, 10)

    def test_a_waiting_thread_lets_others_run_and_gets_the_lock(self):
        m, got = self.open(), []
        with m.lock_range():
            thread = threading.Thread(target=lambda: got.append(m.lock_range()))
            thread.start()
            time.sleep(0.12)
            self.assertEqual(got, [])
        thread.join(10)
        self.assertFalse(is_free(m))
        got.pop().release()

    def test_close_ends_the_wait_of_another_thread(self):
        m, errors = self.open(), []

        def wait():
            try:
                m.lock_range()
            except ValueError as error:
                errors.append(str(error))

        with m.lock_range():
            thread = threading.Thread(target=wait)
            thread.start()
            time.sleep(0.02)
            m.close()
            thread.join(10)
        self.assertIn("closed", errors[0])


if __name__ == "__main__":
    unittest.main()
