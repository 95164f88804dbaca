"""Tests of safemap.ipc.SharedMemory, beside the class of the standard library."""

import contextlib
import gc
import itertools
import multiprocessing
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import unittest
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from unittest import mock

from support import NO_CORE, PAGE, WINDOWS, child, succeed, unix_only

import safemap
from safemap.ipc import Atomic, Mutex, SharedMemory

Standard = shared_memory.SharedMemory
LINUX = sys.platform == "linux"
NO_UNLINK = "memory is removed with its last map"
COUNT = itertools.count()

linux_only = unittest.skipUnless(LINUX, "only Linux has this memory in a file system")


def unlink(name):
    """Removes a name that may be gone."""
    with contextlib.suppress(OSError, AttributeError):
        safemap._safemap._unlink_shared_memory(name if WINDOWS else "/" + name)


class SegmentCase(unittest.TestCase):
    """A test whose names no other test uses. They are removed at its end."""

    def new_name(self):
        name = f"smt-{os.getpid()}-{next(COUNT)}"
        self.addCleanup(unlink, name)
        return name

    def create(self, size=100, **keywords):
        shm = SharedMemory(self.new_name(), create=True, size=size, **keywords)
        self.addCleanup(shm.close)
        return shm


class Basics(SegmentCase):
    def test_objects_with_the_same_name_share_memory(self):
        shm = self.create(3 * PAGE + 5)
        self.assertEqual((shm.size, len(shm.buf), len(shm.map)), (3 * PAGE + 5,) * 3)
        self.assertEqual(bytes(shm.buf), bytes(3 * PAGE + 5))
        other = SharedMemory(shm.name)
        other.buf[PAGE : PAGE + 3] = b"abc"
        self.assertEqual(shm.map[PAGE : PAGE + 3], b"abc")
        self.assertEqual(other.name, shm.name)
        self.assertGreaterEqual(other.size, shm.size)
        self.assertIn(repr(shm.name), repr(shm))
        other.close()
        self.assertEqual((other.buf, other.map, other.name), (None, None, shm.name))
        other.close()

    def test_a_new_name_is_one_that_the_standard_class_could_have_chosen(self):
        shm = SharedMemory(create=True, size=1)
        self.addCleanup(unlink, shm.name)
        form = r"\Awnsm_[0-9a-f]{8}\Z" if WINDOWS else r"\Apsm_[0-9a-f]{8}\Z"
        self.assertRegex(shm.name, form)
        self.assertRegex(shared_memory._make_filename().strip("/"), form)
        shm.close()

    def test_another_name_is_tried_if_the_first_one_is_used(self):
        used, free = self.create().name, self.new_name()
        prefix = "" if WINDOWS else "/"
        names = [prefix + used, prefix + used, prefix + free]
        with mock.patch("safemap._shared_memory._unused_name", side_effect=names):
            shm = SharedMemory(create=True, size=1)
        self.assertEqual(shm.name, free)
        shm.close()

    def test_track_has_no_effect(self):
        for track in (True, False):
            self.assertEqual(self.create(track=track).size, 100)

    def test_a_with_statement_closes_and_does_not_unlink(self):
        outer = self.create()
        with SharedMemory(outer.name) as shm:
            shm.buf[0] = 7
        self.assertIsNone(shm.buf)
        self.assertEqual(outer.buf[0], 7)
        with self.assertRaises(ZeroDivisionError), SharedMemory(outer.name) as shm:
            1 / 0
        self.assertIsNone(shm.map)

    def test_an_object_is_pickled_by_its_name(self):
        shm = self.create()
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pickle.loads(pickle.dumps(shm, protocol)) as other:
                other.buf[protocol] = 9
                self.assertEqual(shm.buf[protocol], 9)
        data = pickle.dumps(shm)
        self.assertIn(b"safemap.ipc", data)

    @unix_only(NO_UNLINK)
    def test_an_unlinked_name_is_free_and_its_objects_keep_the_memory(self):
        shm = self.create()
        shm.buf[0] = 1
        shm.unlink()
        self.assertRaises(FileNotFoundError, SharedMemory, shm.name)
        self.assertRaises(FileNotFoundError, shm.unlink)
        with SharedMemory(shm.name, create=True, size=50) as other:
            self.assertEqual((other.buf[0], shm.buf[0]), (0, 1))

    @unix_only(NO_UNLINK)
    def test_a_failed_creation_leaves_nothing(self):
        name = self.new_name()
        with self.assertRaises((OSError, ValueError)):
            SharedMemory(name, create=True, size=sys.maxsize - PAGE)
        self.assertRaises(FileNotFoundError, SharedMemory, name)

    def test_importing_the_package_does_not_import_it(self):
        code = "import safemap, sys; print('safemap.ipc' in sys.modules, bool(safemap.ipc))"
        self.assertEqual(succeed(self, code), "False True\n")
        code = "import safemap.ipc, sys; print([m for m in sys.modules if 'multiproc' in m])"
        self.assertEqual(succeed(self, code), "[]\n")

    def test_the_map_of_shared_memory_is_a_map(self):
        shm = self.create()
        self.assertIsInstance(shm.map, safemap.Map)
        shm.map.write(b"some text")
        self.assertEqual(shm.map.find(b"text", 0), 5)
        self.assertRaises(TypeError, pickle.dumps, shm.map)

    def test_shared_memory_has_words(self):
        shm = self.create()
        word = Atomic(shm.map, 8, "Q")
        word.fetch_add(5)
        with SharedMemory(shm.name) as other:
            self.assertEqual(other.buf[8:16].cast("Q")[0], 5)
        shm.close()
        self.assertEqual(word.load(), 5)

    @linux_only
    def test_shared_memory_has_mutexes(self):
        shm = self.create()
        with SharedMemory(shm.name) as other, Mutex(shm.map, 0):
            self.assertFalse(Mutex(other.map, 0).acquire(timeout=0))
        with Mutex(shm.map, 0) as guard:
            self.assertFalse(guard.owner_died)


