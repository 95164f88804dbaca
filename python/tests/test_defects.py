"""Defects of the standard module that this one does not have; docs/python.md lists them. Truncation is in test_faults.py."""

import errno
import sys
import threading
import unittest

from support import PAGE, PRIVATE, UNIT, WINDOWS, FileCase, child, succeed, unix_only

import safemap

CLOSED = "mmap closed or invalid"


class Int:
    """An integer that does something first."""

    def __init__(self, value, first):
        self.value, self.first = value, first

    def __index__(self):
        self.first()
        return self.value


class Callbacks(FileCase):
    """Code of the caller's runs in the middle of a call and closes or shrinks the map. CPython: SIGSEGV (gh-157335)."""

    def test_an_assignment_whose_value_closes_the_map_raises(self):
        m = self.map(b"x" * PAGE)
        with self.assertRaisesRegex(ValueError, CLOSED):
            m[3] = Int(5, m.close)

    def test_an_assignment_whose_value_shrinks_the_map_raises(self):
        m = self.map(b"x" * 3 * PAGE)
        with self.assertRaisesRegex(IndexError, "mmap index out of range"):
            m[2 * PAGE] = Int(5, lambda: m.resize(10))
        self.assertEqual(m[:], b"x" * 10)

    def test_an_assignment_whose_value_grows_the_map_goes_to_the_map_as_it_is_then(self):
        m = self.map(b"x" * 10)
        m[5] = Int(ord("y"), lambda: m.resize(300 * PAGE))
        self.assertEqual(m[:10], b"xxxxxyxxxx")

    def test_an_index_that_closes_the_map_raises(self):
        uses = ["m[i]", "m[i:]", "m[:i]", "m[::i]", "m[i] = 1", "m[i:] = b''", "del m[i]", "del m[i:]", "m.__getitem__(i)"]
        for use in uses + ["m.__setitem__(i, 1)"]:
            with self.subTest(use):
                m = self.map(b"x" * 10)
                with self.assertRaisesRegex(ValueError, CLOSED):
                    exec(use, {"m": m, "i": Int(1, m.close)})

    def test_a_method_whose_argument_closes_the_map_raises(self):
        uses = ["m.read(i)", "m.find(b'x', i)", "m.find(b'x', 0, i)", "m.rfind(b'x', 0, i)", "m.move(0, 1, i)", "m.move(i, 0, 1)",
                "m.write_byte(i)", "m.seek(i)", "m.seek(1, i)", "m.resize(i)", "m.flush(i, 1)", "m.flush(0, i)",
                "m.flush(flags=i)"]  # fmt: skip
        if hasattr(safemap.mmap, "madvise"):
            uses += ["m.madvise(0, i)", "m.madvise(0, 0, i)"]
        for use in uses:
            with self.subTest(use):
                m = self.map(b"x" * 10)
                with self.assertRaisesRegex(ValueError, CLOSED):
                    exec(use, {"m": m, "i": Int(1, m.close)})

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

    @unittest.skipIf(sys.version_info < (3, 12), "Python classes can have buffers from Python 3.12 on")
    def test_bytes_whose_buffer_closes_the_map_raise(self):
        class Closing:
            def __init__(self, m):
                self.m = m

            def __buffer__(self, flags):
                self.m.close()
                return memoryview(b"abc")

        for use in ("m[0:3] = b", "m[0:6:2] = b", "m.write(b)", "m.find(b)", "m.rfind(b)"):
            with self.subTest(use):
                m = self.map(b"x" * 10)
                with self.assertRaisesRegex(ValueError, CLOSED):
                    exec(use, {"m": m, "b": Closing(m)})

    @unittest.skipIf(sys.version_info < (3, 12), "Python classes can have buffers from Python 3.12 on")
    def test_bytes_whose_buffer_shrinks_the_map_do_not_fit_any_more(self):
        class Shrinking:
            def __init__(self, m):
                self.m = m

            def __buffer__(self, flags):
                self.m.resize(2)
                return memoryview(b"abc")

        for use, error in (("m[5000:5003] = b", IndexError), ("m.seek(5000); m.write(b)", ValueError)):
            with self.subTest(use):
                m = self.map(b"x" * 3 * PAGE)
                with self.assertRaises(error):
                    exec(use, {"m": m, "b": Shrinking(m)})
                self.assertEqual(m[:], b"xx")

    def test_iterating_while_the_map_shrinks_or_closes_ends_well(self):
        m = self.map(b"x" * 3 * PAGE)
        letters = iter(m)
        self.assertEqual(next(letters), b"x")
        m.resize(1)
        self.assertEqual(list(letters), [])
        m = self.map(b"x" * 10)
        letters = iter(m)
        m.close()
        with self.assertRaisesRegex(ValueError, CLOSED):
            next(letters)

    def test_the_names_of_arguments_are_not_asked_whether_they_are_wrong(self):
        class Name(str):
            def complain(self, *_):
                raise KeyboardInterrupt

            __eq__ = __str__ = complain
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
    """A refused resize leaves map and file as they were."""

    def unchanged(self, m, content, *errors):
        before = repr(m)
        for size, error in errors:
            with self.subTest(size), self.assertRaises(error):
                m.resize(size)
            self.assertEqual((repr(m), m[:], m.size()), (before, content, len(content)))

    def test_a_resize_to_nothing_is_refused_before_the_file_is_touched(self):
        self.unchanged(self.map(b"abc"), b"abc", (0, OSError))
        with self.assertRaises(OSError) as caught:
            self.map(b"abc").resize(0)
        self.assertEqual(caught.exception.errno, errno.EINVAL)

    def test_a_resize_beyond_all_address_space_leaves_the_file_as_it_was(self):
        huge = [(1 << 46, OSError), (1 << 62, OSError), ((1 << 63) - 1, OSError), (1 << 63, OverflowError), (-1, ValueError)]
        self.unchanged(self.map(b"abc" * PAGE), b"abc" * PAGE, *huge)

    @unix_only("a process has no such limit")
    def test_a_resize_beyond_the_processes_limit_for_files_leaves_the_file_as_it_was(self):
        code = """
            import os, resource, safemap, signal, sys
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
            with open(sys.argv[1], "r+b") as file:
                m = safemap.mmap(file.fileno(), 0)
            try:
                m.resize(200000)
            except OSError as error:
                print(error.errno)
            print(len(m), m.size(), m[:])
        """
        wanted = "{}\n3 3 b'abc'\n".format(errno.EFBIG)
        self.assertEqual(succeed(self, code, self.path(b"abc")), wanted)

    @unix_only("a process has no such limit")
    def test_a_grow_for_which_there_is_no_address_space_leaves_the_file_as_it_was(self):
        code = """
            import resource, safemap, sys
            with open(sys.argv[1], "r+b") as file:
                m = safemap.mmap(file.fileno(), 0)
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
            try:
                m.resize(1 << 32)
            except OSError as error:
                print(error.errno)
            print(len(m), m.size(), m[:])
        """
        wanted = "{}\n3 3 b'abc'\n".format(errno.ENOMEM)
        self.assertEqual(succeed(self, code, self.path(b"abc")), wanted)

    def test_resizing_a_private_map_never_truncates_its_file(self):
        for arguments in ({"access": safemap.ACCESS_COPY}, PRIVATE or {"access": safemap.ACCESS_COPY}):
            m = self.map(b"abcdef", 0, **arguments)
            m[0] = ord("x")
            with self.assertRaises((TypeError, ValueError, OSError)):
                m.resize(3)
            with open(self.latest, "rb") as file:
                self.assertEqual(file.read(), b"abcdef")
            self.assertEqual((m[:], m.size()), (b"xbcdef", 6))

    def test_growing_shared_anonymous_memory_raises_or_works_but_never_kills(self):
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

    @unix_only("all anonymous memory grows")
    def test_shared_anonymous_memory_that_was_cut_does_not_grow_back(self):
        m = self.anonymous(2 * PAGE)
        m.resize(PAGE)
        m.resize(10)
        for size in (11, PAGE, 2 * PAGE):
            with self.assertRaisesRegex(ValueError, "mmap: can't expand a shared anonymous mapping"):
                m.resize(size)
            self.assertEqual(len(m), 10)

    def test_private_anonymous_memory_grows_and_keeps_its_bytes(self):
        m = self.anonymous(100, **PRIVATE)
        m[:3] = b"abc"
        for size in (PAGE, 100 * PAGE, 10, 5000 * PAGE):
            m.resize(size)
            self.assertEqual((len(m), m[:3]), (size, b"abc"))
        self.assertEqual(m[100 * PAGE :].strip(b"\0"), b"")

    def test_private_memory_that_was_cut_and_grows_again_is_zero_there(self):
        m = self.anonymous(3 * PAGE, **PRIVATE)
        m[:] = b"x" * 3 * PAGE
        for size in (10, PAGE, 2 * PAGE + 1, 3 * PAGE):
            kept = min(size, 10)
            m.resize(size)
            self.assertEqual(m[:], b"x" * kept + bytes(size - kept))

    def test_growing_and_shrinking_a_file_keeps_what_is_in_both(self):
        content = bytes(range(256)) * 40
        m = self.map(content)
        for size in (5, 10000, 10240, 123456, 1, 77):
            before = m[:]
            m.resize(size)
            self.assertEqual((len(m), m.size(), m[:][: len(before)]), (size, size, before[:size].ljust(min(size, len(before)), b"\0")))

    def test_a_map_of_a_part_grows_from_its_offset(self):
        m = self.map(b"x" * 3 * UNIT, PAGE, offset=UNIT)
        m.resize(5 * PAGE)
        self.assertEqual((len(m), m.size()), (5 * PAGE, UNIT + 5 * PAGE))


