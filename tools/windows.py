"""Builds the core and the package for Windows, and runs their tests under Wine."""

from tools import cross_toolchain, debian, platforms, rust, windows_python, wine

TARGET = "x86_64-pc-windows-gnu"
# `thread_local!` expands to an initializer that is not const on this target.
FALSE_ALARMS = ["-A", "clippy::missing_const_for_thread_local"]


def options(parser):
    """Adds this tool's options."""
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--core", action="store_true", help="test the core only")
    part.add_argument("--python", action="store_true", help="test the package only")
    part.add_argument("--bench", action="store_true", help="measure calls of the package instead")
    platforms.options(parser)


def run(steps, options):
    """Lints and tests the core and the package. `options.rest` are arguments for `cargo test`."""
    missing = debian.lacks(debian.WINDOWS) + cross_toolchain.lacks(TARGET)
    if missing:
        steps.skip("windows", debian.sentence(missing))
        return
    toolchain = cross_toolchain.Toolchain(TARGET, linker=wine.GCC, runner=wine.WINE)
    toolchain.env.update(wine.ENVIRONMENT, PYO3_CROSS_PYTHON_VERSION=windows_python.VERSION)
    if not (toolchain.ready(steps) and wine.ready(steps)):
        return
    if options.bench:
        windows_python.bench(steps, toolchain)
        return
    rows = [] if options.python else [core(steps, toolchain, options.rest)]
    rows += [] if options.core or options.rest else package(steps, toolchain)
    platforms.report(rows, options.write and not options.rest)


def core(steps, toolchain, rest):
    """Lints and tests the core; returns the row of the table."""
    packages = ["safemap", "safemap-memmap2"]
    checked = rest or all([lint(steps, toolchain, it, "--all-targets") for it in packages])
    words = [word for it in packages for word in ("--package", it)]
    command = toolchain.command("test", *words, "--no-fail-fast", *rest)
    counts = steps.run("cargo test for Windows", command, toolchain.env, read=rust.counts).counts
    return platforms.tested(TARGET, counts, "run by " + wine.version(), checked)


def package(steps, toolchain):
    """Lints the package and tests it with a CPython for Windows; returns rows of the table."""
    checked = lint(steps, toolchain, "safemap-python")
    suites = windows_python.run(steps, toolchain)
    return [platforms.tested(TARGET + ", " + it[0], *it[1:], checked) for it in suites]


def lint(steps, toolchain, package, *words):
    """Runs clippy; a warning is an error. Returns whether there was none."""
    command = toolchain.command("clippy", "--package", package, *words)
    command += ["--", "-D", "warnings", *FALSE_ALARMS]
    return steps.run(f"cargo clippy of {package} for Windows", command, toolchain.env).ok
