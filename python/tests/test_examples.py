"""Runs the programs in python/examples on real files."""

import importlib.util
import os
import subprocess
import sys
import unittest

from support import HERE, FileCase

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

    def test_archive(self):
        archive = os.path.join(self.folder, "archive.zip")
        first, second = self.path(b"a" * 5000, "first"), self.path(b"", "second")
        output = self.run_example("archive.py", archive, first)
        self.assertEqual(output.split(), b"5000 first all checksums match".split())
        output = self.run_example("archive.py", archive, second)
        self.assertEqual(output.split(), b"5000 first 0 second all checksums match".split())

    def test_arrays(self):
        if importlib.util.find_spec("numpy") is None:
            self.skipTest("numpy is not installed")
        path = os.path.join(self.folder, "table.npy")
        self.run_example("arrays.py", path, "1000", "3")
        self.assertEqual(self.run_example("arrays.py", path), b"0.495 0.5 0.498\n")
        self.assertEqual(self.run_example("arrays.py", path), b"1.0 1.0 1.0\n")


if __name__ == "__main__":
    unittest.main()
