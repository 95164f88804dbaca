"""Tests of transactional maps in several processes: kills, forks, the interpreter's end."""

import contextlib
import os
import random
import signal
import struct
import subprocess
import sys
import textwrap
import time
import unittest

from support import CLOSED, HERE, NO_CORE, succeed, unix_only
from test_transactions import TransactionCase, content, journal

import safemap

# Moves amounts between 64 accounts, one to a page, and prints the number of each transfer.
TRANSFERS = """
    import random, sys
    import safemap
    with safemap.open(sys.argv[1], "r+", transactional=True, timeout=60) as m:
        while True:
            with m.transaction():
                first, second = random.sample(range(64), 2)
                amount = random.randrange(1000)
                for account, change in ((first, -amount), (second, amount)):
                    m.store("q", 4096 * account + 8, m.load("q", 4096 * account + 8) + change)
                m.store("q", 0, m.load("q", 0) + 1)
                m.append(b"x")
            print(m.load("q", 0), flush=True)
"""
ACCOUNTS = 64
TOTAL = ACCOUNTS * 1_000_000


class ProcessCase(TransactionCase):
    @contextlib.contextmanager
    def running(self, code, *arguments):
        """Runs a program, which is killed at the end of the block."""
        program = [sys.executable, "-c", NO_CORE + textwrap.dedent(code), *arguments]
        environment = dict(os.environ, PYTHONPATH=HERE)
        pipes = {"stdout": subprocess.PIPE, "stdin": subprocess.PIPE}
        with subprocess.Popen(program, env=environment, text=True, **pipes) as child:
            try:
                yield child
            finally:
                child.kill()

    def bank(self):
        """Returns the path of a new bank."""
        return self.path(b"".join(struct.pack("qq4080x", 0, 1_000_000) for _ in range(ACCOUNTS)))

    def check_bank(self, data):
        """Returns the number of transfers. No part of one may be there."""
        (count,) = struct.unpack_from("q", data)
        balances = [struct.unpack_from("q", data, 4096 * at + 8)[0] for at in range(ACCOUNTS)]
        self.assertEqual(sum(balances), TOTAL)
        self.assertEqual(data[4096 * ACCOUNTS :], b"x" * count)
        return count


class Kills(ProcessCase):
    def test_no_confirmed_transfer_is_lost_by_kills(self):
        path, chance, done = self.bank(), random.Random(0), 0
        for _ in range(12):
            with self.running(TRANSFERS, path) as child:
                child.stdout.readline()
                time.sleep(chance.random() / 10)
                child.kill()
                lines = [line for line in child.stdout if line.endswith("\n")]
            confirmed = int(lines[-1]) if lines else done
            with self.open(path, "r") as m, m.reading():
                done = self.check_bank(m[:])
            # A transfer may have been committed that was not printed.
            self.assertIn(done, (confirmed, confirmed + 1))
        with self.open(path) as m:
            self.assertEqual(self.check_bank(m[:]), done)
        self.assertGreater(done, 12)
        self.assertFalse(os.path.exists(journal(path)))

    def test_readers_see_whole_transfers(self):
        path, seen = self.bank(), []
        reader = self.open(path, "r")
        with self.running(TRANSFERS, path) as child:
            child.stdout.readline()
            for _ in range(100):
                with reader.reading():
                    seen.append(self.check_bank(reader[:]))
                # Lets the writer write while its pipe has space.
                time.sleep(0.001)
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(seen[-1], seen[0])

    def test_the_changes_of_a_killed_writer_are_gone_and_its_lock_is_free(self):
        code = """
            import sys, time
            import safemap
            m = safemap.open(sys.argv[1], "r+", transactional=True)
            m[0] = 1
            m.commit()
            m[1] = 1
            m.append(b"more")
            print("ready", flush=True)
            time.sleep(60)
        """
        path = self.path(bytes(9))
        with self.running(code, path) as child:
            child.stdout.readline()
            self.assertRaises(TimeoutError, self.open, path, timeout=0.1)
            self.assertEqual(self.open(path, "r")[:2], b"\1\0")
        m = self.open(path, timeout=5)
        self.assertEqual((m[:], m.changed()), (b"\1" + bytes(8), []))

    def test_recover_in_the_command_line(self):
        path, other = self.bank(), self.path(b"abc", "other")
        with self.running(TRANSFERS, path) as child:
            child.stdout.readline()
        command = [sys.executable, "-m", "safemap", "recover"]
        self.assertTrue(os.path.exists(journal(path)))
        link = self.folder + "/link"
        os.link(path, link)
        done = subprocess.run([*command, link], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count(link)), (1, "", 1))
        self.assertIn("hard links", done.stderr)
        os.remove(link)
        done = subprocess.run([*command, path, other], capture_output=True, text=True)
        expected = "{}: the journal was applied and removed\n{}: there is no journal\n"
        self.assertEqual((done.stdout, done.stderr), (expected.format(path, other), ""))
        self.assertEqual(done.returncode, 0)
        self.assertFalse(os.path.exists(journal(path)))
        self.assertGreater(self.check_bank(content(path)), 0)
        with self.open(path):
            for name in (path, path + "-missing"):
                done = subprocess.run([*command, name], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(name, done.stderr)
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (2, ""))


