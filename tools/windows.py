"""Windows: the core's tests and the package's, built here and run by Wine."""

import re

from tools import debian, platforms, rust, sysroot, windows_python, wine
from tools.steps import call

TARGET = "x86_64-pc-windows-gnu"

# Words that are not for cargo.
OWN = ("--python", "--write", "--bench")

# What the macro makes of a constant on this target is none.
FALSE_ALARMS = ["-A", "clippy::missing_const_for_thread_local"]


def run(steps, words):
    """Lints both crates and runs all tests, or those of the package alone (`--python`); `--write` puts them into the documentation.

    `--bench` measures calls of the package beside the standard module's instead. Other `words` go to the core's cargo.
    """
    missing = debian.lacks(debian.WINDOWS)
    if missing:
        steps.skip("windows", debian.sentence(missing))
        return
    toolchain = sysroot.toolchain(steps, TARGET)
    if toolchain is None or not wine.ready(steps):
        return
    env = dict(toolchain.environment(linker=wine.GCC, runner=wine.WINE), **wine.environment())
    # Windows cuts no file that is mapped; the tests have the host do it.
    env["SAFEMAP_DRIVE_C"] = str(wine.prefix() / "drive_c")
    ours, theirs = [word for word in words if word in OWN], [word for word in words if word not in OWN]
    if "--bench" in ours:
        windows_python.bench(steps, toolchain, dict(env, PYO3_CROSS_PYTHON_VERSION=windows_python.NUMBER))
        return
    rows = core(steps, toolchain, env, theirs) if "--python" not in ours else []
    rows += python(steps, toolchain, env) if not theirs else []
    # A part of the tests is no row of the page.
    platforms.tell(rows, [] if theirs else ours)


def core(steps, toolchain, env, words):
    """Lints the core, and runs its unit, integration and documentation tests; the row of the table."""
    checked = words or lint(steps, "Windows", toolchain.command("clippy", "--all-targets"), env)
    command = toolchain.command("test", "--no-fail-fast", *words)
    counts = steps.run("cargo test, Windows", command, env, read=rust.counts).counts
    return [platforms.tested(TARGET, counts, "run by " + version(), checked)]


def python(steps, toolchain, env):
    """Lints the package, and tries it on a CPython for Windows; the rows of the table."""
    env = dict(env, PYO3_CROSS_PYTHON_VERSION=windows_python.NUMBER)
    checked = lint(steps, "Windows, Python", toolchain.command("clippy", "--package", "safemap-python"), env)
    tried = windows_python.run(steps, toolchain, env)
    return [platforms.tested("{}, {}".format(TARGET, name), counts, why, checked) for name, counts, why in tried]


def lint(steps, name, command, env):
    """Runs clippy; a warning is an error. Whether there was none."""
    return steps.run("cargo clippy, " + name, command + ["--", "-D", "warnings"] + FALSE_ALARMS, env).ok


def version():
    """Which Wine it is: `Wine 8.0`."""
    told = re.match(r"wine-(\S+)", call([wine.WINE, "--version"]).text)
    return "Wine " + told.group(1) if told else "Wine"
