"""Windows: the core's tests, built here and run by Wine."""

from chores import debian, rust, sysroot, wine

TARGET = "x86_64-pc-windows-gnu"

# What the macro makes of a constant on this target is none.
FALSE_ALARMS = ["-A", "clippy::missing_const_for_thread_local"]


def run(steps, words):
    """Lints the core, and runs its unit, integration and documentation tests; `words` go to cargo."""
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
    if not words:
        clippy = toolchain.command("clippy", "--all-targets")
        steps.run("cargo clippy, Windows", clippy + ["--", "-D", "warnings"] + FALSE_ALARMS, env)
    steps.run("cargo test, Windows", toolchain.command("test", "--no-fail-fast", *words), env, read=rust.counts)
