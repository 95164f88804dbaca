"""Tests of faults: an operation on the lost bytes of a truncated file raises OSError.

Calls that may terminate the process run in a child whose exit status is checked. The control is the
standard module, which is terminated by SIGBUS. On Windows a mapped file cannot be truncated; there
test_windows.py makes pages inaccessible instead.
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

PROGRAM = """
import sys, truncated
truncated.main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
"""
FAULT = ["OSError", errno.EFAULT]


def content(pages):
    """Pages that are filled with one letter, so that no search ends before the lost bytes."""
    return b"x" * (pages * PAGE)


class Operations(FileCase):
    """Every operation, with the first lost page at several offsets, and with every access."""

    def every_operation_raises(self, kept, access):
        arguments = "safemap", self.path(content(4)), str(kept * PAGE), access
        outcomes = json.loads(succeed(self, PROGRAM, *arguments))
        expected = dict.fromkeys(truncated.touching(access != "ACCESS_READ"), FAULT)
        expected.update(dict.fromkeys(truncated.HARMLESS))
        self.assertEqual(outcomes.pop("grown back"), [0, -1, True])
        self.assertEqual(outcomes, expected)

    def test_every_operation_raises_when_the_first_page_is_lost(self):
        self.every_operation_raises(0, "ACCESS_DEFAULT")

    def test_every_operation_raises_when_a_middle_page_is_lost(self):
        self.every_operation_raises(2, "ACCESS_WRITE")

    def test_every_operation_raises_when_the_last_page_is_lost(self):
        self.every_operation_raises(3, "ACCESS_DEFAULT")

    def test_every_operation_raises_on_a_read_only_map(self):
        for kept in (0, 2, 3):
            self.every_operation_raises(kept, "ACCESS_READ")

    def test_every_operation_raises_on_a_copy_on_write_map(self):
        # A write faults as well: the page must be read before it can be copied.
        for kept in (0, 2, 3):
            self.every_operation_raises(kept, "ACCESS_COPY")

    def test_the_standard_module_is_terminated_by_sigbus(self):
        done = child(PROGRAM, "mmap", self.path(content(4)), str(2 * PAGE), "ACCESS_DEFAULT")
        self.assertEqual(done.returncode, -signal.SIGBUS, done.stdout + done.stderr)

    def test_every_public_method_is_covered(self):
        operations = truncated.touching(writable=True) + truncated.HARMLESS
        tried = set(re.findall(r"m\.(\w+)", "\n".join(operations)))
        public = {name for name in dir(safemap.mmap) if not name.startswith("_")}
        self.assertEqual(public - tried - truncated.NOT_TRIED, set())


class PartialTransfers(FileCase):
    """What a call transferred before the fault, and what its exception says."""

    def truncated_map(self, kept=PAGE):
        """A map of three pages whose file is truncated to `kept` bytes."""
        m = self.map(content(3))
        os.truncate(self.latest, kept)
        return m

    def test_the_error_has_the_offset_of_the_first_lost_byte(self):
        m = self.truncated_map()
        calls = [lambda: m[0 : 2 * PAGE], m.read, lambda: m.find(b"y", 0), lambda: m[PAGE]]
        for call in [*calls, m.readline]:
            m.seek(PAGE - 5)
            with self.assertRaises(safemap.FaultError) as caught:
                call()
            self.assertIsInstance(caught.exception, OSError)
            self.assertEqual(caught.exception.errno, errno.EFAULT)
            self.assertEqual(caught.exception.offset, PAGE)

    def test_a_write_across_the_border_stores_the_bytes_before_it_and_keeps_the_position(self):
        m = self.truncated_map()
        m.seek(PAGE - 10)
        with self.assertRaises(OSError):
            m.write(b"w" * 100)
        self.assertEqual(m.tell(), PAGE - 10)
        self.assertEqual(self.latest_content(), content(1)[:-10] + b"w" * 10)

    def test_a_slice_assignment_across_the_border_stores_the_bytes_before_it(self):
        m = self.truncated_map()
        with self.assertRaises(OSError):
            m[PAGE - 3 : PAGE + 3] = b"abcdef"
        self.assertEqual(self.latest_content(), content(1)[:-3] + b"abc")

    def test_a_move_across_the_border_stores_the_bytes_before_it(self):
        m = self.truncated_map()
        m[PAGE - 3 : PAGE] = b"abc"
        with self.assertRaises(OSError):
            m.move(10, PAGE - 3, 6)
        self.assertEqual(self.latest_content()[9:14], b"xabcx")

    def test_an_overlapping_move_that_meets_the_border_is_performed_once(self):
        before = bytes(i * 7 % 251 for i in range(PAGE))
        for to, source, count in ((0, 10, PAGE + 90), (0, 10, PAGE - 9), (5, 1000, PAGE)):
            with self.subTest(to=to, source=source):
                m = self.truncated_map()
                m[:PAGE] = before
                with self.assertRaises(safemap.FaultError) as caught:
                    m.move(to, source, count)
                self.assertEqual(caught.exception.offset, PAGE)
                moved = PAGE - source
                expected = before[:to] + before[source:] + before[to + moved :]
                self.assertEqual(self.latest_content(), expected)

    def test_a_failed_read_keeps_the_position(self):
        m = self.truncated_map()
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
        m = self.truncated_map()
        self.assertEqual((m[:PAGE], m.read(PAGE), m.find(b"x", 0)), (content(1), content(1), 0))
        m[:3] = b"abc"
        self.assertEqual(self.latest_content()[:3], b"abc")
        self.assertEqual((m.find(b"c", 0, PAGE), m.rfind(b"c", 0, PAGE)), (2, 2))

    def test_a_match_before_the_border_is_found_without_a_fault(self):
        m = self.truncated_map()
        m[PAGE - 3 : PAGE] = b"abc"
        for needle in (b"a", b"ab", b"abc", b"c"):
            self.assertEqual(m.find(needle, 0), PAGE - 3 + b"abc".index(needle))

    def test_the_rest_of_the_last_page_reads_as_zeros(self):
        m = self.truncated_map(kept=PAGE + 100)
        self.assertEqual(m[PAGE + 99 : 2 * PAGE], b"x" + bytes(PAGE - 100))
        with self.assertRaises(OSError):
            m[2 * PAGE]

    def test_a_map_works_again_when_its_file_has_grown_back(self):
        m = self.truncated_map(kept=0)
        for _ in range(3):
            with self.assertRaises(OSError):
                m[5]
            os.truncate(self.latest, 3 * PAGE)
            self.assertEqual((m[:], m.find(b"x", 0)), (bytes(3 * PAGE), -1))
            m[5:8] = b"abc"
            self.assertEqual(self.latest_content()[5:8], b"abc")
            os.truncate(self.latest, 0)

    def test_a_resize_extends_a_truncated_file(self):
        m = self.truncated_map(kept=100)
        m.resize(2 * PAGE)
        self.assertEqual((len(m), m.size()), (2 * PAGE, 2 * PAGE))
        self.assertEqual(m[:], b"x" * 100 + bytes(2 * PAGE - 100))

    def test_a_map_of_a_truncated_file_can_be_closed(self):
        m = self.truncated_map(kept=0)
        m.flush()
        m.close()
        self.assertTrue(m.closed)

    def test_lost_bytes_of_a_source_argument_raise(self):
        code = """
            import mmap, os, safemap, sys
            uses = ["target.write(source)", "target[0:len(source)] = source"]
            uses += ["target.write(memoryview(source)[5000:5001])"]
            target = safemap.mmap(-1, 100000)
            for module in (mmap, safemap):
                with open(sys.argv[1], "r+b") as file:
                    file.truncate(3 * mmap.PAGESIZE)
                    source = module.mmap(file.fileno(), 0)
                    file.truncate(mmap.PAGESIZE)
                for use in uses:
                    target.seek(0)
                    try:
                        exec(use)
                        print(use)
                    except OSError as error:
                        print(error.errno)
        """
        self.assertEqual(succeed(self, code, self.path(b"x")), "{}\n".format(errno.EFAULT) * 6)


# Functions for children: `lose` maps a file and truncates it, `fault` checks that operations raise.
BEGIN = """
import errno, faulthandler, mmap, os, safemap, signal, sys, threading

