"""Do faults stay errors, and real crashes crashes, whatever Python's faulthandler does and in any order?"""

import os
import signal
import subprocess
import sys
import textwrap

from asked import facts

SABOTAGE = "the standard mmap"

# What every program below starts with. `fault` meets every sort of fault once; `lose` is a map whose file is gone.
BEGIN = """
import ctypes, errno, faulthandler, importlib, os, random, resource, signal, sys, threading, time
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
module, path, turns, rng = importlib.import_module(sys.argv[1]), sys.argv[2], int(sys.argv[3]), random.Random(int(sys.argv[4]))
repair = {"repair": True} if sys.argv[1] == "safemap" else {}
faults = 0

def lose(**keywords):
    with open(path, "w+b") as file:
        file.truncate(4 * module.PAGESIZE)
        m = module.mmap(file.fileno(), 0, **keywords)
        file.truncate(0)
    return m

def fault(m):
    global faults
    for use in (lambda: m[5], lambda: m.find(b"a", 0), lambda: m.__setitem__(7, 1), lambda: m[2:99999], lambda: m.write(b"x")):
        try:
            use()
        except OSError as error:
            assert error.errno == errno.EFAULT, error
        else:
            raise AssertionError("nothing was raised")
        faults += 1

def repaired():
    global faults
    m = lose(**repair)
    assert bytes(memoryview(m)) == bytes(len(m)) and m.damage == 0
    faults += 1
    return m

def within(threads):
    [thread.start() for thread in threads]
    [thread.join(60) for thread in threads]
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"

log = open(os.devnull, "w")
"""

END = "\nprint(faults)"

# Programs that must go well.
WELL = {
    "enabled before": "faulthandler.enable()\nfor _ in range(turns): fault(lose()); repaired()",
    "enabled after": """
        m = lose()
        faulthandler.enable()
        for _ in range(turns): fault(m)
        for _ in range(turns): fault(lose()); repaired()
    """,
    "enabled again and again": """
        m, n = lose(), lose(**repair)
        for turn in range(100):
            faulthandler.enable(file=log)
            fault(m)
            fault(lose() if turn % 2 else m)
            if turn % 3 == 0: fault(n)
    """,
    "enabled and disabled": """
        m = lose()
        for turn in range(100):
            faulthandler.enable(file=log)
            fault(m)
            faulthandler.disable()
            fault(m)
            if turn % 5 == 0: fault(lose()); repaired()
    """,
    "a view beside it": """
        m, n = lose(**repair), lose(**repair)
        view, other = memoryview(m), memoryview(n)
        for turn in range(4):
            faulthandler.enable(file=log)
            assert view[turn * module.PAGESIZE] == 0
            faulthandler.disable()
            assert other[turn * module.PAGESIZE] == 0
            fault(m); fault(n)
    """,
    "any order": """
        maps = [lose(), lose(**repair)]
        for turn in range(turns * 5):
            what = rng.randrange(7)
            if what == 0: faulthandler.enable(file=log, all_threads=rng.random() < 0.5)
            if what == 1: faulthandler.disable()
            if what == 2: maps.append(lose())
            if what == 3: repaired()
            if what == 4: signal.signal(signal.SIGBUS, rng.choice([signal.SIG_DFL, signal.SIG_IGN, lambda *_: None]))
            if what == 5 and len(maps) > 2: maps.pop(rng.randrange(len(maps))).close()
            # A handler that somebody installed after the last map comes first until the next one is made.
            maps.append(lose())
            fault(rng.choice(maps))
    """,
    "in threads": """
        m = lose()
        def work():
            for turn in range(turns):
                fault(m if turn % 2 else lose_own())
        lock = threading.Lock()
        def lose_own():
            with lock: return lose()
        faulthandler.enable(file=log)
        lose()
        within([threading.Thread(target=work) for _ in range(6)])
    """,
    "enabled between threads' faults": """
        m = lose()
        def work(number):
            for turn in range(turns):
                if number == 0: lose(); fault(m)
                else: fault(m)
        for _ in range(10):
            # Enabled and in force, with the next map in front of it, while the threads rest.
            faulthandler.enable(file=log)
            lose()
            within([threading.Thread(target=work, args=(number,)) for number in range(4)])
            faulthandler.disable()
            lose()
    """,
    "a watchdog": """
        faulthandler.dump_traceback_later(0.01, repeat=True, file=log)
        faulthandler.register(signal.SIGUSR1, file=log, chain=False)
        for turn in range(turns):
            fault(lose()); repaired()
            os.kill(os.getpid(), signal.SIGUSR1)
        faulthandler.cancel_dump_traceback_later()
    """,
    "signals all the time": """
        got = []
        signal.signal(signal.SIGALRM, lambda *_: (got.append(1), fault(n)))
        n, m = lose(), lose()
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        end = time.monotonic() + 20
        while len(got) < turns and time.monotonic() < end: fault(m)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert len(got) >= turns, len(got)
    """,
}

