"""The interpreter's end: finalizers that use a map when little else is left, and threads that are not waited for."""

import os
import unittest
from textwrap import dedent

from support import FileCase, succeed, unix_only

# Says what a call came to when the module's names go. What it needs stands in its own names by then.
LAST = """
import os, sys, threading, time
import safemap

class Last:
    def __init__(self, call, *used, write=os.write):
        self.call, self.used, self.write = call, used, write

    def __del__(self):
        try:
            came = self.call(*self.used)
        except Exception as error:
            came = error
        self.write(1, "{!r}\\n".format(came).encode())

def cut():
    fd = os.open(sys.argv[1], os.O_RDWR)
    os.truncate(fd, 300_000)
    m = safemap.mmap(fd, 0)
    os.truncate(fd, safemap.PAGESIZE)
    return m
"""

# A thread that is inside a long call when the interpreter ends.
DAEMON = """
m = safemap.mmap(-1, 1 << 32, flags=safemap.MAP_PRIVATE | safemap.MAP_NORESERVE)
lines = m.lines()

def inside(call, *arguments):
    threading.Thread(target=call, args=arguments, daemon=True).start()
    time.sleep(0.2)
"""


@unix_only("Windows cuts no file that is mapped")
class End(FileCase):
    def said(self, code, *parts):
        whole = LAST + "".join(dedent(part) for part in (*parts, code))
        return succeed(self, whole, self.path(), timeout=60)

    def test_a_fault_in_a_finalizer_raises(self):
        for call in ("lambda m: m[200_000]", "lambda m: m.read()", "lambda m: m.move(0, 200_000, 5)", "lambda m: list(m.lines(4096 * 16))"):
            with self.subTest(call):
                self.assertRegex(self.said("last = Last({}, cut())".format(call)), r"^FaultError\(14, 'byte \d+ of the map")

    def test_size_raises_without_a_descriptor(self):
        code = "last = Last(lambda m: m.size(), safemap.mmap(os.open(sys.argv[1], os.O_RDWR), 1, trackfd=False))"
        said = succeed(self, LAST + code, self.path(b"x"))
        self.assertEqual(said, "UnsupportedOperation(9, \"can't get size with trackfd=False\")\n")

    def test_a_map_used_by_a_daemon_thread_can_be_closed(self):
        for call in ("close", "__exit__"):
            with self.subTest(call):
                self.assertEqual(self.said("last = Last(m.{})\ninside(m.find, b'x')".format(call), DAEMON), "None\n")

    def test_lines_used_by_a_daemon_thread_raise(self):
        self.assertRegex(self.said("last = Last(next, lines)\ninside(next, lines)", DAEMON), "^RuntimeError")

    def test_close_waits_for_a_thread_that_is_not_a_daemon(self):
        code = """
        thread = threading.Thread(target=lambda: print(m.find(b"x")))
        thread.start()
        last = Last(m.close)
        """
        self.assertEqual(self.said(code, DAEMON), "-1\nNone\n")


# Wine shows Linux's /proc to a Windows interpreter, so that the folder alone tells nothing.
@unix_only("a process has no such limit")
@unittest.skipUnless(os.path.exists("/proc/self/statm"), "how much there is in use is not told here")
class Memory(FileCase):
    def test_lines_raise_memory_error_when_memory_is_exhausted(self):
        begin = """
        import resource
        import safemap

        def limit(more):
            with open("/proc/self/statm") as file:
                used = int(file.read().split()[0]) * safemap.PAGESIZE
            resource.setrlimit(resource.RLIMIT_AS, (used + more, used + more))

        LONG = 64 << 20
        m = safemap.mmap(-1, LONG)
        m[LONG - 1] = 10
        """
        end = """
        try:
            call()
            print("there was room")
        except MemoryError:
            print("refused")
        """
        # A line is copied once by the call, and again without its newline.
        shorter = "lines = m.lines(keepends=False); limit(LONG * 3 // 2); call = lambda: next(lines)"
        needle = "needle = bytes(LONG); limit(LONG // 2); call = lambda: m.lines(containing=needle)"
        for middle in (shorter, needle):
            with self.subTest(middle):
                self.assertEqual(succeed(self, dedent(begin) + middle + dedent(end)), "refused\n")


@unix_only("Windows has no forks")
class Forks(FileCase):
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
