"""Tests of channels between processes: passing them, and processes that end or are killed."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import unittest

from support import NO_FORK, WINDOWS, child, unix_only
from test_channel import LINUX, ChannelCase

from safemap.ipc import Channel

METHODS = ["spawn"] if WINDOWS else ["fork", "spawn", "forkserver"]
# The longest time until a crash of the last process at the other side is noticed, and some for a
# busy machine.
NOTICED = 1.2 + 1


def send(sender, *messages):
    """Sends messages, and ends without closing anything."""
    sender.send_many(messages)


def send_to_new(path):
    """The same by a channel that this process opens."""
    global kept
    kept = Channel(path).sender()
    kept.send(b"data")


def echo(sender, receiver):
    """Sends messages back until one is empty. A forked child has the senders of its parent too."""
    while message := receiver.recv():
        sender.send(message)


def send_and_wait(sender, message):
    """Sends a message, and waits until the process is killed."""
    sender.send(message)
    time.sleep(60)


def wait_with(end, ready):
    """Keeps an end of a channel until the process is killed."""
    ready.set()
    time.sleep(60)
    end.close()


def answer_through(connection):
    connection.recv().sender().send(b"from the child")


def add_some(sender, start):
    sender.send_many(b"%d" % n for n in range(start, start + 500))


class Processes(ChannelCase):
    """A test with child processes."""

    def start(self, method, target, *args):
        """Runs a function in a child process, until the test ends."""
        process = multiprocessing.get_context(method).Process(target=target, args=args)
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        return process

    def channels(self):
        """Returns a channel with a path, and one in memory where there are such."""
        channels = [self.channel]
        if LINUX:
            channels.append(Channel(capacity=8192))
            self.addCleanup(channels[-1].close)
        return channels


class Passing(Processes):
    def test_children_get_the_ends_and_leave_in_order(self):
        for method in METHODS:
            for channel in self.channels():
                with self.subTest(method=method, channel=channel):
                    receiver = channel.receiver()
                    process = self.start(method, send, channel.sender(), b"one", b"two")
                    self.assertEqual(receiver.recv_many(1), [b"one"])
                    self.assertEqual(list(receiver), [b"two"])
                    process.join()
                    self.assertEqual(process.exitcode, 0)

    def test_children_that_open_the_channel_leave_in_order(self):
        for method in METHODS:
            with self.subTest(method):
                receiver = self.channel.receiver()
                self.start(method, send_to_new, self.channel_path)
                self.assertEqual(list(receiver), [b"data"])

    def test_a_child_answers(self):
        for method in METHODS:
            path = os.path.join(self.folder, "back")
            with self.subTest(method), Channel(self.channel_path) as there, Channel(path) as back:
                sender, receiver = there.sender(), back.receiver()
                self.start(method, echo, back.sender(), there.receiver())
                for n in range(100):
                    sender.send(b"%d" % n)
                    self.assertEqual(receiver.recv(), b"%d" % n)
                sender.send(b"")
                self.assertRaises(EOFError, receiver.recv)

    def test_several_processes_send(self):
        receiver, sender = self.channel.receiver(), self.channel.sender()
        for n in range(3):
            self.start(METHODS[0], add_some, sender, 500 * n)
        sender.close()
        got = [int(message) for message in receiver]
        self.assertEqual(sorted(got), list(range(1500)))
        for n in range(3):
            part = [number for number in got if number // 500 == n]
            self.assertEqual(part, sorted(part))

    def test_what_is_pickled_together_is_one_channel(self):
        values = (self.channel.sender(), self.channel.receiver(), self.channel)
        sender, receiver, channel = pickle.loads(pickle.dumps(values))
        self.addCleanup(channel.close)
        self.assertIs(sender.channel, channel)
        self.assertIs(receiver.channel, channel)

    @unix_only("an open file cannot be renamed")
    def test_a_pickled_channel_is_that_file(self):
        data = pickle.dumps(self.channel)
        with pickle.loads(data) as same:
            same.sender().send(b"data")
        self.assertEqual(self.channel.receiver().recv(), b"data")
        os.rename(self.channel_path, self.channel_path + "2")
        self.assertRaises(FileNotFoundError, pickle.loads, data)
        with Channel(self.channel_path):
            self.assertRaisesRegex(ValueError, "different file", pickle.loads, data)

    @unittest.skipUnless(LINUX, "channels in memory are for Linux")
    def test_a_channel_in_memory_is_not_pickled_for_any_process(self):
        with Channel() as channel:
            for value in (channel, channel.sender(), channel.receiver()):
                self.assertRaisesRegex(TypeError, "without a path", pickle.dumps, value)

    def test_a_channel_is_sent_through_a_connection(self):
        for channel in self.channels():
            receiver = channel.receiver()
            here, there = multiprocessing.get_context("spawn").Pipe()
            with here, there:
                process = self.start("spawn", answer_through, there)
                here.send(channel)
                self.assertEqual(list(receiver), [b"from the child"])
                process.join()

    @unittest.skipUnless(LINUX, "channels in memory are for Linux")
    def test_a_descriptor_is_passed_to_a_child(self):
        code = (
            "import sys, safemap.ipc as i; i.Channel.from_fd(int(sys.argv[1])).sender().send(b'x')"
        )
        with Channel() as channel:
            fd, receiver = channel.fileno(), channel.receiver()
            command = [sys.executable, "-c", code, str(fd)]
            subprocess.run(command, pass_fds=[fd], check=True)
            self.assertEqual(list(receiver), [b"x"])
            os.set_inheritable(fd, True)
            pid = os.posix_spawn(sys.executable, command, os.environ)
            self.assertEqual(os.waitpid(pid, 0)[1], 0)
            self.assertEqual(list(receiver), [b"x"])

    def test_a_program_that_ends_leaves_its_channels(self):
        code = """
            import sys, threading, time
            from safemap.ipc import Channel
            sender = Channel(sys.argv[1]).sender()
            # The interpreter does not delete what such a thread uses.
            threading.Thread(target=lambda _: time.sleep(60), args=[sender], daemon=True).start()
            sender.send(b"data")
        """
        for status, end in enumerate(("", "1/0", "sys.exit(2)")):
            receiver = self.channel.receiver()
            done = child(code.rstrip() + "\n" + 12 * " " + end, self.channel_path)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertEqual(list(receiver), [b"data"])


class Crashes(Processes):
    def test_receivers_notice_that_the_last_sender_was_killed(self):
        receiver = self.channel.receiver()
        process = self.start("spawn", send_and_wait, self.channel.sender(), b"data")
        self.assertEqual(receiver.recv(), b"data")
        process.kill()
        start = time.perf_counter()
        self.assertRaises(ConnectionResetError, receiver.recv)
        self.assertLess(time.perf_counter() - start, NOTICED)
        for call in (receiver.try_recv, lambda: list(receiver), lambda: receiver.recv_many(3)):
            self.assertRaises(ConnectionResetError, call)

    def test_a_sender_of_this_process_is_there_still(self):
        receiver, sender = self.channel.receiver(), self.channel.sender()
        process = self.start("spawn", send_and_wait, sender, b"data")
        self.assertEqual(receiver.recv(), b"data")
        process.kill()
        process.join()
        self.assertRaises(TimeoutError, receiver.recv, 0.2)
        sender.close()
        self.assertRaises(ConnectionResetError, receiver.recv)

    def test_senders_notice_that_the_last_receiver_was_killed(self):
        ready = multiprocessing.get_context("spawn").Event()
        sender, receiver = self.channel.sender(), self.channel.receiver()
        process = self.start("spawn", wait_with, receiver, ready)
        receiver.close()
        self.assertTrue(ready.wait(30))
        process.kill()
        start = time.perf_counter()
        with self.assertRaises(ConnectionResetError):
            while time.perf_counter() - start < 10:
                sender.send(bytes(1000), timeout=10)
        self.assertLess(time.perf_counter() - start, NOTICED)

    def test_killed_senders_and_receivers_block_no_process(self):
        context = multiprocessing.get_context(METHODS[0])
        sender, receiver = self.channel.sender(), self.channel.receiver()
        for round in range(20):
            children = [
                context.Process(target=echo, args=(sender, receiver)),
                context.Process(target=echo, args=(sender, receiver)),
            ]
            for process in children:
                process.start()
            sender.try_send(bytes(100))
            time.sleep(0.005)
            for process in children:
                process.kill()
                process.join()
        while receiver.try_recv() is not None:
            pass
        sender.send(b"data", timeout=2)
        self.assertEqual(receiver.recv(timeout=2), b"data")

    @unittest.skipUnless(LINUX and os.getuid() == 0, "only root becomes another user")
    def test_the_file_of_another_user(self):
        os.chmod(self.folder, 0o755)
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.setuid(65534)
                try:
                    Channel.open(self.channel_path)
                except PermissionError as error:
                    status = 0 if error.filename == self.channel_path else 2
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)


@unix_only(NO_FORK)
class Forks(ChannelCase):
    def in_child(self, work):
        """Runs `work` in a forked child. join() waits for it."""
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                signal.alarm(30)
                work()
                status = 0
            finally:
                os._exit(status)
        return pid

    def join(self, pid):
        """Waits for a child, which must succeed."""
        self.assertEqual(os.waitpid(pid, 0)[1], 0)

    def test_a_child_takes_part_from_the_fork_on(self):
        sender, receiver = self.ends()
        go, ready = os.pipe()

        def work():
            os.read(go, 1)
            self.assertEqual(receiver.recv(), b"data")
            receiver.close()

        pid = self.in_child(work)
        receiver.close()
        sender.send(b"data")
        os.write(ready, b" ")
        self.join(pid)
        os.close(go)
        os.close(ready)
        self.assertRaises(BrokenPipeError, sender.send, b"more")

    def test_a_fork_while_other_threads_use_the_ends(self):
        sender, receiver = self.ends()
        threads = [threading.Thread(target=receiver.recv) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)

        def work():
            self.assertRaises(TimeoutError, receiver.recv, 0)
            sender.send(b"from the child")
            self.channel.close()

        self.join(self.in_child(work))
        sender.send_many([b"", b""])
        for thread in threads:
            thread.join(10)
        receiver.close()
        # The child has left, though it had copies of the handles that those threads were using.
        self.assertRaises(BrokenPipeError, sender.send, b"data")

    def test_forks_beside_threads_that_send_and_receive(self):
        sender, receiver = self.ends()
        stopped = threading.Event()

        def run():
            while not stopped.is_set():
                sender.send(b"data")
                receiver.recv()

        def work():
            sender.send(b"data", 10)
            receiver.recv(10)
            self.channel.close()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(30):
                self.join(self.in_child(work))
        finally:
            stopped.set()
            for thread in threads:
                thread.join(10)

    def test_a_child_that_executes_a_program_has_left(self):
        sender, receiver = self.ends()
        # Without the function, subprocess runs no fork handlers.
        subprocess.run([sys.executable, "-c", ""], preexec_fn=lambda: None, check=True)
        sender.close()
        self.assertRaises(EOFError, receiver.recv, 10)

    def test_a_child_that_ends_abruptly_has_crashed(self):
        receiver, sender = self.channel.receiver(), self.channel.sender()
        self.join(self.in_child(lambda: sender.send(b"data")))
        sender.close()
        self.assertEqual(receiver.recv(), b"data")
        self.assertRaises(ConnectionResetError, receiver.recv)


if __name__ == "__main__":
    unittest.main()
