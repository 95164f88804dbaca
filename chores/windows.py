"""Windows: the core's tests and the package's, built here and run by Wine."""

from chores import debian, rust, sysroot, windows_python, wine

TARGET = "x86_64-pc-windows-gnu"

# What the macro makes of a constant on this target is none.
FALSE_ALARMS = ["-A", "clippy::missing_const_for_thread_local"]


def run(steps, words):
    """Lints both crates and runs all tests; `--python`: those of the package alone; other `words` go to the core's cargo."""
    missing = debian.lacks(debian.WINDOWS)
    if missing:
        steps.skip("windows", debian.sentence(missing))
        return
    toolchain = sysroot.toolchain(steps, TARGET)
    if toolchain is None or not wine.ready(steps):
        return
    env = dict(toolchain.environment(linker=wine.GCC, runner=wine.WINE), **wine.environment())
    if "--python" not in words:
        core(steps, toolchain, env, words)
    if words in ([], ["--python"]):
        python(steps, toolchain, env)


def core(steps, toolchain, env, words):
    """Lints the core, and runs its unit, integration and documentation tests."""
    # Windows cuts no file that is mapped; the tests have the host do it.
    env = dict(env, SAFEMAP_DRIVE_C=str(wine.prefix() / "drive_c"))
    if not words:
        lint(steps, "Windows", toolchain.command("clippy", "--all-targets"), env)
    steps.run("cargo test, Windows", toolchain.command("test", "--no-fail-fast", *words), env, read=rust.counts)


def python(steps, toolchain, env):
    """Lints the package, and tries it on a CPython for Windows."""
    env = dict(env, PYO3_CROSS_PYTHON_VERSION=windows_python.NUMBER)
    lint(steps, "Windows, Python", toolchain.command("clippy", "--package", "safemap-python"), env)
    windows_python.run(steps, toolchain, env)


def lint(steps, name, command, env):
    """Runs clippy; a warning is an error."""
    steps.run("cargo clippy, " + name, command + ["--", "-D", "warnings"] + FALSE_ALARMS, env)
