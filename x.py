#!/usr/bin/env python3
"""Runs the tools of this repository. They need Python's standard library only."""

import argparse
import os
import sys

from tools import (
    api,
    bench,
    conda,
    cross,
    debian,
    debian_pythons,
    dependencies,
    docs,
    generated,
    import_cycles,
    linking,
    lowest,
    memmap2,
    packages,
    platforms,
    prose,
    python_tests,
    release,
    rust,
    stress,
    stubs,
    targets,
    uploads,
    wheels,
    windows,
    workflows,
)
from tools.steps import Steps, pool


def test(steps, options):
    """Runs all tests of the core, of the package and of the tools."""
    python_tests.of_tools(steps)
    native = rust.test(steps)
    with pool() as threads:
        portable = threads.submit(rust.test_portable, steps)
        of_package = python_tests.rows(steps)
    platforms.report([native, portable.result(), *of_package], options.write)


def lint(steps, options=None):
    """Runs all linters; a warning is an error."""
    for part in (prose, rust, python_tests, stress, bench, workflows):
        part.lint(steps)
    import_cycles.run(steps)
    generated.lint(steps)
    dependencies.lint(steps)
    api.lint(steps)


def setup_cross(steps, options):
    """Installs what `ci` needs, or what `release-check` needs."""
    setup_ci(steps)
    if options.all:
        debian.install(steps, *targets.NEEDS, debian_pythons.NEEDS, linking.NEEDS)
        debian_pythons.make(steps)


def setup_ci(steps):
    """Installs what `ci` needs."""
    debian.install(steps, debian.RUST, debian.WINDOWS, targets.AARCH64)


def setup_options(parser):
    """Adds the option of `setup-cross`."""
    parser.add_argument("--all", action="store_true", help="for all targets, and newest CPythons")


def ci_options(parser):
    """Adds the option of `ci`."""
    parser.add_argument("--setup", action="store_true", help="install what windows and cross need")


def ci(steps, options):
    """Runs what a change must pass."""
    # Everything is built once here, and a panic shows its line without debug information.
    # Few codegen units take less processor time than many. `release-check` tests the packages as
    # they are published, which takes longer to build.
    os.environ.update(
        CARGO_INCREMENTAL="0",
        CARGO_PROFILE_DEV_CODEGEN_UNITS="4",
        CARGO_PROFILE_DEV_DEBUG="0",
        CARGO_PROFILE_RELEASE_DEBUG="0",
        CARGO_PROFILE_RELEASE_LTO="off",
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS="16",
    )
    with pool() as threads:
        if options.setup:
            # Its failures do not count: what is missing then is skipped below.
            threads.submit(setup_ci, Steps())
        lint(steps)
    test(steps, options_of(platforms))
    with pool() as threads:
        others = threads.submit(windows.run, steps, options_of(windows, "--core"))
        stubs.run(steps)
        docs.run(steps)
        stress.run(steps, options_of(stress, "--quick"))
        linking.run(steps, options_of(linking, "--quick"))
        cross.run(steps, options_of(cross, "--quick", "aarch64-unknown-linux-gnu"))
    others.result()


def release_check(steps, options):
    """Runs the checks that are too slow for `ci`.

    The emulators take as long as everything else, and run beside it.
    """
    with pool() as threads:
        others = threads.submit(cross.run, steps, options_of(cross))
        bench.run(steps, options_of(bench, "--quick"))
        docs.run(steps, options_of(docs, "--browser"))
        linking.run(steps, options_of(linking))
        python_tests.run(steps, options_of(python_tests, *debian_pythons.VERSIONS))
        windows.run(steps, options_of(windows, "--python"))
        memmap2.run(steps)
        conda.run(steps)
        lowest.run(steps, options_of(lowest))
        api.semver(steps)
        packages.run(steps, options_of(packages))
    others.result()


def none(parser):
    """For tools without options."""


# Name, what it does, the function, and the function that adds its options.
TOOLS = [
    ("build", "build the library and its examples", rust.build, none),
    ("test", "run all tests, with each CPython found", test, platforms.options),
    ("lint", "check format, lints, documentation and prose", lint, none),
    ("stubs", "compare the .pyi with the package and with typeshed", stubs.run, none),
    ("generate", "write what is made of the README and addresses", generated.run, none),
    ("api", "write the listing of the public API", api.run, none),
    ("semver", "compare the API with that of the last release", api.semver, none),
    ("dependencies", "check them with cargo-deny", dependencies.run, dependencies.options),
    ("lowest", "build with the lowest versions that are declared", lowest.run, lowest.options),
    ("docs", "build the documentation site, check its spelling", docs.run, docs.options),
    ("wheel", "build wheels: for this CPython, or all of a release", wheels.run, wheels.options),
    ("conda", "build the conda package, or check its recipe", conda.run, none),
    ("package", "build, test and check all packages", packages.run, packages.options),
    ("bench", "measure, beside the alternatives", bench.run, bench.options),
    ("stress", "inject faults and check that maps survive", stress.run, stress.options),
    ("windows", "test for Windows, under Wine", windows.run, windows.options),
    ("cross", "check, build and test for other targets", cross.run, cross.options),
    ("linking", "test with each linker and profile", linking.run, linking.options),
    ("memmap2", "run memmap2's tests on the crate in compat", memmap2.run, none),
    ("pythons", "test the package with CPythons", python_tests.run, python_tests.options),
    ("setup-cross", "install what windows and cross need", setup_cross, setup_options),
    ("release", "make a release, or rehearse one", release.run, release.options),
    ("upload", "the steps of the release workflow", uploads.run, uploads.options),
    ("ci", "what a change must pass", ci, ci_options),
    ("release-check", "the checks that are too slow for ci", release_check, none),
]


def options_of(tool, *words):
    """The options of a tool, as if it were called with some words."""
    parser = argparse.ArgumentParser()
    tool.options(parser)
    parser.set_defaults(rest=[])
    return parser.parse_args(words)


def main(words):
    """Runs the tool that is named; returns its exit status."""
    at = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(
        prog="x.py", description=__doc__, epilog="Arguments after `--` go to cargo."
    )
    parser.set_defaults(rest=words[at + 1 :])
    tools = parser.add_subparsers(metavar="TOOL")
    for name, does, run, add_options in TOOLS:
        tool = tools.add_parser(name, help=does, description=does)
        tool.set_defaults(run=run)
        add_options(tool)
    options = parser.parse_args(words[:at])
    if not words[:at]:
        parser.print_help()
        return 0
    steps = Steps()
    options.run(steps, options)
    return steps.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