class Views(SegmentCase):
    def test_views_can_be_used_after_close_and_are_freed_with_the_last(self):
        shm = self.create(PAGE)
        part, whole = shm.buf[10:20], memoryview(shm.buf)
        nested, is_mapped = memoryview(shm.map), self.mappings(shm.name)
        shm.close()
        self.assertIsNone(shm.buf)
        part[0] = 1
        self.assertEqual((whole[10], nested[10]), (1, 1))
        with SharedMemory(shm.name) as again:
            self.assertEqual(again.buf[10], 1)
        self.assertEqual(self.mappings(shm.name), is_mapped)
        del part, whole, nested
        self.assertFalse(self.mappings(shm.name))

    def test_close_unmaps_at_once_if_there_are_no_views(self):
        shm = self.create(PAGE)
        buffer = shm.buf
        shm.close()
        self.assertFalse(self.mappings(shm.name))
        self.assertRaises(ValueError, buffer.tobytes)

    def mappings(self, name):
        """Returns whether this process maps the memory; None if the system does not say it."""
        if not LINUX:
            return None
        with open("/proc/self/maps") as file:
            return any(name in line for line in file)

    def test_no_exception_is_reported_if_views_exist_at_the_end(self):
        code = """
            from safemap.ipc import SharedMemory
            shm = SharedMemory(create=True, size=100)
            view = shm.buf[:10]
            shm.unlink()
            del shm
            view[0] = 1
        """
        done = child(code)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        # The control.
        code = code.replace("safemap.ipc", "multiprocessing.shared_memory")
        self.assertIn("BufferError", child(code).stderr)

    def test_an_array_outlives_the_object(self):
        try:
            import numpy
        except ImportError:
            self.skipTest("numpy is not installed")
        shm = self.create(8 * 1000)
        # The first kind refers to the map without an export: with the standard class it crashes.
        arrays = [numpy.ndarray(1000, "i8", shm.buf), numpy.frombuffer(shm.buf, "i8")]
        arrays[0][:] = range(1000)
        shm.close()
        del shm
        gc.collect()
        self.assertEqual([it.sum() for it in arrays], [499500] * 2)


