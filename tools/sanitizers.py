"""Runs the core's tests with AddressSanitizer, some under valgrind, and the fuzzer for a minute.

Each of them is skipped, with the reason, if its tool is missing.
"""

import re
import shutil

from tools import rust
from tools.steps import ROOT, TARGET, Counts, call

HOST = "x86_64-unknown-linux-gnu"

# Seconds of fuzzing in a full run.
FUZZING = 60

# The test programs that run under valgrind. Some of the others are terminated on purpose, and some
# take too long. Valgrind reports an accessor that touches a forbidden page, so that such tests are
# skipped.
VALGRIND = {
    "cursor": [],
    "map": [],
    "options": ["--skip", "access_that_the_protection_forbids_is_a_fault"],
    "search": [],
    "system": [],
}

# The compiler flags of `cargo fuzz`, which need not be installed.
COVERAGE = (
    "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 "
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters "
    "-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares "
    "-Clink-dead-code -Ccodegen-units=1 --cfg fuzzing"
)

# The library handles faults, not the sanitizer.
ASAN = "handle_segv=0:handle_sigbus=0:allocator_may_return_null=1"


def run(steps):
    """Runs the sanitizer, valgrind and the fuzzer."""
    address_sanitizer(steps)
    valgrind(steps)
    fuzz(steps, FUZZING)


def nightly():
    """Returns whether there is a nightly compiler for this computer."""
    version = call(["cargo", "+nightly", "-vV"])
    return version.ok and HOST in version.text


def address_sanitizer(steps):
    """Runs the core's tests with AddressSanitizer."""
    if not nightly():
        steps.skip("address sanitizer", "no nightly toolchain was found")
        return
    env = {"RUSTFLAGS": "-Zsanitizer=address", "ASAN_OPTIONS": ASAN}
    command = [
        "cargo",
        "+nightly",
        "test",
        "--package",
        "safemap",
        "--tests",
        "--lib",
        "--no-fail-fast",
    ]
    words = ["--target", HOST, "--target-dir", TARGET / "asan", "--"]
    # The sanitizer installs alternate signal stacks, on which Rust reports no stack overflow.
    words += ["--skip", "rust_still_reports_a_stack_overflow"]
    steps.run("address sanitizer on core's tests", command + words, env, read=rust.counts)


def valgrind(steps):
    """Runs some of the core's tests under memcheck."""
    if shutil.which("valgrind") is None:
        steps.skip("valgrind", "it was not found")
        return
    for name, program in test_programs():
        command = [
            "valgrind",
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
        ]
        words = [program] + VALGRIND[name]
        steps.run(
            f"valgrind on tests/{name}.rs",
            command + words,
            {"QUICKCHECK_TESTS": "5"},
            read=rust.counts,
        )


def test_programs():
    """Builds the tests for valgrind, and returns names and paths."""
    build = ["cargo", "test", "--package", "safemap", "--no-run", "--message-format", "json"]
    return sorted(item for item in rust.programs(call(build).text).items() if item[0] in VALGRIND)


def fuzz(steps, seconds):
    """Builds and runs the fuzzer. New files of the corpus are stored outside the repository."""
    if not nightly():
        steps.skip("fuzzer", "no nightly toolchain was found")
        return
    home, target = ROOT / "fuzz", TARGET / "fuzz"
    flags = COVERAGE + " -Zsanitizer=address -Cdebug-assertions"
    build = ["cargo", "+nightly", "build", "--release", "--manifest-path", home / "Cargo.toml"]
    if not steps.run(
        "build of the fuzzer",
        build + ["--target", HOST, "--target-dir", target],
        {"RUSTFLAGS": flags},
    ).ok:
        return
    corpus = target / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    command = [target / HOST / "release" / "operations", corpus, home / "corpus" / "operations"]
    options = [f"-max_total_time={seconds}", "-max_len=512", f"-artifact_prefix={target}/"]
    ended = steps.run(
        f"fuzzer for {seconds} s", command + options, {"ASAN_OPTIONS": ASAN}, read=passed
    )
    done = re.findall(r"^Done (\d+) runs", ended.text, re.M)
    print("               {} executions".format(done[-1] if done else "no"), flush=True)


def passed(text):
    """Counts a fuzzer that found nothing as a test that passed."""
    return Counts(passed=1) if re.search(r"^Done \d+ runs", text, re.M) else Counts(failed=1)
