"""Tests of several processes: a shared file, shared and private memory of a forked child."""

import errno
import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import unittest

from support import NO_FORK, NO_TRUNCATION, PAGE, FileCase, unix_only

import safemap


class Partner:
    """Another process with `m`, a map of the same file. It evaluates one expression per call."""

    CODE = """
        import sys
        module = __import__(sys.argv[2])
        with open(sys.argv[1], "r+b") as file:
            m = module.mmap(file.fileno(), 0)
        print("ready", flush=True)
        for line in sys.stdin:
            print(repr(eval(line)), flush=True)
    """

    def __init__(self, case, path, module="safemap"):
        command = [sys.executable, "-c", textwrap.dedent(self.CODE), path, module]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)
        case.addCleanup(self.process.communicate)
        case.assertEqual(self.process.stdout.readline(), "ready\n")

    def __call__(self, expression):
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()
        return eval(self.process.stdout.readline())


class SharedFile(FileCase):
    def shared(self, module="safemap"):
        """A map, and another process that maps the same file with `module`."""
        m = self.map(b"-" * 2 * PAGE)
        return m, Partner(self, self.latest, module)

    def test_two_processes_see_each_others_writes(self):
        for module in ("safemap", "mmap"):
            m, partner = self.shared(module)
            m[5:8] = b"abc"
            self.assertEqual(partner("m[4:9]"), b"-abc-")
            partner("m.__setitem__(slice({0}, {0} + 3), b'xyz')".format(PAGE))
            self.assertEqual((m[PAGE : PAGE + 4], m.find(b"xyz")), (b"xyz-", PAGE))

    def test_a_resize_by_another_process_changes_size_but_not_len(self):
        m, partner = self.shared()
        m.resize(5 * PAGE)
        m[4 * PAGE] = 65
        self.assertEqual((partner("m.size()"), partner("len(m)")), (5 * PAGE, 2 * PAGE))
        partner("m.resize({})".format(5 * PAGE))
        self.assertEqual(partner("m[{}]".format(4 * PAGE)), 65)

    @unix_only(NO_TRUNCATION)
    def test_reading_raises_after_another_process_truncated_the_file(self):
        m, partner = self.shared()
        partner("m.resize({})".format(PAGE))
        self.assertEqual(m[:PAGE], b"-" * PAGE)
        with self.assertRaises(OSError):
            m[PAGE]

    def test_writes_to_a_copy_on_write_map_stay_private(self):
        m, partner = self.shared()
        with open(self.latest, "r+b") as file:
            copy = safemap.mmap(file.fileno(), 0, access=safemap.ACCESS_COPY)
        copy[:3] = b"abc"
        self.assertEqual((copy[:3], m[:3], partner("m[:3]")), (b"abc", b"---", b"---"))
        copy.close()


@unix_only(NO_FORK)
class AnonymousMemory(FileCase):
    def in_child(self, work):
        """Runs `work` in a forked child and checks that it returns true."""
        pid = os.fork()
        if pid == 0:
            try:
                os._exit(0 if work() else 1)
            finally:
                os._exit(2)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_anonymous_memory_is_shared_with_a_forked_child(self):
        m = self.anonymous(3 * PAGE)
        m[:3] = b"abc"
        self.in_child(lambda: m[:3] == b"abc" and m.write(b"xyz") == 3)
        self.assertEqual((m[:3], m.tell()), (b"xyz", 0))

    def test_private_memory_is_not_shared_with_a_forked_child(self):
        for arguments in ({"flags": safemap.MAP_PRIVATE}, {"access": safemap.ACCESS_COPY}):
            m = self.anonymous(PAGE, **arguments)
            m[:3] = b"abc"
            self.in_child(lambda: m[:3] == b"abc" and m.write(b"xyz") == 3)
            self.assertEqual(m[:3], b"abc")

    def test_closing_a_map_in_a_forked_child_leaves_the_parents_map_open(self):
        m = self.anonymous(PAGE)
        m[0] = 7
        self.in_child(lambda: m.close() is None and m.closed)
        self.assertEqual(m[0], 7)

    def test_multiprocessing_children_share_anonymous_memory(self):
        m = self.anonymous(PAGE)
        process = multiprocessing.get_context("fork").Process(target=m.write, args=(b"abc",))
        process.start()
        process.join()
        self.assertEqual((process.exitcode, m[:3]), (0, b"abc"))


def raised(call, *arguments):
    """Returns the exception of a call as its class, its errno and its text; None if it returns."""
    try:
        call(*arguments)
    except Exception as exception:
        return type(exception), getattr(exception, "errno", None), str(exception)
    return None


def read_directly(m):
    """Reads a byte through a view, in a process that leaves no core file and no report."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    return memoryview(m)[0]


@unittest.skipUnless(hasattr(safemap, "MADV_DONTFORK"), "Linux")
class NotInherited(FileCase):
    """The row about MADV_DONTFORK in docs/python.md."""

    def setUp(self):
        super().setUp()
        file = self.map(b"-" * 2 * PAGE)
        private = self.anonymous(2 * PAGE, flags=safemap.MAP_PRIVATE)
        self.maps = [file, private, self.anonymous(2 * PAGE)]
        for m in self.maps:
            m[:5] = b"abcde"
            m.madvise(safemap.MADV_DONTFORK)

    def in_child(self, call, *arguments):
        """Returns what `raised` returns in a forked child, or the number of the signal."""
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, repr(raised(call, *arguments)).encode())
            os._exit(0)
        os.close(writer)
        with open(reader) as pipe:
            text = pipe.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        return text or -status

    def test_a_child_cannot_read_and_write(self):
        for m in self.maps:
            calls = [(m.read, 9), (m.read_byte,), (m.find, b"ab"), (m.readline,), (m.write, b"x")]
            calls += [(m.__getitem__, 3), (m.__setitem__, 3, 7), (m.__getitem__, slice(9))]
            calls += [(m.move, 0, 5, 5), (next, iter(m))]
            for call in calls:
                self.assertIn("FaultError'>, {}, ".format(errno.EFAULT), self.in_child(*call))
            self.assertEqual(m[:5], b"abcde")

    def test_a_child_cannot_change_the_pages(self):
        for m in self.maps:
            calls = [(m.madvise, safemap.MADV_DOFORK), (m.madvise, safemap.MADV_DONTNEED)]
            calls += [(m.protect, safemap.PROT_READ), (m.lock,), (m.unlock,)]
            calls += [(m.flush,)] * (m is not self.maps[1])
            for call in calls:
                expected = "(<class 'OSError'>, {}, ".format(errno.EFAULT)
                self.assertEqual(self.in_child(*call)[: len(expected)], expected)

    def test_a_resize_in_a_child_says_why_it_fails(self):
        reason = "this process did not inherit all pages of the map"
        for m in self.maps:
            for size in (PAGE, 2 * PAGE, 9 * PAGE)[: 2 if m is self.maps[2] else 3]:
                expected = repr((ValueError, None, reason))
                self.assertEqual(self.in_child(m.resize, size), expected)

    def test_a_child_can_close_the_map(self):
        for m in self.maps:
            self.assertEqual(self.in_child(m.close), "None")

    def test_direct_access_terminates_the_child(self):
        for m in self.maps:
            self.assertEqual(self.in_child(read_directly, m), signal.SIGSEGV)
