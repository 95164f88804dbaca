#!/usr/bin/env python3
"""Run: one scenario of `scenarios/`, in a process of its own that may die or hang.

`run.py NAME [--quick] [--control] [--seconds N] [--seed N]` prints as its last line, as JSON, what was done: `injected`, `times`,
`survived`, `note`; or `skipped`, with the reason. It ends with 0 if everything was survived. `run.py --list` prints a line of JSON for each
scenario. With `--control` the protection is taken away, and a scenario that holds is worth nothing.
"""

import argparse
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback

import scenarios
from asked import Asked, Skipped

# Seconds after which a scenario hangs rather than works.
PATIENCE = 200


def main(words):
    """Does what the words say; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenario", nargs="?", choices=scenarios.NAMES)
    parser.add_argument("--list", action="store_true", help="print the scenarios")
    parser.add_argument("--quick", action="store_true", help="few times instead of many")
    parser.add_argument("--control", action="store_true", help="without the protection; has to fail")
    parser.add_argument("--seconds", type=float, help="how long, where that is a choice")
    parser.add_argument("--seed", type=int, default=1, help="which random choices")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    if options.list or options.scenario is None:
        return show()
    return inside(options) if options.inside else outside(options.scenario, words)


def show():
    """Prints the scenarios."""
    for name in scenarios.NAMES:
        print(json.dumps({"name": name, "control": scenario(name).SABOTAGE}))
    return 0


def scenario(name):
    """The module of that name."""
    return importlib.import_module("scenarios." + name)


def inside(options):
    """Runs the scenario here."""
    asked = Asked(options.quick, options.control, options.seconds, options.seed, options.inside)
    try:
        facts = scenario(options.scenario).run(asked)
    except Skipped as skipped:
        facts = {"skipped": str(skipped)}
    except BaseException:
        traceback.print_exc()
        return 1
    print(json.dumps(dict({"scenario": options.scenario}, **facts)))
    return 0


def outside(name, words):
    """Runs the scenario in a child, and looks how that ended."""
    with tempfile.TemporaryDirectory(prefix="safemap-stress-") as folder:
        # Files and not pipes: a process that is left over would keep a pipe open.
        with open(os.path.join(folder, "said"), "w+b") as said, open(os.path.join(folder, "errors"), "w+b") as errors:
            status = child(words + ["--inside", folder], folder, said, errors)
            text, trouble = content(said), content(errors)
        if status != 0:
            print("{} {}; last seen: {}".format(name, death(status, trouble), last_words(folder)))
        sys.stdout.write(trouble + text)
        return int(status != 0)


def content(file):
    """All of a file, as text."""
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def child(words, folder, said, errors):
    """The exit status of a child; None if it hung. Nothing that it started is left."""
    command = [sys.executable, "-X", "faulthandler", os.path.abspath(__file__)] + words
    env = dict(os.environ, TMPDIR=folder, PYTHONDONTWRITEBYTECODE="1")
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=errors, start_new_session=True)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        # The interpreter prints where its threads are.
        process.send_signal(signal.SIGABRT)
        return None
    finally:
        finish(process)


def finish(process):
    """Waits a little for a child, and ends its group, which is its own."""
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def death(status, trouble):
    """A bad end in words."""
    if status is None:
        return "hung for {} s".format(PATIENCE)
    if status < 0:
        return "died of " + signal.Signals(-status).name
    lines = trouble.rsplit("Traceback (most recent call last):", 1)[-1].splitlines()
    return next((line for line in lines if line and not line.startswith(" ")), "ended with {}".format(status))


def last_words(folder):
    """What the child was about to do."""
    try:
        with open(os.path.join(folder, "last"), "rb") as file:
            return file.read().split(b"\0")[0].decode("utf-8", "replace") or "nothing"
    except FileNotFoundError:
        return "nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
