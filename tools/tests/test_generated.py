"""Tests of `tools.generated`: what packages contain of the README and of the addresses."""

import unittest

from tools import generated

README = """# Name

<!-- not in packages -->
## In the repository

[layout](docs/design.md)
<!-- end -->

[one](docs/a.md), [two](docs/a.md#part), [other](https://example.net/x), [here](#name)

```text
[code](docs/a.md)
```
"""
CHANGES = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-01

- One.

## [0.1.0] - 2026-11-01
"""
PROJECT = """authors = []

[project.urls]
Old = "x"

[a]
"""


class Sample(generated.Project):
    """A project with a real address."""

    def __init__(self, address="https://example.org/a/b", email="a@example.org"):
        self.address, self.version, self.author, self.email = address, "0.2.0", "The authors", email
        self.site = "https://example.net/site/"


class Packaged(unittest.TestCase):
    def setUp(self):
        self.text = generated.packaged(README, "README.md", Sample())

    def test_relative_links_lead_to_the_file_in_the_released_version(self):
        self.assertIn("[one](https://example.org/a/b/blob/v0.2.0/docs/a.md)", self.text)
        self.assertIn("[two](https://example.org/a/b/blob/v0.2.0/docs/a.md#part)", self.text)

    def test_links_are_relative_to_the_folder_of_the_page(self):
        text = generated.packaged("[x](../LICENSE), [y](b.md)", "docs/a.md", Sample())
        self.assertIn("[x](https://example.org/a/b/blob/v0.2.0/LICENSE)", text)
        self.assertIn("[y](https://example.org/a/b/blob/v0.2.0/docs/b.md)", text)

    def test_other_links_and_code_stay(self):
        for same in ("[other](https://example.net/x)", "[here](#name)", "[code](docs/a.md)"):
            self.assertIn(same, self.text)

    def test_what_is_of_use_in_the_repository_only_is_left_out(self):
        self.assertNotIn("layout", self.text)
        self.assertNotIn("not in packages", self.text)

    def test_the_pages_of_the_repository_keep_no_relative_link(self):
        project = generated.Project()
        for path, source in generated.READMES.items():
            text = generated.packaged(generated.read(source), source, project)
            prose = "".join(generated.FENCE.split(text)[::2])
            self.assertIn("](http", prose, path)
            self.assertEqual(generated.LINK.findall(prose), [], path)


class Addresses(unittest.TestCase):
    def test_placeholders_are_found(self):
        self.assertEqual(Sample().placeholders(), [])
        for address in ("https://x.invalid/a", "https://x.invalid"):
            self.assertEqual(Sample(address).placeholders(), [address])
        self.assertEqual(Sample(email="a@x.invalid").placeholders(), ["a@x.invalid"])
        self.assertEqual(Sample("https://x.invalid.org/a").placeholders(), [])

    def test_the_changelog_has_a_link_for_each_version(self):
        text = generated.releases(CHANGES, Sample())
        self.assertIn("\n\n[Unreleased]: https://example.org/a/b/compare/v0.2.0...HEAD\n", text)
        self.assertIn("\n[0.1.0]: https://example.org/a/b/releases/tag/v0.1.0\n", text)

    def test_writing_again_changes_nothing(self):
        text = generated.releases(CHANGES, Sample())
        self.assertEqual(generated.releases(text, Sample()), text)
        project = generated.python_project(generated.read("python/pyproject.toml"), Sample())
        self.assertEqual(generated.python_project(project, Sample()), project)

    def test_the_python_project_has_the_addresses(self):
        text = generated.python_project(PROJECT, Sample())
        self.assertIn('authors = [{ name = "The authors", email = "a@example.org" }]\n', text)
        self.assertIn('Issues = "https://example.org/a/b/issues"\n', text)
        self.assertIn('Documentation = "https://example.net/site/"\n', text)
        self.assertNotIn("Old", text)

    def test_the_help_of_the_module_names_the_documentation(self):
        text = generated.docstring(generated.read("python/safemap/__init__.py"), Sample())
        self.assertIn("\nThe documentation is at https://example.net/site/\n", text)


if __name__ == "__main__":
    unittest.main()
