"""Pastes the Python examples in the README, as the package contains it."""

import re
import unittest
from pathlib import Path

from support import NO_TRUNCATION, DocumentCase, unix_only

README = Path(__file__).resolve().parents[1] / "README.md"


class Readme(DocumentCase):
    @unix_only(NO_TRUNCATION)
    @unittest.skipUnless(README.exists(), "the tests were copied without the README")
    def test_the_examples_run_and_print_what_they_should(self):
        text = README.read_text(encoding="utf-8")
        examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        table = "{'name': 'README', 'size': '7'}"
        expected = ["byte 0 of the map cannot be accessed", table, "runs: 1"]
        expected += ["b'hello'", "[b'stopped']", "committed: 300"]
        for example, output in zip(examples, expected, strict=True):
            self.assertIn(output, self.printed(example, pasted=True))
