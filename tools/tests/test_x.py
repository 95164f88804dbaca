"""Tests of the program x.py."""

import subprocess
import sys
import unittest

from tools.steps import ROOT


def run(*words):
    """Runs x.py; returns its exit status and what it prints on standard output."""
    done = subprocess.run([sys.executable, ROOT / "x.py", *words], capture_output=True, text=True)
    return done.returncode, done.stdout


class WithoutTool(unittest.TestCase):
    def test_it_lists_the_tools(self):
        status, text = run()
        self.assertEqual((status, text), run("--help"))
        self.assertIn("\n    stubs ", text)

    def test_an_unknown_tool_is_an_error(self):
        self.assertEqual(run("no-such-tool"), (2, ""))


if __name__ == "__main__":
    unittest.main()
