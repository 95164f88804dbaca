"""Runs the scenarios of `stress/`, each in its own process, directory and mount namespace.

A scenario is a command: the Rust program, or `stress/python/run.py`, and a name. `stress/README.md`
describes its options and its report. A scenario that is terminated, hangs or reports nothing has
failed. With `--control` its protection is removed, and it has to fail.
"""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

from tools import package, sanitizers
from tools.sanitizers import FUZZ_TARGETS
from tools.steps import ROOT, TARGET, Counts, Ended, call, flag, last_line, show

HOME = ROOT / "stress"
BUILD = ["--release", "--manifest-path", HOME / "Cargo.toml", "--target-dir", TARGET / "stress"]

# A scenario that takes longer hangs. In seconds.
TIMEOUT = 300

# A name, a command, and what the control removes.
Scenario = namedtuple("Scenario", "name command control")


def options(parser):
    """Adds the options of the tool."""
    flag(parser, "--quick", "fewer repetitions, without sanitizers and fuzzer")
    flag(parser, "--control", "remove the protection; each has to fail (implies --quick)")
    parser.add_argument(
        "--fuzz",
        metavar="N",
        type=int,
        help="only fuzz: the named targets, or all, N executions each, without a sanitizer",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="run these scenarios only")


def run(steps, options):
    """Runs the scenarios, and in a full run also the sanitizers and the fuzzer."""
    if sys.platform != "linux":
        steps.skip("stress", "the scenarios need Linux")
        return
    if options.fuzz:
        for name in set(options.names).difference(FUZZ_TARGETS):
            steps.fail(name, "there is no such fuzz target")
            return
        sanitizers.fuzz(steps, options.names or FUZZ_TARGETS, f"-runs={options.fuzz}")
        return
    times = sum(run_scenario(steps, it, options) for it in scenarios(steps, options.names))
    if not (options.quick or options.control or options.names):
        sanitizers.run(steps)
    print(f"{times} injected and survived")


def scenarios(steps, names):
    """Builds the scenarios and returns those with the given names, or all."""
    found = rust_scenarios(steps)
    if not names or any(name.startswith("python") for name in names):
        found += python_scenarios(steps)
    for name in set(names) - {scenario.name for scenario in found}:
        steps.fail(name, "there is no such scenario")
    return [scenario for scenario in found if not names or scenario.name in names]


def rust_scenarios(steps):
    """Builds the Rust program and returns its scenarios."""
    built = steps.run("cargo build of stress/", ["cargo", "build", *BUILD])
    return listed(steps, [TARGET / "stress" / "release" / "stress"], [], "") if built.ok else []


def python_scenarios(steps):
    """Builds the package, installs it into an environment and returns the scenarios that use it."""
    python, _ = package.installed(steps)
    command = [python, "-X", "faulthandler", HOME / "python" / "run.py"]
    return listed(steps, command, ["--list"], "python ") if python else []


def listed(steps, command, option, prefix):
    """Returns the scenarios that a command lists."""
    ended = call(command + option)
    if not ended.ok:
        steps.fail(f"scenarios of {command[-1]}", "they cannot be listed")
        show(command + option, ended)
        return []
    rows = [json.loads(line) for line in ended.text.splitlines()]
    return [Scenario(prefix + row["name"], command + [row["name"]], row["control"]) for row in rows]


def lint(steps):
    """Checks form and lints of the stress programs, and the form of the fuzzer, which are separate
    workspaces."""
    for home in (HOME, ROOT / "fuzz"):
        command = ["cargo", "fmt", "--check", "--manifest-path", home / "Cargo.toml"]
        steps.run(f"cargo fmt of {home.name}/", command)
    if sys.platform == "linux":
        clippy = ["cargo", "clippy", *BUILD, "--", "-D", "warnings"]
        steps.run("cargo clippy of stress/", clippy)


def run_scenario(steps, scenario, options):
    """Runs a scenario, prints its result, and returns how often it survived an injection."""
    started = time.monotonic()
    flags = ["--quick"] * (options.quick or options.control) + ["--control"] * options.control
    command = namespace() + scenario.command + flags
    ended = isolated(command)
    report = report_of(ended)
    if report and "skipped" in report:
        steps.skip(scenario.name, report["skipped"])
        return 0
    control = f", control ({scenario.control})" if options.control else ""
    line = f"{scenario.name}{control}: {sentence(report) if report else end_of(ended)}"
    good = bool(report) != options.control
    counts = Counts(passed=good, failed=not good)
    steps.record(line, counts, time.monotonic() - started, False)
    if not good and not options.control:
        show(command, ended)
    return report["times"] if report else 0


def sentence(report):
    """Describes a report in words."""
    note = "; " + report["note"] if report["note"] else ""
    return f"survived {report['times']} {report['injected']}{note}"


def report_of(ended):
    """Returns the report in the last line of the output; None if the scenario failed."""
    return last_line(ended.text) if ended.ok else None


def end_of(ended):
    """Describes how a scenario failed."""
    if ended.status < 0:
        return "terminated by " + signal.Signals(-ended.status).name
    text = ended.text.rsplit("Traceback (most recent call last):", 1)[-1]
    others = (" ", "note:", "thread ", "{")
    lines = [line for line in text.splitlines() if line and not line.startswith(others)]
    return f"exit status {ended.status}: {lines[0][:100] if lines else 'no output'}"


def isolated(command):
    """Runs a command in a temporary directory and its own process group, and removes both."""
    # Output to a file, because a process that is left over would keep a pipe open.
    with (
        tempfile.TemporaryDirectory(prefix="safemap-stress-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as output,
    ):
        status = wait(command, folder, output)
        output.seek(0)
        text = output.read().decode("utf-8", "replace")
        return Ended(status, text + last_step(folder) if status else text)


def last_step(folder):
    """Returns the last step that a Python scenario recorded, as a line for a failed one."""
    path = Path(folder, "last-step")
    if not path.exists():
        return ""
    return "\nlast step: " + path.read_bytes().split(b"\0")[0].decode("utf-8", "replace")


def wait(command, folder, output):
    """Runs a command and returns its exit status; 124 if it hangs."""
    env = dict(os.environ, TMPDIR=folder, RUST_BACKTRACE="0", PYTHONDONTWRITEBYTECODE="1")
    env.update({"SAFEMAP_MAY_MOUNT": "1"} if namespace() else {})
    streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
    words = list(map(str, command))
    child = subprocess.Popen(words, cwd=folder, env=env, start_new_session=True, **streams)
    try:
        return child.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        output.write(f"hung: stopped after {TIMEOUT} s\n".encode())
        # Python prints the stacks of its threads.
        child.send_signal(signal.SIGABRT)
        time.sleep(1)
        return 124
    finally:
        # Also the processes that the child has left.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@functools.lru_cache(maxsize=None)
def namespace():
    """Returns the prefix of a command with its own mount namespace. Empty if not allowed."""
    superuser = ["unshare", "--mount", "--propagation", "private", "--"]
    user = ["unshare", "--user", "--map-root-user"] + superuser[1:]
    return next((words for words in (superuser, user) if call(words + ["true"]).ok), [])
