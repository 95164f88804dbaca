"""Sanitizers: core's tests with AddressSanitizer, a part of them under valgrind, and the fuzzer for a while.

Each is skipped, with the reason, where its tool is missing.
"""

import re
import shutil

from tools import rust
from tools.steps import ROOT, TARGET, Counts, call

HOST = "x86_64-unknown-linux-gnu"

# Seconds of fuzzing that belong to a full run.
FUZZING = 60

# The tests that valgrind can follow: of the others some die on purpose, and some take too long. It takes what a
# kernel does to a forbidden page for a mistake, so that such tests are left out.
VALGRIND = {
    "cursor": [],
    "map": [],
    "options": ["--skip", "what_it_forbids_is_a_fault"],
    "search": [],
    "system": [],
}

# What `cargo fuzz` gives the compiler; without it one need not install it.
COVERAGE = (
    "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters "
    "-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares "
    "-Clink-dead-code -Ccodegen-units=1 --cfg fuzzing"
)

# Faults are the library's affair here, not the sanitizer's.
ASAN = "handle_segv=0:handle_sigbus=0:allocator_may_return_null=1"


def run(steps):
    """All three."""
    address_sanitizer(steps)
    valgrind(steps)
    fuzz(steps, FUZZING)


def nightly():
    """Whether there is a nightly compiler for this machine."""
    told = call(["cargo", "+nightly", "-vV"])
    return told.ok and HOST in told.text


def address_sanitizer(steps):
    """Runs core's tests, instrumented."""
    if not nightly():
        steps.skip("address sanitizer", "no nightly toolchain was found")
        return
    env = {"RUSTFLAGS": "-Zsanitizer=address", "ASAN_OPTIONS": ASAN}
    command = ["cargo", "+nightly", "test", "--package", "safemap", "--tests", "--lib", "--no-fail-fast"]
    words = ["--target", HOST, "--target-dir", TARGET / "asan", "--"]
    # The sanitizer gives threads alternate stacks of its own, and Rust reports no stack overflow on those.
    words += ["--skip", "rust_still_reports_a_stack_overflow"]
    steps.run("address sanitizer on core's tests", command + words, env, read=rust.counts)


def valgrind(steps):
    """Runs a part of core's tests under memcheck."""
    if shutil.which("valgrind") is None:
        steps.skip("valgrind", "it was not found")
        return
    for name, program in test_programs():
        command = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"]
        words = [program] + VALGRIND[name]
        steps.run("valgrind on tests/{}.rs".format(name), command + words, {"QUICKCHECK_TESTS": "5"}, read=rust.counts)


def test_programs():
    """Builds the tests for valgrind; names and paths."""
    build = ["cargo", "test", "--package", "safemap", "--no-run", "--message-format", "json"]
    return sorted(it for it in rust.programs(call(build).text).items() if it[0] in VALGRIND)


def fuzz(steps, seconds):
    """Builds the fuzzer as `cargo fuzz` does, and lets it run; what it adds to the corpus stays outside the tree."""
    if not nightly():
        steps.skip("fuzzer", "no nightly toolchain was found")
        return
    home, target = ROOT / "fuzz", TARGET / "fuzz"
    flags = COVERAGE + " -Zsanitizer=address -Cdebug-assertions"
    build = ["cargo", "+nightly", "build", "--release", "--manifest-path", home / "Cargo.toml"]
    if not steps.run("fuzzer, built", build + ["--target", HOST, "--target-dir", target], {"RUSTFLAGS": flags}).ok:
        return
    grown = target / "corpus"
    grown.mkdir(parents=True, exist_ok=True)
    command = [target / HOST / "release" / "operations", grown, home / "corpus" / "operations"]
    limits = ["-max_total_time={}".format(seconds), "-max_len=512", "-artifact_prefix={}/".format(target)]
    ended = steps.run("fuzzer for {} s".format(seconds), command + limits, {"ASAN_OPTIONS": ASAN}, read=passed)
    done = re.findall(r"^Done (\d+) runs", ended.text, re.M)
    print("               {} executions".format(done[-1] if done else "no"), flush=True)


def passed(text):
    """A fuzzer that found nothing is one test that passed."""
    return Counts(passed=1) if re.search(r"^Done \d+ runs", text, re.M) else Counts(failed=1)
