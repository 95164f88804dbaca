"""Runs tests in the interpreter that executes this script. The last line is the counts as JSON.

`inside.py ours FOLDER` runs the tests of the package, `inside.py cpython` runs `test.test_mmap` of
the interpreter on safemap, and `inside.py standard` runs it on the standard module.
"""

import collections
import importlib
import json
import sys
import unittest


def ours(folder):
    """Returns the tests in a folder."""
    return unittest.defaultTestLoader.discover(folder, top_level_dir=folder)


def cpython():
    """Returns the tests of the interpreter, with safemap instead of the standard module."""
    # Before `test` is imported, which would keep the standard module.
    sys.modules["mmap"] = importlib.import_module("safemap")
    tests = importlib.import_module("test.test_mmap")
    if tests.mmap is not sys.modules["safemap"]:
        raise SystemExit("the tests of the interpreter did not import safemap")
    return unittest.defaultTestLoader.loadTestsFromModule(tests)


def standard():
    """Returns the tests of the interpreter."""
    return unittest.defaultTestLoader.loadTestsFromName("test.test_mmap")


def run(suite):
    """Runs the tests and returns the exit status."""
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    reasons = collections.Counter(reason for _, reason in result.skipped)
    counts = {"passed": result.passed, "failed": failed, "skipped": len(result.skipped)}
    print(json.dumps({**counts, "reasons": reasons}))
    return 1 if failed else 0


class Result(unittest.TextTestResult):
    """Counts the tests that passed. `testsRun` counts those that started."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.passed += 1


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    sys.exit(run({"ours": ours, "cpython": cpython, "standard": standard}[command](*rest)))
