"""Stress: the scenarios of `stress/`, each in a process, a folder and a mount namespace of its own.

A scenario is a command: the Rust program, or `stress/python/run.py`, and a name. It takes `--quick` and `--control`,
and prints as its last line what was done, as JSON: `injected` (words), `times`, `survived`, `note`; or `skipped`, with
the reason. It may also die or hang, and that is a failure. With `--control` its protection is taken away, and to
survive is the failure.
"""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from tools import interpreters, package, sanitizers
from tools.steps import ROOT, TARGET, Counts, Ended, call, show

HOME = ROOT / "stress"

# Seconds after which a scenario hangs rather than works.
PATIENCE = 300


class Scenario:
    """A command, its name, and what control does to it."""

    def __init__(self, name, command, control):
        self.name, self.command, self.control = name, command, control


class Totals:
    """What was injected and survived, in all."""

    def __init__(self):
        self.times = self.survived = 0

    def add(self, facts):
        """Adds one scenario's facts."""
        self.times += facts["times"]
        self.survived += facts["survived"]


def run(steps, words):
    """Runs every scenario; without --quick and --control also the sanitizers and the fuzzer."""
    if sys.platform != "linux":
        steps.skip("stress", "the scenarios are made of what Linux can do to a map")
        return
    options = [word for word in ("--quick", "--control") if word in words]
    if "--control" in options and "--quick" not in options:
        options.append("--quick")
    chosen = [word for word in words if not word.startswith("--")]
    totals = Totals()
    for scenario in scenarios(steps, chosen):
        one(steps, scenario, options, totals)
    if not options and not chosen:
        sanitizers.run(steps)
    print("in all {} injected, {} survived".format(totals.times, totals.survived))


def scenarios(steps, chosen):
    """Those that were chosen by name, or all, built and ready to run."""
    found = rust_scenarios(steps)
    if not chosen or any(name.startswith("python") for name in chosen):
        found += python_scenarios(steps)
    return [scenario for scenario in found if not chosen or scenario.name in chosen]


def rust_scenarios(steps):
    """Builds the program and asks it for its scenarios."""
    target = TARGET / "stress"
    build = ["cargo", "build", "--release", "--manifest-path", HOME / "Cargo.toml", "--target-dir", target]
    built = steps.run("cargo build of stress/", build)
    return listed(steps, [target / "release" / "stress"], [], "") if built.ok else []


def python_scenarios(steps):
    """Asks the script for its scenarios, in an interpreter with the package."""
    script = HOME / "python" / "run.py"
    python = environment(steps) if script.exists() else None
    return listed(steps, [python, script], ["--list"], "python ") if python else []


def listed(steps, command, question, prefix):
    """What a command says its scenarios are."""
    ended = call(command + question)
    if not ended.ok:
        steps.fail("scenarios of {}".format(command[-1]), "they cannot be listed")
        show(command + question, ended)
        return []
    told = [json.loads(line) for line in ended.text.splitlines()]
    return [Scenario(prefix + one["name"], command + [one["name"]], one["control"]) for one in told]


def environment(steps):
    """A python with the package; None if there can be none."""
    folder, host = package.tools(steps), interpreters.host()
    wheel = package.build(steps, folder, host) if folder else None
    return package.environment(steps, folder, host, wheel) if wheel else None


def lint(steps):
    """Checks form and lints of the scenarios, which are a workspace of their own, and the form of the fuzzer."""
    for home in (HOME, ROOT / "fuzz"):
        steps.run("cargo fmt of {}/".format(home.name), ["cargo", "fmt", "--check", "--manifest-path", home / "Cargo.toml"])
    if sys.platform != "linux":
        return
    clippy = ["cargo", "clippy", "--release", "--manifest-path", HOME / "Cargo.toml", "--target-dir", TARGET / "stress"]
    steps.run("cargo clippy of stress/", clippy + ["--", "-D", "warnings"])


def one(steps, scenario, options, totals):
    """Runs one scenario and prints its line."""
    begun = time.monotonic()
    command = namespace() + scenario.command + options
    ended = alone(command)
    facts = told(ended)
    seconds = time.monotonic() - begun
    if facts and "skipped" in facts:
        steps.skip(scenario.name, facts["skipped"])
    elif "--control" in options:
        judge_sabotage(steps, scenario, ended, facts, seconds)
    elif facts and facts["survived"] == facts["times"]:
        totals.add(facts)
        steps.record(scenario.name + ": " + sentence(facts), Counts(passed=1), seconds, False)
    else:
        steps.record(scenario.name + ": " + (sentence(facts) if facts else death(ended)), Counts(failed=1), seconds, False)
        show(command, ended)


def judge_sabotage(steps, scenario, ended, facts, seconds):
    """Without its protection a scenario has to fail."""
    survived = facts is not None and facts["survived"] == facts["times"]
    end = "survived" if survived else death(ended)
    line = "{}, sabotaged ({}): {}".format(scenario.name, scenario.control, end)
    steps.record(line, Counts(failed=1) if survived else Counts(passed=1), seconds, False)


def sentence(facts):
    """Facts in words."""
    note = "; " + facts["note"] if facts["note"] else ""
    return "{} {}, {} survived{}".format(facts["times"], facts["injected"], facts["survived"], note)


def told(ended):
    """The facts on the last line of a scenario that ended well; None if there are none."""
    try:
        last = json.loads(ended.text.rstrip().rsplit("\n", 1)[-1])
    except ValueError:
        return None
    return last if isinstance(last, dict) and ended.ok else None


def death(ended):
    """How a scenario ended that did not end well."""
    if ended.status < 0:
        return "died of " + signal.Signals(-ended.status).name
    lines = [line for line in ended.text.splitlines() if line and not line.startswith(("note:", "thread ", "{"))]
    return "ended with {}: {}".format(ended.status, lines[0].strip()[:100] if lines else "without a word")


def alone(command):
    """Runs a command in a folder and a group of processes of its own; neither is left afterwards."""
    folder = tempfile.mkdtemp(prefix="safemap-stress-")
    env = dict(os.environ, TMPDIR=folder, RUST_BACKTRACE="0", PYTHONDONTWRITEBYTECODE="1")
    if namespace():
        env["SAFEMAP_MAY_MOUNT"] = "1"
    try:
        # A file and not a pipe: a process that is left over would keep a pipe open.
        with tempfile.TemporaryFile() as output:
            status = waited(command, folder, env, output)
            output.seek(0)
            return Ended(status, output.read().decode("utf-8", "replace"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def waited(command, folder, env, output):
    """Starts a command and waits for it; 124 if it hangs."""
    words = [str(word) for word in command]
    child = subprocess.Popen(
        words, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
    try:
        return child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        output.write("hung: stopped after {} s\n".format(PATIENCE).encode())
        return 124
    finally:
        end_group(child)


def end_group(child):
    """Ends a child and whatever it left in its group, which is its own."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


@functools.lru_cache(maxsize=None)
def namespace():
    """The words that give a command mounts of its own, which go with it; none where that is not allowed."""
    superuser = ["unshare", "--mount", "--propagation", "private", "--"]
    anyone = ["unshare", "--user", "--map-root-user"] + superuser[1:]
    return next((words for words in (superuser, anyone) if call(words + ["true"]).ok), [])