class Processes(ProcessCase):
    def test_a_writer_waits_for_another_process(self):
        code = """
            import sys
            import safemap
            with safemap.open(sys.argv[1], "r+", transactional=True) as m:
                print("open", flush=True)
                sys.stdin.readline()
                m[0] = 1
                m.commit()
        """
        path = self.path(bytes(9))
        with self.running(code, path) as child:
            child.stdout.readline()
            self.assertRaises(TimeoutError, self.open, path)
            child.stdin.write("\n")
            child.stdin.flush()
            self.assertEqual(self.open(path, timeout=60)[0], 1)

    def test_a_commit_waits_for_a_reader_in_another_process(self):
        code = """
            import sys
            import safemap
            m = safemap.open(sys.argv[1], "r", transactional=True)
            with m.reading():
                before = m[0]
                print("reading", flush=True)
                sys.stdin.readline()
                print(before, m[0], flush=True)
            sys.stdin.readline()
            print(m[0], flush=True)
        """
        m = self.changed()
        with self.running(code, m.name) as child:
            child.stdout.readline()
            before = signal.signal(signal.SIGALRM, lambda *_: child.stdin.write("\n"))
            self.addCleanup(signal.signal, signal.SIGALRM, before)
            child.stdin.reconfigure(line_buffering=True)
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            m.commit()
            self.assertEqual(child.stdout.readline(), "0 0\n")
            child.stdin.write("\n")
            self.assertEqual(child.stdout.readline(), "1\n")

    def test_a_killed_reader_does_not_stop_commits(self):
        code = """
            import sys, time
            import safemap
            with safemap.open(sys.argv[1], "r", transactional=True).reading():
                print("reading", flush=True)
                time.sleep(60)
        """
        m = self.changed()
        with self.running(code, m.name) as child:
            child.stdout.readline()
        m.commit()
        self.assertEqual(self.latest_content()[0], 1)


class TheEnd(ProcessCase):
    """The interpreter ends while maps are open."""

    def test_what_is_committed_stays_and_the_rest_is_rolled_back(self):
        code = """
            import sys
            import safemap
            m = safemap.open(sys.argv[1], "r+", transactional=True)
            m[0] = 1
            m.commit()
            m[1] = 1
            view = memoryview(m) if len(sys.argv) > 2 else None
        """
        for arguments in ((), ("view",)):
            path = self.path(bytes(9))
            succeed(self, code, path, *arguments)
            self.assertEqual(content(path), b"\1" + bytes(8))
            with self.open(path) as m:
                self.assertEqual(m[:2], b"\1\0")

    def test_a_map_that_is_never_finalized_has_an_empty_journal(self):
        code = """
            import ctypes, os, sys
            import safemap
            m = safemap.open(sys.argv[1], "r+", transactional=True)
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(m))
            m[0] = 1
            m.commit()
            m[1] = 1
            sys.stdout.buffer.write(open(sys.argv[1] + "-commit", "rb").read(8192).hex().encode())
            if sys.argv[2:]:
                sys.stdout.flush()
                os._exit(0)
        """
        for arguments in ((), ("control",)):
            path = self.path(bytes(9))
            before = bytes.fromhex(succeed(self, code, path, *arguments))
            # A checkpoint writes another header.
            is_checkpointed = content(journal(path))[:8192] != before
            self.assertEqual(is_checkpointed, not arguments)
            with self.open(path) as m:
                self.assertEqual(m[:2], b"\1\0")

    def test_a_finalizer_may_commit(self):
        code = """
            import sys
            import safemap
            class Last:
                def __init__(self, m):
                    self.m = m
                def __del__(self):
                    with self.m.transaction():
                        self.m[0] = 1
            last = Last(safemap.open(sys.argv[1], "r+", transactional=True))
        """
        path = self.path(bytes(9))
        succeed(self, code, path)
        self.assertEqual(content(path)[0], 1)

    def test_a_daemon_thread_that_waits_does_not_keep_the_interpreter(self):
        code = """
            import sys, threading, time
            import safemap
            m = safemap.open(sys.argv[1], "r+", transactional=True)
            m[0] = 1
            r = safemap.open(sys.argv[1], "r", transactional=True)
            reading = r.reading()
            reading.__enter__()
            threading.Thread(target=m.commit, daemon=True).start()
            time.sleep(float(sys.argv[2]))
        """
        # The thread ends at different instants, by pthread_exit() up to CPython 3.13.
        for delay in ("0.1", "0.03", "0.06"):
            path = self.path(bytes(9))
            succeed(self, code, path, delay, timeout=60)
            # The end of the interpreter may have ended the reading.
            with self.open(path) as m:
                self.assertIn(m[0], (0, 1))


