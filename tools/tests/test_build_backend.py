"""Tests of the package's build backend with pip, offline: no index and no cargo is found."""

import os
import re
import tempfile
import unittest
from pathlib import Path

from tools import interpreters
from tools.steps import ROOT, call

SENTENCE = "safemap has no wheel for this Python and platform, and to build it from source needs"
HOST = interpreters.host()


@unittest.skipIf(HOST is None, "no CPython with pip")
class Backend(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def pip(self, *words):
        """Runs pip, which finds only programs of the folder; returns its output on one line."""
        command = [HOST.executable, "-m", "pip", "--isolated", "--disable-pip-version-check"]
        env = {"PATH": str(self.folder), "PYTHONPATH": ""}
        ended = call([*command, *words], env)
        self.assertNotEqual(ended.status, 0, ended.text)
        return re.sub(r"\s+", " ", ended.text)

    def wheel(self):
        """Asks pip for a wheel of the sources; returns its output on one line."""
        options = ["--no-index", "--no-deps", "--wheel-dir", self.folder / "wheels"]
        return self.pip("wheel", *options, ROOT / "python")

    def test_pip_prints_one_sentence_without_a_wheel_and_without_rust(self):
        text = self.wheel()
        self.assertEqual(text.count(SENTENCE), 1, text)
        self.assertNotIn("Traceback", text)
        self.assertNotIn("maturin", text)

    def test_an_editable_install_prints_it_too(self):
        options = ["--no-index", "--no-deps", "--target", self.folder / "target"]
        text = self.pip("install", *options, "--editable", ROOT / "python")
        self.assertEqual(text.count(SENTENCE), 1, text)

    @unittest.skipIf(os.name == "nt", "a program is a file that ends with .exe")
    def test_control_with_cargo_maturin_is_required(self):
        cargo = self.folder / "cargo"
        cargo.touch(mode=0o755)
        text = self.wheel()
        self.assertNotIn(SENTENCE, text)
        self.assertRegex(text, r"No matching distribution found for maturin[<>=]")


if __name__ == "__main__":
    unittest.main()
