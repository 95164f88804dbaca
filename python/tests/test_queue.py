"""Tests of queues between processes."""

import _thread
import multiprocessing
import os
import pickle
import queue
import random
import signal
import threading
import time
import unittest

from support import FileCase, run_threads
from test_channel import HAS_CHANNELS, LINUX
from test_channel_processes import METHODS

from safemap.ipc import Queue

try:
    from test import _test_multiprocessing as cpython
except ImportError:
    cpython = None


class Item:
    """An object that is pickled by its class."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return self.number == other.number


def put(q, count, start=0):
    for n in range(start, start + count):
        q.put((n, "x" * (n % 50)))


def get_forever(q):
    while True:
        q.get()


def put_forever(q):
    while True:
        q.put(bytes(1000))


def answer(there, back):
    while (item := there.get()) is not None:
        back.put(item)


@unittest.skipUnless(HAS_CHANNELS, "this system has no channels")
class QueueCase(FileCase):
    def queue(self, *arguments, **keywords):
        """Makes a queue until the test ends: in memory, or where that does not exist in a file."""
        if not LINUX:
            self.count = getattr(self, "count", 0) + 1
            keywords.setdefault("path", os.path.join(self.folder, f"queue{self.count}"))
        made = Queue(*arguments, **keywords)
        self.addCleanup(made.close)
        return made

    def start(self, method, target, *args):
        """Runs a function in a child process, until the test ends."""
        process = multiprocessing.get_context(method).Process(target=target, args=args)
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        return process


class Items(QueueCase):
    def test_any_sequence_of_calls_is_that_of_the_standard_queue(self):
        rng = random.Random(3)
        for maxsize in (0, -1, 1, 5):
            ours, standard = self.queue(maxsize), queue.Queue(maxsize)
            for number in range(1000):
                item = rng.choice((number, str(number), [number] * 9, None, {number: "x" * 99}))
                name, arguments = rng.choice(
                    [
                        ("put", (item, False)),
                        ("put", (item, True, 0)),
                        ("put_nowait", (item,)),
                        ("get", (False,)),
                        ("get", (True, 0)),
                        ("get_nowait", ()),
                        ("qsize", ()),
                        ("empty", ()),
                        ("full", ()),
                    ]
                )
                self.assertEqual(
                    self.outcome(ours, name, arguments),
                    self.outcome(standard, name, arguments),
                    (number, name),
                )

    def outcome(self, q, name, arguments):
        try:
            return getattr(q, name)(*arguments)
        except (queue.Empty, queue.Full) as error:
            return type(error)

    def test_items_come_as_from_the_queue_of_multiprocessing(self):
        ours, standard = self.queue(), multiprocessing.Queue()
        self.addCleanup(standard.close)
        items = [None, 1, "text", b"bytes", [1, [2]], {"a": (1, 2)}, Item(3), len, Item, b"", 1e300]
        for item in items:
            ours.put(item)
            standard.put(item)
            self.assertEqual(ours.get(), standard.get(timeout=30))

    def test_an_item_that_is_too_long(self):
        q = self.queue(capacity=4096)
        q.put("first")
        self.assertRaisesRegex(ValueError, r"\d{4} bytes .* 4080", q.put, bytes(4080))
        self.assertRaises(ValueError, q.put_nowait, bytes(4080))
        q.put("second")
        self.assertEqual((q.get(), q.get(), q.qsize()), ("first", "second", 0))

    def test_a_path_in_place_of_the_size(self):
        self.assertRaisesRegex(TypeError, "the path is the argument path", Queue, "file")

    def test_an_item_that_cannot_be_pickled(self):
        q = self.queue()
        self.assertRaises((AttributeError, pickle.PicklingError), q.put, lambda: 1)
        self.assertTrue(q.empty())

    def test_put_waits_while_the_queue_is_full(self):
        for q in (self.queue(1), self.queue(capacity=4096)):
            q.put(bytes(3000))
            self.assertRaises(queue.Full, q.put_nowait, bytes(3000))
            start = time.perf_counter()
            self.assertRaises(queue.Full, q.put, bytes(3000), timeout=0.05)
            self.assertRaises(queue.Full, q.put, bytes(3000), True, -1)
            self.assertGreaterEqual(time.perf_counter() - start, 0.05)
            thread = threading.Timer(0.02, q.get)
            thread.start()
            q.put(bytes(3000))
            thread.join()
            self.assertEqual(q.qsize(), 1)

    def test_get_waits_while_the_queue_is_empty(self):
        q = self.queue()
        start = time.perf_counter()
        self.assertRaises(queue.Empty, q.get, timeout=0.05)
        self.assertGreaterEqual(time.perf_counter() - start, 0.05)
        thread = threading.Timer(0.02, q.put, args=[5])
        thread.start()
        self.assertEqual(q.get(), 5)
        thread.join()

    def test_a_closed_queue(self):
        q = self.queue()
        self.assertRaises(AssertionError, q.join_thread)
        q.put(1)
        q.close()
        q.close()
        q.join_thread()
        q.cancel_join_thread()
        for call in (q.get, q.get_nowait, q.empty, q.qsize, lambda: q.put(1), q.__reduce__):
            self.assertRaisesRegex(ValueError, "is closed", call)

    def test_a_queue_in_a_file(self):
        path = os.path.join(self.folder, "file")
        q = self.queue(2, path=path)
        same = pickle.loads(pickle.dumps(q))
        self.addCleanup(same.close)
        same.put("a")
        self.assertEqual(self.queue(path=path).get(), "a")
        self.assertRaises(ValueError, Queue, 3, path=path)
        self.assertRaises(ValueError, Queue, capacity=4096, path=path)
        q.put_nowait(1)
        q.put_nowait(2)
        self.assertTrue(same.full())

    def test_a_signal_ends_the_waits(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        q, full = self.queue(), self.queue(1)
        full.put(1)
        for call in (q.get, lambda: full.put(2)):
            threading.Timer(0.02, _thread.interrupt_main).start()
            self.assertRaises(KeyboardInterrupt, call)

    def test_threads(self):
        q, got = self.queue(), []
        run_threads(
            lambda work: work(),
            *[lambda: put(q, 500)] * 3,
            *[lambda: got.extend(q.get()[0] for _ in range(500))] * 3,
        )
        self.assertEqual(sorted(got), sorted(list(range(500)) * 3))

    def test_subclasses_and_types(self):
        class Mine(Queue[int]):
            pass

        self.assertEqual(Mine.__module__, __name__)
        self.assertEqual(Queue.__module__, "safemap.ipc")
        self.assertIn("no thread that sends", " ".join(Queue.__doc__.split()))


class Children(QueueCase):
    def test_a_child_answers(self):
        for method in METHODS:
            with self.subTest(method):
                there, back = self.queue(), self.queue(5)
                process = self.start(method, answer, there, back)
                for n in range(50):
                    there.put(Item(n))
                    self.assertEqual(back.get(timeout=60), Item(n))
                there.put(None)
                process.join()
                self.assertEqual(process.exitcode, 0)

    def test_several_children_put(self):
        for method in METHODS:
            with self.subTest(method):
                q = self.queue()
                for n in range(3):
                    self.start(method, put, q, 300, 300 * n)
                got = [q.get(timeout=60)[0] for _ in range(900)]
                self.assertEqual(sorted(got), list(range(900)))

    def test_a_child_that_ends_leaves_its_items(self):
        q = self.queue()
        process = self.start("spawn", put, q, 10)
        process.join()
        self.assertEqual([q.get_nowait()[0] for _ in range(10)], list(range(10)))
        self.assertRaises(queue.Empty, q.get, timeout=0.2)

    def test_killed_children_do_not_block_the_queue(self):
        q = self.queue(capacity=1 << 16)
        for target in (get_forever, put_forever) * 10:
            process = self.start(METHODS[0], target, q)
            time.sleep(0.01)
            process.kill()
            process.join()
        while not q.empty():
            self.assertEqual(q.get(timeout=5), bytes(1000))
        q.put(1, timeout=5)
        self.assertEqual(q.get(timeout=5), 1)

    def test_a_queue_is_sent_through_a_queue(self):
        there, back = self.queue(), self.queue()
        self.start("spawn", _answer_through, there)
        there.put(back)
        self.assertEqual(back.get(timeout=60), "answer")

    def test_a_pool_of_workers(self):
        if not LINUX:
            self.skipTest("a queue in memory")
        q = self.queue()
        context = multiprocessing.get_context("fork")
        with context.Pool(2, initializer=_use, initargs=[q]) as pool:
            pool.map(_put_square, range(20))
        self.assertEqual(sorted(q.get() for _ in range(20)), [n * n for n in range(20)])


def _answer_through(q):
    q.get().put("answer")


def _use(q):
    global used
    used = q


def _put_square(number):
    used.put(number * number)


if cpython is not None and HAS_CHANNELS and LINUX:

    class OfCPython(cpython._TestQueue, QueueCase):
        """The interpreter's own tests of the queue of multiprocessing."""

        TYPE = "processes"
        context = multiprocessing.get_context("fork")
        Process, Event = context.Process, context.Event

        def Queue(self, maxsize=0):
            return self.queue(maxsize)

        # They are for a thread that sends, for JoinableQueue, or use multiprocessing.Queue.
        test_task_done = test_no_import_lock_contention = test_timeout = None
        test_queue_feeder_donot_stop_onexc = test_queue_feeder_on_queue_feeder_error = None
        test_closed_queue_empty_exceptions = None

    class OfCPythonSpawned(OfCPython):
        context = multiprocessing.get_context("spawn")
        Process, Event = context.Process, context.Event


if __name__ == "__main__":
    unittest.main()
