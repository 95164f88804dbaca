"""External code reads and writes views of a map with repair while its file is truncated.

Other maps are created and dropped at the same time.
"""

import contextlib
import importlib
import zlib
from concurrent.futures import ThreadPoolExecutor

from resizer import Resizer
from settings import PAGE, check, map_file, raised, report
from workers import Workers

CONTROL = "maps without repair"

PAGES = 24
LENGTH = PAGES * PAGE
CONTENT = (bytes(range(1, 252)) * (LENGTH // 251 + 1))[:LENGTH]
NUMBER = int.from_bytes(CONTENT, "little")

# The modules that the external code uses.
MODULES = "array base64 binascii codecs ctypes hashlib io re struct zlib".split()

# External code that reads all of a view, `v`.
READERS = """
bytes(v)
bytearray(v)
v.tobytes()
v.tolist()[-1]
v[::7].tobytes()
v[::-1].tobytes()
v.hex()[-1]
v.cast("Q").tolist()[-1]
v == CONTENT
CONTENT == v
sum(v)
max(v)
7 in v
b"".join([v, v])
b"x".join([v])
CONTENT + b"x" + v[:]
b"needle".find(v)
CONTENT.startswith(v)
CONTENT.replace(b"a", v[:9])
re.search(rb"needle", v)
re.findall(rb"[a-c]{2}z", v)
re.compile(rb"(?:ab)+$").search(v)
re.sub(rb"ab", b"c", v)
hashlib.sha256(v).digest()
hashlib.md5(v).digest()
hashlib.blake2b(v).digest()
zlib.crc32(v)
zlib.adler32(v)
zlib.compress(v, 1)
binascii.hexlify(v)
binascii.crc32(v)
base64.b64encode(v)
struct.unpack("<{}Q".format(len(v) // 8), v)[-1]
struct.unpack_from("<Q", v, len(v) - 8)
list(struct.iter_unpack("<Q", v))[-1]
array.array("B", v)
array.array("Q").frombytes(v)
int.from_bytes(v, "big") > 5
(ctypes.c_char * len(v)).from_buffer(v).raw
ctypes.string_at(ctypes.addressof(ctypes.c_char.from_buffer(v)), len(v))
io.BytesIO(v).getvalue()
io.BytesIO().write(v)
str(v, "latin-1")
codecs.latin_1_decode(v)
bytearray(10).extend(v)
memoryview(bytearray(len(v))).__setitem__(slice(None), v)
""".strip().splitlines()

# External code that writes. Bytes that are written to a missing page are lost.
WRITERS = """
v[-5:] = b"write"
v[::PAGE] = bytes(len(v[::PAGE]))
struct.pack_into("<Q", v, len(v) - 8, 7)
io.BytesIO(CONTENT).readinto(v)
ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(v)), 1, len(v))
(ctypes.c_char * 8).from_buffer(v, len(v) - 8).raw = bytes(8)
v[:PAGE] = v[-PAGE:]
""".strip().splitlines()

NUMPY = """
numpy.frombuffer(v, "u1").sum()
numpy.frombuffer(v, "u8").copy()
(numpy.frombuffer(v, "u1") == 7).any()
numpy.sort(numpy.frombuffer(v, "u2"))
numpy.bincount(numpy.frombuffer(v, "u1"))
numpy.frombuffer(v, "f4").astype("f8")
numpy.frombuffer(v, "u1").tobytes()
numpy.frombuffer(v, "u1")[::PAGE] + 1
""".strip().splitlines()
NUMPY_WRITES = ["numpy.frombuffer(v, 'u1')[:] = 9", "numpy.copyto(numpy.frombuffer(v, 'u8'), 1)"]


def run(settings):
    path = settings.path(CONTENT)
    subject = Subject(settings, path)
    rounds, resizer, workers = 0, Resizer(path), Workers()
    workers.add(subject.create_and_drop, path)
    workers.add(subject.create_and_drop, settings.path(CONTENT))
    clock = settings.clock(3, 40)
    with workers:
        while clock and not workers.stop:
            subject.round(resizer, rounds)
            rounds += 1
    note = f"{subject.uses} uses by {len(subject.code)} kinds of external code, in threads; "
    note += f"{subject.others} other maps were created, read and dropped"
    note += "" if "numpy" in subject.names else "; without numpy"
    return report(resizer.close(), "truncations under views", note)


class Subject:
    """The map whose file is truncated, and the external code."""

    def __init__(self, settings, path):
        import safemap

        self.settings, self.safemap = settings, safemap
        self.readers, self.writers = list(READERS), list(WRITERS)
        self.names = {name: importlib.import_module(name) for name in MODULES}
        self.names.update(CONTENT=CONTENT, PAGE=PAGE)
        if raised(lambda: importlib.import_module("numpy"), ImportError) is None:
            self.names["numpy"] = importlib.import_module("numpy")
            self.readers += NUMPY
            self.writers += NUMPY_WRITES
        self.code = {text: compile(text, text, "exec") for text in self.readers + self.writers}
        self.options = {} if settings.control else {"repair": True}
        self.uses = self.others = 0
        self.map = map_file(safemap, path, **self.options)

    def use(self, text):
        """Runs external code with a view. After damage was noticed, a new view is refused."""
        self.settings.log(text)
        with contextlib.suppress(self.safemap.FaultError):
            exec(self.code[text], dict(self.names, v=memoryview(self.map)))
            self.uses += 1

    def round(self, resizer, number):
        """Truncates the file, runs external code in threads, checks the damage and restores all."""
        rng = self.settings.rng
        lengths = [0, 1, PAGE, rng.randrange(LENGTH - PAGE), rng.randrange(PAGES - 1) * PAGE]
        left = rng.choice(lengths)
        texts = [rng.choice(self.readers) for _ in range(3)]
        if rng.random() < 0.3:
            texts.append(rng.choice(self.writers))
        # This view is older than the truncation. In every other round the threads started before
        # it, too.
        view = memoryview(self.map)
        if number % 2 == 0:
            resizer.truncate(left)
        with ThreadPoolExecutor(len(texts)) as pool:
            uses = [pool.submit(self.use, text) for text in texts]
            if number % 2:
                resizer.truncate(left)
        for use in uses:
            use.result()
        seen = view.tobytes()
        if not any(text in self.writers for text in texts):
            self.check_bytes(seen, left)
        self.check_damage(-(-left // PAGE) * PAGE)
        resizer.restore()
        view.release()
        self.map.restore()
        same = self.map[:] == memoryview(self.map).tobytes() == CONTENT
        restored = self.map.damage is None and same
        check(restored, f"the map does not show its file after {texts}")

    def check_bytes(self, seen, left):
        """Checks that remaining bytes are unchanged, and that bytes on missing pages are zeros."""
        unchanged = seen[:left] == CONTENT[:left] and not int.from_bytes(seen, "little") & ~NUMBER
        check(unchanged, f"{left} bytes left, and other bytes in the view")
        missing = left - left % PAGE + PAGE
        check(not seen[missing:].strip(b"\0"), f"{left} bytes left, and bytes on missing pages")

    def check_damage(self, first):
        """The damage is on a missing page, and the next call raises."""
        damage = self.map.damage
        is_missing = damage is not None and first <= damage < LENGTH
        check(is_missing, f"damage at {damage}, first missing page at {first}")
        calls = [lambda m: m[0], lambda m: m.find(b"x", 0), memoryview, lambda m: m.write(b"x")]
        call = self.settings.rng.choice([*calls, self.safemap.mmap.restore])
        error = raised(lambda: call(self.map), self.safemap.FaultError)
        check(error is not None and 0 <= error.offset < LENGTH, "the next call did not raise")

    def create_and_drop(self, path):
        """Creates a map, reads it and drops it. While the file is empty this is refused."""
        with contextlib.suppress(ValueError):
            m = map_file(self.safemap, path, **self.options)
            with memoryview(m) as view:
                view[-1], view[0]
                if len(view) >= LENGTH:
                    zlib.crc32(view)
            if self.settings.rng.random() < 0.5:
                m.close()
            self.others += 1
