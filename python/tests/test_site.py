"""Runs the examples of the documentation site.

Those of a page are one program, up to the mark that another one begins.
"""

import importlib.util
import re
import sys
import unittest

from support import DOCS, NO_TRUNCATION, WINDOWS, DocumentCase, examples
from test_channel import HAS_CHANNELS

PAGES = [DOCS / f"{name}.md" for name in ("getting-started", "from-numpy-memmap", "guarantees")]
PAGES += [DOCS / "transactions.md", *sorted((DOCS / "cookbook").glob("*.md"))]
# Pages that truncate mapped files or repair maps, and pages that need channels.
TRUNCATING = ["guarantees", "search-a-log", "truncated-files", "larger-than-memory"]
COMMUNICATING = ["growing-journal", "job-queue", "two-processes"]
# Pages with transactional maps.
CHANGING = ["all-or-nothing", "transactions", "from-numpy-memmap"]
HAS_TRANSACTIONS = sys.platform in ("linux", "darwin")
# Packages that pages need besides this one.
IMPORTED = re.compile(r"^(?:import|from) (numpy|tqdm)\b", re.MULTILINE)
# Between two programs of a page.
ANOTHER = "<!-- another program -->"
# Pages whose lines cannot be pasted one by one: children import the program.
UNPASTED = ["threads-and-tasks"]


def programs(page):
    """The programs of a page."""
    parts = page.read_text(encoding="utf-8").split(ANOTHER)
    return ["\n".join(examples(part)) for part in parts]


def unable(page):
    """Why a page cannot run here; None if it can."""
    if WINDOWS and page.stem in TRUNCATING:
        return NO_TRUNCATION
    if WINDOWS and page.stem == "growing-journal":
        return "a file cannot be mapped beyond its end"
    if page.stem in COMMUNICATING and not HAS_CHANNELS:
        return "this system has no channels"
    if page.stem in CHANGING and not HAS_TRANSACTIONS:
        return "this system has no transactions"
    imported = IMPORTED.findall("\n".join(programs(page)))
    missing = [it for it in imported if importlib.util.find_spec(it) is None]
    return f"{missing[0]} is not installed" if missing else None


@unittest.skipUnless(PAGES[0].exists(), "the tests were copied without the documentation")
class Site(DocumentCase):
    def test_the_examples_run_and_print_what_their_comments_say(self):
        for page in PAGES:
            with self.subTest(page=page.stem):
                if reason := unable(page):
                    self.skipTest(reason)
                for program in programs(page):
                    self.check_program(program)

    def test_lines_can_be_pasted_one_by_one(self):
        for page in PAGES:
            with self.subTest(page=page.stem):
                if page.stem in UNPASTED:
                    continue
                if reason := unable(page):
                    self.skipTest(reason)
                for program in programs(page):
                    self.check_program(program, pasted=True)


if __name__ == "__main__":
    unittest.main()
