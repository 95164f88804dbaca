"""Enables and disables Python's faulthandler around faults.

Faults stay errors, and real crashes stay crashes.
"""

import os
import signal
import subprocess
import sys
import textwrap

from settings import check, report

CONTROL = "the standard mmap"

# The beginning of every program. `truncated` returns a map whose file is empty; `fault` faults in
# several methods.
BEGIN = """
import ctypes, errno, faulthandler, importlib, os, random, resource
import signal, sys, tempfile, threading, time
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
module, rounds = importlib.import_module(sys.argv[1]), int(sys.argv[2])
rng = random.Random(int(sys.argv[3]))
repair = {"repair": True} if sys.argv[1] == "safemap" else {}
faults = 0

def truncated(**keywords):
    with tempfile.TemporaryFile() as file:
        file.truncate(4 * module.PAGESIZE)
        m = module.mmap(file.fileno(), 0, **keywords)
        file.truncate(0)
    return m

def fault(m):
    global faults
    uses = (lambda: m[5], lambda: m.find(b"a", 0), lambda: m.__setitem__(7, 1))
    for use in (*uses, lambda: m[2:99999], lambda: m.write(b"x")):
        try:
            use()
        except OSError as error:
            assert error.errno == errno.EFAULT, error
        else:
            raise AssertionError("nothing was raised")
        faults += 1

def repaired():
    global faults
    m = truncated(**repair)
    assert bytes(memoryview(m)) == bytes(len(m)) and m.damage == 0
    faults += 1
    return m

def run(threads):
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"

log = open(os.devnull, "w")
threading.excepthook = lambda args: (sys.__excepthook__(*args[:3]), os._exit(1))
"""

END = "\nprint(faults)"

# Programs that must survive.
SURVIVING = {
    "enabled before": """
        faulthandler.enable()
        for _ in range(rounds): fault(truncated()); repaired()
    """,
    "enabled after": """
        m = truncated()
        faulthandler.enable()
        for _ in range(rounds): fault(m)
        for _ in range(rounds): fault(truncated()); repaired()
    """,
    "enabled again and again": """
        m, n = truncated(), truncated(**repair)
        for round_ in range(100):
            faulthandler.enable(file=log)
            fault(m)
            fault(truncated() if round_ % 2 else m)
            if round_ % 3 == 0: fault(n)
    """,
    "enabled and disabled": """
        m = truncated()
        for round_ in range(100):
            faulthandler.enable(file=log)
            fault(m)
            faulthandler.disable()
            fault(m)
            if round_ % 5 == 0: fault(truncated()); repaired()
    """,
    "a view beside it": """
        m, n = truncated(**repair), truncated(**repair)
        view, other = memoryview(m), memoryview(n)
        for round_ in range(4):
            faulthandler.enable(file=log)
            assert view[round_ * module.PAGESIZE] == 0
            faulthandler.disable()
            assert other[round_ * module.PAGESIZE] == 0
            fault(m); fault(n)
    """,
    "any order": """
        maps = [truncated(), truncated(**repair)]
        for round_ in range(rounds * 5):
            what = rng.randrange(7)
            if what == 0: faulthandler.enable(file=log, all_threads=rng.random() < 0.5)
            if what == 1: faulthandler.disable()
            if what == 2: maps.append(truncated())
            if what == 3: repaired()
            handlers = [signal.SIG_DFL, signal.SIG_IGN, lambda *_: None]
            if what == 4: signal.signal(signal.SIGBUS, rng.choice(handlers))
            if what == 5 and len(maps) > 2: maps.pop(rng.randrange(len(maps))).close()
            # A handler installed after the last map is first until the next map is created.
            maps.append(truncated())
            fault(rng.choice(maps))
    """,
    "in threads": """
        m = truncated()
        def work():
            for round_ in range(rounds):
                fault(m if round_ % 2 else truncated_alone())
        lock = threading.Lock()
        def truncated_alone():
            with lock: return truncated()
        faulthandler.enable(file=log)
        truncated()
        run([threading.Thread(target=work) for _ in range(6)])
    """,
    "enabled between threads' faults": """
        m = truncated()
        def work(number):
            for round_ in range(rounds):
                if number == 0: truncated(); fault(m)
                else: fault(m)
        for _ in range(10):
            # Enable faulthandler while the threads wait, and create a map, which comes first.
            faulthandler.enable(file=log)
            truncated()
            run([threading.Thread(target=work, args=(number,)) for number in range(4)])
            faulthandler.disable()
            truncated()
    """,
    "a watchdog": """
        faulthandler.dump_traceback_later(0.01, repeat=True, file=log)
        faulthandler.register(signal.SIGUSR1, file=log, chain=False)
        for round_ in range(rounds):
            fault(truncated()); repaired()
            os.kill(os.getpid(), signal.SIGUSR1)
        faulthandler.cancel_dump_traceback_later()
    """,
    "signals all the time": """
        got = []
        signal.signal(signal.SIGALRM, lambda *_: (got.append(1), fault(n)))
        n, m = truncated(), truncated()
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        end = time.monotonic() + 20
        while len(got) < rounds and time.monotonic() < end: fault(m)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(got) >= rounds, len(got)
    """,
}

