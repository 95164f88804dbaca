"""Calls every method while another process truncates the file and restores it.

Each succeeds or raises FaultError.
"""

import errno
import operator

from resizer import Resizer
from settings import PAGE, check, compiled, import_test, map_file, report
from workers import Workers

CONTROL = "the standard mmap"

THREADS = 4
CONTENT = (b"x" * (PAGE - 1) + b"\n") * 8
# The content, what the operations write, and zeros. No other byte may be read.
LEGAL = set(CONTENT) | set(b"abcde\x07\0")


def run(settings):
    module, lists, path = settings.module, import_test("truncated"), settings.path(CONTENT)
    shared = map_file(module, path)
    accesses = (module.ACCESS_READ, module.ACCESS_COPY)
    readers = [map_file(module, path, access=access) for access in accesses]
    own = [map_file(module, path) for _ in range(THREADS)]
    operations = lists.READS + lists.WRITES + lists.HARMLESS
    reading = [text for text in operations if text not in lists.WRITES]
    workers, resizer, faults = Workers(), Resizer(path, settings.seed), [0] * THREADS

    def call(number):
        which = settings.rng.random()
        m = own[number] if which < 0.6 else shared if which < 0.8 else settings.rng.choice(readers)
        text = settings.rng.choice(reading if m is readers[0] else operations)
        settings.log(text)
        edge = settings.rng.randrange(len(CONTENT) - 100)
        faults[number] += faulted(m, text, edge, m is own[number])

    for number in range(THREADS):
        workers.add(call, number)
    calls, faults = workers.run(settings.clock(2.5, 40)), sum(faults)
    truncations = resizer.close()
    check_restored(shared, path)
    check(0 < faults < calls, f"{faults} of {calls} calls met a fault")
    note = f"{calls} calls of {len(operations)} kinds in {THREADS} threads, {faults} of them "
    note += "FaultError"
    return report(truncations, "truncations by another process", note)


def faulted(m, text, edge, alone):
    """Runs an operation from offset `edge` on. Returns whether it met a fault."""
    # The names that the operations use.
    names = {"m": m, "operator": operator, "i": edge + 75, "edge": edge, "n": 76}
    try:
        m.seek(edge)
        value = eval(compiled(text), names)
        if isinstance(value, bytes) and not LEGAL.issuperset(value):
            raise AssertionError(f"{text} read {value[:100]!r}")
    except OSError as error:
        if error.errno != errno.EFAULT or not 0 <= error.offset < len(CONTENT):
            raise
        return True
    except AttributeError:
        # The standard module, which the control uses, lacks some methods.
        if hasattr(m, "lines"):
            raise
    except ValueError as error:
        # Another thread may have moved the position of a shared map. Lost bytes are not found.
        if alone and "indexOf" not in text:
            raise AssertionError(text) from error
    return False


def check_restored(m, path):
    """After the file was restored the map works as before."""
    m[:] = CONTENT
    m.flush()
    with open(path, "rb") as file:
        same = file.read() == m[:] == CONTENT and m.find(b"\n", 0) == PAGE - 1
    check(same, "the map does not show its file")
    m.close()
