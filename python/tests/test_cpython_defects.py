"""Tests of calls in which CPython's mmap crashes, loses bytes, or changes the file and then fails.

docs/python.md lists these differences. Truncated files are tested in test_faults.py.
"""

import errno
import signal
import sys
import threading
import unittest

from differential.side import Int
from support import (
    CLOSED,
    NO_RLIMIT,
    PAGE,
    PRIVATE,
    UNIT,
    WINDOWS,
    FileCase,
    child,
    run_threads,
    succeed,
    unix_only,
)

import safemap

NO_BUFFER_METHOD = sys.version_info < (3, 12)


class Acting:
    """A bytes-like object that calls `act` when its buffer is requested."""

    def __init__(self, act):
        self.act = act

    def __buffer__(self, flags):
        self.act()
        return memoryview(b"abc")


class Callbacks(FileCase):
    """An argument's Python code closes or resizes the map during the call.

    CPython crashes in some of these calls (gh-157335).
    """

    def raises(self, uses, expected, act, pages=1):
        """Checks that each use raises an exception, where `i` and `b` call `act(m)`."""
        error, text = expected
        for use in uses:
            m = self.map(b"x" * pages * PAGE)
            space = {"m": m, "i": Int(1, lambda: act(m)), "b": Acting(lambda: act(m))}
            with self.subTest(use), self.assertRaisesRegex(error, text):
                exec(use, space)

    def test_an_assignment_whose_value_closes_the_map_raises(self):
        m = self.map(b"x" * PAGE)
        with self.assertRaisesRegex(ValueError, CLOSED):
            m[3] = Int(5, m.close)

    def test_an_assignment_whose_value_shrinks_the_map_raises(self):
        m = self.map(b"x" * 3 * PAGE)
        with self.assertRaisesRegex(IndexError, "mmap index out of range"):
            m[2 * PAGE] = Int(5, lambda: m.resize(10))
        self.assertEqual(m[:], b"x" * 10)

    def test_an_assignment_whose_value_grows_the_map_is_made_in_the_grown_map(self):
        m = self.map(b"x" * 10)
        m[5] = Int(ord("y"), lambda: m.resize(300 * PAGE))
        self.assertEqual(m[:10], b"xxxxxyxxxx")

    def test_an_index_that_closes_the_map_raises(self):
        uses = ["m[i]", "m[i:]", "m[:i]", "m[::i]", "m[i] = 1", "m[i:] = b''", "del m[i]"]
        uses += ["del m[i:]", "m.__getitem__(i)", "m.__setitem__(i, 1)"]
        self.raises(uses, (ValueError, CLOSED), safemap.mmap.close)

    def test_a_method_whose_argument_closes_the_map_raises(self):
        uses = ["m.read(i)", "m.find(b'x', i)", "m.find(b'x', 0, i)", "m.rfind(b'x', 0, i)"]
        uses += ["m.move(0, 1, i)", "m.move(i, 0, 1)", "m.write_byte(i)", "m.seek(i)"]
        uses += ["m.seek(1, i)", "m.resize(i)", "m.flush(i, 1)", "m.flush(0, i)"]
        uses += ["m.flush(flags=i)"]
        if hasattr(safemap.mmap, "madvise"):
            uses += ["m.madvise(0, i)", "m.madvise(0, 0, i)"]
        self.raises(uses, (ValueError, CLOSED), safemap.mmap.close)

    def test_a_method_whose_argument_shrinks_the_map_sees_the_shorter_map(self):
        m = self.map(b"x" * 3 * PAGE)
        self.assertEqual(m.find(b"x", Int(2 * PAGE, lambda: m.resize(10))), -1)
        m = self.map(b"x" * 3 * PAGE)
        self.assertEqual(m.read(Int(3 * PAGE, lambda: m.resize(10))), b"x" * 10)
        m = self.map(b"x" * 3 * PAGE)
        with self.assertRaisesRegex(ValueError, "source, destination, or count out of range"):
            m.move(0, 2 * PAGE, Int(5, lambda: m.resize(10)))
        m = self.map(b"x" * 3 * PAGE)
        self.assertEqual(m[Int(2 * PAGE, lambda: m.resize(10)) :], b"")
        m = self.map(b"x" * 3 * PAGE)
        with self.assertRaises(IndexError):
            m[Int(2 * PAGE, lambda: m.resize(10))]

    @unittest.skipIf(NO_BUFFER_METHOD, "__buffer__ exists from Python 3.12")
    def test_an_argument_whose_buffer_method_closes_the_map_raises(self):
        uses = ["m[0:3] = b", "m[0:6:2] = b", "m.write(b)", "m.find(b)", "m.rfind(b)"]
        self.raises(uses, (ValueError, CLOSED), safemap.mmap.close)

    @unittest.skipIf(NO_BUFFER_METHOD, "__buffer__ exists from Python 3.12")
    def test_an_argument_whose_buffer_method_shrinks_the_map_must_fit_the_new_length(self):
        def shrink(m):
            m.resize(2)
            shrunk.append(m)

        shrunk = []
        self.raises(["m[5000:5003] = b"], (IndexError, ""), shrink, pages=3)
        self.raises(["m.seek(5000); m.write(b)"], (ValueError, ""), shrink, pages=3)
        self.assertEqual([m[:] for m in shrunk], [b"xx"] * 2)

    def test_iteration_ends_when_the_map_shrinks_and_raises_when_it_is_closed(self):
        m = self.map(b"x" * 3 * PAGE)
        elements = iter(m)
        self.assertEqual(next(elements), b"x")
        m.resize(1)
        self.assertEqual(list(elements), [])
        m = self.map(b"x" * 10)
        elements = iter(m)
        m.close()
        with self.assertRaisesRegex(ValueError, CLOSED):
            next(elements)

    def test_an_unexpected_keyword_is_reported_without_calling_its_methods(self):
        class Name(str):
            def interrupt(self, *_):
                raise KeyboardInterrupt

            __eq__ = __str__ = interrupt
            __hash__ = str.__hash__

        with self.assertRaisesRegex(TypeError, "unexpected keyword argument 'offest'"):
            safemap.mmap(-1, 10, **{Name("offest"): 0})

    def test_comparing_an_element_may_close_the_map(self):
        m = self.map(b"x" * 10)

        class Closing:
            def __eq__(self, other):
                m.close()
                return False

        with self.assertRaisesRegex(ValueError, CLOSED):
            Closing() in m


