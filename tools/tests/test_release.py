"""Tests of `tools.release`: what stops a release, and what a rehearsal leaves as it was."""

import contextlib
import unittest
from unittest import mock

from tools import release, versions
from tools.steps import ROOT, Ended, Steps

NEXT = "99.0.0"


class Options:
    """The command line of a release."""

    def __init__(self, version=NEXT, *, dry_run=False):
        self.version, self.dry_run, self.names = version, dry_run, []


class Release(unittest.TestCase):
    """A release whose commands succeed, and whose changes are recorded."""

    def setUp(self):
        self.placeholders, self.dirty, self.tags, self.fails = [], "", "", None
        self.changed, self.defaults = [], []
        patches = {
            "copy": lambda steps: self.fails != "copy",
            "change": self.change,
            "build": self.build,
            "report": lambda version: None,
            "call": lambda words: Ended(0, self.dirty if "status" in words else self.tags),
        }
        for name, function in patches.items():
            self.patch(release, name, function)
        self.patch(release.generated.Project, "placeholders", lambda _: self.placeholders)

    def patch(self, owner, name, value):
        patch = mock.patch.object(owner, name, value)
        patch.start()
        self.addCleanup(patch.stop)

    def change(self, steps, root, version, default=""):
        self.changed.append((root, version))
        self.defaults.append(default)
        return self.fails != root

    def build(self, steps, names):
        self.dirty = self.dirty or self.fails == "dirty" and " M README.md"
        return self.fails != "build"

    def run_with(self, **options):
        """Runs the tool; returns its exit status."""
        steps = Steps()
        with contextlib.redirect_stdout(None):
            release.run(steps, Options(**options))
            return steps.close()

    def test_a_release_is_rehearsed_and_then_changes_the_working_tree(self):
        self.assertEqual(self.run_with(), 0)
        self.assertEqual(self.changed, [(release.COPY, NEXT), (ROOT, NEXT)])
        self.assertEqual(self.defaults, ["", ""])

    def test_a_rehearsal_changes_the_copy_only(self):
        self.assertEqual(self.run_with(dry_run=True), 0)
        self.assertEqual(self.changed, [(release.COPY, NEXT)])
        self.assertEqual(self.defaults, ["- A rehearsal.\n"])

    def test_a_version_with_a_tag_is_refused(self):
        self.tags = f"v{NEXT}\n"
        for dry_run in (False, True):
            self.assertEqual((self.run_with(dry_run=dry_run), self.changed), (1, []))

    def test_what_cannot_be_built_does_not_change_the_working_tree(self):
        for self.fails in ("copy", "build", "dirty", release.COPY):
            self.changed.clear()
            self.run_with()
            self.assertNotIn((ROOT, NEXT), self.changed)

    def test_without_an_address_there_are_only_rehearsals(self):
        self.placeholders = ["https://safemap.invalid"]
        self.assertEqual((self.run_with(), self.changed), (1, []))
        self.assertEqual((self.run_with(dry_run=True), len(self.changed)), (0, 1))

    def test_with_changes_that_are_not_committed_there_are_only_rehearsals(self):
        self.dirty = " M README.md"
        self.assertEqual((self.run_with(), self.changed), (1, []))
        self.assertEqual((self.run_with(dry_run=True), len(self.changed)), (0, 1))

    def test_an_older_version_and_a_malformed_one_are_refused(self):
        for version in ("0.0.0", "0.2", "v0.2.0"):
            for dry_run in (False, True):
                status = self.run_with(version=version, dry_run=dry_run)
                self.assertEqual((status, self.changed), (1, []))

    def test_the_version_here_is_that_of_the_files(self):
        self.assertEqual(list(versions.findings(ROOT)), [])


if __name__ == "__main__":
    unittest.main()
