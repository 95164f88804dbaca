"""Cross: the core and the package for other platforms, checked, built and, where an emulator or this machine can, tested."""

import re

from tools import debian, platforms, rust, sysroot, targets, zig
from tools.platforms import Row
from tools.steps import call

FILTERED = re.compile(r"; (\d+) filtered out", re.M)

# All tests but those in the documentation.
PROGRAMS = ["--package", "safemap", "--lib", "--tests"]

# The CPython for which the package is checked; that takes no interpreter of the target's.
PYTHON = {"PYO3_CROSS_PYTHON_VERSION": "3.13"}


def run(steps, words):
    """Tries every target, or those that are named, and ends with a table; `--write` puts it into the documentation."""
    named = [word for word in words if not word.startswith("-")]
    chosen = [it for it in targets.TARGETS if not named or any(word in it.name for word in named)]
    rows = [row for target in chosen for row in rows_of(steps, target)]
    platforms.tell(rows, words)


def rows_of(steps, target):
    """Tries one target; a row for each size of its pages, and for each machine."""
    missing = debian.lacks(debian.RUST, target.needs)
    if missing:
        return [Row(target.name).skipped(steps, debian.sentence(missing))]
    toolchain = sysroot.toolchain(steps, target.name)
    if toolchain is None:
        return [Row(target.name, why="its standard library could not be built")]
    trial = Trial(steps, target, toolchain)
    trial.check()
    trial.build()
    return [trial.row(page) for page in target.pages] + [machine.row(trial) for machine in target.machines]


class Trial:
    """One target, as far as it was tried."""

    def __init__(self, steps, target, toolchain):
        self.steps, self.target, self.toolchain = steps, target, toolchain
        self.checks = self.builds = "–"
        self.env = toolchain.environment(linker=target.linker)
        if target.runner:
            # An emulator is slow enough.
            self.env["CARGO_PROFILE_DEV_OPT_LEVEL"] = "1"

    def check(self):
        """Type-checks the crate with its tests, and the package."""
        name = "check " + self.target.name
        words = ["check", "--package", "safemap", "--tests"]
        core = self.steps.run(name, self.toolchain.command(*words), self.env)
        words = ["check", "--package", "safemap-python"]
        package = self.steps.run(name + ", Python", self.toolchain.command(*words), dict(self.env, **PYTHON))
        self.checks = "yes" if core.ok and package.ok else "NO"

    def build(self):
        """Builds and links the tests, or builds the library where nothing links for the target."""
        words, done = self.command("--no-run", *PROGRAMS), "yes"
        if self.target.zig and zig.ready(self.steps):
            self.env = zig.environment(self.toolchain, self.flags())
        elif not self.target.linker:
            # The compiler makes code of it, and of the kernels' assembly.
            words, done = self.toolchain.command("build", "--package", "safemap", "--lib"), "library"
        self.builds = done if self.steps.run("build " + self.target.name, words, self.env).ok else "NO"

    def programs(self):
        """The tests that were built, for whoever runs them without cargo: names and paths."""
        return rust.programs(call(self.command("--no-run", "--message-format", "json", *PROGRAMS), self.env).text)

    def command(self, *words):
        """The words of a call of `cargo test`."""
        make = zig.command if self.target.zig else sysroot.Toolchain.command
        return make(self.toolchain, "test", *words)

    def flags(self):
        """Zig brings a C library with its own beginning and end of a program; Rust has some for musl, too."""
        return ["-C", "link-self-contained=no"] if self.target.name.endswith("-musl") else []

    def row(self, page):
        """Runs the tests with pages of one size, if they can be; what is known then."""
        name = self.target.name + (", {} KiB pages".format(page // 1024) if page else "")
        row = Row(name, self.checks, self.builds)
        if not self.target.runs:
            row.why.append("nothing here runs its programs")
        elif page and not chooses_pages(self.target.runner):
            return row.skipped(self.steps, "this qemu does not let one choose the size of pages")
        elif self.builds == "yes":
            row.add(self.test(name, page))
            row.why += reasons(self.target.unfit_with(page))
        return row

    def test(self, name, page):
        """Runs the tests; their counts, in which those that are unfit are skipped."""
        words = ["--no-fail-fast", *PROGRAMS, "--", "--exact"]
        words += [word for test in self.target.unfit_with(page) for word in ("--skip", test)]
        return self.steps.run("tests " + name, self.command(*words), self.running(page), read=counted).counts

    def running(self, page):
        """The environment in which cargo, and a test that starts itself, find the emulator."""
        # To print where a test failed takes longer than the test, and the emulators do not manage it with large pages.
        env = dict(self.env, RUST_BACKTRACE="0")
        if not self.target.runner:
            return env
        runner = self.target.runner.format(page)
        variable = "CARGO_TARGET_{}_RUNNER".format(self.target.name.upper().replace("-", "_"))
        return dict(env, SAFEMAP_TEST_RUNNER=runner, **{variable: runner})


def counted(text):
    """Counts what cargo says, and what was left out as skipped."""
    counts = rust.counts(text)
    counts.skipped += sum(map(int, FILTERED.findall(text)))
    return counts


def reasons(unfit):
    """Says why tests are left out, each reason once."""
    return ["{}: {}".format(why, ", ".join(it for it in unfit if unfit[it] == why)) for why in dict.fromkeys(unfit.values())]


def chooses_pages(runner):
    """Whether the emulator lets one choose the size of pages: up to version 7."""
    told = re.search(r"version (\d+)", call([runner.split()[0], "--version"]).text)
    return told is not None and int(told.group(1)) < 8
