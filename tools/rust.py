"""Builds, tests and lints the Rust code."""

import functools
import json
import re

from tools import interpreters, platforms
from tools.steps import TARGET, Counts, call

# Optional features of the core.
FEATURES = ["--features", "safemap/stable-deref,safemap/zerocopy"]
TEST = ["cargo", "test", "--no-fail-fast", *FEATURES]
RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.M)


def build(steps, options=None):
    """Builds the library and its examples."""
    steps.run("cargo build", ["cargo", "build", "--release", "--lib", "--examples"])


def test(steps):
    """Tests the core; returns a row of the table of targets."""
    native = steps.run("cargo test", TEST, read=counts)
    return platforms.tested(host(), native.counts, "with the examples of the documentation")


def test_portable(steps):
    """Tests the core with the portable accessors; returns a row of the table of targets."""
    # Its own folder, because other flags would build everything anew each time.
    env = {"RUSTFLAGS": "--cfg safemap_portable", "CARGO_TARGET_DIR": str(TARGET / "portable")}
    command = [*TEST, "--lib", "--tests"]
    portable = steps.run("cargo test, portable accessors", command, env, read=counts)
    return platforms.tested(host() + ", portable accessors", portable.counts)


def lint(steps):
    """Checks format, lints and documentation of the workspace; a warning is an error."""
    it = interpreters.host()
    # PyO3's build script asks an interpreter what to build for.
    env = {"PYO3_PYTHON": it.executable} if it else {}
    steps.run("cargo fmt", ["cargo", "fmt", "--all", "--check"])
    clippy = ["cargo", "clippy", "--workspace", "--all-targets", *FEATURES]
    warnings = ["--", "-D", "warnings"]
    steps.run("cargo clippy", [*clippy, *warnings], env)
    # As users build it: without what the other members of the workspace require.
    alone = ["cargo", "clippy", "--package", "safemap", "--lib", *warnings]
    steps.run("cargo clippy, default features", alone)
    doc = ["cargo", "doc", "--workspace", "--no-deps", *FEATURES]
    steps.run("cargo doc", doc, dict(env, RUSTDOCFLAGS="-D warnings"))


@functools.lru_cache(maxsize=None)
def host():
    """The target that is this machine: `x86_64-unknown-linux-gnu`."""
    return re.search(r"^host: (\S+)", call(["rustc", "-vV"]).text, re.M).group(1)


def programs(text):
    """The programs that cargo reports with `--message-format json`: names and paths."""
    messages = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return {it["target"]["name"]: it["executable"] for it in messages if it.get("executable")}


def counts(text):
    """Adds up the `test result:` lines of cargo."""
    total = Counts()
    for numbers in RESULT.findall(text):
        total.add(Counts(*map(int, numbers)))
    return total