def lose(module=safemap):
    with open(sys.argv[1], "r+b") as file:
        file.truncate(4 * mmap.PAGESIZE)
        m = module.mmap(file.fileno(), 0)
        file.truncate(0)
    return m

def fault(m):
    calls = lambda: m[5], lambda: m.find(b"a", 0), lambda: m.__setitem__(7, 1), lambda: m[2:99999]
    for call in calls:
        try:
            call()
        except OSError as error:
            assert error.errno == errno.EFAULT, error
        else:
            raise AssertionError("nothing was raised")

def run_threads(work, count):
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


class Signals(FileCase):
    """Signal handlers, signal masks, threads and forks."""

    def run_child(self, code, **keywords):
        return child(BEGIN + code, self.path(b"x"), **keywords)

    def succeeds(self, code, **keywords):
        """Runs code that must end normally, and returns its standard error."""
        done = self.run_child(code + "\nprint('done')", **keywords)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        return done.stderr

    def is_terminated(self, code, number=signal.SIGBUS):
        """Runs code that a signal must terminate, and returns its standard error."""
        done = self.run_child(code + "\nprint('survived')")
        self.assertEqual((done.returncode, done.stdout), (-number, ""), done.stderr)
        return done.stderr

    def test_a_fault_prints_nothing(self):
        self.assertEqual(self.succeeds("fault(lose())"), "")

    def test_a_fault_prints_nothing_if_faulthandler_was_enabled_first(self):
        printed = self.succeeds("fault(lose())", options=["-X", "faulthandler"])
        self.assertEqual(printed, "")

    def test_a_fault_raises_if_faulthandler_is_enabled_after_the_map_was_made(self):
        self.succeeds("m = lose()\nfaulthandler.enable()\nfault(m)\nfault(m)\nfault(lose())")

    def test_a_fault_prints_nothing_if_another_map_follows_faulthandler(self):
        code = "m = lose()\nfaulthandler.enable()\nn = lose()\nfault(m)\nfault(n)"
        self.assertEqual(self.succeeds(code), "")

    def test_a_fault_raises_while_faulthandler_is_enabled_and_disabled_repeatedly(self):
        code = """
for _ in range(5):
    faulthandler.enable()
    fault(lose())
    faulthandler.disable()
    fault(lose())
"""
        self.succeeds(code)

    def test_faulthandler_still_reports_a_fault_outside_the_library(self):
        fault, enable = "fault(lose())\n", "faulthandler.enable()\n"
        for begin in (enable + fault, fault + enable + fault):
            printed = self.is_terminated(begin + "lose(mmap)[5]")
            self.assertIn("Fatal Python error: Bus error", printed)

    def test_a_fault_of_the_standard_module_still_terminates_the_process(self):
        self.is_terminated("lose(mmap)[5]")
        self.is_terminated("fault(lose())\nlose(mmap)[5]")

    def test_a_fault_in_a_view_still_terminates_the_process(self):
        # The documentation says so: the holder of a view reads the memory without the library.
        self.is_terminated("fault(lose())\nmemoryview(lose())[5]")

    def test_a_sigbus_that_is_sent_still_terminates_the_process(self):
        self.is_terminated("fault(lose())\nos.kill(os.getpid(), signal.SIGBUS)")
        self.is_terminated("fault(lose())\nsignal.raise_signal(signal.SIGBUS)")
        by_another_process = "os.system('kill -BUS %d' % os.getpid())"
        self.is_terminated("m = lose()\nfault(m)\n" + by_another_process + "\nfault(m)")

    def test_a_segmentation_fault_still_terminates_the_process(self):
        self.is_terminated("fault(lose())\nimport ctypes\nctypes.string_at(1)", signal.SIGSEGV)
        self.is_terminated("fault(lose())\nsignal.raise_signal(signal.SIGSEGV)", signal.SIGSEGV)

    # A handler that Python code installs, before or after the first map.
    HANDLER = """
received = []
signal.signal(signal.SIGBUS, lambda number, frame: received.append(number))
fault(lose())
assert received == [], received
signal.raise_signal(signal.SIGBUS)
assert received == [signal.SIGBUS], received
fault(lose())
"""

    def test_a_signal_handler_installed_before_the_map_gets_signals_that_are_sent(self):
        self.succeeds(self.HANDLER)

    def test_a_signal_handler_installed_after_the_map_gets_signals_that_are_sent(self):
        self.succeeds("fault(lose())\n" + self.HANDLER)

    # Handlers that Python code installs after the map. CPython's handler returns to the instruction
    # that faulted.
    LATER_HANDLERS = """
m, received = lose(), []
n = safemap.mmap(-1, 1)
n.protect(0)
signal.signal(signal.SIGBUS, lambda number, frame: received.append(number))
signal.signal(signal.SIGSEGV, lambda number, frame: received.append(number))
"""

    def test_a_map_made_after_a_signal_handler_makes_faults_of_earlier_maps_errors_again(self):
        code = """
safemap.mmap(-1, 1, prot=0).close()
fault(m)
try:
    n[0]
except OSError as error:
    assert error.errno == errno.EFAULT, error
else:
    raise AssertionError("nothing was raised")
signal.raise_signal(signal.SIGBUS)
assert received == [signal.SIGBUS], received
"""
        self.succeeds(self.LATER_HANDLERS + code)

    def test_a_fault_after_a_signal_handler_repeats_for_ever_without_another_map(self):
        # The documentation says so. SIGALRM has no handler and ends the process.
        for fault in ("m[5]", "n[0]"):
            alarm = "signal.setitimer(signal.ITIMER_REAL, 0.5)\n"
            self.is_terminated(self.LATER_HANDLERS + alarm + fault, signal.SIGALRM)

    def test_an_ignored_sigbus_stays_ignored_when_it_is_sent(self):
        code = """
signal.signal(signal.SIGBUS, signal.SIG_IGN)
fault(lose())
signal.raise_signal(signal.SIGBUS)
fault(lose())
"""
        self.succeeds(code)

    def test_a_fault_raises_if_the_signals_were_blocked_before_the_map_was_made(self):
        code = """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGBUS, signal.SIGSEGV})
fault(lose())
"""
        self.succeeds(code)

    def test_a_fault_raises_in_a_thread_that_blocks_the_signals_before_its_first_use(self):
        code = """
m, finished = lose(), []
def work(number):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGBUS, signal.SIGSEGV})
    fault(m)
    finished.append(number)
run_threads(work, 1)
assert finished == [0]
"""
        self.succeeds(code)

    def test_a_fault_raises_in_threads_that_inherit_blocked_signals(self):
        code = """
m, finished = lose(), []
def work(number):
    fault(m)
    finished.append(number)
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
run_threads(work, 3)
assert sorted(finished) == [0, 1, 2]
"""
        self.succeeds(code)

    def test_many_threads_can_fault_at_the_same_time(self):
        code = """
maps, finished = [lose() for _ in range(4)], []
barrier = threading.Barrier(16)
def work(number):
    barrier.wait()
    for step in range(100):
        fault(maps[(number + step) % 4])
    finished.append(number)
run_threads(work, 16)
assert sorted(finished) == list(range(16)), finished
"""
        self.succeeds(code)

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
        self.succeeds(code)

    def test_a_fault_of_the_standard_module_still_terminates_a_forked_child(self):
        code = """
fault(lose())
pid = os.fork()
if pid == 0:
    lose(mmap)[5]
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGBUS
"""
        self.succeeds(code)

    def test_a_program_started_later_is_still_terminated_by_sigbus(self):
        code = """
import subprocess
fault(lose())
program = "import os, signal; os.kill(os.getpid(), signal.SIGBUS)"
done = subprocess.run([sys.executable, "-c", program])
assert done.returncode == -signal.SIGBUS, done
"""
        self.succeeds(code)

    def test_every_operation_returns_or_raises_while_the_file_shrinks_and_grows(self):
        code = """
m, stop, faults, successes = lose(), threading.Event(), 0, 0
def shrink_and_grow():
    while not stop.is_set():
        os.truncate(sys.argv[1], 0)
        os.truncate(sys.argv[1], 4 * mmap.PAGESIZE)
thread = threading.Thread(target=shrink_and_grow)
thread.start()
for _ in range(3000):
    try:
        m[:], m.find(b"a", 0), m.rfind(b"ab", 0), list(m)[:1]
        m[4000:9000] = bytes(5000)
        successes += 1
    except OSError:
        faults += 1
stop.set()
thread.join()
assert faults + successes == 3000
"""
        self.succeeds(code)


class FullDisk(FileCase):
    """A hole of a sparse file cannot be filled when the disk is full."""

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
        # The mount is in a private namespace, which ends with the process.
        mount = 'mount -t tmpfs -o size=262144 none "$1" && exec "$2" "$3" "$1"'
        shell = ["unshare", "--mount", "sh", "-c", mount, "sh"]
        command = [*shell, self.folder, sys.executable, "/dev/stdin"]
        try:
            done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            self.skipTest("there is no unshare")
        if done.returncode != 0 and ("unshare" in done.stderr or "mount" in done.stderr):
            self.skipTest("no small file system can be mounted here")
        expected = "{} 0 True\nb'xxx'\n".format(errno.EFAULT)
        self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