class Oracle(SegmentCase):
    """Random programs give the same results with both classes."""

    def test_random_programs_have_the_same_results(self):
        for seed in range(300):
            with self.subTest(seed=seed):
                results = [self.run_program(seed, cls) for cls in (SharedMemory, Standard)]
                self.assertEqual(*results)

    def run_program(self, seed, cls):
        choose = random.Random(seed)
        names = [f"smo-{os.getpid()}-{seed}-{i}" for i in range(3)]
        unused = (f"{'' if WINDOWS else '/'}smo-{os.getpid()}-{seed}-new-{i}" for i in range(99))
        objects, results = [], []
        with (
            mock.patch("safemap._shared_memory._unused_name", lambda: next(unused)),
            mock.patch("multiprocessing.shared_memory._make_filename", lambda: next(unused)),
        ):
            for _ in range(30):
                try:
                    result = self.step(choose, cls, names, objects)
                except OSError as error:
                    result = type(error), error.errno, error.filename
                except (ValueError, TypeError, IndexError) as error:
                    result = type(error), str(error)
                results.append(result)
        for shm in objects:
            with contextlib.suppress(OSError):
                shm.unlink()
            shm.close()
        for name in names:
            unlink(name)
        return results

    def step(self, choose, cls, names, objects):
        """Runs one call; returns what can be compared."""
        name, size = choose.choice(names), choose.choice([-1, 0, 1, 100, PAGE, 3 * PAGE + 1])
        offset, action = choose.randrange(4 * PAGE), choose.randrange(9)
        shm = choose.choice(objects) if objects else None
        if action < 3 or shm is None:
            create = choose.random() < 0.6
            objects.append(cls(name if choose.random() < 0.95 else None, create, size))
            return objects[-1].size
        if action == 3:
            shm.buf[offset] = offset % 256
        elif action == 4:
            shm.close()
        elif action == 5:
            shm.unlink()
        elif action == 6:
            objects.append(pickle.loads(pickle.dumps(shm)))
        else:
            return repr(shm), shm.name, shm.size, shm.buf and bytes(shm.buf)
        return None

    @unix_only("names are those of objects of the system")
    def test_names_are_accepted_and_refused_alike(self):
        for name in ["", "/", "a/b", "../b", "x" * 250, "/smt-slash", 5]:
            with self.subTest(name=name):
                results = [self.attempt(cls, name) for cls in (SharedMemory, Standard)]
                self.assertEqual(*results)

    @linux_only
    def test_a_name_may_have_any_characters(self):
        # The tracker of the standard class refuses them after the memory was created.
        name = self.new_name() + "-ä"
        with SharedMemory(name, create=True, size=1) as shm:
            self.addCleanup(unlink, name)
            self.assertIn(name, SharedMemory.names())
            self.assertEqual(shm.name, name)

    def attempt(self, cls, name):
        try:
            shm = cls(name, create=True, size=10)
        except Exception as error:
            return type(error), getattr(error, "errno", None), getattr(error, "filename", None)
        shm.close()
        shm.unlink()
        return shm.name, shm._name, shm.size

    def test_mistakes_raise_the_same_exceptions(self):
        calls = [
            {"create": True},
            {"create": True, "size": -1},
            {"size": "5"},
            {"name": None},
            {"name": "smt-missing", "size": -5},
            {"name": "smt-missing"},
        ]
        if not WINDOWS:
            # There the text is that of a function of the system.
            calls.append({"name": b"bytes"})
        for keywords in calls:
            with self.subTest(**keywords):
                texts = []
                for cls in (SharedMemory, Standard):
                    with self.assertRaises((ValueError, TypeError, OSError)) as caught:
                        cls(**keywords)
                    texts.append((type(caught.exception), str(caught.exception)))
                self.assertEqual(*texts)


