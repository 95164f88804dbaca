"""Runs the package's tests and CPython's own tests of mmap, on each CPython found."""

import sys
from pathlib import Path

from tools import interpreters, package, platforms, rust
from tools.steps import ROOT, TARGET, Counts, last_line, pool

INSIDE = ROOT / "tools" / "inside.py"
TESTS = ROOT / "python" / "tests"
ENVIRONMENT = {"PYTHONFAULTHANDLER": "1", "PYTHONDONTWRITEBYTECODE": "1"}
# Fewer steps of random programs, where files are slow.
FEWER = {"SAFEMAP_STEPS": "5000"}


def options(parser):
    """Adds this tool's options."""
    parser.add_argument("versions", nargs="*", help="`3.14 3.15`; default: each found")
    platforms.options(parser)


def run(steps, options):
    """Tests the package on the CPythons that are named, or on all."""
    platforms.report(rows(steps, options.versions), options.write)


def rows(steps, versions=()):
    """Builds the package for CPythons and tests it; returns rows of the table of targets.

    The package is tested with a CPython while it is built for the next one.
    """
    found = interpreters.found()
    print("found CPython: " + ", ".join(it.name for it in found))
    print("not found: " + ", ".join(interpreters.missing()), flush=True)
    chosen = [it for it in found if it.name.startswith(tuple(versions) or "")]
    if not chosen:
        steps.fail("Python tests", "no CPython to test")
    suites = []
    with pool(1) as threads:
        for it in chosen:
            if not package.is_supported(it):
                why = "PyO3 supports free-threaded CPython from 3.14 up"
                steps.skip("wheel for " + it.minor, why)
                continue
            python, _ = package.installed(steps, it)
            if python:
                suites.append(threads.submit(rows_of, steps, it, python))
    return [row for suite in suites for row in suite.result()]


def rows_of(steps, it, python):
    """Runs both suites with an interpreter's environment; returns rows of the table."""
    suites = {"python/tests": ["ours", TESTS], "test.test_mmap": ["cpython"]}
    if not it.has_tests:
        steps.skip("test.test_mmap on " + it.name, "this interpreter came without its tests")
        del suites["test.test_mmap"]
    made = []
    for name, words in suites.items():
        title = f"{name} on CPython {it.minor}"
        counts = inside(steps, title, it, python, words)
        made.append(platforms.tested(f"{rust.host()}, {title}", counts, it.name))
    return made


def of_wheel(steps, folder, it, wheel, tests=TESTS):
    """Installs a wheel for an interpreter, and runs tests; returns the counts, or None."""
    # An emulator takes minutes to install a package.
    tested = () if it.is_emulated else package.TESTED
    python = package.environment(steps, folder, it, wheel, tested)
    words = ["ours", tests]
    if it.is_emulated:
        # Qemu has a record of each page: maps of terabytes, of which these tests have some, take
        # all memory of this machine.
        steps.skip("python/tests on CPython " + it.name, "they take too much memory in qemu")
        words = ["cpython"]
    return python and inside(steps, f"tests of {Path(wheel).name}", it, python, words)


def inside(steps, name, it, python, words):
    """Runs a suite with an interpreter's environment; returns the counts."""
    # An empty folder, so that only the installed package can be imported.
    scratch = TARGET / f"scratch-{it.name}"
    scratch.mkdir(parents=True, exist_ok=True)
    return suite(steps, name, [python, INSIDE, *words], ENVIRONMENT, scratch)


def suite(steps, name, command, env, folder):
    """Runs `inside.py`, prints why tests were skipped, and returns the counts."""
    ended = steps.run(name, command, env, folder, read=counts)
    for reason, times in sorted((last_line(ended.text) or {}).get("reasons", {}).items()):
        print(f"               {times} skipped: {reason}", flush=True)
    return ended.counts


def of_tools(steps):
    """Runs the tests of the tools."""
    command = [sys.executable, INSIDE, "ours", ROOT / "tools" / "tests"]
    steps.run("tests of the tools", command, {"PYTHONPATH": str(ROOT)}, read=counts)


def counts(text):
    """Reads the last line of `inside.py`; counts nothing if it did not get there."""
    last = last_line(text)
    return Counts(last["passed"], last["failed"], last["skipped"]) if last else Counts()


def lint(steps):
    """Compiles each Python file, and checks names in it."""
    folders = [ROOT / name for name in ("x.py", "tools", "docs", "python", "bench", "stress")]
    env = {"PYTHONPYCACHEPREFIX": str(TARGET / "pycache")}
    compiled = [sys.executable, "-W", "error", "-m", "compileall", "-q", *folders]
    steps.run("compileall", compiled, env)
    folder = package.tools(steps)
    if folder:
        ruff = folder / "bin" / interpreters.program("ruff")
        steps.run("ruff", [ruff, "check", "--quiet", "."])