class Resize(FileCase):
    """A resize that fails changes neither the map nor the file."""

    def unchanged(self, content, *errors):
        """Checks that resizing a map to each size raises the error and changes nothing."""
        m = self.map(content)
        before = repr(m)
        for size, error in errors:
            with self.subTest(size), self.assertRaises(error):
                m.resize(size)
            self.assertEqual((repr(m), m[:], m.size()), (before, content, len(content)))

    def unchanged_in_child(self, limits, size, expected):
        """Checks that a resize raises OSError with the expected errno in a child with limits."""
        code = """
            import resource, safemap, signal, sys
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            with open(sys.argv[1], "r+b") as file:
                m = safemap.mmap(file.fileno(), 0)
            resource.setrlimit(resource.{})
            try:
                m.resize({})
            except OSError as error:
                print(error.errno)
            print(len(m), m.size(), m[:])
        """
        printed = succeed(self, code.format(limits, size), self.path(b"abc"))
        self.assertEqual(printed, "{}\n3 3 b'abc'\n".format(expected))

    def test_a_resize_to_zero_is_refused_before_the_file_is_touched(self):
        self.unchanged(b"abc", (0, OSError))
        with self.assertRaises(OSError) as caught:
            self.map(b"abc").resize(0)
        self.assertEqual(caught.exception.errno, errno.EINVAL)

    def test_a_resize_beyond_the_address_space_leaves_the_file_unchanged(self):
        self.unchanged(
            b"abc" * PAGE,
            (1 << 46, OSError),
            (1 << 62, OSError),
            ((1 << 63) - 1, OSError),
            (1 << 63, OverflowError),
            (-1, ValueError),
        )

    @unix_only(NO_RLIMIT)
    def test_a_resize_beyond_rlimit_fsize_leaves_the_file_unchanged(self):
        self.unchanged_in_child("RLIMIT_FSIZE, (100_000, 100_000)", 200_000, errno.EFBIG)

    @unix_only(NO_RLIMIT)
    def test_a_resize_beyond_rlimit_as_leaves_the_file_unchanged(self):
        self.unchanged_in_child("RLIMIT_AS, (1 << 30, 1 << 30)", 1 << 32, errno.ENOMEM)

    def test_resizing_a_private_map_never_truncates_its_file(self):
        copy = {"access": safemap.ACCESS_COPY}
        for arguments in (copy, PRIVATE or copy):
            m = self.map(b"abcdef", 0, **arguments)
            m[0] = ord("x")
            with self.assertRaises((TypeError, ValueError, OSError)):
                m.resize(3)
            self.assertEqual(self.latest_content(), b"abcdef")
            self.assertEqual((m[:], m.size()), (b"xbcdef", 6))

    def test_growing_shared_anonymous_memory_succeeds_or_raises(self):
        code = """
            import safemap
            m = safemap.mmap(-1, 100)
            m[:3] = b"abc"
            try:
                m.resize(100000)
                m[99999] = 1
            except ValueError as error:
                print(error)
            print(m[:3], len(m))
        """
        refused = "mmap: can't expand a shared anonymous mapping\nb'abc' 100\n"
        self.assertIn(succeed(self, code), ("b'abc' 100000\n", refused))

    @unix_only("all anonymous memory can grow")
    def test_shared_anonymous_memory_cannot_grow_back_after_it_was_shrunk(self):
        m = self.anonymous(2 * PAGE)
        m.resize(PAGE)
        m.resize(10)
        error = ValueError, "mmap: can't expand a shared anonymous mapping"
        for size in (11, PAGE, 2 * PAGE):
            with self.assertRaisesRegex(*error):
                m.resize(size)
            self.assertEqual(len(m), 10)

    def test_private_anonymous_memory_grows_and_keeps_its_bytes(self):
        m = self.anonymous(100, **PRIVATE)
        m[:3] = b"abc"
        for size in (PAGE, 100 * PAGE, 10, 5000 * PAGE):
            m.resize(size)
            self.assertEqual((len(m), m[:3]), (size, b"abc"))
        self.assertEqual(m[100 * PAGE :].strip(b"\0"), b"")

    def test_private_memory_that_shrinks_and_grows_again_is_zero_there(self):
        m = self.anonymous(3 * PAGE, **PRIVATE)
        m[:] = b"x" * 3 * PAGE
        for size in (10, PAGE, 2 * PAGE + 1, 3 * PAGE):
            kept = min(size, 10)
            m.resize(size)
            self.assertEqual(m[:], b"x" * kept + bytes(size - kept))

    def test_resizing_a_file_keeps_the_bytes_common_to_both_lengths(self):
        content = bytes(range(256)) * 40
        m = self.map(content)
        for size in (5, 10000, 10240, 123456, 1, 77):
            common = m[:][:size]
            m.resize(size)
            self.assertEqual((len(m), m.size(), m[: len(common)]), (size, size, common))

    def test_a_map_with_an_offset_grows_from_its_offset(self):
        m = self.map(b"x" * 3 * UNIT, PAGE, offset=UNIT)
        m.resize(5 * PAGE)
        self.assertEqual((len(m), m.size()), (5 * PAGE, UNIT + 5 * PAGE))