# Programs that must die of a signal, and what they say then.
DEAD = {
    "a bus error that is sent": ("os.kill(os.getpid(), signal.SIGBUS)", signal.SIGBUS, "Bus error"),
    "a bus error that is raised": ("signal.raise_signal(signal.SIGBUS)", signal.SIGBUS, "Bus error"),
    "a bus error to a thread": ("signal.pthread_kill(threading.get_ident(), signal.SIGBUS)", signal.SIGBUS, "Bus error"),
    "a foreign bus error": ("import mmap; module = mmap; lose()[5]", signal.SIGBUS, "Bus error"),
    "a view without repair": ("memoryview(lose())[5]", signal.SIGBUS, "Bus error"),
    "a null pointer": ("ctypes.string_at(0)", signal.SIGSEGV, "Segmentation fault"),
    "a segmentation fault of its own": ("faulthandler._sigsegv()", signal.SIGSEGV, "Segmentation fault"),
    "a segmentation fault in a thread": ("within([threading.Thread(target=faulthandler._sigsegv, args=(True,))])", signal.SIGSEGV, "Segmentation fault"),
    "a stack overflow": ("faulthandler._stack_overflow()", signal.SIGSEGV, "Segmentation fault"),
    "an abort": ("faulthandler._sigabrt()", signal.SIGABRT, "Aborted"),
}  # fmt: skip

# How such a program begins, and whether it has something to say.
BEFORE = {
    "with nothing": ("", False),
    "with faults": ("fault(lose()); repaired()", False),
    "with faulthandler before": ("faulthandler.enable(); fault(lose()); repaired()", True),
    "with faulthandler after": ("fault(lose()); faulthandler.enable()", True),
    "with faulthandler between": ("fault(lose()); faulthandler.enable(); fault(lose()); repaired()", True),
    "with faulthandler in turns": (
        "for _ in range(20): fault(lose()); faulthandler.enable(); faulthandler.disable(); faulthandler.enable(); repaired()",
        True,
    ),
}


def run(asked):
    module = "mmap" if asked.control else "safemap"
    faults = sum(goes_well(asked, module, name, code) for name, code in WELL.items())
    deaths = [(how, death) for how in BEFORE for death in DEAD]
    if asked.quick:
        deaths = asked.rng.sample(deaths, 12)
    for how, death in deaths:
        dies(asked, module, how, death)
    note = "{} orders of handlers; {} real crashes were still crashes, and reported where faulthandler was on".format(
        len(WELL), len(deaths)
    )
    return facts(faults, "faults between handlers", note)


def start(asked, module, code):
    """Runs a program to its end."""
    turns = asked.times(10, 200)
    words = [module, asked.path(), str(turns), str(asked.seed)]
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code) + END, *words]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONFAULTHANDLER"}
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)


def goes_well(asked, module, name, code):
    """How many faults there were in a program that must survive them."""
    asked.about_to(name)
    done = start(asked, module, code)
    if done.returncode != 0:
        raise AssertionError("{}: exit status {}\n{}".format(name, done.returncode, done.stderr[-2000:]))
    return int(done.stdout)


def dies(asked, module, how, death):
    """A crash that is none of ours kills, and is reported."""
    name = "{} {}".format(death, how)
    asked.about_to(name)
    (begin, reports), (crash, number, said) = BEFORE[how], DEAD[death]
    done = start(asked, module, begin + "\n" + crash)
    if done.returncode != -number:
        raise AssertionError("{}: exit status {}\n{}".format(name, done.returncode, done.stderr[-2000:]))
    if reports != ("Fatal Python error: " + said in done.stderr):
        raise AssertionError("{}: said {}".format(name, done.stderr[-2000:]))
