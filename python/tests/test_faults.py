"""Faults: the file is truncated under the map. What touches the lost bytes raises OSError, and the interpreter goes on.

On Windows no file is cut that is mapped; there `protect` takes the bytes away, in test_windows.py.
Everything that might kill runs in a child whose exit status is looked at; the standard module, which is killed, is the control.
"""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import unittest

import truncated
from support import NO_TRUNCATION, PAGE, WINDOWS, FileCase, child, succeed

import safemap

if WINDOWS:
    raise unittest.SkipTest("Windows: " + NO_TRUNCATION)

TRY = "import sys, truncated; truncated.main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])"
FAULT = ["OSError", errno.EFAULT]


def content(pages):
    """So many pages of one letter: there is nothing that a search could stop at."""
    return b"x" * (pages * PAGE)


class Operations(FileCase):
    """Every operation, with the lost page at each place and with each access."""

    def came(self, kept, access):
        return json.loads(succeed(self, TRY, "safemap", self.path(content(4)), str(kept * PAGE), access))

    def everything_raises(self, kept, access):
        came = self.came(kept, access)
        operations = truncated.READS + (truncated.WRITES if access != "ACCESS_READ" else [])
        wrong = {operation: came[operation] for operation in operations if came[operation] != FAULT}
        self.assertEqual(wrong, {})
        self.assertEqual({operation: came[operation] for operation in truncated.HARMLESS if came[operation]}, {})
        self.assertEqual(came["grown back"], [0, -1, True])

    def test_every_operation_raises_when_the_first_page_is_lost(self):
        self.everything_raises(0, "ACCESS_DEFAULT")

    def test_every_operation_raises_when_a_middle_page_is_lost(self):
        self.everything_raises(2, "ACCESS_WRITE")

    def test_every_operation_raises_when_the_last_page_is_lost(self):
        self.everything_raises(3, "ACCESS_DEFAULT")

    def test_every_operation_raises_on_a_read_only_map(self):
        for kept in (0, 2, 3):
            self.everything_raises(kept, "ACCESS_READ")

    def test_every_operation_raises_on_a_copy_on_write_map(self):
        # The standard one dies as well: a page must be read before it can be copied.
        for kept in (0, 2, 3):
            self.everything_raises(kept, "ACCESS_COPY")

    def test_the_standard_module_is_terminated_by_sigbus(self):
        done = child(TRY, "mmap", self.path(content(4)), str(2 * PAGE), "ACCESS_DEFAULT")
        self.assertEqual(done.returncode, -signal.SIGBUS, done.stdout + done.stderr)

    def test_every_public_method_is_covered(self):
        tried = set(re.findall(r"m\.(\w+)", "\n".join(truncated.READS + truncated.WRITES + truncated.HARMLESS)))
        public = {name for name in dir(safemap.mmap) if not name.startswith("_")}
        self.assertEqual(public - tried - truncated.APART, set())