class Protection(FileCase):
    def test_reading_memory_without_read_permission_raises(self):
        code = """
            import safemap
            USES = ["m[0]", "m[1:9]", "m[1:9:2]", "m.read(3)", "m.readline()", "m.read_byte()"]
            USES += ["m.find(b'a')", "m.rfind(b'a')", "list(m)", "b'a' in m"]
            for arguments in ARGUMENTS:
                m = safemap.mmap(-1, 100, **arguments)
                m.protect(0)
                for use in USES:
                    try:
                        exec(use)
                        print(use)
                    except OSError:
                        pass
                print(len(m), m.tell())
                m.close()
        """
        arguments = [{}, {}]
        if not WINDOWS:
            arguments = [{"flags": safemap.MAP_PRIVATE, "prot": 0}, {"prot": safemap.PROT_NONE}]
        printed = succeed(self, code.replace("ARGUMENTS", repr(arguments)))
        self.assertEqual(printed, "100 0\n100 0\n")

    @unix_only("the standard module cannot map memory without read permission")
    def test_the_standard_module_is_terminated_by_sigsegv_there(self):
        done = child("import mmap; mmap.mmap(-1, 100, prot=0)[0]")
        self.assertEqual(done.returncode, -signal.SIGSEGV)


class OverlappingViews(FileCase):
    def test_a_slice_assigned_from_an_overlapping_view_is_copied_as_by_memmove(self):
        content = bytes(range(256)) * 64
        for size in (10, 100, 5000):
            for shift in (-7, -1, 1, 7, 33):
                m = self.map(content)
                view = memoryview(m)
                m[1000 + shift : 1000 + shift + size] = view[1000 : 1000 + size]
                view.release()
                expected = bytearray(content)
                expected[1000 + shift : 1000 + shift + size] = content[1000 : 1000 + size]
                self.assertEqual(m[:], expected, (size, shift))

    def test_an_overlapping_view_is_written_as_by_memmove(self):
        content = bytes(range(256)) * 64
        m = self.map(content)
        with memoryview(m) as view:
            m.seek(1)
            m.write(view[:10000])
        self.assertEqual(m[:], content[:1] + content[:10000] + content[10001:])

    def test_a_slice_with_a_step_is_assigned_the_bytes_from_before_the_call(self):
        m = self.map(b"abcdefgh")
        with memoryview(m) as view:
            m[::-1] = view
        self.assertEqual(m[:], b"hgfedcba")
        with memoryview(m) as view:
            m[1::2] = view[:4]
        self.assertEqual(m[:], b"hhfgdfbe")

    def test_an_overlapping_slice_of_another_map_of_the_same_file_is_copied_correctly(self):
        fd = self.descriptor(bytes(range(100)))
        one, two = safemap.mmap(fd, 0), safemap.mmap(fd, 0)
        one[10:20] = two[5:15]
        self.assertEqual(two[10:20], bytes(range(5, 15)))
        one.close(), two.close()


