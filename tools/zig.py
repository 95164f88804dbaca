"""Zig: a linker for every target, from PyPI, and the cargo that knows how to use it."""

from tools import interpreters
from tools.sysroot import HOME

FOLDER = HOME / "zig"
REQUIREMENTS = ["cargo-zigbuild>=0.20,<1", "ziglang>=0.13,<1"]


def ready(steps):
    """Installs both into a folder, once; whether they are there."""
    done = FOLDER / "complete"
    host = interpreters.host()
    if done.exists() or host is None:
        return done.exists()
    install = [host.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    if steps.run("zig", install + ["--target", FOLDER] + REQUIREMENTS).ok:
        done.touch()
    return done.exists()


def environment(toolchain, flags=()):
    """The environment in which `cargo-zigbuild` builds what the toolchain would."""
    own = {
        "CARGO_ZIGBUILD_ZIG_PATH": str(FOLDER / "ziglang" / "zig"),
        "CARGO_ZIGBUILD_CACHE_DIR": str(FOLDER / "wrappers"),
        "ZIG_GLOBAL_CACHE_DIR": str(FOLDER / "cache"),
        "PYTHONPATH": str(FOLDER),
    }
    return dict(toolchain.environment(flags=flags), **own)


def command(toolchain, *words):
    """The words of a call of `cargo-zigbuild` for the toolchain's target."""
    return [FOLDER / "bin" / "cargo-zigbuild", *toolchain.command(*words)[1:]]
