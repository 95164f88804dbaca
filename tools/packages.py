"""Builds each package that this machine can build, tests it, and checks it for publishing.

The crates are packed as `cargo publish` does. The examples in the documentation of the crate run in
what was unpacked, outside of the repository. The source package of Python is built and installed,
and its own tests run; wheels are tested with those of the repository. Then the linters of package
indexes run. Nothing is uploaded.
"""

import os
import re
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from tools import generated, interpreters, package, python_tests, rust, vendor, wheels
from tools.steps import ROOT, TARGET, call, pool

CRATES = ["safemap", "safemap-memmap2"]
# Cargo's folder for all packages, and one for the source package.
CARGO = TARGET / "packages" / "cargo"
SOURCE = TARGET / "packages" / "source"
REQUIREMENTS = [
    "auditwheel>=6.3,<7",
    "check-wheel-contents>=0.6.3,<1",
    "pyroma>=5,<6",
    "setuptools>=77",
    "twine>=6.1",
    "validate-pyproject>=0.24",
]
# What cargo prints if it cannot ask the registry.
UNREACHABLE = re.compile(r"Could not resolve|failed to (fetch|download|query)|network|timed out")
# Cargo warns that tests are not in the package, which is intended.
UNEXPECTED = re.compile(r"warning: (?!ignoring test )")
RATING = "10"
# The tag of a wheel for glibc, and the one that its libraries permit. Maturin checks musl wheels:
# auditwheel knows Alpine's name of that library only, and not the usual one, libc.so.
LINUX = r"manylinux_(\d+)_(\d+)_(x86_64|aarch64)"
PERMITTED = re.compile(rf'following platform tag:\s+"{LINUX}"')


class Built:
    """A package: its file, what it is for, and the counts of the tests that ran with it."""

    def __init__(self, file, tag, counts=None):
        self.file, self.tag, self.counts = Path(file), tag, counts

    def __str__(self):
        size = f"{self.file.stat().st_size / 1e6:.2f} MB"
        passed = "built, not run" if self.counts is None else str(self.counts.passed)
        return f"| {self.file.name} | {self.tag} | {size} | {passed} |"


options = wheels.named


def run(steps, options):
    """Builds, tests and checks all packages, and prints a table."""
    project = generated.Project()
    generated.lint(steps)
    for address in project.placeholders():
        print(f"               the packages have a placeholder as address: {address}")
    shutil.rmtree(str(CARGO / "package"), ignore_errors=True)
    built = crates(steps, project.version) + python_packages(steps, options.names)
    lint(steps, [it.file for it in built if it.file.suffix != ".crate"])
    print("\n| file | tag | size | tests passed |\n|---|---|---|---|")
    print("\n".join(map(str, built)), flush=True)


def crates(steps, version):
    """Packs the crates, and runs the examples in the documentation of the first."""
    chosen = [word for name in CRATES for word in ("--package", name)]
    words = ["--locked", "--allow-dirty", "--target-dir", CARGO, *chosen]
    words += publish(steps, ["cargo", "publish", "--dry-run", "--no-verify", *words])
    ended = steps.run("cargo package", ["cargo", "package", *words])
    for line in filter(UNEXPECTED.match, ended.text.splitlines()):
        steps.fail("cargo package", line)
    files = [CARGO / "package" / f"{name}-{version}.crate" for name in CRATES]
    built = [Built(file, "crate") for file in files if file.exists()]
    for it in built[:1]:
        it.counts = examples(steps, it.file)
    return built


def publish(steps, command):
    """Checks the crates as publishing does; returns the option for cargo without the registry."""
    ended = call(command)
    if not ended.ok and UNREACHABLE.search(ended.text):
        steps.skip("cargo publish --dry-run", "cargo cannot reach the registry")
        return ["--offline"]
    steps.run("cargo publish --dry-run", command)
    return []