class Exact(FileCase):
    """What was done before the fault, and what the error says."""

    def lost(self, kept=PAGE, pages=3):
        """A map of a file that kept only its first bytes."""
        m = self.map(content(pages))
        os.truncate(os.path.join(self.folder, "file"), kept)
        return m

    def file(self):
        with open(os.path.join(self.folder, "file"), "rb") as file:
            return file.read()

    def test_the_error_has_the_offset_of_the_first_lost_byte(self):
        m = self.lost()
        for call in (lambda: m[0 : 2 * PAGE], lambda: m.read(), lambda: m.find(b"y", 0), lambda: m[PAGE], lambda: m.readline()):
            m.seek(PAGE - 5)
            with self.assertRaises(OSError) as caught:
                call()
            self.assertEqual((caught.exception.errno, caught.exception.offset), (errno.EFAULT, PAGE))
            self.assertIsInstance(caught.exception, safemap.FaultError)

    def test_a_write_across_the_border_stores_the_bytes_before_it_and_keeps_the_position(self):
        m = self.lost()
        m.seek(PAGE - 10)
        with self.assertRaises(OSError):
            m.write(b"w" * 100)
        self.assertEqual(m.tell(), PAGE - 10)
        self.assertEqual(self.file(), content(1)[:-10] + b"w" * 10)

    def test_a_slice_assignment_across_the_border_stores_the_bytes_before_it(self):
        m = self.lost()
        with self.assertRaises(OSError):
            m[PAGE - 3 : PAGE + 3] = b"abcdef"
        self.assertEqual(self.file(), content(1)[:-3] + b"abc")

    def test_a_move_across_the_border_stores_the_bytes_before_it(self):
        m = self.lost()
        m[PAGE - 3 : PAGE] = b"abc"
        with self.assertRaises(OSError):
            m.move(10, PAGE - 3, 6)
        self.assertEqual(self.file()[9:14], b"xabcx")

    def test_an_overlapping_move_that_meets_the_border_is_performed_once(self):
        bytes_before = bytes(i * 7 % 251 for i in range(PAGE))
        for to, source, count in ((0, 10, PAGE + 90), (0, 10, PAGE - 9), (5, 1000, PAGE)):
            with self.subTest(to=to, source=source):
                m = self.lost()
                m[:PAGE] = bytes_before
                with self.assertRaises(safemap.FaultError) as caught:
                    m.move(to, source, count)
                self.assertEqual(caught.exception.offset, PAGE)
                moved = PAGE - source
                expected = bytes_before[:to] + bytes_before[source:] + bytes_before[to + moved :]
                self.assertEqual(self.file(), expected)

    def test_a_failed_read_keeps_the_position(self):
        m = self.lost()
        for call in (lambda: m.read(100), m.read, m.readline):
            m.seek(PAGE - 7)
            with self.assertRaises(OSError):
                call()
            self.assertEqual(m.tell(), PAGE - 7)
        m.seek(PAGE)
        for call in (m.read_byte, lambda: m.write_byte(5), lambda: m.read(1)):
            with self.assertRaises(OSError):
                call()
            self.assertEqual(m.tell(), PAGE)

    def test_the_bytes_before_the_border_remain_usable(self):
        m = self.lost()
        self.assertEqual((m[:PAGE], m.read(PAGE), m.find(b"x", 0)), (content(1), content(1), 0))
        m[:3] = b"abc"
        self.assertEqual((self.file()[:3], m.find(b"c", 0, PAGE), m.rfind(b"c", 0, PAGE)), (b"abc", 2, 2))

    def test_a_match_before_the_border_is_found_without_a_fault(self):
        m = self.lost()
        m[PAGE - 3 : PAGE] = b"abc"
        for needle in (b"a", b"ab", b"abc", b"c"):
            self.assertEqual(m.find(needle, 0), PAGE - 3 + b"abc".index(needle))

    def test_the_rest_of_the_last_page_reads_as_zeros(self):
        m = self.lost(kept=PAGE + 100)
        self.assertEqual((m[PAGE + 99], m[PAGE + 100 : 2 * PAGE]), (content(2)[PAGE + 99], bytes(PAGE - 100)))
        with self.assertRaises(OSError):
            m[2 * PAGE]

    def test_a_map_works_again_when_its_file_has_grown_back(self):
        m = self.lost(kept=0)
        for _ in range(3):
            with self.assertRaises(OSError):
                m[5]
            os.truncate(os.path.join(self.folder, "file"), 3 * PAGE)
            self.assertEqual((m[:], m.find(b"x", 0)), (bytes(3 * PAGE), -1))
            m[5:8] = b"abc"
            self.assertEqual(self.file()[5:8], b"abc")
            os.truncate(os.path.join(self.folder, "file"), 0)

    def test_a_resize_extends_a_truncated_file(self):
        m = self.lost(kept=100)
        m.resize(2 * PAGE)
        self.assertEqual((len(m), m.size(), m[:100], m[100:].strip(b"\0")), (2 * PAGE, 2 * PAGE, content(1)[:100], b""))

    def test_a_map_of_a_truncated_file_can_be_closed(self):
        m = self.lost(kept=0)
        m.flush()
        m.close()
        self.assertTrue(m.closed)

    def test_lost_bytes_of_a_source_argument_raise(self):
        code = """
            import mmap, os, safemap, sys
            target = safemap.mmap(-1, 100000)
            for module in (mmap, safemap):
                with open(sys.argv[1], "r+b") as file:
                    file.truncate(3 * mmap.PAGESIZE)
                    source = module.mmap(file.fileno(), 0)
                    file.truncate(mmap.PAGESIZE)
                for use in ("target.write(source)", "target[0:len(source)] = source", "target.write(memoryview(source)[5000:5001])"):
                    target.seek(0)
                    try:
                        exec(use)
                        print(use)
                    except OSError as error:
                        print(error.errno)
        """
        self.assertEqual(succeed(self, code, self.path(b"x")), "{}\n".format(errno.EFAULT) * 6)


