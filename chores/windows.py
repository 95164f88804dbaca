"""Windows: the core's tests, built here and run by Wine."""

from chores import debian, rust, sysroot, wine

TARGET = "x86_64-pc-windows-gnu"


def run(steps, words):
    """Runs the core's unit, integration and documentation tests; `words` go to cargo."""
    missing = debian.lacks(debian.WINDOWS)
    if missing:
        steps.skip("windows", debian.sentence(missing))
        return
    toolchain = sysroot.toolchain(steps, TARGET)
    if toolchain is None or not wine.ready(steps):
        return
    env = dict(toolchain.environment(linker=wine.GCC, runner=wine.WINE), **wine.environment())
    steps.run("cargo test, Windows", toolchain.command("test", "--no-fail-fast", *words), env, read=rust.counts)