class Interchange(SegmentCase):
    """One side uses this class, and the other side the standard one."""

    METHODS = multiprocessing.get_all_start_methods()

    def test_processes_use_either_class(self):
        for method in self.METHODS:
            with self.subTest(method=method):
                names = [self.new_name() for _ in PAIRS]
                code = "import test_shared_memory; test_shared_memory.exchange({!r}, {!r})"
                succeed(self, code.format(method, names))

    @unix_only(NO_UNLINK)
    def test_objects_are_passed_to_processes_and_back(self):
        for method in self.METHODS:
            with self.subTest(method=method):
                code = "import test_shared_memory; test_shared_memory.pass_on({!r})"
                succeed(self, code.format(method))

    def test_a_list_of_the_standard_class_uses_the_memory(self):
        values = [1, 2.5, "text", b"bytes", None, True]
        with mock.patch("multiprocessing.shared_memory.SharedMemory", SharedMemory):
            ours = shared_memory.ShareableList(values, name=self.new_name())
            again = pickle.loads(pickle.dumps(ours))
        self.assertIsInstance(ours.shm, SharedMemory)
        again[2] = "new"
        values[2] = "new"
        self.assertEqual((list(ours), list(again)), (values, values))
        code = """
            import sys
            from multiprocessing import shared_memory
            values = shared_memory.ShareableList(name=sys.argv[1])
            assert values[2] == "new"
            values[0] = 17
            values.shm.close()
        """
        if sys.version_info >= (3, 13) or WINDOWS:
            self.assertNotIn("Error", child(code, ours.shm.name).stderr)
            self.assertEqual(ours[0], 17)


CLASSES = {"ours": SharedMemory, "standard": Standard}


def untracked(cls, *arguments, **keywords):
    """Makes an object whose memory the tracker of this process does not remove at its end."""
    if cls is Standard and sys.version_info >= (3, 13):
        return cls(*arguments, track=False, **keywords)
    shm = cls(*arguments, **keywords)
    if cls is Standard and not WINDOWS:
        resource_tracker.unregister(shm._name, "shared_memory")
    return shm


# The classes of two processes.
PAIRS = list(itertools.product(CLASSES, repeat=2))


def exchange(method, names):
    """Creates memory of one class, and has a child change it by the other one."""
    context = multiprocessing.get_context(method)
    for name, (here, there) in zip(names, PAIRS, strict=True):
        shm = untracked(CLASSES[here], name, True, PAGE + 1)
        shm.buf[:3] = b"abc"
        process = context.Process(target=answer, args=(there, name))
        process.start()
        process.join()
        assert process.exitcode == 0, (here, there, process.exitcode)
        assert bytes(shm.buf[:3]) == b"xyz" and shm.buf[PAGE] == 1
        shm.close()


def answer(cls, name):
    """Is the child of exchange()."""
    shm = untracked(CLASSES[cls], name)
    assert bytes(shm.buf[:3]) == b"abc" and shm.size >= PAGE + 1
    shm.buf[:3], shm.buf[PAGE] = b"xyz", 1
    shm.close()


def pass_on(method):
    """Sends an object to a pool of children, which return others."""
    context = multiprocessing.get_context(method)
    with SharedMemory(create=True, size=PAGE) as shm, context.Pool(2) as pool:
        made = pool.starmap(fill, [(shm, i) for i in range(20)])
        assert bytes(shm.buf[:20]) == bytes(range(20))
        for i, other in enumerate(made):
            assert other.buf[0] == i
            other.unlink()
        shm.unlink()


def fill(shm, i):
    """Is the work of a child of pass_on()."""
    shm.buf[i] = i
    other = SharedMemory(create=True, size=10)
    other.buf[0] = i
    return other


