"""Runs the programs in python/examples on real files."""

import glob
import importlib.util
import os
import re
import subprocess
import sys
import time
import unittest
import zlib

from support import HERE, FileCase, unix_only
from test_channel import HAS_CHANNELS
from test_transactions import HAS_TRANSACTIONS

EXAMPLES = os.path.join(os.path.dirname(HERE), "examples")


class Examples(FileCase):
    def run_example(self, name, *arguments):
        """Runs an example, which must exit with status 0, and returns its standard output."""
        command = [sys.executable, os.path.join(EXAMPLES, name), *arguments]
        done = subprocess.run(command, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout

    def test_every_example_is_short_has_a_test_and_uses_no_descriptor(self):
        for name in os.listdir(EXAMPLES):
            with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
                text = file.read()
            self.assertLessEqual(text.count("\n"), 40, name)
            self.assertNotIn("fileno", text, name)
            self.assertTrue(hasattr(self, "test_" + name.removesuffix(".py")), name)

    def test_grep(self):
        text = b"a FATAL\nb\n\nan ERROR and FATAL\nERROR\nx ERROR y"
        output = self.run_example("grep.py", "FATAL", " ERROR ", self.path(text))
        self.assertEqual(output, b"1:a FATAL\n4:an ERROR and FATAL\n6:x ERROR y\n")

    def test_archive(self):
        archive = os.path.join(self.folder, "archive.zip")
        first, second = self.path(b"a" * 5000, "first"), self.path(b"", "second")
        output = self.run_example("archive.py", archive, first)
        self.assertEqual(output.split(), b"5000 first all checksums match".split())
        output = self.run_example("archive.py", archive, second)
        self.assertEqual(output.split(), b"5000 first 0 second all checksums match".split())

    def test_journal(self):
        journal = os.path.join(self.folder, "journal")
        self.run_example("journal.py", journal, "one")
        command = [sys.executable, os.path.join(EXAMPLES, "journal.py"), journal]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
            self.assertEqual(reader.stdout.readline().split(), [b"one"])
            self.run_example("journal.py", journal, "two", "end")
            self.assertEqual(reader.communicate(timeout=60)[0].split(), [b"two", b"end"])
        self.assertEqual(reader.returncode, 0)

    @unittest.skipUnless(HAS_CHANNELS, "this system has no journals")
    def test_events(self):
        journal = os.path.join(self.folder, "events")
        self.run_example("events.py", journal, "one", "two")
        command = [sys.executable, os.path.join(EXAMPLES, "events.py"), journal]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
            self.assertEqual(reader.stdout.readline().split(), [b"one"])
            self.assertEqual(reader.stdout.readline().split(), [b"two"])
            self.run_example("events.py", journal, "three")
            self.assertEqual(reader.stdout.readline().split(), [b"three"])
            # The position is saved after the line was printed.
            while os.path.getsize(journal + ".position") == 0:
                time.sleep(0.01)
            time.sleep(0.1)
            reader.kill()
        self.run_example("events.py", journal, "four", "end")
        self.assertEqual(self.run_example("events.py", journal).split(), [b"four", b"end"])

    @unix_only("no call of the system releases pages")
    def test_scan(self):
        content = b"some needles, a needle" * 1_000_000
        output = self.run_example("scan.py", "needle", self.path(content))
        self.assertEqual(output.decode().split(), ["2000000", f"{zlib.crc32(content):08x}"])

    @unittest.skipUnless(HAS_CHANNELS, "this system has no channels")
    def test_channel(self):
        path = os.path.join(EXAMPLES, "channel.py")
        with subprocess.Popen([sys.executable, path, self.folder, "echo"]) as other:
            output = self.run_example("channel.py", self.folder)
        self.assertEqual(other.returncode, 0)
        self.assertEqual(output.split(b"back")[0], b"1000000 messages there and ")

    @unittest.skipUnless(HAS_CHANNELS, "this system has no channels")
    def test_channel_with_a_program_in_rust(self):
        # Under Wine there may be a program for Linux.
        name = "channel.exe" if os.name == "nt" else "channel"
        built = glob.glob(os.path.join(EXAMPLES, "../../target/*/examples", name))
        if not built:
            self.skipTest("cargo build --example channel was not run")
        rust = [max(built, key=os.path.getmtime)]
        python = [sys.executable, os.path.join(EXAMPLES, "channel.py")]
        for number, (first, second) in enumerate(((rust, python), (python, rust))):
            folder = os.path.join(self.folder, str(number))
            os.mkdir(folder)
            with subprocess.Popen([*first, folder, "echo"]) as other:
                done = subprocess.run([*second, folder], capture_output=True, timeout=120)
            self.assertEqual((done.returncode, other.returncode), (0, 0), done.stderr)
            self.assertIn(b"1000000 messages there and back", done.stdout)

    def test_records(self):
        table = os.path.join(self.folder, "table")
        for name, amount in (("one", "5"), ("two", "-7"), ("one", "10")):
            self.run_example("records.py", table, name, amount)
        self.assertEqual(self.run_example("records.py", table).split(), b"one 15 two -7".split())

    @unittest.skipUnless(HAS_TRANSACTIONS, "this system has no transactional maps")
    def test_bank(self):
        output = self.run_example("bank.py", os.path.join(self.folder, "bank"), "3")
        last = 0
        for line in output.decode().splitlines():
            confirmed, count, total = re.findall(r"-?\d+", line)
            self.assertIn(int(count) - max(int(confirmed), last), (0, 1))
            self.assertEqual(total, "0")
            last = int(count)
        self.assertGreater(last, 0)

    @unittest.skipUnless(HAS_TRANSACTIONS, "this system has no transactional maps")
    def test_heat(self):
        if importlib.util.find_spec("numpy") is None:
            self.skipTest("numpy is not installed")
        rod = os.path.join(self.folder, "rod")
        expected = b"step %d: 1000.000 degrees at most, 100000.000 in all\n"
        self.assertEqual(self.run_example("heat.py", rod, "2"), expected % 2)
        self.assertEqual(self.run_example("heat.py", rod, "3"), expected % 5)
        self.assertEqual(os.path.getsize(rod), 8 * 100_001)

    def test_arrays(self):
        if importlib.util.find_spec("numpy") is None:
            self.skipTest("numpy is not installed")
        path = os.path.join(self.folder, "table.npy")
        self.run_example("arrays.py", path, "1000", "3")
        self.assertEqual(self.run_example("arrays.py", path), b"0.495 0.5 0.498\n")
        self.assertEqual(self.run_example("arrays.py", path), b"1.0 1.0 1.0\n")


if __name__ == "__main__":
    unittest.main()
