"""Builds with the lowest versions that are declared: of Rust, of dependencies and of maturin."""

import os
import re
import shutil
import tomllib
from pathlib import Path

from tools import interpreters, package, packages, rust
from tools.steps import ROOT, TARGET, call

HOME = TARGET / "lowest"
# A folder with the programs cargo, rustc and rustdoc of the declared version.
VARIABLE = "SAFEMAP_LOWEST_RUST"
CHECK = ["check", "--locked", "--workspace", "--all-targets", *rust.FEATURES]
TEST = ["test", "--locked", "--no-fail-fast", *rust.FEATURES, "--lib", "--tests"]


def options(parser):
    """Adds the option of this tool."""
    parser.add_argument("parts", nargs="*", help="`rust dependencies maturin`; default: all")


def run(steps, options):
    """Builds with what is named, and tests what was built."""
    parts = {"rust": compiler, "dependencies": dependencies, "maturin": maturin}
    for name in options.parts or parts:
        parts[name](steps)


def compiler(steps):
    """Builds and tests with the declared version of Rust."""
    version = declared()
    folder = next(filter(lambda it: is_version(it, version), folders(version)), None)
    if folder is None:
        why = f"not found in /usr/bin, rustup and the folder that {VARIABLE} names"
        steps.skip("Rust " + version, why)
        return
    programs = {name.upper(): str(folder / name) for name in ("rustc", "rustdoc")}
    cargo = folder / interpreters.program("cargo")
    check(steps, "with Rust " + version, cargo, HOME / "rust", programs)


def declared():
    """The version of Rust that the workspace requires: `1.85`."""
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))["workspace"]
    return workspace["package"]["rust-version"]


def folders(version):
    """Yields folders that may contain a version of Rust. Nothing is installed."""
    if VARIABLE in os.environ:
        yield Path(os.environ[VARIABLE])
    yield Path("/usr/bin")
    # Ubuntu has several versions side by side.
    yield Path(f"/usr/lib/rust-{version}/bin")
    home = Path(os.environ.get("RUSTUP_HOME") or Path.home() / ".rustup")
    yield from sorted(home.glob(f"toolchains/{version}*/bin"))


def is_version(folder, version):
    """Whether a folder contains cargo and a compiler of a version."""
    programs = [folder / interpreters.program(name) for name in ("rustc", "cargo")]
    found = [re.match(r"\w+ (\d+\.\d+)\.", call([it, "--version"]).text) for it in programs]
    return all(it and it.group(1) == version for it in found)


def dependencies(steps):
    """Builds and tests a copy with the lowest versions that `Cargo.toml` files permit."""
    if not re.search(r"^nightly", call(["rustup", "toolchain", "list"]).text, re.M):
        steps.skip("lowest dependencies", "cargo finds them with a nightly toolchain only")
        return
    home = copy()
    update = ["rustup", "run", "nightly", "cargo", "update", "-Z", "direct-minimal-versions"]
    if steps.run("lowest dependencies", update, cwd=home).ok:
        check(steps, "with the lowest dependencies", "cargo", HOME / "dependencies", {}, home)


def copy():
    """Copies the files that git knows, whose lock file will change; returns the folder."""
    home = HOME / "copy"
    shutil.rmtree(str(home), ignore_errors=True)
    for path in call(["git", "ls-files", "-z"]).text.split("\0"):
        if (ROOT / path).is_file():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(str(ROOT / path), str(home / path))
    return home


def check(steps, title, cargo, target, env, home=ROOT):
    """Checks the workspace in a folder, and tests the library."""
    it = interpreters.host()
    # PyO3's build script asks an interpreter what to build for.
    python = {"PYO3_PYTHON": it.executable} if it else {}
    env = {"CARGO_TARGET_DIR": str(target), **python, **env}
    if steps.run("cargo check " + title, [cargo, *CHECK], env, home).ok:
        steps.run("cargo test " + title, [cargo, *TEST], env, home, read=rust.counts)


def maturin(steps):
    """Builds and tests the Python package with the lowest maturin that its project permits."""
    version = re.search(r"maturin>=([\d.]+)", " ".join(package.BUILD)).group(1)
    # This pip knows the option `--python`.
    required = ["maturin==" + version, "pip>=23"]
    folder = package.install(steps, "maturin-" + version, required)
    if folder:
        packages.source(steps, folder, {"CARGO_TARGET_DIR": str(HOME / "maturin")}, HOME / "source")
