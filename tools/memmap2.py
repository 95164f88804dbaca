"""Runs memmap2's tests and a program that depends on memmap2 with the crates in `compat/`.

The published package has tests and examples in its documentation. They are built with the crate of
`compat/` in place of the package's library. Nothing of the package is in this repository.
"""

import json
import re
import signal
import subprocess

from tools import rust
from tools.steps import ROOT, TARGET, call, show

VERSION = "0.9.12"
HOME = TARGET / "memmap2"
PATCHED, RENAMED = ROOT / "compat" / "memmap2", ROOT / "compat" / "safemap-memmap2"

MANIFEST = """[package]
name = "{name}"
version = "0.0.0"
edition = "2021"

[workspace]

[features]
stable_deref_trait = ["memmap2/stable_deref_trait"]
{target}
[dependencies]
memmap2 = {memmap2}

[target.'cfg(unix)'.dependencies]
libc = "0.2"

[dev-dependencies]
owning_ref = "0.4.1"
tempfile = "3"
"""
PROGRAM = '\n[[bin]]\nname = "{name}"\npath = {path}\n'
# The package's tests refer to the modules of its library.
LIBRARY = """pub use memmap2::*;
#[cfg(unix)]
mod advice {{
    pub use memmap2::{{Advice, UncheckedAdvice}};
    {advice}
}}
#[cfg(test)]
#[path = {tests}]
mod test;
"""


def run(steps, options=None):
    """Runs the package's tests, then the program in three ways."""
    package = source(steps)
    if package is None:
        return
    published(steps, package)
    programs(steps)


def source(steps):
    """The folder of the published package, which cargo downloads; None if that fails."""
    folder = write("original", f'"={VERSION}"')
    command = ["cargo", "metadata", "--format-version", "1"]
    done = call([*command, "--manifest-path", folder / "Cargo.toml"])
    text = next((line for line in done.text.splitlines() if line.startswith("{")), None)
    if not done.ok or text is None:
        steps.fail("memmap2", "cargo cannot download the package")
        show(command, done)
        return None
    packages = json.loads(text)["packages"]
    paths = [it["manifest_path"] for it in packages if it["name"] == "memmap2"]
    return ROOT / paths[0].removesuffix("Cargo.toml")


def write(name, memmap2, target=None):
    """Writes a package that depends on memmap2 as stated; returns its folder."""
    folder = HOME / name
    (folder / "src").mkdir(parents=True, exist_ok=True)
    path = json.dumps(str(ROOT / "compat" / "program" / "main.rs"))
    target = target if target is not None else PROGRAM.format(name=name, path=path)
    text = MANIFEST.format(name=name, target=target, memmap2=memmap2)
    (folder / "Cargo.toml").write_text(text, encoding="utf-8")
    return folder


def published(steps, package):
    """Runs the package's tests and the examples in its documentation."""
    folder = write("published", f"{{ path = {json.dumps(str(PATCHED))} }}", "")
    advice = (package / "src" / "advice.rs").read_text(encoding="utf-8")
    tests = json.dumps(str(package / "test" / "map.rs"))
    library = LIBRARY.format(advice=advice[advice.index("#[cfg(test)]") :], tests=tests)
    (folder / "src" / "lib.rs").write_text(library, encoding="utf-8")
    for name in ("README.md", "LICENSE-APACHE", "LICENSE-MIT"):
        (folder / name).write_bytes((package / name).read_bytes())
    cargo_test(steps, "memmap2's tests", folder, "--features", "stable_deref_trait", "--lib")
    # Examples use what the name `memmap2` stands for, not the library that they document.
    for name in ("lib.rs", "advice.rs", "unix.rs", "windows.rs", "stub.rs"):
        text = (package / "src" / name).read_text(encoding="utf-8")
        (folder / "src" / name).write_text(text.replace("mod test;", ""), encoding="utf-8")
    cargo_test(steps, "memmap2's examples", folder, "--doc")


def cargo_test(steps, name, folder, *words):
    """Runs tests of a package."""
    command = ["cargo", "test", "--no-fail-fast", "--manifest-path", folder / "Cargo.toml", *words]
    env = {"CARGO_TARGET_DIR": str(HOME / "target")}
    steps.run(name, command, env, folder, read=rust.counts)


def programs(steps):
    """Builds the program with the published crate, with `[patch]`, and with a renamed dependency;
    only the first one is terminated when its file is cut."""
    original = write("original", '"0.9"')
    patched = write("patched", '"0.9"')
    renamed = {"package": RENAMED.name, "path": str(RENAMED)}
    renamed = ", ".join(f"{key} = {json.dumps(text)}" for key, text in renamed.items())
    renamed = write("renamed", f"{{ {renamed} }}")
    patch = f"patch.crates-io.memmap2.path={json.dumps(str(PATCHED))}"
    check(steps, "the control, with the published crate", original, ["sum 100000"], signal.SIGBUS)
    sums = ["sum 100000", "sum 0"]
    words = ["--config", patch]
    check(steps, "an unchanged program, with [patch.crates-io]", patched, sums, 0, *words)
    check(steps, "a program that renames the dependency", renamed, sums, 0)


def check(steps, name, folder, sums, sent, *words):
    """Builds a program and runs it: it prints `sums`, and `sent`, if not 0, terminates it."""
    command = ["cargo", "build", "--manifest-path", folder / "Cargo.toml", *words]
    env = {"CARGO_TARGET_DIR": str(HOME / "target")}
    if not steps.run(f"cargo build: {name}", command, env).ok:
        return
    program = HOME / "target" / "debug" / folder.name
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=60)
    is_reported = bool(re.search(r"is damaged: byte 0 could not be read", done.stderr))
    found = (done.stdout.split("\n")[:-1], done.returncode, is_reported)
    if found != (sums, -sent, sent == 0):
        steps.fail(name, f"{found}, {done.stderr}")
