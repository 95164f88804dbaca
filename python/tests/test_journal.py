"""Tests of journals within one process: records, positions, waiting, closing."""

import _thread
import array
import json
import math
import os
import random
import signal
import threading
import time
import unittest

from support import WINDOWS, FileCase, open_files, run_threads, unix_only
from test_channel import HAS_CHANNELS

import safemap
from safemap.ipc import Journal, Mutex

# Where the words of the layout in docs/ipc.md are.
WRITERS_MUTEX, BOOT, SYNC_MUTEX, RECORDS = 128, 392, 512, 4096
# The greatest length that is copied while the interpreter waits.
SHORT = 1 << 18


@unittest.skipUnless(HAS_CHANNELS, "this system has no journals")
class JournalCase(FileCase):
    """A test with a journal."""

    def setUp(self):
        super().setUp()
        self.journal_path = os.path.join(self.folder, "journal")
        self.journal = self.open(allocate=4096)

    def open(self, *arguments, **keywords):
        """Opens a journal until the test ends."""
        journal = Journal(*arguments or [self.journal_path], **keywords)
        self.addCleanup(journal.close)
        return journal

    def ends(self):
        """Returns a writer and a reader."""
        return self.journal.writer(), self.journal.reader()

    def records(self):
        """Returns the records that are there, as a new reader reads them."""
        reader, records = self.open(self.journal_path, "r").reader(), []
        while (record := reader.try_read()) is not None:
            records.append(record)
        return records

    def lock(self, at):
        """Locks a mutex of the file until the test ends, or the result is called."""
        m = safemap.open(self.journal_path, "r+")
        self.addCleanup(m.close)
        mutex = Mutex(m, at)
        mutex.acquire()
        self.addCleanup(lambda: mutex.holder is not None and mutex.release())
        return mutex.release


class Model:
    """A list of records with their positions, and readers with an index in it."""

    def __init__(self, case):
        self.case, self.rng = case, random.Random(5)
        self.records, self.positions, self.readers = [], [], []
        self.writers = [case.journal.writer(), case.open().writer()]
        self.buffer = bytearray(1 << 13)

    def data(self):
        return self.rng.randbytes(self.rng.choice((0, 1, 7, 8, 9, 64, 700, 4096, 8000)))

    def append(self):
        self.records.append(self.data())
        self.positions.append(self.rng.choice(self.writers).append(self.records[-1]))

    def append_many(self):
        records = [self.data() for _ in range(self.rng.randrange(4))]
        self.case.assertEqual(self.rng.choice(self.writers).append_many(records), len(records))
        for record in records:
            self.records.append(record)
            # Those of records that no call has returned are learnt from a reader.
            after = self.positions[-1] if self.positions else None
            reader = self.case.journal.reader(after=after)
            self.case.assertEqual(reader.read(), record)
            self.positions.append(reader.position)

    def add_reader(self):
        mode, index = self.rng.choice(("r", "r+")), None
        open = self.case.open(self.case.journal_path, mode).reader
        if self.positions:
            index = self.rng.randrange(len(self.positions))
        kind = self.rng.choice(("start", "end", "at", "after"))
        if kind == "end":
            self.readers.append([open(end=True), len(self.records)])
        elif index is None or kind == "start":
            self.readers.append([open(), 0])
        elif kind == "at":
            self.readers.append([open(at=self.positions[index]), index])
        else:
            self.readers.append([open(after=self.positions[index]), index + 1])
        del self.readers[:-5]

    def read(self):
        if not self.readers:
            return
        place = self.rng.choice(self.readers)
        (reader, index), expected = place, None
        if index < len(self.records):
            expected = self.records[index]
        call = self.rng.randrange(4)
        if call == 0 or expected is None:
            self.case.assertEqual(reader.try_read(), expected)
            place[1] += expected is not None
        elif call == 1:
            self.case.assertEqual(reader.read(), expected)
            place[1] += 1
        elif call == 2:
            length = reader.read_into(self.buffer)
            self.case.assertEqual(self.buffer[:length], expected)
            place[1] += 1
        else:
            self.case.assertEqual(reader.read_many(3), self.records[index : index + 3])
            place[1] = min(index + 3, len(self.records))
        if place[1] > index:
            self.case.assertEqual(reader.position, self.positions[place[1] - 1])


