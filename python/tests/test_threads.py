"""Tests of threads: long calls release the GIL, and other threads may close or resize the map."""

import sys
import threading
import time

from support import NO_FORK, PAGE, PRIVATE, FileCase, run_threads, succeed, unix_only

import safemap

LONG = 256 << 20


class Clock:
    """A thread that ticks whenever it gets the GIL. The interpreter does not force a switch."""

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
            # Releases the GIL.
            time.sleep(0.0001)

    def __exit__(self, *exception):
        self.stop = True
        sys.setswitchinterval(self.interval)
        self.thread.join()

    def during(self, call):
        """The number of ticks while `call` ran."""
        before = self.ticks
        call()
        return self.ticks - before


class ReleaseOfTheGil(FileCase):
    def long(self):
        """A long map. Reading private memory that was never written takes time, but no memory."""
        return self.anonymous(LONG, **PRIVATE)

    def ticks(self, name, call):
        """Checks that the clock ticks during the call.

        The clock needs a processor, so it gets several chances.
        """
        with Clock() as clock:
            self.assertTrue(any(clock.during(call) for _ in range(50)), name + " held the GIL")

    def test_a_clock_does_not_tick_while_the_gil_is_held(self):
        # This is the control.
        if not getattr(sys, "_is_gil_enabled", lambda: True)():
            self.skipTest("this interpreter has no GIL")
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
        self.ticks("slice assignment", lambda: m.__setitem__(slice(0, LONG // 4), data))
        self.ticks("move", lambda: m.move(LONG // 4, 0, LONG // 4))

    def test_slices_with_steps_release_the_gil(self):
        m = self.long()
        self.ticks("slice with a step", lambda: m[::3])

    @unix_only("mapping takes no time, because MAP_POPULATE is missing")
    def test_mapping_and_unmapping_release_the_gil(self):
        def populate():
            flags = safemap.MAP_PRIVATE | safemap.MAP_POPULATE
            safemap.mmap(-1, LONG, flags=flags).close()

        self.ticks("map and unmap", populate)

    @unix_only("there is no madvise")
    def test_madvise_releases_the_gil(self):
        m = self.long()
        self.ticks("madvise", lambda: m.madvise(safemap.MADV_POPULATE_WRITE))

    def test_flush_releases_the_gil(self):
        m = self.map(b"x")
        m.resize(32 << 20)
        for offset in range(0, len(m), PAGE):
            m[offset] = 1
        # On a file system in memory there is nothing to wait for.
        with Clock() as clock:
            begun = time.monotonic()
            ticks = clock.during(m.flush)
            if time.monotonic() - begun < 0.005:
                self.skipTest("flush takes no time on this file system")
        self.assertGreater(ticks, 0)

    def test_two_threads_search_at_the_same_time(self):
        m, found = self.long(), []
        run_threads(lambda needle: found.append(m.find(needle)), *[b"needle"] * 4)
        self.assertEqual(found, [-1] * 4)


class ConcurrentChanges(FileCase):
    """Another thread closes, resizes or drops the map, or forks, during a long search."""

    BEGIN = """
        import os, safemap, threading, warnings
        from support import CLOSED, PRIVATE
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
        code = (
            self.BEGIN
            + """
        for _ in range(10):
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            results = []
            def work():
                try:
                    results.append(m.find(b"needle"))
                except ValueError as error:
                    results.append(str(error))
            thread = begin(work)
            try:
                m.close()
            except BufferError:
                pass
            thread.join()
            assert results[0] in (-1, CLOSED), results
            m.close()
            assert m.closed
        print("done")
        """
        )
        self.assertEqual(succeed(self, code), "done\n")

    def test_a_search_survives_a_resize(self):
        code = (
            self.BEGIN
            + """
        for size in [5, 2 * SIZE] * 5:
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            m[0:3] = b"abc"
            results = []
            def work():
                try:
                    results.append(m.find(b"needle"))
                except safemap.FaultError as error:
                    results.append(error.offset)
            thread = begin(work)
            try:
                m.resize(size)
            except BufferError:
                pass
            thread.join()
            # The search may fault beyond the new end.
            assert results == [-1] or size == 5 and results[0] >= 5, results
            assert m[:3] == b"abc"
            m.close()
        print("done")
        """
        )
        self.assertEqual(succeed(self, code), "done\n")

    def test_reads_and_searches_return_what_a_shrink_leaves(self):
        code = (
            self.BEGIN
            + """
        import sys, time
        sys.setswitchinterval(1e-6)
        LONG = 130 << 10
        m = safemap.mmap(-1, LONG, **PRIVATE)
        m[:LONG // 2] = b"x" * (LONG // 2)
        def resize():
            while not done.is_set():
                m.resize(LONG)
                m.resize(LONG // 2)
        calls = [
            lambda: m.find(b"q", 0), lambda: m.rfind(b"qq", 0), m.read, m.readline,
            lambda: m[5:], lambda: next(m.lines(LONG // 2 - 9)),
            lambda: list(m.lines(containing=b"q")),
        ]
        done = threading.Event()
        thread = begin(resize)
        try:
            stop = time.monotonic() + 4
            while time.monotonic() < stop:
                for call in calls:
                    m.seek(0)
                    try:
                        call()
                    except safemap.FaultError:
                        pass
        finally:
            done.set()
            thread.join()
        print("done")
        """
        )
        self.assertEqual(succeed(self, code), "done\n")

    def test_a_search_survives_the_last_reference_to_its_map(self):
        code = (
            self.BEGIN
            + """
        for _ in range(10):
            m = safemap.mmap(-1, SIZE, **PRIVATE)
            results = []
            thread = begin(lambda m: results.append(m.find(b"needle")), m)
            del m
            thread.join()
            assert results == [-1], results
        print("done")
        """
        )
        self.assertEqual(succeed(self, code), "done\n")

    @unix_only(NO_FORK)
    def test_a_child_forked_during_a_search_can_use_and_close_the_map(self):
        code = (
            self.BEGIN
            + """
        warnings.simplefilter("ignore")
        for _ in range(10):
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
        )
        self.assertEqual(succeed(self, code, timeout=60), "done\n")

    @unix_only(NO_FORK)
    def test_a_fork_hook_registered_before_the_import_can_close_the_map(self):
        code = """
        import os, threading, time, warnings
        warnings.simplefilter("ignore")
        maps = []
        os.register_at_fork(after_in_child=lambda: [m.close() for m in maps])
        import safemap

        m = safemap.mmap(-1, 1 << 32, flags=safemap.MAP_PRIVATE | safemap.MAP_NORESERVE)
        thread = threading.Thread(target=m.find, args=(b"x",))
        thread.start()
        time.sleep(0.2)
        maps.append(m)
        child = os.fork()
        if child == 0:
            os._exit(0 if m.closed else 1)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
        self.assertEqual(succeed(self, code, timeout=60), "0\n")

    def test_threads_can_write_disjoint_parts_of_one_map(self):
        m = self.anonymous(64 * PAGE)
        wrong = []

        def work(number):
            start = number * 8 * PAGE
            part = slice(start, start + 8 * PAGE)
            for step in range(300):
                letter = bytes([step % 256])
                m[part] = letter * 8 * PAGE
                found = m.find(letter, start, start + 9)
                if m[part] != letter * 8 * PAGE or found != start:
                    wrong.append((number, step))

        run_threads(work, *range(8))
        self.assertEqual(wrong, [])
