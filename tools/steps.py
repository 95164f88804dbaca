"""Runs the commands of a tool, counts tests, and measures the time of each step."""

import json
import os
import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()

# A step that takes more seconds is taken for hung, and is stopped.
TIMEOUT = 1800
# Steps from this many seconds on are in the summary.
LONG = 2
# Why a test failed: the first lines that a Rust test printed, the name of a Python test, and the
# last line of its traceback.
REASON = re.compile(r"^---- \S+ stdout ----\n\s*.*\n.*|^(?:FAIL|ERROR): .*|^\w*Error\b.*", re.M)
# The most lines of reasons in the summary, for each step.
REASONS = 20


class Counts:
    """How many tests passed, failed and were skipped."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        """Adds other counts to these."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Ended:
    """A command that has ended: its exit status, its output, and counts read from it."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        self.ok = status == 0
        self.counts = Counts()


class Steps:
    """One run of a tool, step by step. Threads may run steps at the same time."""

    def __init__(self):
        self.lock = threading.RLock()
        self.counts = Counts()
        self.times, self.reasons = [], []
        self.begun, self.cpu = time.monotonic(), cpu_of_children()

    def run(self, name, command, env=None, cwd=ROOT, read=None, timeout=TIMEOUT):
        """Runs a command and prints its line; prints its output if it fails.

        `read` turns the output into `Counts`. A failed command counts as one failure at least.
        """
        begun = time.monotonic()
        ended = call(command, env, cwd, timeout)
        counts = ended.counts = (read and read(ended.text)) or Counts()
        if not ended.ok and not counts.failed:
            counts.failed = 1
        with self.lock:
            self.record(name, counts, time.monotonic() - begun, read is not None)
            if counts.failed:
                show(command, ended)
                self.reasons += [f"{name}:", *reasons(ended.text)]
        return ended

    def record(self, name, counts, seconds, counted=True):
        """Adds `counts` and prints the line of a step.

        Commands of other threads that ended since the last line count for its processor time.
        """
        mark = "FAIL" if counts.failed else "ok"
        line = f"{name}: {counts}" if counted else name
        with self.lock:
            cpu = cpu_of_children()
            self.times.append((seconds, cpu - self.cpu, name))
            self.cpu = cpu
            self.counts.add(counts)
            print(f"{mark:<4} {seconds:6.1f} s  {line}", flush=True)

    def leave_out(self, count):
        """Counts tests that were skipped, without a line."""
        with self.lock:
            self.counts.skipped += count

    def skip(self, name, why):
        """Counts one skipped thing, and prints the reason."""
        with self.lock:
            self.counts.skipped += 1
            print(f"skip           {name}: {why}", flush=True)

    def fail(self, name, why):
        """Counts one failure, and prints the reason."""
        with self.lock:
            self.counts.failed += 1
            print(f"FAIL           {name}: {why}", flush=True)

    def close(self):
        """Prints the longest steps, the total time and the counts; returns the exit status."""
        long = sorted((it for it in self.times if it[0] >= LONG), reverse=True)
        if len(long) > 1:
            print("\nlongest steps: wall time, processor time of commands")
        for wall, cpu, name in long if len(long) > 1 else ():
            print(f"{wall:7.1f} s {cpu:7.1f} s  {name}")
        if self.reasons:
            print("\nwhat failed:", *self.reasons, sep="\n")
        total = "\n{} steps in {:.0f} s, {:.0f} s of processor time: {}"
        seconds = time.monotonic() - self.begun
        print(total.format(len(self.times), seconds, cpu_of_children(), self.counts))
        return 1 if self.counts.failed else 0


def pool(more=0):
    """Threads for steps that leave processors idle, and may run beside others.

    One for each processor, and `more` for steps that wait most of the time.
    """
    return ThreadPoolExecutor(os.cpu_count() + more)


def last_line(text):
    """The object in the last line of an output, which is JSON; None without it."""
    try:
        last = json.loads(text.rstrip().rsplit("\n", 1)[-1])
    except ValueError:
        return None
    return last if isinstance(last, dict) else None


def reasons(text):
    """The lines of an output that say why tests failed."""
    return [line for it in REASON.findall(text) for line in it.split("\n")][:REASONS]


def flag(parser, name, text):
    """Adds an option without a value."""
    parser.add_argument(name, action="store_true", help=text)


def cpu_of_children():
    """Seconds of processor time of ended child processes; 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def call(command, env=None, cwd=ROOT, timeout=TIMEOUT):
    """Runs a command and keeps its output. The exit status is 127 if it cannot be started."""
    try:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=str(cwd),
            env=dict(os.environ, **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
        )
    except OSError as error:
        return Ended(127, str(error))
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode("utf-8", "replace")
        return Ended(124, f"{output}\nstopped after {timeout} s")
    return Ended(done.returncode, done.stdout.decode("utf-8", "replace"))


def show(command, ended):
    """Prints the whole output of a command that failed."""
    print("---- {}".format(" ".join(str(word) for word in command)))
    print(ended.text.rstrip())
    print(f"---- exit status {ended.status}", flush=True)
