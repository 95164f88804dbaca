#!/usr/bin/env python3
"""Every tool of the house. `python3 x.py` lists them; standard library only."""

import argparse
import sys

from tools import bench, cross, debian, package, platforms, python_tests, rust, sid, stubs, targets, windows
from tools import stress as scenarios
from tools.steps import Steps


def build(steps, words):
    """the library and its examples (cargo build --release)"""
    rust.build(steps)


def test(steps, words):
    """every test: Rust's, the documentation's, and the Python package's on each CPython from 3.11 up (--write: into docs/platforms.md)"""
    platforms.tell(rust.test(steps) + python_tests.run(steps), words)


def lint(steps, words):
    """fmt, clippy, rustdoc, compileall and ruff; a warning is an error"""
    rust.lint(steps)
    python_tests.lint(steps)
    scenarios.lint(steps)
    bench.lint(steps)


def wheel(steps, words):
    """a wheel for this Python into target/wheels (--all: for each one found)"""
    package.wheels(steps, every="--all" in words)


def stubs_(steps, words):
    """does the .pyi tell the truth, and does it offer all of typeshed's mmap.pyi?"""
    stubs.run(steps)


def bench_(steps, words):
    """how fast, beside what else there is: all into docs/performance.md (NAME: one, --quick: do they work?, --instructions)"""
    bench.run(steps, words)


def stress(steps, words):
    """everything that the world may do to a map (--quick, --control: without protection, NAME: one scenario)"""
    parser = argparse.ArgumentParser(prog="x.py stress")
    scenarios.options(parser)
    scenarios.run(steps, parser.parse_args(words))


def windows_(steps, words):
    """all tests for Windows, under Wine (--python: the package alone, --bench: how fast it is, --write; other words go to the core's cargo)"""
    windows.run(steps, words)


def setup_cross(steps, words):
    """installs what builds and runs programs for other targets, and the newest CPythons, on Debian"""
    debian.install(steps, debian.RUST, debian.WINDOWS, *targets.NEEDS, sid.NEEDS)
    sid.make(steps)


def pythons(steps, words):
    """the package's tests on each CPython from 3.11 up, or on those that are named: `3.14 3.15` (--write: as for test)"""
    platforms.tell(python_tests.run(steps, words), words)


def cross_(steps, words):
    """the other targets: checked, built, tested in emulators of programs and of computers, and a table (NAME…; --write: into docs/platforms.md)"""
    cross.run(steps, words)


def ci(steps, words):
    """lint + test + stubs + stress --quick + bench --quick + windows + cross: what a change must pass"""
    lint(steps, words)
    test(steps, words)
    stubs.run(steps)
    stress(steps, ["--quick"])
    bench.run(steps, ["--quick"])
    windows.run(steps, [])
    cross.run(steps, [])


TOOLS = {
    "build": build,
    "test": test,
    "lint": lint,
    "stubs": stubs_,
    "wheel": wheel,
    "bench": bench_,
    "stress": stress,
    "windows": windows_,
    "cross": cross_,
    "pythons": pythons,
    "setup-cross": setup_cross,
    "ci": ci,
}


def listing():
    """Prints the tools, a line each."""
    print("usage: python3 x.py TOOL [OPTION]\n")
    for name, tool in TOOLS.items():
        print("  {:<11} {}".format(name, tool.__doc__))


def main(words):
    """Runs the tool named by the first word; its exit status is what it found."""
    if not words or words[0] in ("-h", "--help", "help"):
        listing()
        return 0
    if words[0] not in TOOLS:
        listing()
        print("\nno such tool: " + words[0], file=sys.stderr)
        return 2
    steps = Steps()
    TOOLS[words[0]](steps, words[1:])
    return steps.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
