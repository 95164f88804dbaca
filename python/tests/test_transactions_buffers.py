"""Tests of transactional maps whose memory is used through buffers, and by several threads."""

import importlib.util
import random
import signal
import sys
import threading
import time
import unittest

from support import CLOSED, PAGE, run_threads
from test_transactions import TransactionCase, content

import safemap

HAS_NUMPY = importlib.util.find_spec("numpy") is not None
if HAS_NUMPY:
    import numpy as np


def interrupt():
    """Sends a signal to the main thread."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


class Views(TransactionCase):
    def test_stores_through_a_view_are_committed(self):
        m = self.open(self.path(bytes(3 * PAGE)))
        with memoryview(m) as view:
            view[0], view[PAGE : PAGE + 3] = 1, b"abc"
            self.assertEqual(m.changed(), [(0, 1), (PAGE, PAGE + 3)])
            self.assertEqual(self.latest_content(), bytes(3 * PAGE))
            m.commit()
            self.assertEqual(self.latest_content(), m[:])
            # The pages stay while the view exists.
            view[1] = 2
            m.commit()
            self.assertEqual(self.latest_content()[:2], b"\1\2")
            view[2] = 3
        self.assertEqual(m.changed(), [(2, 3)])
        m.commit()
        self.assertEqual(self.latest_content()[:3], b"\1\2\3")

    def test_a_view_shows_the_file_after_a_rollback(self):
        m = self.open(self.path(b"abc" + bytes(PAGE)))
        with memoryview(m) as view:
            for store in (lambda: view.__setitem__(0, 0), lambda: m.__setitem__(1, 0)):
                store()
                m.rollback()
                self.assertEqual(bytes(view[:3]), b"abc")
                self.assertEqual((m[:3], m.changed()), (b"abc", []))
            with self.assertRaises(ZeroDivisionError), m.transaction():
                view[2] = 0
                raise ZeroDivisionError
            self.assertEqual(bytes(view[:3]), b"abc")

    def test_a_view_lets_the_map_grow_within_its_reserve(self):
        m = self.open(self.path(b"abc"), reserve=1 << 20)
        with memoryview(m) as view:
            m.append(b"def" * PAGE)
            view[0] = ord("x")
            m.commit()
            self.assertEqual(self.latest_content(), b"xbc" + b"def" * PAGE)
            with memoryview(m) as longer:
                longer[4], view[1] = ord("y"), ord("z")
                m.append(b"!")
                m.commit()
            m.append(b"?")
            m.rollback()
            self.assertEqual(len(m), 3 * PAGE + 4)
        self.assertEqual(self.latest_content(), b"xzcdyf" + b"def" * (PAGE - 1) + b"!")
        self.assertEqual(m[:], self.latest_content())

    def test_a_view_keeps_the_map_from_moving_and_from_becoming_shorter(self):
        m = self.open(self.path(bytes(2 * PAGE)), reserve=4 * PAGE)
        with memoryview(m):
            self.assertRaises(BufferError, m.resize, PAGE)
            self.assertRaises(BufferError, m.resize, 1 << 40)
        self.assertEqual((len(m), m.changed()), (2 * PAGE, []))
        m.resize(PAGE)
        self.assertEqual(self.latest_content(), bytes(PAGE))

    def test_a_view_keeps_the_map_from_being_closed(self):
        m = self.changed()
        view = memoryview(m)
        self.assertRaises(BufferError, m.close)
        m.close(detach=True)
        self.assertEqual(view[0], 1)
        # The last buffer ends the map, and lets others in.
        self.assertRaises(TimeoutError, self.open, self.latest)
        view.release()
        self.assertEqual(self.open(self.latest)[0], 0)

    def test_a_view_does_not_hide_the_exception_of_a_block(self):
        with self.assertRaises(KeyError) as caught, self.open() as m, m.transaction():
            view = memoryview(m)
            view[0] = 1
            raise KeyError
        self.assertIsNone(caught.exception.__context__)
        self.assertTrue(m.closed)
        view.release()
        self.assertEqual(self.open(self.latest)[0], 0)

    def test_a_buffer_that_is_refused_is_not_counted(self):
        m = self.open(self.path(bytes(9)), "r")
        with open(__file__, "rb") as file:
            self.assertRaises(TypeError, file.readinto, m)
            self.assertEqual(m.exports, 0)
            m.close()
            m = self.open(self.latest)
            file.readinto(m)
        self.assertEqual(m[:], content(__file__)[:9])
        m.commit()
        m.close()

    def test_bytes_of_the_map_itself(self):
        m = self.open(self.path(bytes(range(64))))
        with memoryview(m) as view:
            m[0:32] = view[16:48]
        m.commit()
        self.assertEqual(self.latest_content()[:32], bytes(range(16, 48)))

    def test_random_stores_while_buffers_come_and_go(self):
        for seed in range(8):
            with self.subTest(seed):
                self.run_random(random.Random(seed))

    def run_random(self, chance):
        """Stores through calls and through views, with commits in between."""
        now = bytearray(chance.randbytes(9 * PAGE))
        m, views = self.open(self.path(now, "random"), reserve=1 << 20), []
        for _ in range(200):
            at, data = chance.randrange(8 * PAGE), chance.randbytes(chance.choice((1, 5000)))
            data = data[: len(now) - at]
            if chance.random() < 0.2:
                views.append(memoryview(m))
            if views and chance.random() < 0.15:
                views.pop(chance.randrange(len(views))).release()
            target = chance.choice([m, *views])
            target[at : at + len(data)] = now[at : at + len(data)] = data
            if chance.random() < 0.2:
                m.commit()
                self.assertEqual(content(m.name), now)
        for view in views:
            view.release()
        m.commit()
        self.assertEqual((content(m.name), m[:]), (now, now))
        m.close()


@unittest.skipUnless(HAS_NUMPY, "numpy is not installed")
class Arrays(TransactionCase):
    def array(self, m, dtype="i8"):
        return np.frombuffer(m, dtype)

    def test_items_are_committed(self):
        m = self.open(self.path(bytes(8 * 4096)))
        a, expected = self.array(m), np.zeros(4096, "i8")
        for step in range(5):
            with m.transaction():
                indices = np.random.default_rng(step).integers(0, 4096, 100)
                np.add.at(a, indices, step + 1)
                np.add.at(expected, indices, step + 1)
                self.assertTrue((np.fromfile(self.latest, "i8") != a).any())
            np.testing.assert_array_equal(np.fromfile(self.latest, "i8"), expected)
        del a

    def test_an_exception_restores_the_array(self):
        m = self.open(self.path(np.arange(999).tobytes()))
        a = self.array(m)
        with self.assertRaises(ZeroDivisionError), m.transaction():
            a *= 2
            raise ZeroDivisionError
        np.testing.assert_array_equal(a, np.arange(999))
        a[::7] = -1
        m.commit()
        np.testing.assert_array_equal(np.fromfile(self.latest, "i8"), a)
        del a

    def test_a_structured_array_beside_calls(self):
        m = self.open(self.path(bytes(24 * 1000)))
        rows = self.array(m, [("name", "S16"), ("amount", "f8")])
        with m.transaction():
            m[0:3] = b"abc"
            rows["amount"][17] = 3.5
            m.append(rows[17].tobytes())
        data = np.fromfile(self.latest, rows.dtype)
        self.assertEqual(
            (data["name"][0], data["amount"][17], data["amount"][-1]), (b"abc", 3.5, 3.5)
        )
        self.assertEqual((len(rows), len(data)), (1000, 1001))
        del rows


class Threads(TransactionCase):
    def setUp(self):
        """Lets threads take turns often: otherwise a commit waits long for the GIL."""
        super().setUp()
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(1e-4)

    def test_stores_by_calls_belong_to_a_commit(self):
        m, stop = self.open(self.path(bytes(64 * PAGE))), threading.Event()

        def store(number):
            chance = random.Random(number)
            while not stop.is_set():
                m[chance.randrange(16 * PAGE) * 4 + number] = chance.randrange(256)

        threads = [threading.Thread(target=store, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            m.commit()
        stop.set()
        for thread in threads:
            thread.join()
        m.commit()
        self.assertEqual(m[:], self.latest_content())
        self.assertEqual(m.changed(), [])

    def test_no_store_through_a_buffer_is_lost_between_commits(self):
        m, stop, counts = self.open(self.path(bytes(16 * PAGE))), threading.Event(), [0] * 4

        def count(number):
            # Each thread counts in its private pages what it has stored.
            with memoryview(m).cast("Q") as words:
                while not stop.is_set():
                    counts[number] += 1
                    words[(number * 4 + counts[number] % 4) * PAGE // 8] += 1

        threads = [threading.Thread(target=count, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(200):
            m.commit()
        stop.set()
        for thread in threads:
            thread.join()
        m.commit()
        with open(self.latest, "rb") as file:
            words = memoryview(file.read()).cast("Q")
        for number in range(4):
            stored = sum(words[(number * 4 + page) * PAGE // 8] for page in range(4))
            self.assertEqual(stored, counts[number])

    def test_threads_that_commit(self):
        m = self.open(self.path(bytes(4 * PAGE)))

        def work(number):
            for step in range(50):
                m[number * PAGE + step] = step
                m.commit()

        run_threads(work, *range(4))
        self.assertEqual((m[:], m.changed()), (self.latest_content(), []))
        self.assertEqual(m[PAGE : PAGE + 50], bytes(range(50)))

    def test_a_commit_waits_for_readers_of_other_threads(self):
        m, events = self.changed(), []
        reader = self.open(self.latest, "r")

        def read():
            with reader.reading():
                started.set()
                before = reader[0]
                time.sleep(0.2)
                events.append((before, reader[0]))

        started = threading.Event()
        thread = threading.Thread(target=read)
        thread.start()
        started.wait()
        m.commit()
        events.append("committed")
        thread.join()
        self.assertEqual((events, reader[0]), ([(0, 0), "committed"], 1))

    def test_nested_readers_do_not_wait_for_a_commit_that_waits_for_them(self):
        m, reader = self.changed(), self.open(self.latest, "r")
        with reader.reading():
            thread = threading.Thread(target=m.commit)
            thread.start()
            time.sleep(0.1)
            block = reader.reading()
            with block, block:
                self.assertEqual(reader[0], 0)
        thread.join()
        self.assertEqual(reader[0], 1)

    def test_overlapping_readers_do_not_starve_a_writer(self):
        m, reader, stop = self.changed(), self.open(self.latest, "r"), threading.Event()

        def read():
            while not stop.is_set():
                with reader.reading():
                    time.sleep(0.12)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
            time.sleep(0.04)
        start = time.perf_counter()
        m.commit()
        taken = time.perf_counter() - start
        stop.set()
        for thread in threads:
            thread.join()
        self.assertLess(taken, 5)

    def test_a_writer_waits_until_the_other_is_closed(self):
        m, got = self.changed(), []
        thread = threading.Thread(
            target=lambda: got.append(safemap.open(m.name, "r+", transactional=True, timeout=30))
        )
        thread.start()
        time.sleep(0.1)
        self.assertEqual(got, [])
        m.close()
        thread.join(30)
        with got.pop() as other:
            self.assertEqual(other[0], 0)

    def test_close_ends_the_wait_of_a_commit(self):
        m, errors = self.changed(), []
        reader = self.open(self.latest, "r")

        def commit():
            try:
                m.commit()
            except ValueError as error:
                errors.append(str(error))

        with reader.reading():
            thread = threading.Thread(target=commit)
            thread.start()
            time.sleep(0.1)
            m.close()
            thread.join(10)
        self.assertEqual((errors, self.latest_content()[0]), ([CLOSED], 0))


class Signals(TransactionCase):
    def setUp(self):
        super().setUp()
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)

    def interrupted(self, call):
        """Ctrl-C ends the call."""
        start = time.perf_counter()
        threading.Timer(0.05, interrupt).start()
        self.assertRaises(KeyboardInterrupt, call)
        self.assertLess(time.perf_counter() - start, 10)

    def test_the_wait_for_a_writer(self):
        self.changed()
        for timeout in (None, 60):
            self.interrupted(lambda timeout=timeout: self.open(self.latest, timeout=timeout))

    def test_the_wait_for_a_reader(self):
        m, done = self.changed(), threading.Event()
        self.addCleanup(done.set)
        reader, started = self.open(self.latest, "r"), threading.Event()

        def read():
            with reader.reading():
                started.set()
                done.wait()

        thread = threading.Thread(target=read)
        thread.start()
        started.wait()
        self.interrupted(m.commit)
        self.assertEqual(m.changed(), [(0, 1)])
        m.rollback()
        self.interrupted(lambda: m.resize(9))

        def block():
            with m.transaction():
                m[1] = 1

        self.interrupted(block)
        self.assertEqual((m[:], m.changed()), (bytes(64), []))
        # The place in the queue was given back.
        with reader.reading():
            pass
        done.set()
        thread.join()
        with m.transaction():
            m[1] = 1
        self.assertEqual(self.latest_content()[:2], b"\0\1")

    def test_a_handler_may_use_the_map_while_it_waits(self):
        m, reader = self.changed(), self.open(self.latest, "r")
        done, started, seen = threading.Event(), threading.Event(), []
        self.addCleanup(done.set)

        def read():
            with reader.reading():
                started.set()
                done.wait()

        def handle(*_):
            seen.append(m.changed())
            m[1] = 1
            done.set()

        signal.signal(signal.SIGINT, handle)
        thread = threading.Thread(target=read)
        thread.start()
        started.wait()
        threading.Timer(0.05, interrupt).start()
        m.commit()
        thread.join()
        self.assertEqual((seen, self.latest_content()[:2]), ([[(0, 1)]], b"\1\1"))

    def test_a_handler_may_close_the_map_while_it_waits(self):
        m, reader = self.changed(), self.open(self.latest, "r")
        done, started = threading.Event(), threading.Event()
        self.addCleanup(done.set)

        def read():
            with reader.reading():
                started.set()
                done.wait()

        signal.signal(signal.SIGINT, lambda *_: m.close())
        thread = threading.Thread(target=read)
        thread.start()
        started.wait()
        threading.Timer(0.05, interrupt).start()
        self.assertRaisesRegex(ValueError, CLOSED, m.commit)
        done.set()
        thread.join()
        self.assertEqual(self.open(self.latest)[0], 0)


if __name__ == "__main__":
    unittest.main()
