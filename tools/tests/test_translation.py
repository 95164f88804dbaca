"""Tests that the Chinese README has the headings and the code of the English one."""

import re
import unittest

from tools import generated
from tools.steps import ROOT
from tools.tests.test_pages import HEADING, prose


class Translation(unittest.TestCase):
    def setUp(self):
        names = ("README.md", "README.zh-CN.md")
        self.texts = [(ROOT / it).read_text(encoding="utf-8") for it in names]

    def both(self, part):
        """Compares a part of both files."""
        ours, translated = map(part, self.texts)
        self.assertTrue(ours)
        self.assertEqual(translated, ours)

    def test_headings_have_the_same_levels(self):
        self.both(lambda text: [level for level, _ in HEADING.findall(prose(text))])

    def test_code_is_the_same(self):
        self.both(lambda text: generated.FENCE.split(text)[1::2])

    def test_tables_and_lists_have_as_many_rows_and_columns(self):
        rows = re.compile(r"^(?:\||-|\d\.) .*$", re.M)
        self.both(lambda text: [it.count("|") for it in rows.findall(prose(text))])

    def test_the_same_parts_are_left_out_of_packages(self):
        left_out = generated.LEFT_OUT.findall
        self.both(lambda text: [len(HEADING.findall(it)) for it in left_out(text)])


if __name__ == "__main__":
    unittest.main()
