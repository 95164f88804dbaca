"""Runs the core's tests with AddressSanitizer, some under valgrind, and each fuzz target for a
minute.

Each of them is skipped, with the reason, if its tool is missing.
"""

import re
import shutil
from pathlib import Path

from tools import rust
from tools.steps import ROOT, TARGET, Counts, call

HOST = "x86_64-unknown-linux-gnu"

# Seconds of fuzzing in a full run, for each target.
FUZZING = 60
FUZZ_TARGETS = ("operations", "channel", "journal", "commits")

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

ADDRESSES = " -Zsanitizer=address"
# The library handles faults, not the sanitizer.
ASAN = "handle_segv=0:handle_sigbus=0:allocator_may_return_null=1"


def run(steps):
    """Runs the sanitizer, valgrind and the fuzzer."""
    version = call(["cargo", "+nightly", "-vV"])
    if version.ok and HOST in version.text:
        address_sanitizer(steps)
        fuzz(steps, FUZZ_TARGETS, f"-max_total_time={FUZZING}", ADDRESSES)
    else:
        steps.skip("address sanitizer, fuzzer", "no nightly toolchain was found")
    valgrind(steps)


def address_sanitizer(steps):
    """Runs the core's tests with AddressSanitizer."""
    env = {"RUSTFLAGS": "-Zsanitizer=address", "ASAN_OPTIONS": ASAN}
    command = "cargo +nightly test --package safemap --tests --lib --no-fail-fast".split()
    command += ["--target", HOST, "--target-dir", TARGET / "asan"]
    # The sanitizer installs alternate signal stacks, on which Rust reports no stack overflow.
    command += ["--", "--skip", "rust_still_reports_a_stack_overflow"]
    steps.run("address sanitizer on core's tests", command, env, read=rust.counts)


def valgrind(steps):
    """Builds the core's tests and runs some of them under memcheck."""
    if shutil.which("valgrind") is None:
        steps.skip("valgrind", "it was not found")
        return
    build = ["cargo", "test", "--package", "safemap", "--no-run", "--message-format", "json"]
    programs, few = rust.programs(call(build).text), {"QUICKCHECK_TESTS": "5"}
    command = "valgrind --quiet --error-exitcode=9 --leak-check=full".split()
    command.append("--errors-for-leak-kinds=definite")
    for name, more in VALGRIND.items():
        words = [*command, programs.get(name), *more]
        steps.run(f"valgrind on tests/{name}.rs", words, few, read=rust.counts)


def fuzz(steps, names, limit, more=""):
    """Builds the fuzzer and runs some targets, each up to a limit.

    `more`: compiler flags. New files of the corpus are stored outside the repository.
    """
    home, target = ROOT / "fuzz", TARGET / "fuzz"
    env = {"RUSTFLAGS": COVERAGE + " -Cdebug-assertions" + more}
    build = ["cargo", "+nightly", "build", "--release", "--manifest-path", home / "Cargo.toml"]
    build += ["--target", HOST, "--target-dir", target]
    if not steps.run("build of the fuzzer", build, env).ok:
        return
    for name in names:
        corpora = [target / "corpus" / name, home / "corpus" / name]
        corpora[0].mkdir(parents=True, exist_ok=True)
        command = [target / HOST / "release" / name, *filter(Path.is_dir, corpora)]
        command += [limit, "-max_len=512", f"-artifact_prefix={target}/"]
        # A thread that ends at the moment has memory that the search for leaks does not know.
        command.append("-detect_leaks=0")
        title = f"fuzz target {name}, {limit[1:]}"
        ended = steps.run(title, command, {"ASAN_OPTIONS": ASAN}, read=passed)
        done = re.findall(r"^Done (\d+) runs", ended.text, re.M)
        print(f"               {done[-1] if done else 'no'} executions", flush=True)


def passed(text):
    """Counts a fuzzer that found nothing as a test that passed."""
    return Counts(passed=1) if re.search(r"^Done \d+ runs", text, re.M) else Counts(failed=1)
