"""Tests of the summary of a tool's run."""

import contextlib
import io
import sys
import unittest

from tools.steps import Steps, reasons

RUST = """running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----

thread 'b' (7) panicked at core/tests/a.rs:3:5:
assertion failed: left == right
stack backtrace:
   0: rust_begin_unwind
"""
PYTHON = """..F
======================================================================
FAIL: test_b (test_a.A.test_b)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "test_a.py", line 3, in test_b
    self.assertEqual(1, 2)
AssertionError: 1 != 2
"""


class StepsTest(unittest.TestCase):
    def test_the_reasons_of_failures_are_found(self):
        found = reasons(RUST)
        self.assertEqual(found[0], "---- b stdout ----")
        self.assertEqual(found[-1], "assertion failed: left == right")
        self.assertEqual(
            reasons(PYTHON), ["FAIL: test_b (test_a.A.test_b)", "AssertionError: 1 != 2"]
        )

    def test_the_reasons_of_failures_are_at_the_end(self):
        steps, output = Steps(), io.StringIO()
        with contextlib.redirect_stdout(output):
            steps.run("a step", [sys.executable, "-c", "raise KeyError('the reason')"])
            self.assertEqual(steps.close(), 1)
        end = output.getvalue().split("\nwhat failed:\n")[1]
        self.assertTrue(end.startswith("a step:\nKeyError: 'the reason'\n"), end)
