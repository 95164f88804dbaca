"""Inside: runs in the interpreter under test, runs tests there, and tells the counts on its last line as JSON.

`inside.py ours FOLDER` runs our tests, `inside.py cpython` the interpreter's own `test.test_mmap` on our module, and
`inside.py standard` on the interpreter's own.
"""

import collections
import importlib
import json
import sys
import unittest


def ours(folder):
    """Finds the tests of a folder."""
    return unittest.defaultTestLoader.discover(folder, top_level_dir=folder)


def cpython():
    """Loads the interpreter's own tests with our module in the place of the one they test."""
    # Before anything of the package `test` is imported, or that keeps the other one.
    sys.modules["mmap"] = importlib.import_module("safemap")
    tests = importlib.import_module("test.test_mmap")
    if tests.mmap is not sys.modules["safemap"]:
        raise SystemExit("the interpreter's tests did not take our module")
    return unittest.defaultTestLoader.loadTestsFromModule(tests)


def standard():
    """Loads the interpreter's own tests as they are."""
    return unittest.defaultTestLoader.loadTestsFromName("test.test_mmap")


def run(suite):
    """Runs the tests; the exit status is what they found."""
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1, resultclass=Result).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    reasons = collections.Counter(reason for _, reason in result.skipped)
    told = {"passed": result.passed, "failed": failed, "skipped": len(result.skipped), "reasons": reasons}
    print(json.dumps(told))
    return 1 if failed else 0


class Result(unittest.TextTestResult):
    """Counts what passed, rather than what was begun."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.passed += 1


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    sys.exit(run({"ours": ours, "cpython": cpython, "standard": standard}[what](*rest)))
