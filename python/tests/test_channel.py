"""Tests of channels within one process: messages, waiting, closing, files."""

import _thread
import array
import collections
import math
import os
import random
import re
import signal
import sys
import threading
import time
import unittest

from support import FileCase, open_files, run_threads, succeed, unix_only

import safemap
from safemap.ipc import Channel, Receiver, Sender

HAS_CHANNELS = sys.platform in ("linux", "darwin", "win32") and sys.maxsize > 1 << 32
LINUX = sys.platform == "linux"


@unittest.skipUnless(HAS_CHANNELS, "this system has no channels")
class ChannelCase(FileCase):
    """A test with a channel."""

    def setUp(self):
        super().setUp()
        self.channel_path = os.path.join(self.folder, "channel")
        self.channel = self.open(capacity=4096)

    def open(self, *arguments, **keywords):
        """Opens a channel until the test ends."""
        channel = Channel(*arguments or [self.channel_path], **keywords)
        self.addCleanup(channel.close)
        return channel

    def ends(self):
        """Returns a sender and a receiver."""
        return self.channel.sender(), self.channel.receiver()


class Messages(ChannelCase):
    def test_any_sequence_of_calls_is_that_of_a_deque(self):
        rng, model = random.Random(5), collections.deque()
        sender, receiver = self.ends()
        buffer = bytearray(4096)
        for _ in range(5000):
            call = rng.randrange(6)
            if call < 3:
                data = rng.randbytes(rng.choice((0, 1, 7, 8, 9, 64, 700, 1360, 4080)))
                if sender.try_send(data):
                    model.append(data)
                else:
                    used = sum(8 + len(message) + -len(message) % 8 for message in model)
                    self.assertGreater(used + len(data) + 16, 4096)
            elif call == 3:
                self.assertEqual(receiver.try_recv(), model.popleft() if model else None)
            elif call == 4 and model:
                got = receiver.recv_many(3)
                self.assertEqual(got, [model.popleft() for _ in got])
                self.assertTrue(len(got) == 3 or not model)
            elif call == 5 and model:
                length = receiver.recv_into(buffer)
                self.assertEqual(buffer[:length], model.popleft())
            self.assertEqual(len(self.channel), len(model))
            self.assertEqual(self.channel.is_empty(), not model)
        self.assertTrue(self.channel)

    def test_any_buffer_is_a_message(self):
        sender, receiver = self.ends()
        messages = [bytearray(b"ab"), memoryview(b"abcdef")[2:4], array.array("H", [1, 2]), b""]
        messages.append(self.map(b"of a map"))
        for message in messages:
            self.assertIsNone(sender.send(message))
            self.assertEqual(receiver.recv(), bytes(memoryview(message)))
        self.assertEqual(sender.send_many(messages), 5)
        self.assertEqual(receiver.recv_many(10), [bytes(memoryview(it)) for it in messages])

    def test_what_is_not_a_buffer_is_not_sent(self):
        sender, _ = self.ends()
        for call in (sender.send, sender.try_send, lambda it: sender.send_many([it])):
            self.assertRaises(TypeError, call, "text")
            self.assertRaises(BufferError, call, memoryview(b"abcdef")[::2])
        self.assertRaises(TypeError, sender.send_many, 5)
        for single in (b"abc", bytearray(b"abc")):
            self.assertRaisesRegex(TypeError, "an iterable of bytes", sender.send_many, single)
        self.assertTrue(self.channel.is_empty())

    def test_the_exception_of_send_many_says_how_many_were_sent(self):
        sender, receiver = self.ends()
        with self.assertRaises(TypeError) as caught:
            sender.send_many([b"one", b"two", "three"])
        self.assertEqual(caught.exception.sent, 2)
        with self.assertRaises(ZeroDivisionError) as caught:
            sender.send_many(b"%d" % (1 // n) for n in (1, 0))
        self.assertEqual(caught.exception.sent, 1)
        self.assertEqual(receiver.recv_many(5), [b"one", b"two", b"1"])

    def test_messages_of_more_than_the_interpreter_is_kept_for(self):
        channel = self.open(os.path.join(self.folder, "large"), capacity=1 << 23)
        sender, receiver = channel.sender(), channel.receiver()
        for size in (1 << 18, (1 << 18) + 1, channel.longest_message):
            data = random.Random(size).randbytes(size)
            sender.send(data)
            self.assertEqual(receiver.recv(), data)
            self.assertTrue(sender.try_send(data))
            self.assertEqual(receiver.try_recv(), data)

    def test_a_message_that_is_too_long(self):
        sender, receiver = self.ends()
        self.assertEqual(self.channel.longest_message, 4080)
        for call in (sender.send, sender.try_send):
            text = "4081 bytes .* 4080 bytes: create it with a larger"
            self.assertRaisesRegex(ValueError, text, call, bytes(4081))
        sender.send(b"abcdef")
        buffer = bytearray(5)
        self.assertRaisesRegex(ValueError, "6 bytes .* 5 bytes", receiver.recv_into, buffer)
        self.assertEqual(buffer, bytes(5))
        self.assertRaises(TypeError, receiver.recv_into, b"constant")
        self.assertEqual(receiver.recv(), b"abcdef")

    def test_the_number_of_messages_can_be_limited(self):
        channel = self.open(os.path.join(self.folder, "limited"), max_messages=2)
        self.assertEqual((channel.max_messages, self.channel.max_messages), (2, None))
        self.assertEqual(channel.longest_message, (1 << 20) - 24)
        sender = channel.sender()
        self.assertEqual([sender.try_send(b"") for _ in range(3)], [True, True, False])
        self.assertRaises(ValueError, Channel, self.channel_path, max_messages=0)

    def test_peers(self):
        self.assertEqual(self.channel.peers(), (0, 0))
        sender, receiver = self.ends()
        other = self.open()
        more = other.sender(), self.channel.sender()
        self.assertEqual(self.channel.peers()._asdict(), {"senders": 2, "receivers": 1})
        del more
        receiver.close()
        self.assertEqual(other.peers(), (1, 0))

    def test_64_processes_can_send(self):
        channels = [self.open() for _ in range(65)]
        senders = [channel.sender() for channel in channels[:64]]
        self.assertRaisesRegex(OSError, "64", channels[64].sender)
        senders.pop().close()
        channels[64].sender().send(b"from the 65th")


class Waiting(ChannelCase):
    def fill(self):
        self.channel.sender().send(bytes(4000))

    def test_timeouts(self):
        sender, receiver = self.ends()
        buffer = bytearray(5)
        waits = [receiver.recv, lambda timeout: receiver.recv_into(buffer, timeout)]
        waits.append(lambda timeout: receiver.recv_many(3, timeout))
        self.assertTimesOut(waits)
        sender.send(bytes(4000))
        self.assertTimesOut([lambda timeout: sender.send(b"a" * 100, timeout)])
        self.assertIs(sender.try_send(b"a" * 100), False)
        self.assertEqual(len(receiver.recv(math.inf)), 4000)
        self.assertRaises(ValueError, receiver.recv, math.nan)

    def assertTimesOut(self, waits):
        for wait in waits:
            for timeout in (0, -1, 0.001, 0.12):
                start = time.perf_counter()
                self.assertRaises(TimeoutError, wait, timeout=timeout)
                self.assertGreaterEqual(time.perf_counter() - start, timeout)

    def test_a_waiting_thread_lets_others_run(self):
        sender, receiver = self.ends()
        got = []
        thread = threading.Thread(target=lambda: got.append(receiver.recv()))
        thread.start()
        time.sleep(0.02)
        self.assertEqual(got, [])
        sender.send(b"message")
        thread.join(10)
        self.assertEqual(got, [b"message"])
        sender.send(bytes(4000))
        thread = threading.Thread(target=sender.send, args=(bytes(2000),))
        thread.start()
        time.sleep(0.02)
        self.assertEqual([len(receiver.recv()), len(receiver.recv())], [4000, 2000])
        thread.join(10)

    def test_a_signal_ends_each_wait(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        sender, receiver = self.ends()
        buffer = bytearray(5)
        self.assertInterrupted(receiver.recv)
        self.assertInterrupted(lambda: receiver.recv(60))
        self.assertInterrupted(lambda: receiver.recv_into(buffer))
        self.assertInterrupted(lambda: receiver.recv_many(5))
        self.assertInterrupted(lambda: list(receiver))
        sender.send(bytes(4000))
        self.assertInterrupted(lambda: sender.send(bytes(90)))
        self.assertInterrupted(lambda: sender.send(bytes(2000)))
        self.assertInterrupted(lambda: sender.send_many([bytes(90)]))
        self.assertEqual(len(receiver.recv()), 4000)
        self.assertIsNone(receiver.try_recv())

    def assertInterrupted(self, wait):
        threading.Timer(0.02, _thread.interrupt_main).start()
        start = time.perf_counter()
        self.assertRaises(KeyboardInterrupt, wait)
        self.assertLess(time.perf_counter() - start, 10)

    def test_threads_share_the_ends(self):
        sender, receiver = self.ends()
        got = []
        run_threads(
            lambda work: work(),
            *[lambda: sender.send_many(b"%d" % n for n in range(2000))] * 3,
            *[lambda: got.extend(receiver.recv() for _ in range(2000))] * 3,
        )
        self.assertEqual(sorted(map(int, got)), sorted(list(range(2000)) * 3))
        self.assertTrue(self.channel.is_empty())


class Closing(ChannelCase):
    def test_a_receiver_gets_what_is_left_and_then_the_end(self):
        sender, receiver = self.ends()
        sender.send_many([b"one", b"two"])
        sender.close()
        self.assertEqual(list(receiver), [b"one", b"two"])
        buffer = bytearray(5)
        ended = [receiver.recv, receiver.try_recv, lambda: receiver.recv(1)]
        ended += [lambda: receiver.recv_into(buffer), lambda: receiver.recv_many(3)]
        for recv in ended:
            self.assertRaises(EOFError, recv)
        self.channel.sender().send(b"another")
        self.assertEqual(receiver.recv(), b"another")

    def test_a_sender_without_receivers(self):
        sender, receiver = self.ends()
        receiver.close()
        for call in (sender.send, sender.try_send, lambda data: sender.send_many([data])):
            self.assertRaises(BrokenPipeError, call, b"data")
        self.assertTrue(self.channel.is_empty())

    def test_a_receiver_waits_for_the_first_sender(self):
        receiver = self.channel.receiver()
        self.assertIsNone(receiver.try_recv())
        self.assertRaises(TimeoutError, receiver.recv, 0.01)
        thread = threading.Timer(0.02, lambda: self.channel.sender().send(b"late"))
        thread.start()
        self.assertEqual(receiver.recv(), b"late")
        thread.join()

    def test_a_deleted_sender_is_closed(self):
        receiver = self.channel.receiver()
        self.channel.sender().send(b"data")
        self.assertEqual(list(receiver), [b"data"])

    def test_calls_after_close(self):
        sender, receiver = self.ends()
        for end in (sender, receiver):
            with end as entered:
                self.assertIs(entered, end)
                self.assertRegex(repr(end), r"^<safemap.ipc.\w+ path='.*channel'>$")
            self.assertRaisesRegex(ValueError, "closed", end.__reduce__)
            self.assertRaisesRegex(ValueError, "closed", end.__enter__)
            self.assertIn(" closed", repr(end))
            end.close()
        self.assertRaisesRegex(ValueError, "closed", sender.send, b"")
        self.assertRaisesRegex(ValueError, "closed", receiver.recv)
        self.assertRaisesRegex(ValueError, "closed", next, receiver)
        self.assertIs(sender.channel, self.channel)

    def test_a_closed_channel(self):
        with self.channel as channel:
            sender, receiver = self.ends()
        channel.close()
        self.assertTrue(channel)
        self.assertIn("closed", repr(channel))
        calls = [channel.sender, channel.receiver, channel.is_empty, channel.peers, receiver.recv]
        calls += [lambda: len(channel), lambda: channel.capacity, lambda: sender.send(b"")]
        calls.append(channel.__enter__)
        for call in calls:
            self.assertRaisesRegex(ValueError, "closed", call)
        self.assertEqual(channel.path, self.channel_path)

    def test_closing_leaves_the_channel(self):
        other = self.open()
        receiver = other.receiver()
        with self.channel:
            sender = self.channel.sender()
            sender.send(b"data")
        self.assertEqual(list(receiver), [b"data"])
        self.assertEqual(other.peers(), (0, 1))

    def test_close_ends_the_waits_of_other_threads(self):
        sender, receiver = self.ends()
        self.assertEndsWaits(receiver.recv, receiver.close)
        receiver = self.channel.receiver()
        sender.send(bytes(4000))
        self.assertEndsWaits(lambda: sender.send(bytes(100)), self.channel.close)

    def assertEndsWaits(self, wait, close):
        errors = []

        def run():
            try:
                wait()
            except ValueError as error:
                errors.append(str(error))

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(0.05)
        close()
        for thread in threads:
            thread.join(10)
        self.assertEqual(len(errors), 2)

    def test_no_descriptor_is_left(self):
        for _ in range(2):
            before = open_files()
            with Channel(self.channel_path) as channel:
                channel.sender().send(b"data")
                self.assertEqual(channel.receiver().recv(), b"data")
        self.assertEqual(open_files(), before)


class Files(ChannelCase):
    def test_a_channel_is_created_or_opened(self):
        path = os.path.join(self.folder, "new")
        self.assertRaises(FileNotFoundError, Channel.open, path)
        with Channel.create(path, 5000) as channel:
            self.assertEqual((channel.capacity, channel.path), (8192, path))
            self.assertRaises(FileExistsError, Channel.create, path)
            self.assertRegex(repr(channel), "safemap.ipc.Channel path='.*new' capacity=8192")
            channel.sender().send(b"data")
        with Channel(os.fsencode(path), 8192) as channel, Channel.open(path) as same:
            self.assertEqual((channel.capacity, channel.path), (8192, path))
            self.assertEqual(same.receiver().recv(), b"data")

    def test_another_capacity_or_limit_is_refused(self):
        self.assertRaisesRegex(ValueError, "4096 .*8192", Channel, self.channel_path, 8192)
        self.assertRaises(ValueError, Channel, self.channel_path, max_messages=5)
        self.assertRaisesRegex(ValueError, "4294967297 .*4294967296", Channel, "", (1 << 32) + 1)
        self.assertRaises(ValueError, Channel, self.channel_path, -1)

    def test_files_that_are_not_channels(self):
        for content in (b"text", bytes(10_000), os.urandom(10_000)):
            path = self.path(content)
            self.assertRaisesRegex(ValueError, re.escape(f"{path}: "), Channel, path)
            self.assertRaises(ValueError, Channel.open, path)
            self.assertEqual(self.latest_content(), content)
        self.assertRaises(OSError, Channel, self.folder)
        self.assertRaises(ValueError, Channel, "embedded\0null")
        for call in (Channel, Channel.open, Channel.create):
            self.assertRaises(FileNotFoundError, call, "")
        self.assertRaises(TypeError, Channel, 5)

    def test_a_file_that_was_cut_is_refused(self):
        with open(self.channel_path, "rb") as file:
            content = file.read()
        for length in [*range(1, 130, 9), 4095, 4096, 4097, 8191]:
            path = self.path(content[:length])
            self.assertRaises(ValueError, Channel.open, path)

    @unix_only("a mapped file cannot be truncated")
    def test_a_file_that_is_cut_during_its_use(self):
        sender, receiver = self.ends()
        sender.send(b"data")
        os.truncate(self.channel_path, 4096)
        self.assertRaises(safemap.FaultError, receiver.recv)
        with self.assertRaises(safemap.FaultError) as caught:
            sender.send(b"data")
        self.assertEqual(caught.exception.filename, self.channel_path)
        self.assertIn(self.channel_path, str(caught.exception))
        os.truncate(self.channel_path, 0)
        self.assertRaises(safemap.FaultError, receiver.recv)
        self.assertRaises(safemap.FaultError, len, self.channel)
        with self.assertRaises(safemap.FaultError) as caught:
            self.channel.sender()
        self.assertEqual(caught.exception.filename, self.channel_path)

    def test_a_peer_that_writes_anything(self):
        rng, expected = random.Random(7), (ValueError, OSError, EOFError, TimeoutError)
        sender, receiver = self.ends()
        with safemap.open(self.channel_path, "r+") as m:
            for _ in range(2000):
                at = rng.choice((144, 152, 384, 4096, 8 * rng.randrange(16, 1024)))
                m[at : at + 8] = rng.randbytes(8)
                calls = [lambda: sender.try_send(b"data"), receiver.try_recv, self.channel.peers]
                for call in [*calls, lambda: len(self.channel)]:
                    try:
                        call()
                    except expected:
                        pass

    @unix_only("there is no umask")
    def test_the_permissions_of_a_new_file(self):
        self.assertEqual(os.stat(self.channel_path).st_mode & 0o777, 0o600)
        path = os.path.join(self.folder, "shared")
        self.open(path, permissions=0o640)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)

    @unittest.skipUnless(LINUX, "channels in memory are for Linux")
    def test_a_channel_in_memory(self):
        with Channel(capacity=4096) as channel:
            self.assertIsNone(channel.path)
            self.assertIn("in memory", repr(channel))
            with Channel.from_fd(channel.fileno()) as same:
                self.assertNotEqual(same.fileno(), channel.fileno())
                channel.sender().send(b"data")
                self.assertEqual(same.receiver().recv(), b"data")
        self.assertRaises(OSError, Channel.from_fd, 999)
        self.assertRaises(ValueError, Channel.from_fd, self.descriptor(b"text"))

    def test_the_classes(self):
        sender, receiver = self.ends()
        self.assertIsInstance(sender, Sender)
        self.assertIsInstance(receiver, Receiver)
        self.assertRaises(TypeError, Sender)
        self.assertRaises(TypeError, Receiver)

    def test_a_program_without_queues_does_not_load_multiprocessing(self):
        code = """
            import sys
            import safemap.ipc
            with safemap.ipc.Channel(sys.argv[1]) as channel:
                channel.sender().send(b"data")
            assert not any("multiprocessing" in name for name in sys.modules)
        """
        succeed(self, code, self.channel_path)


if __name__ == "__main__":
    unittest.main()
