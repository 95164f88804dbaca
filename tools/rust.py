"""Rust: build, tests, and the three linters."""

import functools
import json
import re

from tools import interpreters, platforms
from tools.steps import TARGET, Counts, call

RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)


def build(steps):
    """Builds the library and its examples."""
    steps.run("cargo build", ["cargo", "build", "--release", "--all-targets"])


def test(steps):
    """Runs unit, integration and documentation tests of the default members (the core); rows of the table of targets."""
    ours = steps.run("cargo test", ["cargo", "test", "--no-fail-fast"], read=counts)
    # What runs on processors without kernels of their own, on this one; in a folder of its own, or all would be built anew each time.
    portable = {"RUSTFLAGS": "--cfg safemap_portable", "CARGO_TARGET_DIR": str(TARGET / "portable")}
    others = steps.run("cargo test, portable", ["cargo", "test", "--no-fail-fast", "--lib", "--tests"], portable, read=counts)
    why = "with the examples of the documentation"
    return [platforms.tested(host(), ours.counts, why), platforms.tested(host() + ", portable kernels", others.counts)]


def lint(steps):
    """Checks form, lints and documentation of the whole workspace."""
    env = for_pyo3()
    steps.run("cargo fmt", ["cargo", "fmt", "--all", "--check"])
    clippy = ["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]
    steps.run("cargo clippy", clippy, env)
    doc = ["cargo", "doc", "--workspace", "--no-deps"]
    steps.run("cargo doc", doc, dict(env, RUSTDOCFLAGS="-D warnings"))


def for_pyo3():
    """The environment in which the Python crate compiles: PyO3 asks an interpreter what to build for."""
    host = interpreters.host()
    return {"PYO3_PYTHON": host.executable} if host else {}


@functools.lru_cache(maxsize=None)
def host():
    """The target that is this machine: `x86_64-unknown-linux-gnu`."""
    return re.search(r"^host: (\S+)", call(["rustc", "-vV"]).text, re.M).group(1)


def programs(text):
    """The programs that cargo says it has made (`--message-format json`): names and paths."""
    told = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {it["target"]["name"]: it["executable"] for it in told if it.get("executable")}


def counts(text):
    """Adds up the `test result:` lines of cargo."""
    total = Counts()
    for passed, failed, ignored in RESULT.findall(text):
        total.add(Counts(int(passed), int(failed), int(ignored)))
    return total