# What a child starts with: a map, `m`, of a file that is truncated, and `fault`, which must raise.
BEGIN = """
import errno, faulthandler, mmap, os, safemap, signal, sys, threading

def lose(module=safemap):
    with open(sys.argv[1], "r+b") as file:
        file.truncate(4 * mmap.PAGESIZE)
        m = module.mmap(file.fileno(), 0)
        file.truncate(0)
    return m

def fault(m):
    for use in (lambda: m[5], lambda: m.find(b"a", 0), lambda: m.__setitem__(7, 1), lambda: m[2:99999]):
        try:
            use()
        except OSError as error:
            assert error.errno == errno.EFAULT, error
        else:
            raise AssertionError("nothing was raised")
"""


class Signals(FileCase):
    """Handlers, masks, threads and forks."""

    def run_child(self, code, **keywords):
        return child(BEGIN + code, self.path(b"x"), **keywords)

    def goes_well(self, code, said="done\n", **keywords):
        done = self.run_child(code + "\nprint('done')", **keywords)
        self.assertEqual((done.returncode, done.stdout), (0, said), done.stderr)
        return done.stderr

    def is_killed(self, code, number=signal.SIGBUS, **keywords):
        done = self.run_child(code + "\nprint('survived')", **keywords)
        self.assertEqual((done.returncode, done.stdout), (-number, ""), done.stderr)
        return done.stderr

    def test_a_fault_prints_nothing(self):
        self.assertEqual(self.goes_well("fault(lose())"), "")

    def test_a_fault_prints_nothing_if_faulthandler_was_enabled_first(self):
        said = self.goes_well("fault(lose())", options=["-X", "faulthandler"])
        self.assertEqual(said, "")

    def test_a_fault_raises_if_faulthandler_is_enabled_after_the_map_was_made(self):
        self.goes_well("m = lose()\nfaulthandler.enable()\nfault(m)\nfault(m)\nfault(lose())")

    def test_a_fault_prints_nothing_if_another_map_follows_faulthandler(self):
        said = self.goes_well("m = lose()\nfaulthandler.enable()\nn = lose()\nfault(m)\nfault(n)")
        self.assertEqual(said, "")

    def test_a_fault_raises_while_faulthandler_is_enabled_and_disabled_repeatedly(self):
        self.goes_well("for _ in range(5):\n faulthandler.enable()\n fault(lose())\n faulthandler.disable()\n fault(lose())")

    def test_faulthandler_still_reports_a_fault_outside_the_library(self):
        for begin in ("faulthandler.enable()\nfault(lose())\n", "fault(lose())\nfaulthandler.enable()\nfault(lose())\n"):
            said = self.is_killed(begin + "lose(mmap)[5]")
            self.assertIn("Fatal Python error: Bus error", said)

    def test_a_fault_of_the_standard_module_still_terminates_the_process(self):
        self.is_killed("lose(mmap)[5]")
        self.is_killed("fault(lose())\nlose(mmap)[5]")

    def test_a_fault_in_a_view_still_terminates_the_process(self):
        # The limit of the promise, told in the documentation: who holds a view reads the memory himself.
        self.is_killed("fault(lose())\nmemoryview(lose())[5]")

    def test_a_sigbus_that_is_sent_still_terminates_the_process(self):
        self.is_killed("fault(lose())\nos.kill(os.getpid(), signal.SIGBUS)")
        self.is_killed("fault(lose())\nsignal.raise_signal(signal.SIGBUS)")
        self.is_killed("m = lose()\nfault(m)\nos.system('kill -BUS %d' % os.getpid())\nfault(m)")

    def test_a_segmentation_fault_still_terminates_the_process(self):
        self.is_killed("fault(lose())\nimport ctypes\nctypes.string_at(1)", signal.SIGSEGV)
        self.is_killed("fault(lose())\nsignal.raise_signal(signal.SIGSEGV)", signal.SIGSEGV)

    def test_a_signal_handler_installed_before_the_map_gets_signals_that_are_sent(self):
        code = """
seen = []
signal.signal(signal.SIGBUS, lambda number, frame: seen.append(number))
fault(lose())
assert seen == [], seen
signal.raise_signal(signal.SIGBUS)
assert seen == [signal.SIGBUS], seen
fault(lose())
"""
        self.goes_well(code)

    def test_a_signal_handler_installed_after_the_map_gets_signals_that_are_sent(self):
        code = """
seen = []
fault(lose())
signal.signal(signal.SIGBUS, lambda number, frame: seen.append(number))
fault(lose())
assert seen == [], seen
signal.raise_signal(signal.SIGBUS)
assert seen == [signal.SIGBUS], seen
fault(lose())
"""
        self.goes_well(code)

    def test_an_ignored_sigbus_stays_ignored_when_it_is_sent(self):
        code = "signal.signal(signal.SIGBUS, signal.SIG_IGN)\nfault(lose())\nsignal.raise_signal(signal.SIGBUS)\nfault(lose())"
        self.goes_well(code)

    def test_a_fault_raises_if_the_signals_were_blocked_before_the_map_was_made(self):
        self.goes_well("signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGBUS, signal.SIGSEGV})\nfault(lose())")

    def test_a_fault_raises_in_a_thread_that_blocks_the_signals_before_its_first_use(self):
        code = """
m, well = lose(), []
def work():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGBUS, signal.SIGSEGV})
    fault(m)
    well.append(True)
thread = threading.Thread(target=work)
thread.start()
thread.join()
assert well == [True]
"""
        self.goes_well(code)

    def test_a_fault_raises_in_threads_that_inherit_blocked_signals(self):
        code = """
m, well = lose(), []
def work():
    fault(m)
    well.append(True)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
threads = [threading.Thread(target=work) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert well == [True] * 3
"""
        self.goes_well(code)

    def test_many_threads_can_fault_at_the_same_time(self):
        code = """
maps, well = [lose() for _ in range(4)], []
barrier = threading.Barrier(16)
def work(number):
    barrier.wait()
    for turn in range(100):
        fault(maps[(number + turn) % 4])
    well.append(number)
threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert sorted(well) == list(range(16)), well
"""
        self.goes_well(code)

    def test_a_forked_child_survives_faults(self):
        code = """
m = lose()
for before in (False, True):
    if before:
        fault(m)
    pid = os.fork()
    if pid == 0:
        fault(m)
        fault(lose())
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    fault(m)
"""
        self.goes_well(code)

    def test_a_fault_of_the_standard_module_still_terminates_a_forked_child(self):
        code = """
fault(lose())
pid = os.fork()
if pid == 0:
    lose(mmap)[5]
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGBUS
"""
        self.goes_well(code)

    def test_a_program_started_later_is_still_terminated_by_sigbus(self):
        code = """
import subprocess
fault(lose())
done = subprocess.run([sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGBUS)"])
assert done.returncode == -signal.SIGBUS, done
"""
        self.goes_well(code)

    def test_every_operation_returns_or_raises_while_the_file_shrinks_and_grows(self):
        code = """
m, stop, lost, read = lose(), threading.Event(), 0, 0
def flutter():
    while not stop.is_set():
        os.truncate(sys.argv[1], 0)
        os.truncate(sys.argv[1], 4 * mmap.PAGESIZE)
thread = threading.Thread(target=flutter)
thread.start()
for turn in range(3000):
    try:
        m[:], m.find(b"a", 0), m.rfind(b"ab", 0), m.__setitem__(slice(4000, 9000), bytes(5000)), list(m)[:1]
        read += 1
    except OSError:
        lost += 1
stop.set()
thread.join()
assert lost + read == 3000
"""
        self.goes_well(code)


