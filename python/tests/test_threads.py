"""Threads: others run Python code during long work, and may close or resize meanwhile."""

import os
import sys
import threading
import time
import unittest

from support import NO_FORK, PAGE, PRIVATE, FileCase, succeed, unix_only

import safemap

LONG = 256 << 20


class Clock:
    """A thread that ticks whenever it gets the interpreter, which nobody is forced to give away meanwhile."""

    def __enter__(self):
        self.ticks, self.stop = 0, False
        self.interval = sys.getswitchinterval()
        sys.setswitchinterval(100)
        self.thread = threading.Thread(target=self.tick)
        self.thread.start()
        return self

    def tick(self):
        while not self.stop:
            self.ticks += 1
            # Gives the interpreter back at once; the pause is not what is waited for.
            time.sleep(0.0001)

    def __exit__(self, *exception):
        self.stop = True
        sys.setswitchinterval(self.interval)
        self.thread.join()

    def during(self, call):
        """How often it ticked while `call` ran."""
        before = self.ticks
        call()
        return self.ticks - before


class Parallel(FileCase):
    """Private memory that nobody wrote to costs no memory to read, and takes its time."""

    def long(self, **keywords):
        return self.anonymous(LONG, **PRIVATE, **keywords)

    def ticks(self, name, call):
        # The clock needs a processor as well, so it gets several chances. It cannot tick if the interpreter is kept.
        with Clock() as clock:
            self.assertTrue(any(clock.during(call) for _ in range(50)), name + " kept the interpreter")

    def test_a_clock_does_not_tick_while_the_gil_is_held(self):
        # The control: this holds only where there is an interpreter lock.
        if not getattr(sys, "_is_gil_enabled", lambda: True)():
            self.skipTest("this interpreter has no lock")
        with Clock() as clock:
            self.assertEqual(clock.during(lambda: sum(range(3_000_000))), 0)

    def test_find_and_rfind_release_the_gil(self):
        m = self.long()
        self.ticks("find", lambda: m.find(b"needle"))
        self.ticks("rfind", lambda: m.rfind(b"needle"))
        self.ticks("find of a byte", lambda: m.find(b"n"))

    def test_readline_releases_the_gil(self):
        m = self.long()
        self.ticks("readline", lambda: (m.seek(0), m.readline()))

    def test_copies_out_release_the_gil(self):
        m = self.long()
        self.ticks("slice", lambda: m[:])
        self.ticks("read", lambda: (m.seek(0), m.read()))

    def test_copies_in_release_the_gil(self):
        m, data = self.long(), bytes(LONG // 4)
        self.ticks("write", lambda: (m.seek(0), m.write(data)))
        self.ticks("slice assignment", lambda: m.__setitem__(slice(0, len(data)), data))
        self.ticks("move", lambda: m.move(len(data), 0, len(data)))

    def test_slices_with_steps_release_the_gil(self):
        m = self.long()
        self.ticks("slice with a step", lambda: m[::3])

    @unix_only("memory is not filled when it is mapped, which takes no time then")
    def test_mapping_and_unmapping_release_the_gil(self):
        def populate():
            safemap.mmap(-1, LONG, flags=safemap.MAP_PRIVATE | safemap.MAP_POPULATE).close()

        self.ticks("map and unmap", populate)

    @unix_only("there is no madvise")
    def test_madvise_releases_the_gil(self):
        m = self.long()
        self.ticks("madvise", lambda: m.madvise(safemap.MADV_POPULATE_WRITE))

    def test_flush_releases_the_gil(self):
        m = self.mapped_file()
        for at in range(0, len(m), PAGE):
            m[at] = 1
        # Where the file is in memory only, there is nothing to wait for.
        with Clock() as clock:
            begun = time.monotonic()
            ticks = clock.during(m.flush)
            if time.monotonic() - begun < 0.005:
                self.skipTest("flush takes no time on this file system")
        self.assertGreater(ticks, 0)

    def mapped_file(self):
        """A file of some size, mapped."""
        fd = self.descriptor()
        os.truncate(fd, 32 << 20)
        m = safemap.mmap(fd, 0)
        self.addCleanup(m.close)
        return m

    def test_two_threads_search_at_the_same_time(self):
        m, found = self.long(), []
        threads = [threading.Thread(target=lambda: found.append(m.find(b"needle"))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [-1] * 4)


class Meanwhile(FileCase):
    """What is closed or resized during somebody's long call is not taken away under it."""

    BEGIN = """
        import safemap, threading
        from support import PRIVATE
        SIZE = 256 << 20
        def begin(work, *args):
            begun = threading.Event()
            def run():
                begun.set()
                work(*args)
            thread = threading.Thread(target=run)
            thread.start()
            begun.wait()
            return thread
    """

    def test_close_waits_for_a_search_or_raises(self):
        code = self.BEGIN + """
        for turn in range(10):
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            came = []
            def work():
                try:
                    came.append(m.find(b"needle"))
                except ValueError as error:
                    came.append(str(error))
            thread = begin(work)
            try:
                m.close()
            except BufferError:
                pass
            thread.join()
            assert came[0] in (-1, CLOSED), came
            m.close()
            assert m.closed
        print("done")
        """
        self.assertEqual(succeed(self, code), "done\n")

    def test_a_search_survives_a_resize(self):
        code = self.BEGIN + """
        for turn in range(10):
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            m[0:3] = b"abc"
            came = []
            def work():
                try:
                    came.append(m.find(b"needle"))
                except safemap.FaultError as error:
                    came.append(error.offset)
            thread = begin(work)
            try:
                m.resize(2 * SIZE if turn % 2 else 5)
            except BufferError:
                pass
            thread.join()
            # Memory that was given back may be gone.
            assert came == [-1] or turn % 2 == 0 and came[0] >= 5, came
            assert m[:3] == b"abc"
            m.close()
        print("done")
        """
        self.assertEqual(succeed(self, code), "done\n")

    def test_a_search_survives_the_last_reference_to_its_map(self):
        code = self.BEGIN + """
        for turn in range(10):
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            came = []
            thread = begin(lambda m: came.append(m.find(b"needle")), m)
            del m
            thread.join()
            assert came == [-1], came
        print("done")
        """
        self.assertEqual(succeed(self, code), "done\n")

    @unix_only(NO_FORK)
    def test_a_child_forked_during_a_search_can_use_and_close_the_map(self):
        code = self.BEGIN + """
        import os, warnings
        warnings.simplefilter("ignore")
        for turn in range(10):
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            m[0:3] = b"abc"
            thread = begin(lambda: m.find(b"needle"))
            pid = os.fork()
            if pid == 0:
                good = m[:3] == b"abc" and m.find(b"c") == 2
                m.close()
                os._exit(0 if good and m.closed else 1)
            thread.join()
            assert os.waitpid(pid, 0)[1] == 0
            m.close()
        print("done")
        """
        self.assertEqual(succeed(self, code, timeout=60), "done\n")

    def test_threads_can_write_disjoint_parts_of_one_map(self):
        m = self.anonymous(64 * PAGE)
        wrong = []

        def work(number):
            start = number * 8 * PAGE
            for turn in range(300):
                letter = bytes([turn % 256])
                m[start : start + 8 * PAGE] = letter * 8 * PAGE
                if m[start : start + 8 * PAGE] != letter * 8 * PAGE or m.find(letter, start, start + 9) != start:
                    wrong.append((number, turn))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
