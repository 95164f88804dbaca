"""Tests of `tools.lowest`: which compiler is taken for that of the declared version."""

import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from tools import interpreters, lowest

VERSION = lowest.declared()


class Compilers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def programs(self, **versions):
        """Writes programs that print versions."""
        for name, version in versions.items():
            path = self.folder / interpreters.program(name)
            path.write_text(f"#!/bin/sh\necho {name} {version} '(a hash)'\n")
            path.chmod(0o755)

    @unittest.skipIf(os.name == "nt", "the programs are scripts")
    def test_both_programs_must_have_the_declared_version(self):
        self.assertFalse(lowest.is_version(self.folder, VERSION))
        self.programs(rustc=VERSION + ".1", cargo=VERSION + ".0")
        self.assertTrue(lowest.is_version(self.folder, VERSION))
        self.programs(cargo=VERSION + "0.0")
        self.assertFalse(lowest.is_version(self.folder, VERSION))

    def test_the_folder_that_is_named_is_the_first(self):
        with mock.patch.dict(os.environ, {lowest.VARIABLE: str(self.folder)}):
            self.assertEqual(next(lowest.folders(VERSION)), self.folder)

    def test_the_lowest_maturin_is_that_of_the_project(self):
        self.assertRegex(" ".join(lowest.package.BUILD), r"^maturin>=\d[\d.]*,<\d+$")


if __name__ == "__main__":
    unittest.main()
