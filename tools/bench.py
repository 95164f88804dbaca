"""Measures how fast the library and the package are, beside what a program would use instead.

A benchmark is a command that answers one question in lines of JSON (see `figures.py`): the Rust
program of `bench/`, or `bench/python/run.py`, with the name of the question.
"""

import sys
import time

from tools import figures, interpreters, package, performance
from tools.steps import ROOT, TARGET, Counts, call, flag, show

HOME = ROOT / "bench"
FOLDER = TARGET / "bench"
PROGRAM = FOLDER / "release" / "bench"
SCRIPT = HOME / "python" / "run.py"
# The CPython whose `mmap` the aims refer to.
PYTHON = "3.13"
INSTRUCTIONS = ["instructions", "rust_instructions"]
# Contenders that take minutes to build: features of the Rust program.
CONTENDERS = ["iceoryx2", "ipc-channel", "lmdb", "sqlite"]
# Contenders of the Python questions.
PACKAGES = ["atomics", "faster-fifo", "lmdb", "numpy", "pyzmq"]


def options(parser):
    """Adds the options of this tool to a parser."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="questions; by default all")
    flag(parser, "--quick", "only show that the benchmarks work")
    flag(
        parser,
        "--contenders",
        "build iceoryx2, ipc-channel, LMDB and SQLite, too, which takes minutes",
    )
    flag(parser, "--instructions", "count the instructions of short calls")
    parser.add_argument("--only", metavar="TEXT", help="measure the rows whose names contain TEXT")
    flag(parser, "--record", "write the results of the named questions, and the pages")
    flag(parser, "--summary", "write docs/performance.md and missed-aims.md from bench/results/")


def run(steps, options):
    """Answers the named questions. A run of all of them writes the results and the pages."""
    if options.summary:
        performance.write_pages()
        return
    rust = rust_questions(steps, CONTENDERS if options.contenders else [])
    scripts = listed(steps, [sys.executable, SCRIPT])
    chosen = options.names + INSTRUCTIONS * options.instructions
    if options.record and (options.quick or options.only):
        steps.fail("bench", "--record needs all rows of a question")
        return
    for name in set(chosen).difference(rust + scripts):
        steps.fail("bench", "there is no question named " + name)
    asked = [name for name in rust + scripts if not chosen or name in chosen]
    python, wheel = environment(steps) if set(asked).intersection(scripts) else (None, None)
    more = ["--quick"] * options.quick + (["--only", options.only] if options.only else [])
    sections = []
    for name in asked:
        command = [PROGRAM] if name in rust else [python, SCRIPT]
        if command[0]:
            sections.append(answer(steps, name, command + [name] + more, wheel))
    if not options.quick:
        answered = [section for section in sections if section]
        report(answered)
        contenders = " --contenders" * options.contenders
        if not chosen + more and len(answered) == len(asked):
            performance.record(sections, python, contenders)
        elif options.record:
            performance.add(answered, rust + scripts, contenders)


def report(sections):
    """Prints the tables, and the rows that miss their aims."""
    for section in sections:
        print("\n" + performance.table(section))
    print()
    for section in sections:
        for row in dict.fromkeys(row["row"] for row, aim in section.aims() if aim["met"] == "no"):
            known = performance.reason(section.name, row)
            without = "" if known else " (without a reason in bench/misses.md)"
            print(f"missed: {section.name}: {row}{without}")


def answer(steps, name, command, wheel):
    """Runs one benchmark; returns its section, or None."""
    begun = time.monotonic()
    # In a directory on the disk, because the default for temporary files may be in memory.
    scratch = FOLDER / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    ended = call(command, {"TMPDIR": str(scratch), "SAFEMAP_WHEEL": str(wheel)}, FOLDER)
    section = None
    try:
        section = figures.read(ended.text) if ended.ok else None
    except (ValueError, LookupError, TypeError) as error:
        ended.text += f"\nthe output is invalid: {error!r}"
    line = f"{name}: {len(section.aims())} aims" if section else name
    counts = Counts(passed=1) if section else Counts(failed=1)
    steps.record(line, counts, time.monotonic() - begun, False)
    if not section:
        show(command, ended)
    return section


def rust_questions(steps, contenders):
    """Builds the Rust program with the contenders that can be built; returns the names of its
    questions."""
    if contenders and not call(build(contenders)).ok:
        contenders = [name for name in contenders if can_be_built(steps, name)]
    ended = steps.run("cargo build of bench/", build(contenders))
    return listed(steps, [PROGRAM]) if ended.ok else []


def can_be_built(steps, contender):
    """Returns whether the Rust program can be built with a contender."""
    ended = call(build([contender]))
    if not ended.ok:
        steps.skip(contender, "it cannot be built here; its rows are missing")
        show(build([contender]), ended)
    return ended.ok


def build(contenders):
    """Returns the command that builds the Rust program with optional contenders."""
    command = ["cargo", "build", "--release", "--locked", "--target-dir", FOLDER, *MANIFEST]
    return command + ["--features", ",".join(contenders)]


MANIFEST = ["--manifest-path", HOME / "Cargo.toml"]


def listed(steps, command):
    """Returns the names that a command prints."""
    ended = call(command)
    if not ended.ok:
        steps.fail("bench", f"{command[-1]} cannot list its questions")
        show(command, ended)
    return ended.text.split() if ended.ok else []


def environment(steps):
    """Returns a python with the package and the contenders that can be installed, and the wheel."""
    # The interpreter of the aims, or the newest, with the GIL and without debugging.
    able = [it for it in interpreters.found() if not it.suffix]
    chosen = max(able, key=lambda it: (it.minor == PYTHON, it.numbers), default=None)
    python, wheel = package.installed(steps, chosen)
    if python is None:
        steps.fail("bench", "there is no package to measure")
        return None, None
    install_contenders(steps, python)
    return python, wheel


def install_contenders(steps, python):
    """Installs the contenders of the Python questions: all at once, which takes less time, or each
    that can be installed."""
    pip = [*interpreters.pip(interpreters.host()), "--python", python, "install"]
    install, env = [*pip, "--only-binary", ":all:"], {"PYTHONPATH": str(package.tools(steps))}
    if call(install + PACKAGES, env).ok:
        return
    for name in PACKAGES:
        if not call([*install, name], env).ok:
            steps.skip(name, "it cannot be installed here; its rows are missing")


def lint(steps):
    """Checks the Rust benchmarks, which are a separate workspace, and the pages."""
    steps.run("cargo fmt of bench/", ["cargo", "fmt", "--check", *MANIFEST])
    clippy = ["cargo", "clippy", "--release", "--locked", "--target-dir", FOLDER, *MANIFEST]
    steps.run("cargo clippy of bench/", clippy + ["--", "-D", "warnings"])
    for path in performance.stale():
        steps.fail(path.relative_to(ROOT), "it is stale; run `python3 x.py bench --summary`")
