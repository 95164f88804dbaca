"""Steps: run a command quietly, show all it said when it fails, and keep the count."""

import os
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()

# Seconds after which a step hangs rather than works.
PATIENCE = 1800


class Counts:
    """How many tests passed, failed and were skipped."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def add(self, other):
        """Adds the other's numbers to these."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return "{} passed, {} failed, {} skipped".format(self.passed, self.failed, self.skipped)

    def short(self):
        """The same, without failures where there are none."""
        return str(self) if self.failed else "{} passed, {} skipped".format(self.passed, self.skipped)


class Ended:
    """What a command left behind: its exit status, everything it printed, and what of that was counted."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        self.ok = status == 0
        self.counts = Counts()


class Steps:
    """A run of one chore, step by step."""

    def __init__(self):
        self.counts = Counts()
        self.steps = 0
        self.begun = time.monotonic()

    def run(self, name, command, env=None, cwd=ROOT, read=None):
        """Runs `command`; `read` makes `Counts` of what it printed. A step that broke counts as one failure."""
        begun = time.monotonic()
        ended = call(command, env, cwd)
        counts = ended.counts = (read and read(ended.text)) or Counts()
        if not ended.ok and not counts.failed:
            counts.failed = 1
        self.record(name, counts, time.monotonic() - begun, read is not None)
        if counts.failed:
            show(command, ended)
        return ended

    def record(self, name, counts, seconds, counted=True):
        """Adds `counts` and prints the step's line."""
        self.steps += 1
        self.counts.add(counts)
        mark = "FAIL" if counts.failed else "ok"
        said = ": " + counts.short() if counted else ""
        print("{:<4} {:6.1f} s  {}{}".format(mark, seconds, name, said), flush=True)

    def skip(self, name, why):
        """Counts one thing that cannot be done here, and says why."""
        self.counts.skipped += 1
        print("skip           {}: {}".format(name, why), flush=True)

    def fail(self, name, why):
        """Counts one thing that should be there and is not."""
        self.counts.failed += 1
        print("FAIL           {}: {}".format(name, why), flush=True)

    def close(self):
        """Prints the last line and returns the exit status."""
        print("in {:.0f} s".format(time.monotonic() - self.begun))
        tested = self.counts.passed or self.counts.failed or self.counts.skipped
        print(self.counts if tested else "{} steps, none failed".format(self.steps), flush=True)
        return 1 if self.counts.failed else 0


def call(command, env=None, cwd=ROOT):
    """Runs a command to its end with its output kept; a command that is not there ends with 127."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=str(cwd),
            env=dict(os.environ, **(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
    except OSError as error:
        return Ended(127, str(error))
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode("utf-8", "replace")
        return Ended(124, "{}\nstopped after {} s".format(said, PATIENCE))
    return Ended(done.returncode, done.stdout.decode("utf-8", "replace"))


def show(command, ended):
    """Prints the whole output of a step that failed."""
    print("---- {}".format(" ".join(str(word) for word in command)))
    print(ended.text.rstrip())
    print("---- exit status {}".format(ended.status), flush=True)