# Programs that must be terminated by a signal, and what faulthandler reports.
BUS_ERROR = (signal.SIGBUS, "Bus error")
SEGMENTATION_FAULT = (signal.SIGSEGV, "Segmentation fault")
TO_THREAD = "signal.pthread_kill(threading.get_ident(), signal.SIGBUS)"
IN_THREAD = "run([threading.Thread(target=faulthandler._sigsegv, args=(True,))])"
CRASHES = {
    "a bus error that is sent": ("os.kill(os.getpid(), signal.SIGBUS)", *BUS_ERROR),
    "a bus error that is raised": ("signal.raise_signal(signal.SIGBUS)", *BUS_ERROR),
    "a bus error to a thread": (TO_THREAD, *BUS_ERROR),
    "a bus error of the standard module": (
        "import mmap; module = mmap; truncated()[5]",
        *BUS_ERROR,
    ),
    "a view without repair": ("memoryview(truncated())[5]", *BUS_ERROR),
    "a null pointer": ("ctypes.string_at(0)", *SEGMENTATION_FAULT),
    "a segmentation fault that is raised": ("faulthandler._sigsegv()", *SEGMENTATION_FAULT),
    "a segmentation fault in a thread": (IN_THREAD, *SEGMENTATION_FAULT),
    "a stack overflow": ("faulthandler._stack_overflow()", *SEGMENTATION_FAULT),
    "an abort": ("faulthandler._sigabrt()", signal.SIGABRT, "Aborted"),
}

BETWEEN = "fault(truncated()); faulthandler.enable(); fault(truncated()); repaired()"
IN_ROUNDS = """for _ in range(20):
    fault(truncated()); faulthandler.enable()
    faulthandler.disable(); faulthandler.enable(); repaired()
"""
# The beginning of such a program, and whether faulthandler reports the crash.
PRELUDES = {
    "without faults": ("", False),
    "with faults": ("fault(truncated()); repaired()", False),
    "with faulthandler before": ("faulthandler.enable(); fault(truncated()); repaired()", True),
    "with faulthandler after": ("fault(truncated()); faulthandler.enable()", True),
    "with faulthandler between": (BETWEEN, True),
    "with faulthandler in rounds": (IN_ROUNDS, True),
}


def run(settings):
    module = "mmap" if settings.control else "safemap"
    faults = sum(faults_of(settings, module, name, code) for name, code in SURVIVING.items())
    crashes = [(prelude, crash) for prelude in PRELUDES for crash in CRASHES]
    if settings.quick:
        crashes = settings.rng.sample(crashes, 12)
    for prelude, crash in crashes:
        check_crash(settings, module, prelude, crash)
    note = f"{len(SURVIVING)} orders of handlers; {len(crashes)} real crashes were still crashes, "
    note += "and reported where faulthandler was enabled"
    return report(faults, "faults between handlers", note)


def start(settings, module, code, status, name):
    """Runs a program, which must end with this status. Returns its output and its errors."""
    settings.log(name)
    arguments = [module, str(settings.times(10, 200)), str(settings.seed)]
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code) + END, *arguments]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONFAULTHANDLER"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, input="", timeout=100)
    errors = done.stderr[-2000:]
    check(done.returncode == status, f"{name}: exit status {done.returncode}\n{errors}")
    return done.stdout, done.stderr


def faults_of(settings, module, name, code):
    """Runs a program that must survive, and returns the number of its faults."""
    return int(start(settings, module, code, 0, name)[0])


def check_crash(settings, module, prelude, crash):
    """Runs a program that must be terminated, and reported if faulthandler is enabled."""
    (begin, reported), (code, number, message) = PRELUDES[prelude], CRASHES[crash]
    name = f"{crash} {prelude}"
    _, errors = start(settings, module, begin + "\n" + code, -number, name)
    is_right = reported == ("Fatal Python error: " + message in errors)
    check(is_right, f"{name}: {errors[-2000:]}")