class Protection(FileCase):
    def test_memory_that_may_not_be_read_raises_instead_of_killing(self):
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
        arguments = [{}, {}] if WINDOWS else [{"flags": safemap.MAP_PRIVATE, "prot": 0}, {"prot": safemap.PROT_NONE}]
        self.assertEqual(succeed(self, code.replace("ARGUMENTS", repr(arguments))), "100 0\n100 0\n")

    @unix_only("the standard module cannot ask for such memory")
    def test_the_standard_module_dies_of_it(self):
        done = child("import mmap; mmap.mmap(-1, 100, prot=0)[0]")
        self.assertEqual(done.returncode, -11)


class Overlap(FileCase):
    def test_a_slice_assigned_from_an_overlapping_view_moves_as_memmove_does(self):
        content = bytes(range(256)) * 64
        for size in (10, 100, 5000):
            for shift in (-7, -1, 1, 7, 33):
                m = self.map(content)
                view = memoryview(m)
                m[1000 + shift : 1000 + shift + size] = view[1000 : 1000 + size]
                view.release()
                wanted = bytearray(content)
                wanted[1000 + shift : 1000 + shift + size] = content[1000 : 1000 + size]
                self.assertEqual(m[:], wanted, (size, shift))

    def test_an_overlapping_view_is_written_as_memmove_does(self):
        content = bytes(range(256)) * 64
        m = self.map(content)
        with memoryview(m) as view:
            m.seek(1)
            m.write(view[:10000])
        self.assertEqual(m[:], content[:1] + content[:10000] + content[10001:])

    def test_a_slice_with_a_step_takes_the_bytes_as_they_were(self):
        m = self.map(b"abcdefgh")
        with memoryview(m) as view:
            m[::-1] = view
        self.assertEqual(m[:], b"hgfedcba")
        with memoryview(m) as view:
            m[1::2] = view[:4]
        self.assertEqual(m[:], b"hhfgdfbe")

    def test_a_view_of_another_map_of_the_same_file_overlaps_as_well(self):
        fd = self.descriptor(bytes(range(100)))
        one, two = safemap.mmap(fd, 0), safemap.mmap(fd, 0)
        one[10:20] = two[5:15]
        self.assertEqual(two[10:20], bytes(range(5, 15)))
        one.close(), two.close()


class Threads(FileCase):
    def test_closing_while_others_read_raises_there_and_kills_nobody(self):
        code = """
            import safemap, threading
            def work(m, barrier):
                barrier.wait()
                try:
                    while True:
                        m[5], m[3:9], m.find(b"z"), m.seek(0), m.read(100), m.write(b"abc")
                except ValueError as error:
                    assert str(error) == "mmap closed or invalid", error
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

    def test_resizing_while_others_read_and_write_loses_nothing_and_kills_nobody(self):
        m = self.map(b"x" * 10)
        stop, wrong = threading.Event(), []

        def work():
            while not stop.is_set():
                if m[:10] != b"x" * 10 or m.find(b"x", 0) != 0:
                    wrong.append(m[:10])
                m[3] = ord("x")

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(300):
            m.resize(10 + (turn * 7919) % 300000)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
