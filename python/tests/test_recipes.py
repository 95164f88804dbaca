"""Runs the programs in docs/ipc-recipes.md."""

import glob
import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from support import FileCase, run_threads
from test_channel import LINUX

import safemap

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "ipc-recipes.md"

# What the programs print, as patterns; several of them may be in a section.
PRINTED = {
    "Last value": ["2: two\n"],
    "Event": ["False\nTrue b'result'\n"],
    "Semaphore": [r"\[0, 0, 0, 0\]\nat most [12]\n", "0\n"],
    "Job queue": ["100 b'49'\n"],
    "Request and response": ["49\nConnectionResetError\n"],
    "asyncio": ["cancelled\nb'hello'\n"],
    "Frames of numpy": ["45\n"],
    "Rolling journals": [r"999000 True\nb'\d+'\nTrue\n"],
}

METHODS = ["fork", "spawn"]
START = """
if __name__ == "__main__":
    import multiprocessing
    multiprocessing.set_start_method("{}")
"""


def sections():
    """The programs of each section that has some."""
    parts = DOCUMENT.read_text(encoding="utf-8").split("\n## ")[1:]
    found = {it.split("\n")[0]: re.findall(r"```python\n(.*?)```", it, re.DOTALL) for it in parts}
    return {title: programs for title, programs in found.items() if programs}