@unix_only("there is no tracker")
class Tracker(SegmentCase):
    CREATE = """
        import sys
        from multiprocessing import resource_tracker, shared_memory
        import safemap.ipc
        resource_tracker.ensure_running()
        module = safemap.ipc if sys.argv[2] == "ours" else shared_memory
        shm = module.SharedMemory(sys.argv[1], create=True, size=100)
        shm.buf[0] = 7
        shm.close()
    """
    ATTACH = CREATE.replace("create=True, size=100", "False")

    def test_the_end_of_a_process_removes_nothing(self):
        name = self.new_name()
        self.assertEqual((child(self.CREATE, name, "ours").stderr), "")
        self.assertEqual((child(self.ATTACH, name, "ours").stderr), "")
        with SharedMemory(name) as shm:
            self.assertEqual(shm.buf[0], 7)
        # The control.
        name = self.new_name()
        self.assertIn("leaked", child(self.CREATE, name, "standard").stderr)
        self.assertRaises(FileNotFoundError, SharedMemory, name)

    def test_unlinking_reports_nothing(self):
        code = self.CREATE.replace("shm.close()", "shm.unlink()")
        self.assertEqual(child(code, self.new_name(), "ours").stderr, "")

    def test_the_tracker_knows_no_names(self):
        with mock.patch.object(resource_tracker, "register", side_effect=AssertionError):
            shm = self.create()
            pickle.loads(pickle.dumps(shm)).close()
            shm.unlink()


