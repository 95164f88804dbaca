"""Bench: how fast the library and the package are beside what one would use instead; `docs/performance.md` is made of it.

A bench is a command that answers one question, in lines of JSON (see `figures.py`): the Rust program of `bench/` and
`bench/python/run.py`, with the question's name. Two scripts print tables of their own.
"""

import functools
import json
import shutil
import time

from tools import figures, interpreters, package, performance
from tools.steps import ROOT, TARGET, Counts, call, show

HOME = ROOT / "bench"
FOLDER = TARGET / "bench"
# The CPython whose `mmap` the aims are told against.
PYTHON = "3.13"

# Scripts that print a table: name, what makes them quick (None: nothing does), title, how it is measured.
PRINTED = [
    (
        "calls",
        ["--rounds", "2"],
        "Python: a call from a loop",
        "A writable map of a file of 16 KiB in the page cache, `timeit` batches, the two modules alternating. Times include the loop and the look-up of the "
        "method. The aims: at most 1.00 of the standard module in each row, and 0.8 in the mean.",
    ),
    (
        "instructions",
        None,
        "Python: the same calls, in instructions",
        "Counted by valgrind, so the same in every run. The aims are the same.",
    ),
]


class Bench:
    """A command that answers one question."""

    def __init__(self, name, command, quick=("--quick",), read=figures.read):
        self.name, self.command, self.quick, self.read = name, command, quick, read


def run(steps, words):
    """Answers the questions that are named, or all; then, if it need not be quick, it writes the page. What follows `--` is for the benches."""
    words, more = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    python, wheel = environment(steps)
    benches = rust_benches(steps) + (python_benches(steps, python) if python else [])
    chosen = [word for word in words if not word.startswith("--")] + ["instructions"] * ("--instructions" in words)
    for name in set(chosen).difference(bench.name for bench in benches):
        steps.fail("bench", "there is no bench " + name)
    asked = [bench for bench in benches if not chosen or bench.name in chosen]
    if "--quick" in words:
        for bench in asked:
            bench.quick is None or answer(steps, bench, list(bench.quick), wheel)
    else:
        sections = [answer(steps, bench, more, wheel) for bench in asked]
        tell(sections)
        if not chosen and not more and None not in sections:
            performance.write(sections, version(python))


def tell(sections):
    """Prints the tables, and the rows that miss their aims."""
    sections = [section for section in sections if section]
    for section in sections:
        print("\n" + performance.table(section))
    print()
    for name, row in performance.misses(sections):
        told = "missed" if performance.prose(name, row) else "missed, and bench/misses.md says nothing of it"
        print("{}: {}: {}".format(told, name, row))


def answer(steps, bench, options, wheel):
    """Runs one bench; the section that it makes, or None."""
    begun = time.monotonic()
    scratch = FOLDER / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    command = bench.command + options
    # On the disk, as the folder for temporary files may be in memory.
    ended = call(command, {"TMPDIR": str(scratch), "SAFEMAP_WHEEL": str(wheel)}, FOLDER)
    try:
        section = bench.read(ended.text) if ended.ok else None
    except (ValueError, LookupError, TypeError) as error:
        ended.text += "\nnot understood: {!r}".format(error)
        section = None
    said = "{}: {} aims".format(bench.name, len(section.verdicts())) if section else bench.name
    counts = Counts(passed=1) if section else Counts(failed=1)
    steps.record(said, counts, time.monotonic() - begun, False)
    if not section:
        show(command, ended)
    return section


def rust_benches(steps):
    """Builds the program and asks it for its questions."""
    build = ["cargo", "build", "--release", "--locked", "--manifest-path", HOME / "Cargo.toml", "--target-dir", FOLDER]
    program = FOLDER / "release" / "bench"
    return listed(steps, [program], []) if steps.run("cargo build of bench/", build).ok else []


def python_benches(steps, python):
    """The scripts that print tables, and what the other one has for questions."""
    printed = []
    for name, quick, title, how in PRINTED:
        if name == "instructions" and not shutil.which("valgrind"):
            steps.skip(name, "there is no valgrind")
            continue
        reader = functools.partial(figures.Printed, name, title, how)
        printed.append(Bench(name, [python, HOME / (name + ".py")], quick, reader))
    return printed + listed(steps, [python, HOME / "python" / "run.py"], ["--list"])


def listed(steps, command, question):
    """The questions that a command says it has."""
    ended = call(command + question)
    if not ended.ok:
        steps.fail("benches of {}".format(command[-1]), "they cannot be listed")
        show(command + question, ended)
        return []
    names = [json.loads(line)["name"] for line in ended.text.splitlines()]
    return [Bench(name, command + [name]) for name in names]


def environment(steps):
    """A python with the package, and numpy if it can be had; and the package's wheel."""
    folder, chosen = package.tools(steps), interpreter()
    wheel = package.build(steps, folder, chosen) if folder and chosen else None
    python = package.environment(steps, folder, chosen, wheel) if wheel else None
    if python is None:
        steps.fail("bench", "there is no package to measure")
        return None, None
    install = [interpreters.host().executable, "-m", "pip", "--python", python, "install", "--quiet"]
    ended = call(install + ["--disable-pip-version-check", "numpy"], {"PYTHONPATH": str(folder)})
    if not ended.ok:
        steps.skip("numpy", "it cannot be installed here; its rows are missing")
    return python, wheel


def interpreter():
    """The interpreter that the aims name, or the newest, as people use it: with the lock, without debugging."""
    able = [it for it in interpreters.found() if not it.suffix]
    return max(able, key=lambda it: (it.minor == PYTHON, it.numbers), default=None)


def version(python):
    """The version of an interpreter."""
    return call([python, "-c", "import platform; print(platform.python_version())"]).text.strip()


def lint(steps):
    """Checks form and lints of the Rust benches, which are a workspace of their own."""
    manifest = HOME / "Cargo.toml"
    steps.run("cargo fmt of bench/", ["cargo", "fmt", "--check", "--manifest-path", manifest])
    clippy = ["cargo", "clippy", "--release", "--locked", "--manifest-path", manifest, "--target-dir", FOLDER]
    steps.run("cargo clippy of bench/", clippy + ["--", "-D", "warnings"])