def examples(steps, file):
    """Runs the examples of the documentation in a crate that was unpacked; returns the counts."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(file, folder)
        env = {"CARGO_TARGET_DIR": str(CARGO)}
        test = ["cargo", "test", "--doc", "--features", "stable-deref,zerocopy"]
        home = Path(folder) / file.stem
        return steps.run(f"examples in {file.name}", test, env, home, read=rust.counts).counts


def unpack(file, folder):
    """Unpacks an archive, whose files may not be outside of the folder."""
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")


def python_packages(steps, names):
    """Builds the source package and the wheels of a release, and tests what runs here.

    A wheel is tested while the next one is built.
    """
    folder = package.tools(steps)
    if folder is None:
        return []
    env = vendor.environment(steps) or {}
    built = [source(steps, folder, env)]
    tests = []
    with pool() as threads:
        for it, version, file in wheels.release(steps, folder, env, names):
            tests.append((file, threads.submit(it.test, steps, folder, version, file)))
    for file, test in tests:
        tag = "-".join(Path(file).stem.split("-")[2:])
        built.append(Built(file, tag, test.result()))
    return [it for it in built if it]


def source(steps, folder, env, out=SOURCE):
    """Builds the source package, and a wheel from it, with which the tests in it run."""
    it = interpreters.host()
    shutil.rmtree(str(out), ignore_errors=True)
    words = ["sdist", "--manifest-path", ROOT / "python" / "Cargo.toml", "--out", out]
    if not steps.run("source package", [package.maturin_of(folder), *words], env).ok:
        return None
    file = next(out.glob("*.tar.gz"))
    unpack(file, out)
    # As `pip install` does without a wheel, but with the maturin that is here.
    command = [*interpreters.pip(it), "wheel", "--no-deps", "--no-index", "--no-build-isolation"]
    path = os.pathsep.join([str(folder / "bin"), os.environ.get("PATH", "")])
    env = {**env, "PYTHONPATH": str(folder), "PATH": path}
    made = steps.run("wheel from source package", [*command, "--wheel-dir", out, file], env)
    wheel = next(out.glob("*.whl")) if made.ok else None
    tests = out / file.name.removesuffix(".tar.gz") / "python" / "tests"
    counts = wheel and python_tests.of_wheel(steps, folder, it, wheel, tests)
    return Built(file, "source", counts)


def lint(steps, files):
    """Runs the linters of package indexes on the Python packages."""
    folder = package.install(steps, "checkers", REQUIREMENTS)
    if folder is None:
        return
    env = {"PYTHONPATH": str(folder), "PYTHONWARNINGS": "ignore"}
    checks = {
        "validate-pyproject": [ROOT / "python" / "pyproject.toml"],
        "twine": ["check", "--strict", *files],
        "check-wheel-contents": [it for it in files if it.suffix == ".whl"],
        "pyroma": ["--min", RATING, *(it for it in files if it.suffix != ".whl")],
    }
    for name, words in checks.items():
        program = folder / "bin" / interpreters.program(name)
        steps.run(name, [program, *words], env)
    for file in files:
        for name in package.with_path(file) if file.suffix == ".whl" else ():
            steps.fail(file.name, f"{name} has the path of the repository")
    for file in files if sys.platform == "linux" else ():
        tag = re.search(LINUX, file.name)
        if tag:
            audit(steps, tag, [folder / "bin" / "auditwheel", "show", file], env)


def audit(steps, tag, command, env):
    """Fails if a wheel needs another or a newer system than its tag says."""
    ended = steps.run("auditwheel of " + tag.string, command, env)
    found = PERMITTED.search(ended.text)
    if ended.ok and not (found and is_older(found, tag)):
        steps.fail(tag.string, ended.text)


def is_older(one, other):
    """Whether a tag means the same or an older glibc as another, on the same processor."""
    numbers = [tuple(map(int, it.group(1, 2))) for it in (one, other)]
    return one.group(3) == other.group(3) and numbers[0] <= numbers[1]