class Disk(FileCase):
    """The other way to lose a page: a hole that cannot be filled."""

    def test_writing_to_a_hole_raises_when_the_disk_is_full(self):
        code = """
            import os, safemap, sys
            path = os.path.join(sys.argv[1], "hole")
            with open(path, "w+b") as file:
                file.truncate(1 << 20)
                m = safemap.mmap(file.fileno(), 0)
            m[0:3] = b"abc"
            try:
                m[:] = b"x" * (1 << 20)
            except OSError as error:
                print(error.errno, error.offset % safemap.PAGESIZE, 0 < error.offset < 1 << 20)
            print(m[:3])
        """
        script = os.path.join(self.folder, "program.py")
        with open(script, "w") as file:
            file.write("\n".join(line[12:] for line in code.splitlines()))
        # A mount in a name space of its own, which goes with its process.
        mount = 'mount -t tmpfs -o size=262144 none "$1" && exec "$2" "$3" "$1"'
        command = ["unshare", "--mount", "sh", "-c", mount, "sh", self.folder, sys.executable, "/dev/stdin"]
        with open(script) as program:
            try:
                done = subprocess.run(command, stdin=program, capture_output=True, text=True, timeout=60)
            except FileNotFoundError:
                self.skipTest("there is no unshare")
        if done.returncode != 0 and ("unshare" in done.stderr or "mount" in done.stderr):
            self.skipTest("no small file system can be mounted here")
        self.assertEqual((done.returncode, done.stdout), (0, "{} 0 True\nb'xxx'\n".format(errno.EFAULT)), done.stderr)
