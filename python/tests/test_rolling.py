"""Runs the recipe "Rolling journals" of docs/ipc-recipes.md beside crashes, and explores it."""

import collections
import itertools
import signal
import subprocess
import sys
import threading
import time
import unittest

from test_recipes import RecipeCase

# Appends "NAME NUMBER" without end, and prints each number afterwards.
WRITER = """
import itertools, sys
import recipe
writer = recipe.Writer(".", limit=1 << 13)
for number in itertools.count():
    writer.append(f"{sys.argv[1]} {number}".encode())
    print(number, flush=True)
"""


class Rolling(RecipeCase):
    def setUp(self):
        super().setUp()
        self.recipe = self.module("Rolling journals")

    def writer(self, limit=4096):
        return self.recipe.Writer(self.folder, limit)

    def take(self, count, after=None):
        """The next records, and the place of the last one."""
        taken = list(itertools.islice(self.recipe.read(self.folder, after), count))
        return [record for record, _ in taken], taken[-1][1]

    def numbers(self):
        return self.recipe.numbers(self.folder)

    def test_writers_are_killed_and_their_records_are_whole_and_in_order(self):
        acknowledged = {}
        for name in range(6):
            # Two at a time.
            with self.start(name) as one, self.start(name + 100) as other:
                count = 50 * name + 20
                self.assertEqual(len(list(itertools.islice(one.stdout, count))), count)
                for it in (one, other):
                    it.send_signal(signal.SIGKILL)
                acknowledged[name] = count + self.lines(one)
                acknowledged[name + 100] = self.lines(other)
        self.writer().append(b"end 0")
        found = collections.Counter()
        for record, _ in self.recipe.read(self.folder):
            name, number = record.decode().split()
            if name == "end":
                break
            self.assertEqual(int(number), found[int(name)])
            found[int(name)] += 1
        for name, count in acknowledged.items():
            # The record of the last call may be there without its line.
            self.assertIn(found[name] - count, range(2))
        self.assertGreater(len(self.numbers()), 3)
        self.assertEqual(self.numbers(), list(range(1, len(self.numbers()) + 1)))

    def lines(self, process):
        """How many whole lines a process that was killed has printed."""
        return sum(line.endswith(b"\n") for line in process.stdout)

    def start(self, name):
        command = [sys.executable, "-c", WRITER, str(name)]
        return subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE)

    def test_a_reader_continues_behind_a_place_of_any_file(self):
        writer = self.writer()
        records = [b"%d" % number for number in range(10)]
        places = [writer.append(record) for record in records]
        self.assertEqual([number for number, _ in places], list(range(1, 11)))
        for count, place in enumerate(places[:-1], 1):
            self.assertEqual(self.take(10 - count, after=place), (records[count:], places[-1]))

    def test_a_writer_that_was_stopped_creates_no_file_again(self):
        stopped, other = self.writer(), self.writer()
        for _ in range(5):
            other.append(b"other")
        self.recipe.remove(self.folder, 5)
        number, _ = stopped.append(b"stopped")
        self.assertEqual((number, self.numbers()), (5, [5]))
        self.assertEqual(self.take(2)[0], [b"other", b"stopped"])

    def test_a_writer_that_only_counts_creates_a_file_again(self):
        """The control of the test before."""
        stopped, other = self.writer(), self.writer()
        for _ in range(5):
            other.append(b"other")
        self.recipe.remove(self.folder, 5)
        self.recipe.numbers = lambda folder: []
        self.assertEqual(stopped.append(b"stopped")[0], 2)

    def test_the_newest_file_is_never_removed(self):
        writer = self.writer()
        writer.append(b"one")
        self.recipe.remove(self.folder, 1000)
        self.assertEqual(self.numbers(), [1])
        writer.append(b"two")
        self.recipe.remove(self.folder, 1000)
        self.assertEqual(self.numbers(), [2])

    def test_readers_wait_for_a_file_whose_creator_crashed(self):
        first = self.writer()
        first.append(b"one")
        first.writer.finish()
        found = []
        thread = threading.Thread(target=lambda: found.append(self.take(2)[0]))
        thread.start()
        time.sleep(0.1)
        # As a crash after the creation of the file leaves it.
        open(self.recipe.path(self.folder, 2), "xb").close()
        time.sleep(0.1)
        self.assertTrue(thread.is_alive())
        self.assertEqual(self.writer().append(b"two")[0], 2)
        thread.join(30)
        self.assertEqual(found, [[b"one", b"two"]])

    def test_a_process_continues_behind_a_finished_file(self):
        first = self.writer()
        first.append(b"one")
        first.writer.finish()
        self.assertEqual(self.writer().append(b"two")[0], 2)
        self.assertEqual(first.append(b"three")[0], 2)
        self.assertEqual(self.take(3)[0], [b"one", b"two", b"three"])

    def test_a_reader_notices_that_its_file_was_removed(self):
        writer = self.writer()
        places = [writer.append(b"%d" % number) for number in range(4)]
        reader = self.recipe.read(self.folder)
        self.assertEqual(next(reader)[0], b"0")
        self.recipe.remove(self.folder, 4)
        self.assertRaises(FileNotFoundError, next, reader)
        self.assertRaises(FileNotFoundError, self.take, 1, places[0])
        self.assertEqual(self.take(1)[0], [b"3"])