@linux_only
class Names(SegmentCase):
    def test_memory_of_a_killed_process_is_found_and_removed(self):
        name = self.new_name()
        code = (
            NO_CORE
            + """if 1:
            import sys, time
            from safemap.ipc import SharedMemory
            shm = SharedMemory(sys.argv[1], create=True, size=100)
            shm.buf[0] = 7
            print("ready", flush=True)
            time.sleep(60)
        """
        )
        command = [sys.executable, "-c", code, name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            self.assertEqual(process.stdout.readline(), "ready\n")
            process.kill()
        self.assertIn(name, SharedMemory.names())
        with SharedMemory(name) as shm:
            SharedMemory.remove(name)
            self.assertNotIn(name, SharedMemory.names())
            self.assertEqual(shm.buf[0], 7)
        self.assertRaises(FileNotFoundError, SharedMemory.remove, name)

    def test_memory_of_the_standard_class_is_listed(self):
        name = self.new_name()
        shm = untracked(Standard, name, True, 10)
        self.assertIn(name, SharedMemory.names())
        shm.close()
        SharedMemory.remove(name)
        self.assertFalse(os.path.exists("/dev/shm/" + name))

    def test_semaphores_are_not_listed(self):
        path = f"/dev/shm/sem.{self.new_name()}"
        with open(path, "x"):
            pass
        self.addCleanup(os.remove, path)
        self.assertNotIn(os.path.basename(path), SharedMemory.names())

    def test_names_without_a_meaning_are_refused(self):
        for name in ("", "..", "a/b", "../tmp/x"):
            self.assertRaises(OSError, SharedMemory.remove, name)
        self.assertRaises(ValueError, SharedMemory.remove, "a\0b")
        self.assertRaises(TypeError, SharedMemory.remove, 5)


@linux_only
class Space(SegmentCase):
    def test_the_memory_is_allocated_when_it_is_created_and_attached(self):
        shm = self.create(9 * 2**20)
        self.assertGreaterEqual(self.allocated(shm.name), shm.size)
        name = self.new_name()
        sparse = untracked(Standard, name, True, 100 * PAGE)
        self.assertEqual(self.allocated(name), 0)
        with SharedMemory(name):
            self.assertGreaterEqual(self.allocated(name), 100 * PAGE)
        sparse.close()

    def allocated(self, name):
        return os.stat("/dev/shm/" + name).st_blocks * 512

    SMALL = (
        NO_CORE
        + """if 1:
        import errno, sys
        from multiprocessing import shared_memory
        from safemap.ipc import SharedMemory
        SIZE = 2**20

        def refused(*arguments):
            try:
                SharedMemory(*arguments)
            except OSError as error:
                return error
            raise AssertionError("no error")

        if sys.argv[1] == "standard":
            shm = shared_memory.SharedMemory("big", True, 2 * SIZE)
            shm.buf[:] = bytes(2 * SIZE)
        error = refused("big", True, 2 * SIZE)
        assert error.errno == errno.ENOSPC and error.filename == "/big", error
        assert "/dev/shm" in str(error) and "1048576" in str(error), error
        assert SharedMemory.names() == []
        half = SharedMemory("half", True, SIZE // 2)
        assert refused("other", True, SIZE).errno == errno.ENOSPC
        with open("/dev/shm/sparse", "xb") as file:
            file.truncate(SIZE)
        assert refused("sparse").errno == errno.ENOSPC
        half.buf[:] = b"x" * (SIZE // 2)
        print(error)
    """
    )

    def run_in_small_memory(self, argument):
        """Runs SMALL where /dev/shm has 1 MiB."""
        mount = 'mount -t tmpfs -o size=1m none /dev/shm && exec "$@"'
        shell = ["unshare", "--mount", "sh", "-c", mount, "sh"]
        command = [*shell, sys.executable, "-c", self.SMALL, argument]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            self.skipTest("there is no unshare")
        if done.returncode != 0 and ("unshare" in done.stderr or "mount" in done.stderr):
            self.skipTest("no small file system can be mounted here")
        return done

    def test_a_full_file_system_is_an_error_that_names_it(self):
        done = self.run_in_small_memory("ours")
        self.assertEqual(done.returncode, 0, done.stderr)
        text = "no space left on /dev/shm for 2097152 bytes: 1048576 of its 1048576 bytes are free"
        self.assertEqual(done.stdout, f"[Errno 28] {text}: '/big'\n")
        # The control.
        self.assertEqual(self.run_in_small_memory("standard").returncode, -signal.SIGBUS)

    def test_an_allocation_ends_although_a_timer_interrupts_it(self):
        previous = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        try:
            shm = self.create(200 * 2**20)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        self.assertGreaterEqual(self.allocated(shm.name), shm.size)


DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "ipc.md"


class Documentation(unittest.TestCase):
    @linux_only
    @unittest.skipUnless(DOCUMENT.exists(), "the tests were copied without the documentation")
    def test_the_examples_run_and_print_what_they_should(self):
        try:
            import numpy  # noqa: F401
        except ImportError:
            self.skipTest("numpy is not installed")
        text = DOCUMENT.read_text(encoding="utf-8").split("\n## Shared memory\n")[1]
        section = text.split("\n## ")[0]
        first, second = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
        name = "frames-of-camera-1"
        unlink(name)
        self.assertEqual(succeed(self, first), "7\n2150400\n")
        left = first.replace("shm.unlink()", "...")
        succeed(self, left)
        self.assertIn(name, SharedMemory.names())
        succeed(self, second)
        self.assertNotIn(name, SharedMemory.names())


class InterpreterTests(unittest.TestCase):
    """The interpreter's own tests of shared memory, with this class."""

    CODE = """
        import signal, sys, unittest
        from multiprocessing import shared_memory
        import safemap._shared_memory, safemap.ipc
        from test import _test_multiprocessing as tests

        # A process in the background may ignore SIGINT.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        shared_memory.SharedMemory = safemap.ipc.SharedMemory
        # The tests replace this function.
        safemap._shared_memory._unused_name = lambda: shared_memory._make_filename()
        space = {"__name__": "tests"}
        tests.install_tests_in_module_dict(space, sys.argv[1])
        case = space["WithProcessesTestSharedMemory"]
        space["setUpModule"]()
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(case)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        space["tearDownModule"]()
        assert result.testsRun > 10
        sys.exit(not result.wasSuccessful())
    """

    def test_they_pass(self):
        try:
            import test._test_multiprocessing  # noqa: F401
        except ImportError as error:
            self.skipTest(f"this interpreter came without its tests: {error}")
        for method in multiprocessing.get_all_start_methods():
            with self.subTest(method=method):
                succeed(self, self.CODE, method)


if __name__ == "__main__":
    unittest.main()