class ConcurrentChanges(FileCase):
    def test_threads_that_use_a_map_get_an_exception_when_it_is_closed(self):
        code = """
            import safemap, threading
            from support import CLOSED
            def work(m, barrier):
                barrier.wait()
                try:
                    while True:
                        m[5], m[3:9], m.find(b"z"), m.seek(0), m.read(100), m.write(b"abc")
                except ValueError as error:
                    assert str(error) == CLOSED, error
            for _ in range(100):
                m = safemap.mmap(-1, 1 << 18)
                barrier = threading.Barrier(4)
                threads = [threading.Thread(target=work, args=(m, barrier)) for _ in range(3)]
                [thread.start() for thread in threads]
                barrier.wait()
                m.close()
                [thread.join() for thread in threads]
            print("done")
        """
        self.assertEqual(succeed(self, code), "done\n")

    def test_resizing_while_other_threads_read_and_write_loses_no_bytes(self):
        m = self.map(b"x" * 10)
        stop, wrong = threading.Event(), []

        def use():
            while not stop.is_set():
                if m[:10] != b"x" * 10 or m.find(b"x", 0) != 0:
                    wrong.append(m[:10])
                m[3] = ord("x")

        def resize():
            for step in range(300):
                m.resize(10 + (step * 7919) % 300_000)
            stop.set()

        run_threads(lambda work: work(), use, use, use, resize)
        self.assertEqual(wrong, [])
