"""Runs the examples in docs/ipc.md; test_shared_memory.py has those of its section."""

import unittest

from support import DOCS, DocumentCase, examples
from test_channel import HAS_CHANNELS, LINUX

DOCUMENT = DOCS / "ipc.md"


def sections():
    """The examples of all other sections."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for section in text.split("\n## ")[1:]:
        if not section.startswith("Shared memory\n"):
            yield from examples(section)


@unittest.skipUnless(HAS_CHANNELS, "this system has no channels")
@unittest.skipUnless(DOCUMENT.exists(), "the tests were copied without the documentation")
class Document(DocumentCase):
    def test_the_examples_run_and_print_what_their_comments_say(self):
        found = list(sections())
        self.assertGreaterEqual(len(found), 5)
        for example in found:
            with self.subTest(example=example):
                if "Queue()" in example and not LINUX:
                    self.skipTest("channels in memory are for Linux")
                self.check_program(example)


if __name__ == "__main__":
    unittest.main()
