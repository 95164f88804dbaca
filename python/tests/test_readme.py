"""The README's Python example does what it says."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

from support import NO_TRUNCATION, unix_only

README = Path(__file__).resolve().parents[2] / "README.md"


class Readme(unittest.TestCase):
    @unix_only(NO_TRUNCATION)
    @unittest.skipUnless(README.exists(), "the tests were copied without the README")
    def test_the_example_runs_and_prints_the_error(self):
        examples = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
        self.assertEqual(len(examples), 1)
        done = subprocess.run([sys.executable, "-c", examples[0]], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("byte 0 of the map cannot be accessed", done.stdout)
