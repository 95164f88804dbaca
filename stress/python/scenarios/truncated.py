"""Does every method raise, and nobody die, while another process cuts the file and mends it?"""

import errno
import operator

from asked import facts, from_tests
from crowd import Crowd
from cutter import PAGE, Always

SABOTAGE = "the standard mmap"

THREADS = 4
PAGES = 8
CONTENT = (b"x" * (PAGE - 1) + b"\n") * PAGES
# That, what the operations write, and what is lost: nothing else may ever be read.
EVER = set(CONTENT) | set(b"abcde\x07\0")


class Tally:
    """What came of the operations of one thread."""

    def __init__(self):
        self.well = self.lost = 0


def run(asked):
    module, lists = asked.module, from_tests("truncated")
    path = asked.path(CONTENT)
    with open(path, "r+b") as file:
        shared = module.mmap(file.fileno(), 0)
        readers = [module.mmap(file.fileno(), 0, access=access) for access in (module.ACCESS_READ, module.ACCESS_COPY)]
        own = [module.mmap(file.fileno(), 0) for _ in range(THREADS)]
    operations = {text: compiled(text) for text in lists.READS + lists.WRITES + lists.HARMLESS}
    reading = [text for text in operations if text not in lists.WRITES]
    crowd, tallies, cutter = Crowd(), [], Always(path, 0, asked.seed)

    def turn(number, tally):
        at = asked.rng.random()
        m = own[number] if at < 0.6 else shared if at < 0.8 else asked.rng.choice(readers)
        text = asked.rng.choice(reading if m is readers[0] else list(operations))
        asked.about_to(text)
        one(m, text, operations[text], asked.rng.randrange(len(CONTENT) - 100), m is own[number], tally)

    for number in range(THREADS):
        tallies.append(Tally())
        crowd.add(turn, number, tallies[number])
    crowd.during(asked.clock(2.5, 40))
    cuts = cutter.close()
    whole(shared, path)
    well, lost = (sum(getattr(tally, name) for tally in tallies) for name in ("well", "lost"))
    if not lost or not well:
        raise AssertionError("{} calls met a fault, {} none".format(lost, well))
    note = "{} calls of {} kinds in {} threads, {} of them FaultError".format(well + lost, len(operations), THREADS, lost)
    return facts(cuts, "cuts and mends by another process", note)


def compiled(text):
    """An operation as code, with a value if it has one."""
    try:
        return compile(text, text, "eval")
    except SyntaxError:
        return compile(text, text, "exec")


def one(m, text, code, edge, alone, tally):
    """Runs one operation from some place on."""
    # The operations count from an edge, and want to end within the map.
    names = {"m": m, "operator": operator, "i": edge + 75, "edge": edge, "n": 76}
    try:
        m.seek(edge)
        value = eval(code, names)
        if isinstance(value, bytes) and not EVER.issuperset(value):
            raise AssertionError("{} read {!r}".format(text, value[:100]))
        tally.well += 1
    except OSError as error:
        if error.errno != errno.EFAULT or not 0 <= error.offset < len(CONTENT):
            raise
        tally.lost += 1
    except ValueError as error:
        # The position of a shared map may be at its end by now; and bytes that were lost are not found.
        if alone and "indexOf" not in text:
            raise AssertionError(text) from error


def whole(m, path):
    """After the last mending the map is as good as new."""
    m[:] = CONTENT
    m.flush()
    with open(path, "rb") as file:
        if file.read() != CONTENT or m[:] != CONTENT or m.find(b"\n", 0) != PAGE - 1:
            raise AssertionError("the map does not show its file")
    m.close()
