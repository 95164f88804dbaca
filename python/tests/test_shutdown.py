"""Tests of interpreter shutdown: finalizers that use a map, and daemon threads inside calls."""

from textwrap import dedent

from support import NO_TRUNCATION, FileCase, succeed, unix_only

# An object that prints the result of a call when the interpreter finalizes it. It keeps references
# to all that it needs, because the module's globals may be cleared first.
BEGIN = """
import os, sys, threading, time
import safemap

class Finalized:
    def __init__(self, call, *arguments, write=os.write):
        self.call, self.arguments, self.write = call, arguments, write

    def __del__(self):
        try:
            result = self.call(*self.arguments)
        except Exception as error:
            result = error
        self.write(1, "{!r}\\n".format(result).encode())

def truncated_map():
    fd = os.open(sys.argv[1], os.O_RDWR)
    os.truncate(fd, 300_000)
    m = safemap.mmap(fd, 0)
    os.truncate(fd, safemap.PAGESIZE)
    return m
"""

# A daemon thread that is inside a long call when the interpreter shuts down.
DAEMON = """
m = safemap.mmap(-1, 1 << 32, flags=safemap.MAP_PRIVATE | safemap.MAP_NORESERVE)
lines = m.lines()

def start_daemon(call, *arguments):
    threading.Thread(target=call, args=arguments, daemon=True).start()
    time.sleep(0.2)
"""


@unix_only(NO_TRUNCATION)
class Shutdown(FileCase):
    def printed(self, *parts, data=b""):
        """Runs the parts in a child and returns what its finalizers print."""
        code = BEGIN + "".join(dedent(part) for part in parts)
        return succeed(self, code, self.path(data), timeout=60)

    def test_a_fault_in_a_finalizer_raises(self):
        calls = ["m[200_000]", "m.read()", "m.move(0, 200_000, 5)", "list(m.lines(4096 * 16))"]
        for call in calls:
            with self.subTest(call):
                code = "last = Finalized(lambda m: {}, truncated_map())".format(call)
                self.assertRegex(self.printed(code), r"^FaultError\(14, 'byte \d+ of the map")

    def test_size_raises_without_a_descriptor(self):
        code = """
        m = safemap.mmap(os.open(sys.argv[1], os.O_RDWR), 1, trackfd=False)
        last = Finalized(m.size)
        """
        expected = 'UnsupportedOperation(9, "can\'t get size with trackfd=False")\n'
        self.assertEqual(self.printed(code, data=b"x"), expected)

    def test_a_map_used_by_a_daemon_thread_can_be_closed(self):
        for call in ("m.close", "m.__exit__, None, None, None"):
            with self.subTest(call):
                code = "last = Finalized({})\nstart_daemon(m.find, b'x')".format(call)
                self.assertEqual(self.printed(DAEMON, code), "None\n")

    def test_lines_used_by_a_daemon_thread_raise(self):
        code = "last = Finalized(next, lines)\nstart_daemon(next, lines)"
        self.assertRegex(self.printed(DAEMON, code), "^RuntimeError")

    def test_close_waits_for_a_thread_that_is_not_a_daemon(self):
        code = """
        thread = threading.Thread(target=lambda: print(m.find(b"x")))
        thread.start()
        last = Finalized(m.close)
        """
        self.assertEqual(self.printed(DAEMON, code), "-1\nNone\n")

    def test_methods_that_are_written_in_python_work(self):
        calls = {
            "m.reader(1).read()": "b'bc'",
            "b''.join(m.windows(2))": "b'abc'",
            "m.__reduce__()[0].__name__": "'_reopen'",
        }
        for call, expected in calls.items():
            with self.subTest(call):
                code = "last = Finalized(lambda m: {}, safemap.open(sys.argv[1]))".format(call)
                self.assertEqual(self.printed(code, data=b"abc"), expected + "\n")

    def test_exceptions_that_get_a_note_or_a_map_are_raised(self):
        calls = {
            "repr(closed)": '"<safemap.Map name=.* closed>"',
            "m.count('x')": "TypeError",
            "m.append(b'x')": "BufferError",
            "m.flush(360, 36)": "OSError",
            "check(lost, 0, 1)": "FaultError",
        }
        setup = """
        paths = [sys.argv[1] + name for name in "abc"]
        for path in paths:
            with open(path, "wb") as file:
                file.write(b"x" * 5000)
        closed, m, lost = (safemap.open(path, "r+", repair=True) for path in paths)
        closed.close()
        views, check = [memoryview(m), memoryview(lost)], safemap._safemap._check_range
        os.truncate(paths[2], 0)
        views[1][0]
        """
        for call, expected in calls.items():
            with self.subTest(call):
                keep = "closed=closed, m=m, lost=lost, check=check, repr=repr"
                last = "\nlast = Finalized(lambda {}: {})".format(keep, call)
                self.assertRegex(self.printed(setup, last), "^" + expected)