@unittest.skipUnless(LINUX and sys.maxsize > 1 << 32, "the programs need channels in memory")
@unittest.skipUnless(DOCUMENT.exists(), "the tests were copied without the documentation")
class RecipeCase(FileCase):
    def program(self, title):
        """Writes the first program of a section into a file, and returns its path."""
        return self.path(sections()[title][0].encode(), "recipe.py")

    def module(self, title):
        """Imports the first program of a section."""
        spec = importlib.util.spec_from_file_location("recipe", self.program(title))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def run_program(self, command):
        """Runs a program, which must exit with status 0, and returns what it prints."""
        done = subprocess.run(command, cwd=self.folder, capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode()


class Recipes(RecipeCase):
    def test_every_program_runs_and_prints_what_it_should(self):
        self.assertEqual(list(sections()), list(PRINTED))
        for title, programs in sections().items():
            if title == "Frames of numpy" and importlib.util.find_spec("numpy") is None:
                continue
            for program, output in zip(programs, PRINTED[title], strict=True):
                for method in METHODS if "import multiprocessing" in program else [None]:
                    with self.subTest(title=title, method=method):
                        start = START.format(method) if method else ""
                        self.check(title, start + program, output)

    def check(self, title, program, output):
        """Runs a program in a new folder."""
        with tempfile.TemporaryDirectory() as self.folder:
            path = self.path(program.encode(), "recipe.py")
            words = ["position", "one", "two"] if title == "Last value" else []
            self.assertRegex(self.run_program([sys.executable, path, *words]), f"^{output}$")

    def test_a_job_queue_survives_the_end_of_all_workers(self):
        [program] = sections()["Job queue"]
        kill = "workers[0].kill()"
        self.assertIn(kill, program)
        # Behind an answer, so that a worker was there; its job stays among those that are missing.
        kill_all = "receiver.recv(), [(it.kill(), it.join()) for it in workers]"
        program = program.replace(kill, kill_all)
        for method in METHODS:
            with self.subTest(method=method):
                self.check("Job queue", START.format(method) + program, *PRINTED["Job queue"])

    def test_an_event_is_noticed_although_its_process_crashed_before_it_notified(self):
        recipe = self.module("Event")
        with safemap.open(self.path(bytes(64)), "r+") as m:
            event = recipe.Event(m, 0)
            timer = threading.Timer(0.05, event.word.fetch_or, [1])
            start = time.monotonic()
            timer.start()
            self.assertTrue(event.wait())
            self.assertLess(time.monotonic() - start, 10)

    def test_an_event_that_is_cleared_at_once_is_not_missed(self):
        recipe = self.module("Event")
        with safemap.open(self.path(bytes(64)), "r+") as m:
            event, waiting = recipe.Event(m, 0), threading.Event()
            found = []

            def wait():
                waiting.set()
                found.append(event.wait(30))

            def pulse():
                waiting.wait()
                while not found:
                    event.set()
                    event.clear()

            run_threads(lambda work: work(), wait, pulse)
            self.assertEqual((found, event.is_set()), ([True], False))

    def test_a_semaphore_gives_each_permit_once(self):
        recipe = {}
        exec(compile(sections()["Semaphore"][1], "recipe", "exec"), recipe)
        with safemap.open(self.path(bytes(64)), "r+") as m:
            semaphore, inside, counts = recipe["Semaphore"](m, 0), [], []
            semaphore.release()
            semaphore.release()

            def work(_):
                for _ in range(200):
                    semaphore.acquire()
                    inside.append(1)
                    counts.append(len(inside))
                    inside.pop()
                    semaphore.release()

            run_threads(work, *range(4))
            self.assertEqual((len(counts), m.load("I", 0)), (800, 2))
            self.assertLessEqual(max(counts), 2)

    def test_a_server_answers_although_a_client_was_killed(self):
        self.program("Request and response")
        client = "import recipe, time; print(recipe.Client('requests.ch').call({}), flush=True)"
        with self.start("import recipe; recipe.serve('requests.ch')") as server:
            with self.start(client.format(3) + "; time.sleep(60)") as killed:
                self.assertEqual(killed.stdout.readline(), b"9\n")
                killed.kill()
            for _ in range(2):
                self.assertEqual(self.run_program(self.command(client.format(7))), "49\n")
            server.kill()

    def command(self, code):
        return [sys.executable, "-c", code]

    def start(self, code):
        return subprocess.Popen(self.command(code), cwd=self.folder, stdout=subprocess.PIPE)


class LastValue(RecipeCase):
    # Publishes values without end; each is its version in decimal.
    WRITER = """
        import sys
        sys.path.insert(0, sys.argv[1])
        import recipe, safemap
        with safemap.open(sys.argv[2], "r+") as m, safemap.ipc.Mutex(m, 0) as guard:
            guard.mark_consistent()
            version = recipe.read(m)[1]
            print("ready", flush=True)
            while True:
                version += 1
                assert recipe.publish(m, b"%d " % version * (version % 50)) == version
    """

    def test_writers_are_killed_beside_a_reader(self):
        recipe, last, published = self.module("Last value"), 0, 0
        path = self.path(bytes(256 + 4 * 1024), "position")
        command = [sys.executable, "-c", "import textwrap, sys; exec(textwrap.dedent(sys.argv[3]))"]
        command += [self.folder, path, self.WRITER]
        with safemap.open(path) as m:
            for delay in range(10):
                with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
                    self.assertEqual(writer.stdout.readline(), b"ready\n")
                    start, end = last, time.monotonic() + delay / 1000
                    # Every second writer has published something when it is killed.
                    while time.monotonic() < end or (last == start and delay % 2):
                        self.assertLess(time.monotonic(), end + 60)
                        value, version = recipe.read(m)
                        self.assertEqual(value, b"%d " % version * (version % 50))
                        self.assertGreaterEqual(version, last)
                        last = version
                    writer.send_signal(signal.SIGKILL)
                published += last > start
        self.assertGreaterEqual(published, 5)

    def test_a_damaged_value_is_an_error(self):
        recipe = self.module("Last value")
        with safemap.open(self.path(bytes(256 + 4 * 1024), "position"), "r+") as m:
            self.assertEqual(recipe.read(m), (b"", 0))
            self.assertRaises(ValueError, recipe.publish, m, bytes(1017))
            self.assertEqual(recipe.publish(m, bytes(1016)), 1)
            for at in range(256 + 1024, 256 + 2048):
                m[at] ^= 4
                self.assertRaises(ValueError, recipe.read, m)
                m[at] ^= 4
            self.assertEqual(recipe.read(m), (bytes(1016), 1))
            m.store("Q", 128, 2**64 - 1)
            self.assertEqual([recipe.publish(m, b"")], [0])

    def test_a_program_in_rust_uses_the_same_file(self):
        built = glob.glob(str(ROOT / "target" / "*" / "examples" / "last_value"))
        if not built:
            self.skipTest("cargo build --example last_value was not run")
        rust = [max(built, key=os.path.getmtime), "position"]
        python = [sys.executable, self.program("Last value"), "position"]
        self.run_program([*rust, "one", "two"])
        self.assertEqual(self.run_program(python), "2: two\n")
        self.run_program([*python, "three", ""])
        self.assertEqual(self.run_program(rust), "4: \n")


if __name__ == "__main__":
    unittest.main()
