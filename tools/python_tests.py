"""Python tests: ours and the interpreter's own, on every CPython that is found."""

import json

from tools import interpreters, package, platforms, rust
from tools.steps import ROOT, TARGET, Counts

INSIDE = ROOT / "tools" / "inside.py"
TESTS = ROOT / "python" / "tests"
ENVIRONMENT = {"PYTHONFAULTHANDLER": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run(steps, words=()):
    """Builds the package for every CPython from 3.11 up, or those whose names begin like a word, and tests it there.

    Returns rows of the table of targets.
    """
    announce()
    folder = package.tools(steps)
    names = tuple(word for word in words if not word.startswith("-"))
    built, rows = {}, []
    chosen = [it for it in interpreters.found() if it.name.startswith(names or "")]
    for it in chosen if folder else ():
        if it.minor not in built:
            built[it.minor] = wheel(steps, folder, it)
        if built[it.minor]:
            rows += try_on(steps, folder, it, built[it.minor])
    return rows


def announce():
    """Says which interpreters there are and which there are not."""
    found = interpreters.found()
    print("found CPython " + ", ".join(it.name for it in found) if found else "found no CPython from 3.11 up")
    if interpreters.missing():
        print("not found: CPython " + ", ".join(interpreters.missing()), flush=True)


def wheel(steps, folder, it):
    """The wheel for one interpreter; None, and a reason, where there can be none."""
    if it.threaded and it.numbers[:2] < (3, 14):
        steps.skip("wheel for " + it.minor, "PyO3 supports free-threaded CPython from 3.14 up")
        return None
    return package.build(steps, folder, it)


def try_on(steps, folder, it, wheel):
    """Installs the wheel for one interpreter and runs both test suites there; a row of the table for each."""
    python = package.environment(steps, folder, it, wheel)
    if python is None:
        return []
    rows = [inside(steps, it, "python/tests", [python, INSIDE, "ours", TESTS])]
    if "test.test_mmap" in it.has:
        rows.append(inside(steps, it, "test.test_mmap", [python, INSIDE, "cpython"]))
    else:
        steps.skip("test.test_mmap on " + it.name, "this interpreter came without its tests")
    return rows


def inside(steps, it, suite, command):
    """Runs one suite in an empty working folder, so that nothing but the installed package can be imported; its row."""
    scratch = TARGET / "scratch-{}".format(it.name)
    scratch.mkdir(parents=True, exist_ok=True)
    ended = steps.run("{} on {}".format(suite, it.name), command, ENVIRONMENT, scratch, read=counts)
    tell_reasons(ended.text)
    return platforms.tested("{}, {} on CPython {}".format(rust.host(), suite, it.minor), ended.counts, it.name)


def tell_reasons(text):
    """Prints why tests were skipped."""
    for reason, times in sorted(told(text).get("reasons", {}).items()):
        print("               {} skipped: {}".format(times, reason), flush=True)


def counts(text):
    """Reads the last line of `inside.py`; nothing if it did not come so far."""
    last = told(text)
    return Counts(last["passed"], last["failed"], last["skipped"]) if last else Counts()


def told(text):
    """The last line of `inside.py`."""
    try:
        last = json.loads(text.rstrip().rsplit("\n", 1)[-1])
    except ValueError:
        return {}
    return last if isinstance(last, dict) else {}


def lint(steps):
    """Compiles every Python file and looks at its names, so that a slip in what no test runs is seen."""
    host = interpreters.host()
    python = host.executable if host else "python3"
    folders = [ROOT / "x.py", ROOT / "tools", ROOT / "python", ROOT / "bench"]
    env = {"PYTHONPYCACHEPREFIX": str(TARGET / "pycache")}
    steps.run("compileall", [python, "-W", "error", "-m", "compileall", "-q"] + folders, env)
    tools = package.tools(steps)
    if tools:
        steps.run("ruff", [tools / "bin" / interpreters.program("ruff"), "check", "--quiet", "."])