OPEN, FINISHED, SYNCED = range(3)

# files: (number, one of these) of those in the folder. created: all numbers, as they were created.
# writers: (step, number of the file, what it knows of the folder).
State = collections.namedtuple("State", "files created lock writers remover")

# A writer that has no file yet.
NEW = ("wait", 0, ())


class Model:
    """All interleavings of two writers and a remover, which crash and start again.

    A list of the folder begins in one step and ends in another one. It may have each file that was
    created or removed in between, and has all others.
    """

    LAST = 4

    def __init__(self, has_lock=True, looks=True, keeps_newest=True, syncs=True):
        self.has_lock, self.looks = has_lock, looks
        self.keeps_newest, self.syncs = keeps_newest, syncs

    def explore(self):
        """Returns a state that is wrong, or None, and how many states there are."""
        start = State(((1, OPEN),), (1,), None, (("run", 1, ()),) * 2, ())
        seen, left = {start}, [start]
        while left:
            state = left.pop()
            if self.is_wrong(state):
                return state, len(seen)
            for after in self.steps(state):
                if after not in seen:
                    seen.add(after)
                    left.append(after)
        return None, len(seen)

    def is_wrong(self, state):
        """Whether a number was created twice, or another file than the newest is not finished."""
        is_created_twice = len(set(state.created)) < len(state.created)
        return is_created_twice or any(it == OPEN for _, it in state.files[:-1])

    def steps(self, state):
        for index in range(2):
            for after, writer in self.write(state, index, *state.writers[index]):
                writers = list(after.writers)
                writers[index] = writer
                yield after._replace(writers=tuple(writers))
        yield from self.remove(state)
        # A power failure. Files that exist stay.
        files = {number: it if it == SYNCED else OPEN for number, it in state.files}
        yield self.change(state, files)._replace(lock=None, writers=(NEW, NEW), remover=())

    def write(self, state, me, step, number, listed):
        files = dict(state.files)
        if step == "run" and number < self.LAST:
            # A removed file is finished.
            if files.get(number) == OPEN:
                state = self.change(state, {**files, number: FINISHED})
            yield state, ("sync" if self.syncs else "wait", number, ())
        elif step == "sync":
            if number in files:
                state = self.change(state, {**files, number: SYNCED})
            yield state, ("wait", number, ())
        elif step == "wait" and (state.lock is None or not self.has_lock):
            yield state._replace(lock=me), ("list", number, self.begun(files))
        elif step in ("list", "open"):
            yield state._replace(lock=None), NEW
        if step == "list":
            for newest in self.listed(listed):
                yield state, ("open", number, max(number, newest))
        elif step == "open":
            target = listed + (listed == number) if self.looks or number == 0 else number + 1
            if target not in files:
                state = self.change(state, {**files, target: OPEN}, target)
            yield state._replace(lock=None), ("run", target, ())

    def remove(self, state):
        files = dict(state.files)
        if not state.remover:
            yield state._replace(remover=self.begun(files))
        elif state.remover[0] == "list":
            for newest in self.listed(state.remover):
                yield state._replace(remover=("remove", newest + (not self.keeps_newest)))
        else:
            yield state._replace(remover=())
            if files and min(files) < state.remover[1]:
                del files[min(files)]
                yield self.change(state, files)

    def begun(self, files):
        """A list that has begun: the files that are there all the time, and those at any time."""
        return ("list", frozenset(files), frozenset(files))

    def listed(self, begun):
        """Each number that may be the greatest one of the list."""
        _, always, ever = begun
        least = max(always, default=0)
        return {least} | {it for it in ever if it > least}

    def change(self, state, files, created=None):
        """Changes the folder, and what the lists that have begun may have."""

        def seen(begun):
            if type(begun) is not tuple or begun[:1] != ("list",):
                return begun
            return ("list", begun[1] & frozenset(files), begun[2] | frozenset(files))

        return state._replace(
            files=tuple(sorted(files.items())),
            created=state.created + ((created,) if created else ()),
            writers=tuple((step, number, seen(it)) for step, number, it in state.writers),
            remover=seen(state.remover),
        )


class Models(unittest.TestCase):
    def test_no_number_is_created_twice(self):
        found, count = Model().explore()
        self.assertIsNone(found)
        self.assertGreater(count, 1000)

    def test_each_rule_is_needed(self):
        for rule in ("has_lock", "looks", "keeps_newest", "syncs"):
            with self.subTest(rule=rule):
                self.assertIsNotNone(Model(**{rule: False}).explore()[0])


if __name__ == "__main__":
    unittest.main()
