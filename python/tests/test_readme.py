"""Test of the Python example in README.md."""

import re
import unittest
from pathlib import Path

from support import NO_TRUNCATION, succeed, unix_only

README = Path(__file__).resolve().parents[2] / "README.md"


class Readme(unittest.TestCase):
    @unix_only(NO_TRUNCATION)
    @unittest.skipUnless(README.exists(), "the tests were copied without the README")
    def test_the_example_runs_and_prints_the_error(self):
        text = README.read_text(encoding="utf-8")
        (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        self.assertIn("byte 0 of the map cannot be accessed", succeed(self, example))
