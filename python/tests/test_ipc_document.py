"""Runs the examples in docs/ipc.md; test_shared_memory.py has those of its section."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

from support import FileCase
from test_channel import HAS_CHANNELS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "ipc.md"

# What an example without imports needs.
PREAMBLE = """
import safemap.ipc
m = safemap.open("state", "w+", 4096)
m.store("Q", 0, 7 << 2)  # a crashed owner of the mutex
record = bytes(64)
def repair(m): print("repaired")
"""


def examples():
    """The examples of all other sections."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        if not section.startswith("Shared memory\n"):
            yield from re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@unittest.skipUnless(HAS_CHANNELS, "this system has no channels")
@unittest.skipUnless(DOCUMENT.exists(), "the tests were copied without the documentation")
class Document(FileCase):
    def test_the_examples_run_and_print_what_their_comments_say(self):
        found = list(examples())
        self.assertGreaterEqual(len(found), 5)
        for example in found:
            with self.subTest(example=example):
                program = example if "import " in example else PREAMBLE + example
                path = self.path(program.encode(), "example.py")
                done = subprocess.run(
                    [sys.executable, path],
                    cwd=self.folder,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                comments = re.findall(r"^ *print\(.*\)  +# (.*)", example, re.MULTILINE)
                if "repair(m)" in example:
                    comments.append("repaired")
                for line, comment in zip(done.stdout.splitlines(), comments, strict=True):
                    self.assertTrue(comment.startswith(line), (line, comment))


if __name__ == "__main__":
    unittest.main()
