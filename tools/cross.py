"""Checks, builds and tests the core for other targets, where an emulator or this machine can."""

import collections
import re
from pathlib import Path

from tools import cross_toolchain, debian, platforms, rust, targets
from tools.platforms import Row
from tools.steps import ROOT, call, flag

FILTERED = re.compile(r"; (\d+) filtered out", re.M)
# All tests but those in the documentation.
PROGRAMS = ["--package", "safemap", "--lib", "--tests"]
# The test programs of what depends most on the processor: accessors, faults, words.
ESSENTIAL = """
access atomic cursor fault handlers ipc_channel ipc_mutex lines long_needles map repair search
shrink transactions values wait
""".split()
QUICK = ["--package", "safemap", *(f"--test={name}" for name in ESSENTIAL)]
# The unit tests of what has assembly.
UNITS = ["accessor::", "sys::"]
# A program for targets without maps.
WITHOUT_MAPS = ROOT / "testing" / "without_maps"
# The package is checked for this CPython. That takes no interpreter of the target.
PYTHON = {"PYO3_CROSS_PYTHON_VERSION": "3.13"}


def options(parser):
    """Adds this tool's options."""
    parser.add_argument("names", nargs="*", help="parts of targets' names; default: all targets")
    flag(parser, "--quick", "some tests, no type checks, one page size, no emulated computers")
    platforms.options(parser)


def run(steps, options):
    """Tries each target, or those that are named, and prints a table."""
    names = options.names or [""]
    chosen = [it for it in targets.TARGETS if any(name in it.name for name in names)]
    if not chosen:
        steps.fail("cross", "no target has such a name")
    rows = [row for target in chosen for row in rows_of(steps, target, options.quick)]
    platforms.report(rows, options.write)


def rows_of(steps, target, quick):
    """Tries one target; returns a row for each page size, and for each emulated computer."""
    missing = debian.lacks(target.needs) + cross_toolchain.lacks(target.name)
    if missing:
        return [Row(target.name).skipped(steps, debian.sentence(missing))]
    trial = Trial(steps, target, QUICK if quick else PROGRAMS)
    if not target.has_maps:
        return [without_maps(trial)]
    if not quick:
        trial.check()
    trial.build()
    if quick:
        return [trial.row(target.pages[0], UNITS)]
    return [trial.row(it) for it in target.pages] + [it.row(trial) for it in target.machines]


class Trial:
    """One target: its toolchain, and what is known of it so far."""

    def __init__(self, steps, target, tests=PROGRAMS):
        zig = target.zig and cross_toolchain.zig_ready(steps)
        self.steps, self.target, self.tests = steps, target, tests
        self.toolchain = cross_toolchain.Toolchain(target.name, linker=target.linker, zig=zig)
        self.env = self.toolchain.env
        self.links = target.linker or zig
        self.checks = self.builds = "–"
        if target.runner:
            # Without optimization the emulator is too slow.
            self.env["CARGO_PROFILE_DEV_OPT_LEVEL"] = "1"

    def cargo(self, name, *words, env=(), read=None):
        """Runs cargo for the target."""
        command = self.toolchain.command(*words)
        return self.steps.run(name, command, dict(self.env, **dict(env)), read=read)

    def check(self):
        """Type-checks the package, and the core with its tests if these are not built."""
        name = "check " + self.target.name
        words = ["check", "--package", "safemap", "--tests"]
        core = self.links or self.cargo(name, *words).ok
        python = self.cargo(name + ", Python", "check", "--package", "safemap-python", env=PYTHON)
        self.checks = "yes" if core and python.ok else "NO"

    def build(self):
        """Builds the tests, or only the library if nothing links for the target."""
        tests, library = ["test", "--no-run", *self.tests], ["build", "--package", "safemap"]
        built = self.cargo("build " + self.target.name, *(tests if self.links else library)).ok
        self.builds = ("yes" if self.links else "library") if built else "NO"

    def programs(self):
        """The test programs that were built, for an emulated computer: names and paths."""
        words = ["test", "--no-run", "--message-format", "json", *self.tests]
        return rust.programs(call(self.toolchain.command(*words), self.env).text)

    def row(self, page, units=()):
        """Runs the tests with pages of a size, if possible, and unit tests; returns the row."""
        name = self.target.name + (f", {page // 1024} KiB pages" if page else "")
        row = Row(name, self.checks, self.builds)
        if not self.target.runs:
            row.why.append("nothing here runs its programs")
        elif page and not chooses_pages(self.target.runner):
            return row.skipped(self.steps, "this qemu has no option for the page size")
        elif self.builds == "yes":
            unfit = self.target.unfit_with(page)
            env = self.environment(page)
            row.add(self.test(name, env, unfit))
            if units:
                words = ["test", "--package", "safemap", "--lib", "--", *units, *skips(unfit)]
                row.add(self.cargo("unit tests " + name, *words, env=env, read=rust.counts).counts)
            row.why += reasons(unfit)
        return row

    def environment(self, page):
        """The environment of test programs on pages of a size."""
        # A backtrace takes longer than a test, and the emulators fail at it with large pages.
        env = {"RUST_BACKTRACE": "0"}
        if self.target.runner:
            runner = self.target.runner.format(page)
            variable = "CARGO_TARGET_{}_RUNNER".format(self.target.name.upper().replace("-", "_"))
            # Tests that start themselves need the emulator, too.
            env.update({variable: runner, "SAFEMAP_TEST_RUNNER": runner})
        return env

    def test(self, name, env, unfit):
        """Runs all tests but those that are unfit; returns the counts."""
        words = ["test", "--no-fail-fast", *self.tests, "--", "--exact", *skips(unfit)]
        ended = self.cargo("tests " + name, *words, env=env, read=rust.counts)
        left_out = sum(map(int, FILTERED.findall(ended.text)))
        if ended.ok and self.tests is PROGRAMS and left_out != len(unfit):
            self.steps.fail("tests " + name, "tools/targets.py names tests that do not exist")
        ended.counts.skipped += left_out
        self.steps.leave_out(left_out)
        return ended.counts


def without_maps(trial):
    """Checks both crates, and that each call that would make a map fails; returns the row."""
    name = trial.target.name
    crates = ["--package", "safemap", "--package", "safemap-memmap2"]
    trial.checks = "yes" if trial.cargo("check " + name, "check", *crates).ok else "NO"
    build = ["build", "--manifest-path", WITHOUT_MAPS / "Cargo.toml"]
    trial.builds = "yes" if trial.cargo("build " + name, *build).ok else "NO"
    row = Row(name, trial.checks, trial.builds, "has no maps: calls that would make one fail")
    if trial.builds == "yes":
        program = Path(trial.env["CARGO_TARGET_DIR"]) / name / "debug" / "without_maps.wasm"
        command = ["node", WITHOUT_MAPS / "run.js", program]
        row.add(trial.steps.run("tests " + name, command, read=rust.counts).counts)
    return row


def skips(unfit):
    """The arguments of a test program that leave tests out."""
    return [word for test in unfit for word in ("--skip", test)]


def reasons(unfit):
    """Each reason once, with the number of tests it holds for."""
    for why, count in collections.Counter(unfit.values()).items():
        yield f"{why}: {count} test" + "s" * (count > 1)


def chooses_pages(runner):
    """Whether the emulator has an option for the page size, as it has up to version 7."""
    version = re.search(r"version (\d+)", call([runner.split()[0], "--version"]).text)
    return version is not None and int(version.group(1)) < 8