@unix_only("fork")
class Forks(ProcessCase):
    def in_child(self, call):
        """Calls `call` in a forked child, which must not fail."""
        with open(os.path.join(self.folder, "report"), "w+") as report:
            child = os.fork()
            if child == 0:
                status = 1
                with contextlib.suppress(BaseException):
                    try:
                        call()
                        status = 0
                    except BaseException as error:
                        report.write(repr(error))
                        report.flush()
                os._exit(status)
            status = os.waitpid(child, 0)[1]
            report.seek(0)
            self.assertEqual((status, report.read()), (0, ""))

    def check_closed(self, m):
        self.assertTrue(m.closed)
        calls = (m.commit, m.rollback, m.changed, m.tell, m.reading, lambda: m[0], lambda: len(m))
        for call in (*calls, lambda: m.__setitem__(0, 1), lambda: memoryview(m)):
            self.assertRaisesRegex(ValueError, CLOSED, call)
        m.close()

    def test_the_map_is_closed_in_the_child(self):
        m = self.changed()
        reader = self.open(self.latest, "r")
        self.in_child(lambda: (self.check_closed(m), self.check_closed(reader)))
        self.assertEqual((m.changed(), reader[0]), ([(0, 1)], 0))
        self.assertTrue(os.path.exists(journal(self.latest)))
        self.assertRaises(TimeoutError, self.open, self.latest)
        m.commit()
        self.assertEqual((self.latest_content()[0], reader[0]), (1, 1))

    def test_a_child_of_a_process_with_a_view(self):
        m = self.changed()
        with memoryview(m) as view:
            self.in_child(lambda: (self.check_closed(m), view.release()))
            view[1] = 1
            m.commit()
        self.assertEqual(self.latest_content()[:2], b"\1\1")

    def test_a_child_leaves_the_blocks_of_its_parent(self):
        m = self.open()

        def leave():
            try:
                raise ZeroDivisionError
            finally:
                block.__exit__(*sys.exc_info())

        with m.transaction() as _:
            m[0] = 1
            block = m.transaction()
            with self.subTest("with an exception"):
                self.in_child(lambda: self.assertRaises(ZeroDivisionError, leave))
            self.in_child(lambda: self.assertRaises(ValueError, block.__exit__, None, None, None))
            m[1] = 1
        self.assertEqual(self.latest_content()[:2], b"\1\1")

    def test_a_child_leaves_the_reading_of_its_parent(self):
        m, reader = self.changed(), self.open(self.latest, "r")
        reading = reader.reading()
        with reading:
            self.in_child(lambda: reading.__exit__(None, None, None))
            # The parent still excludes commits.
            self.assertRaises(RuntimeError, m.commit)
        m.commit()

    def test_a_child_that_outlives_its_parent_does_not_keep_the_lock(self):
        code = """
            import os, sys, time
            import safemap
            m = safemap.open(sys.argv[1], "r+", transactional=True)
            m[0] = 1
            m.commit()
            if os.fork() == 0:
                print(os.getpid(), flush=True)
                time.sleep(60)
                os._exit(0)
            time.sleep(60)
        """
        path = self.path(bytes(9))
        with self.running(code, path) as child:
            orphan = int(child.stdout.readline())
            self.assertRaises(TimeoutError, self.open, path)
            child.kill()
            child.wait()
            try:
                self.assertEqual(self.open(path, timeout=20)[0], 1)
            finally:
                os.kill(orphan, signal.SIGKILL)

    def test_the_child_opens_the_file_itself(self):
        m = self.changed()
        m.close()

        def change():
            with safemap.open(self.latest, "r+", transactional=True) as m, m.transaction():
                m[0] = 2

        self.in_child(change)
        self.assertEqual(self.open(self.latest)[0], 2)


if __name__ == "__main__":
    unittest.main()
