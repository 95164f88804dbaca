"""Tests of `tools.versions`: a tag, the files and the changelog must agree."""

import tempfile
import unittest
from pathlib import Path

from tools import versions

CHANGES = """# Changelog

## [Unreleased]

The first release will be 0.1.0.

### Added

- `Map::find`.

[Unreleased]: https://example.invalid/commits/HEAD
"""
OLD = "## [0.0.9] - 2026-01-02\n\n- `Map`.\n\n"


class Repository(unittest.TestCase):
    """A folder with the files that name the version."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.put("Cargo.toml", '[workspace]\n\n[workspace.package]\nversion = "0.1.0"\n')
        dependency = 'safemap = { version = "0.1.0", path = "../../core" }\n'
        self.put("compat/safemap-memmap2/Cargo.toml", "[dependencies]\n" + dependency)
        self.put("recipe/recipe.yaml", 'context:\n  version: "0.1.0"\n  other: "0.1.0"\n')
        self.put("CHANGELOG.md", CHANGES)

    def put(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def text(self, path="CHANGELOG.md"):
        return (self.root / path).read_text()

    def release(self):
        versions.write(self.root, "0.2.0")
        versions.close(self.root, "0.2.0", "2026-11-29")


class Agreement(Repository):
    def test_files_agree_before_a_release_and_after_it(self):
        self.assertEqual(list(versions.findings(self.root)), [])
        self.release()
        self.assertEqual(list(versions.findings(self.root, "v0.2.0")), [])

    def test_each_file_with_another_version_is_found(self):
        for path in versions.PLACES:
            with self.subTest(path):
                self.put(path, self.text(path).replace("0.1.0", "0.1.1", 1))
                self.assertTrue(list(versions.findings(self.root)))
                self.put(path, self.text(path).replace("0.1.1", "0.1.0"))
        self.assertEqual(list(versions.findings(self.root)), [])

    def test_a_file_that_does_not_name_the_version_is_found(self):
        self.put("recipe/recipe.yaml", "context:\n")
        self.assertEqual(len(list(versions.findings(self.root))), 1)

    def test_a_tag_of_another_version_is_found(self):
        self.release()
        for tag in ("v0.1.0", "0.2.0", "v0.2.0-rc.1", "v0.2", ""):
            with self.subTest(tag):
                self.assertIn("tag", " ".join(versions.findings(self.root, tag)))

    def test_a_tag_needs_a_section_with_a_date_and_with_text(self):
        self.release()
        released = self.text()
        for heading in ("## [0.2.0]", "## [0.2.0] - soon", "## [0.20.0] - 2026-11-29"):
            with self.subTest(heading):
                self.put("CHANGELOG.md", released.replace("## [0.2.0] - 2026-11-29", heading))
                self.assertIn("CHANGELOG", " ".join(versions.findings(self.root, "v0.2.0")))
        self.put("CHANGELOG.md", "## [0.2.0] - 2026-11-29\n\n## [0.1.0] - 2026-11-28\n\n- Old.\n")
        self.assertIn("CHANGELOG", " ".join(versions.findings(self.root, "v0.2.0")))


class Writing(Repository):
    def test_the_version_changes_only_where_it_is_that_of_the_package(self):
        self.release()
        expected = 'context:\n  version: "0.2.0"\n  other: "0.1.0"\n'
        self.assertEqual(self.text("recipe/recipe.yaml"), expected)
        self.assertEqual(versions.current(self.root), "0.2.0")

    def test_unreleased_changes_become_those_of_the_version(self):
        self.put("CHANGELOG.md", CHANGES.replace("[Unreleased]: h", OLD + "[Unreleased]: h"))
        self.release()
        self.assertEqual(versions.notes(self.text(), "0.2.0"), "### Added\n\n- `Map::find`.")
        self.assertEqual(versions.notes(self.text(), "0.0.9"), "- `Map`.")
        self.assertIn("## [Unreleased]\n\n## [0.2.0] - 2026-11-29\n\n### Added", self.text())
        self.assertNotIn("The first release", self.text())

    def test_a_release_without_changes_is_refused(self):
        for text in ("# Changelog\n", "## [Unreleased]\n\n" + OLD, CHANGES + CHANGES):
            with self.subTest(text):
                self.put("CHANGELOG.md", text)
                self.assertRaises(ValueError, versions.close, self.root, "0.2.0", "2026-11-29")
                self.assertEqual(self.text(), text)

    def test_a_rehearsal_needs_no_changes(self):
        self.put("CHANGELOG.md", "## [Unreleased]\n\n" + OLD)
        versions.close(self.root, "0.2.0", "2026-11-29", "- A rehearsal.\n")
        self.assertEqual(versions.notes(self.text(), "0.2.0"), "- A rehearsal.")
        self.assertTrue(self.text().endswith(OLD))

    def test_a_version_is_released_once(self):
        self.release()
        with self.assertRaisesRegex(ValueError, "already"):
            versions.close(self.root, "0.2.0", "2026-11-30")

    def test_a_file_without_the_version_is_not_written(self):
        self.put("recipe/recipe.yaml", "context:\n")
        self.assertRaisesRegex(ValueError, "recipe", versions.write, self.root, "0.2.0")

    def test_a_version_follows_the_same_or_an_older_one(self):
        for new in ("0.1.0", "0.1.1", "0.10.0", "1.0.0"):
            self.assertIsNone(versions.problem("0.1.0", new))
        for new in ("0.0.9", "0.1", "v0.2.0", "0.2.0-rc.1", "0.2.0 ", "", "0.02.0", "٠.٢.٠"):
            self.assertIsNotNone(versions.problem("0.1.0", new), new)
        self.assertIsNotNone(versions.problem("0.10.0", "0.9.0"))


if __name__ == "__main__":
    unittest.main()