class Records(JournalCase):
    def test_any_sequence_of_calls_is_that_of_a_list(self):
        model = Model(self)
        calls = [model.append, model.append_many, model.add_reader] + 6 * [model.read]
        for _ in range(3000):
            model.rng.choice(calls)()
        self.assertEqual(self.records(), model.records)
        self.assertEqual(model.positions, sorted(set(model.positions)))

    def test_any_buffer_is_a_record(self):
        writer, reader = self.ends()
        records = [bytearray(b"ab"), memoryview(b"abcdef")[2:4], array.array("H", [1, 2]), b""]
        records.append(self.map(b"of a map"))
        for record in records:
            self.assertIsInstance(writer.append(record), int)
            self.assertEqual(reader.read(), bytes(memoryview(record)))
        self.assertEqual(writer.append_many(records), 5)
        self.assertEqual(reader.read_many(10), [bytes(memoryview(it)) for it in records])
        self.assertEqual(writer.append_many(iter(())), 0)

    def test_what_is_not_a_buffer_is_not_appended(self):
        writer, _ = self.ends()
        for call in (writer.append, lambda it: writer.append_many([b"first", it])):
            self.assertRaises(TypeError, call, "text")
            self.assertRaises(BufferError, call, memoryview(b"abcdef")[::2])
        self.assertRaises(TypeError, writer.append_many, 5)
        self.assertRaises(TypeError, writer.append_many, b"text")
        with self.assertRaises(ZeroDivisionError) as caught:
            writer.append_many(b"%d" % (1 // n) for n in (1, 0))
        self.assertEqual(caught.exception.appended, 0)
        self.assertEqual(self.records(), [])

    def test_an_iterable_may_append_by_itself(self):
        writer, _ = self.ends()

        def records():
            writer.append(b"of the iterable")
            yield b"record"

        writer.append_many(records())
        self.assertEqual(self.records(), [b"of the iterable", b"record"])

    def test_records_of_more_than_the_interpreter_is_kept_for(self):
        writer, reader = self.ends()
        buffer = bytearray(1 << 23)
        for size in (SHORT, SHORT + 1, 5 << 20):
            data = random.Random(size).randbytes(size)
            writer.append(data)
            writer.append_many([bytearray(data), data])
            self.assertEqual(reader.read(), data)
            self.assertEqual(reader.try_read(), data)
            self.assertEqual(reader.read_into(buffer), size)
            self.assertEqual(buffer[:size], data)

    def test_a_buffer_that_another_thread_changes(self):
        writer, reader = self.ends()
        buffer, stopped = bytearray(2 * SHORT), threading.Event()

        def change():
            for number in range(1 << 40):
                if stopped.is_set():
                    break
                buffer[number % SHORT] = buffer[-1 - number % SHORT] = number & 0xFF

        thread = threading.Thread(target=change)
        thread.start()
        try:
            for _ in range(40):
                writer.append(buffer)
                writer.append_many([buffer, memoryview(buffer)[:100]])
        finally:
            stopped.set()
            thread.join()
        # Each has the checksum of its bytes.
        self.assertEqual(len(reader.read_many(200)), 120)

    def test_a_buffer_that_is_too_short(self):
        writer, reader = self.ends()
        writer.append_many([b"abcdef", bytes(SHORT + 1)])
        buffer = bytearray(b"-----")
        self.assertRaisesRegex(ValueError, "6 bytes .* 5 bytes", reader.read_into, buffer)
        self.assertEqual(buffer, b"-----")
        self.assertRaises(TypeError, reader.read_into, b"constant")
        self.assertIsNone(reader.position)
        self.assertEqual(reader.read(), b"abcdef")
        self.assertRaisesRegex(ValueError, "262145 bytes .* 5 bytes", reader.read_into, buffer)
        self.assertEqual(len(reader.read()), SHORT + 1)

    def test_several_records_at_once(self):
        writer, reader = self.ends()
        self.assertEqual(reader.read_many(0), [])
        self.assertRaises(ValueError, reader.read_many, -1)
        records = [b"%d" % n for n in range(1000)]
        writer.append_many(records)
        self.assertEqual(reader.read_many(700), records[:700])
        self.assertEqual(reader.read_many(700), records[700:])


class Positions(JournalCase):
    def test_a_position_is_saved_as_a_number(self):
        writer, reader = self.ends()
        positions = [writer.append(b"%d" % n) for n in range(10)]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertIsNone(reader.position)
        for n in range(4):
            reader.read()
            self.assertEqual(reader.position, positions[n])
        saved = json.dumps({"position": reader.position})
        self.journal.close()
        again = self.open(self.journal_path, "r")
        reader = again.reader(after=json.loads(saved)["position"])
        self.assertEqual(reader.position, positions[3])
        self.assertEqual(reader.read_many(10), [b"%d" % n for n in range(4, 10)])
        reader = again.reader(at=positions[9])
        self.assertIsNone(reader.position)
        self.assertEqual(reader.read(), b"9")
        self.assertIsNone(again.reader(after=positions[9]).try_read())
        self.assertEqual(again.reader(at=None, after=None, end=False).read(), b"0")

    def test_at_the_end_a_reader_gets_what_is_appended_later(self):
        writer, _ = self.ends()
        writer.append(b"old")
        reader = self.journal.reader(end=True)
        self.assertIsNone(reader.try_read())
        writer.append(b"new")
        self.assertEqual(reader.read(), b"new")

    def test_numbers_of_no_record(self):
        first = self.journal.writer().append(bytes(100))
        numbers = [0, 1, -1, first + 1, first + (8 << 32), first | 1 << 96, 1 << 200, -(1 << 200)]
        for number in numbers:
            self.assertRaises(LookupError, self.journal.reader, at=number)
            self.assertRaises(LookupError, self.journal.reader, after=number)
        for keyword in ("at", "after"):
            with self.assertRaises(LookupError) as caught:
                self.journal.reader(**{keyword: 12345})
            text = "no record at position 12345: a power failure has removed it, or it is of "
            self.assertEqual(str(caught.exception), text + "another journal")
        self.assertRaises(TypeError, self.journal.reader, at=float(first))
        self.assertRaises(TypeError, self.journal.reader, at=str(first))

    def test_only_one_start(self):
        at = self.journal.writer().append(b"")
        for start in ({"at": at, "after": at}, {"at": at, "end": True}, {"after": at, "end": True}):
            self.assertRaisesRegex(TypeError, "exclude", self.journal.reader, **start)
        self.assertRaises(TypeError, self.journal.reader, at)

    @unix_only("the file has another boot id")
    def test_a_record_that_a_power_failure_removed(self):
        writer, _ = self.ends()
        kept = writer.append(b"kept")
        writer.sync()
        torn, lost = writer.append(b"torn"), writer.append(b"lost")
        self.journal.close()
        # No process has the journal open, and it was written under another boot.
        with open(self.journal_path, "r+b") as file:
            file.seek((torn >> 32) + 17)
            file.write(b"?")
            file.seek(BOOT)
            file.write(b"\x55" * 16)
        # Before any writer.
        early = self.open(self.journal_path, "r")
        following = early.reader(after=kept)
        self.assertIsNone(following.try_read())
        self.assertRaises(LookupError, early.reader, at=torn)
        self.journal = self.open()
        new = self.journal.writer().append(b"new!")
        self.assertEqual(new >> 32, torn >> 32)
        self.assertEqual(following.read(timeout=5), b"new!")
        self.assertEqual(self.records(), [b"kept", b"new!"])
        for position in (torn, lost):
            self.assertRaisesRegex(LookupError, "power", self.journal.reader, after=position)
            self.assertRaises(LookupError, early.reader, at=position)
        self.assertEqual(self.journal.reader(after=kept).read(), b"new!")


class Waiting(JournalCase):
    def test_timeouts(self):
        reader, buffer = self.journal.reader(), bytearray(5)
        read_only = self.open(self.journal_path, "r").reader()
        waits = [reader.read, read_only.read, lambda timeout: reader.read_into(buffer, timeout)]
        waits.append(lambda timeout: reader.read_many(3, timeout))
        for wait in waits:
            for timeout in (0, -1, 0.001, 0.12):
                start = time.perf_counter()
                self.assertRaises(TimeoutError, wait, timeout=timeout)
                self.assertGreaterEqual(time.perf_counter() - start, timeout)
        self.journal.writer().append(b"data")
        self.assertEqual(reader.read(math.inf), b"data")
        self.assertEqual(read_only.read(0), b"data")
        self.assertRaises(ValueError, reader.read, math.nan)

    def test_a_waiting_reader_lets_other_threads_run(self):
        for mode in ("r", "r+"):
            reader, got = self.open(self.journal_path, mode).reader(end=True), []
            thread = threading.Thread(target=lambda: got.append(reader.read()))
            thread.start()
            time.sleep(0.02)
            self.assertEqual(got, [])
            self.journal.writer().append(b"record")
            thread.join(10)
            self.assertEqual(got, [b"record"])

    def test_a_waiting_writer_lets_other_threads_run(self):
        writer = self.journal.writer()
        self.assertWaits(lambda: writer.append(b"record"), WRITERS_MUTEX)
        self.assertWaits(lambda: writer.append_many([b"record"]), WRITERS_MUTEX)
        self.assertEqual(self.records(), [b"record", b"record"])
        self.assertWaits(writer.sync, SYNC_MUTEX)
        self.assertWaits(writer.finish, WRITERS_MUTEX)
        self.assertRaises(EOFError, self.journal.reader(end=True).read)

    def assertWaits(self, call, at):
        release, thread = self.lock(at), threading.Thread(target=call)
        thread.start()
        time.sleep(0.1)
        self.assertTrue(thread.is_alive())
        release()
        thread.join(10)
        self.assertFalse(thread.is_alive())

    def test_a_signal_ends_each_wait(self):
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        self.addCleanup(signal.signal, signal.SIGINT, before)
        writer, reader = self.ends()
        buffer = bytearray(5)
        for mode in ("r", "r+"):
            reader = self.open(self.journal_path, mode).reader()
            self.assertInterrupted(reader.read)
            self.assertInterrupted(lambda: reader.read(60))
            self.assertInterrupted(lambda: reader.read_into(buffer))
            self.assertInterrupted(lambda: reader.read_many(5))
            self.assertInterrupted(lambda: list(reader))
        unlock = self.lock(WRITERS_MUTEX)
        self.assertInterrupted(lambda: writer.append(b"record"))
        self.assertInterrupted(lambda: writer.append(bytes(SHORT + 1)))
        self.assertInterrupted(lambda: writer.append_many([b"record"]))
        self.assertInterrupted(writer.finish)
        unlock()
        self.assertEqual(self.records(), [])
        writer.append(b"record")
        unlock = self.lock(SYNC_MUTEX)
        self.assertInterrupted(writer.sync)
        unlock()
        writer.sync()
        self.assertEqual(self.records(), [b"record"])

    def assertInterrupted(self, wait):
        threading.Timer(0.02, _thread.interrupt_main).start()
        start = time.perf_counter()
        self.assertRaises(KeyboardInterrupt, wait)
        self.assertLess(time.perf_counter() - start, 10)

    def test_threads_share_a_writer_and_a_reader(self):
        writer, reader = self.ends()
        got, long = [], bytes(SHORT)

        def append():
            for n in range(1000):
                writer.append(b"%d" % n)
                if n % 200 == 0:
                    writer.append_many([long + b"%d" % n, b"behind"])

        def read():
            for n in range(505):
                got.append(reader.read())
                got.extend(reader.read_many(1))

        run_threads(lambda work: work(), append, append, read, read)
        self.assertIsNone(reader.try_read())
        records = self.records()
        self.assertEqual(sorted(got), sorted(records))
        for start in range(len(records)):
            if len(records[start]) > SHORT:
                self.assertEqual(records[start + 1], b"behind")

    def test_threads_that_wait_with_one_reader_get_each_record_once(self):
        writer, reader = self.ends()
        got, threads = [], []
        for _ in range(5):
            thread = threading.Thread(target=lambda: got.extend(reader))
            thread.start()
            threads.append(thread)
        for n in range(200):
            writer.append(b"%d" % n)
            if n % 10 == 0:
                time.sleep(0.002)
        writer.finish()
        for thread in threads:
            thread.join(10)
        self.assertEqual(sorted(map(int, got)), list(range(200)))


class Closing(JournalCase):
    def test_a_finished_journal(self):
        writer, reader = self.ends()
        late, buffer = self.open().writer(), bytearray(5)
        waiting, got = self.journal.reader(), []
        thread = threading.Thread(target=lambda: got.extend(waiting))
        thread.start()
        writer.append_many([b"one", b"two"])
        writer.finish()
        thread.join(10)
        self.assertEqual(got, [b"one", b"two"])
        self.assertEqual(list(reader), [b"one", b"two"])
        ended = [reader.read, reader.try_read, lambda: reader.read(1), late.finish]
        ended += [lambda: reader.read_into(buffer), lambda: reader.read_many(3)]
        ended += [lambda: late.append(b"more"), lambda: writer.append_many([b"more"])]
        for call in [*ended, self.journal.reader(end=True).read]:
            self.assertRaisesRegex(EOFError, "finished", call)
        writer.sync()
        self.assertEqual(self.journal.reader().read_many(9), [b"one", b"two"])
        self.assertRaises(EOFError, self.open().writer().append, b"")

    def test_calls_after_close(self):
        writer, reader = self.ends()
        for end in (writer, reader):
            with end as entered:
                self.assertIs(entered, end)
            end.close()
            self.assertIs(end.journal, self.journal)
        calls = [lambda: writer.append(b""), lambda: writer.append_many([]), writer.sync]
        calls += [writer.finish, reader.read, reader.try_read, lambda: next(reader)]
        for call in calls:
            self.assertRaisesRegex(ValueError, "closed", call)
        self.assertIsNone(reader.position)

    def test_a_closed_journal(self):
        with self.journal as journal:
            writer, reader = self.ends()
            self.assertNotIn("closed", repr(journal))
        journal.close()
        self.assertIn("closed", repr(journal))
        calls = [journal.writer, journal.reader, journal.__reduce__, reader.read]
        calls += [lambda: writer.append(b""), *([] if WINDOWS else [journal.fileno])]
        for call in calls:
            self.assertRaisesRegex(ValueError, "closed", call)
        self.assertEqual((journal.path, journal.mode), (self.journal_path, "a"))

    def test_close_ends_the_waits_of_other_threads(self):
        reader = self.journal.reader()
        self.assertEndsWaits(reader.read, reader.close)
        unlock, writer = self.lock(WRITERS_MUTEX), self.journal.writer()
        self.assertEndsWaits(lambda: writer.append(b"record"), self.journal.close)
        unlock()
        self.assertEqual(self.records(), [])

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
            with Journal(self.journal_path) as journal:
                journal.writer().append(b"data")
                self.assertEqual(journal.reader().read(), b"data")
        self.assertEqual(open_files(), before)


if __name__ == "__main__":
    unittest.main()
