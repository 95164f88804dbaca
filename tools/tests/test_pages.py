"""Tests of the pages: their links, the API reference, and the plots."""

import re
import unittest

from tools import api_pages, docs, generated, plots
from tools.steps import ROOT

HEADING = re.compile(r"^(#+) (.+)$", re.M)
LINK = re.compile(r"\]\((?!https?:)([^)\s]*)\)")


def pages():
    """All pages in Markdown, by their paths in the repository."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")]:
        yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def prose(text):
    """A page without its code."""
    return "".join(generated.FENCE.split(text)[::2])


def anchors(text):
    """What GitHub makes of headings."""
    titles = (title.lower() for _, title in HEADING.findall(prose(text)))
    return {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}


class Links(unittest.TestCase):
    def test_relative_links_lead_to_files_and_headings(self):
        found = 0
        for path, text in pages():
            for link in LINK.findall(prose(text)):
                name, _, fragment = link.partition("#")
                file = (ROOT / path.parent / name) if name else ROOT / path
                with self.subTest(page=path, link=link):
                    self.assertTrue(file.exists())
                    if fragment and file.suffix == ".md":
                        self.assertIn(fragment, anchors(file.read_text(encoding="utf-8")))
                found += 1
        self.assertGreater(found, 100)

    def test_links_of_the_site_to_other_files_are_addresses(self):
        project = generated.Project()
        text = "[a](b.md#c), [d](../README.md), [e](../core/src/lib.rs#L1), [f](#g)"
        moved = docs.relinked(text, "docs", project)
        readme, source = (project.file(it, "HEAD") for it in ("README.md", "core/src/lib.rs"))
        self.assertEqual(moved, f"[a](b.md#c), [d]({readme}), [e]({source}#L1), [f](#g)")
        text = docs.relinked("[a](../ipc.md), [b](../../LICENSE)", "docs/cookbook", project)
        self.assertEqual(text, f"[a](../ipc.md), [b]({project.file('LICENSE', 'HEAD')})")


class Reference(unittest.TestCase):
    def setUp(self):
        self.pages = dict(api_pages.pages())

    def test_each_public_name_has_an_entry(self):
        expected = {
            "safemap": "class:: mmap(, class:: Map(, function:: open(, exception:: FaultError",
            "safemap.ipc": "class:: Channel(, class:: Queue(, class:: SharedMemory(",
            "safemap.numpy": "function:: memmap(, class:: MappedArray, method:: append(",
        }
        for module, names in expected.items():
            for name in names.split(", "):
                self.assertIn(".. py:" + name, self.pages[module])

    def test_private_names_are_renamed_or_left_out(self):
        for text in self.pages.values():
            names = re.findall(r"py:\w+:: (\w+)", text)
            private = [it for it in names if it.startswith("_") and it != "__version__"]
            self.assertEqual(private, [])
        self.assertNotIn("_Channel", self.pages["safemap.ipc"])

    def test_methods_have_no_self(self):
        self.assertIn("   .. py:method:: tell() -> int", self.pages["safemap"])
        self.assertIn("   .. py:method:: seek(pos: SupportsIndex, ", self.pages["safemap"])


class Plots(unittest.TestCase):
    def test_there_are_few_ticks_and_some(self):
        self.assertEqual(plots.ticks([3, 40], 10, 8), [5, 10, 20])
        self.assertEqual(plots.ticks([1, 1 << 20], 2, 9), [8**it for it in range(7)])

    def test_labels_do_not_overlap(self):
        placed = plots.labels({"a": 100, "b": 100, "c": 300})
        self.assertEqual(placed, {"a": 100, "b": 116, "c": 300})


if __name__ == "__main__":
    unittest.main()
