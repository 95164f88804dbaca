"""Does code survive that reads and writes views of a map whose file is cut, while maps come and go?"""

import array
import base64
import binascii
import ctypes
import hashlib
import io
import re
import struct
import threading
import zlib

from asked import facts, raised
from crowd import Crowd
from cutter import PAGE, Cutter

SABOTAGE = "maps without repair"

PAGES = 24
LENGTH = PAGES * PAGE
CONTENT = bytes(range(1, 252)) * (LENGTH // 251 + 1)
CONTENT = CONTENT[:LENGTH]
NUMBER = int.from_bytes(CONTENT, "little")

# Foreign code that reads all of a view, `v`.
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
[one for one, in struct.iter_unpack("<Q", v)][-1]
array.array("B", v)
array.array("Q").frombytes(v)
int.from_bytes(v, "big") > 5
(ctypes.c_char * len(v)).from_buffer(v).raw
ctypes.string_at(ctypes.addressof(ctypes.c_char.from_buffer(v)), len(v))
io.BytesIO(v).getvalue()
io.BytesIO().write(v)
str(v, "latin-1")
codecs_decode(v)
bytearray(10).extend(v)
memoryview(bytearray(len(v))).__setitem__(slice(None), v)
""".strip().splitlines()

# Foreign code that writes: what lands in a page that is gone is lost with it.
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


def run(asked):
    names, readers, writers = lent()
    path = asked.path(CONTENT)
    state = State(asked, path, names, readers, writers)
    rounds, cutter = 0, Cutter(path)
    crowd = Crowd()
    crowd.add(state.come_and_go, path)
    crowd.add(state.come_and_go, asked.path(CONTENT))
    clock = asked.clock(3, 40)
    with crowd:
        while clock and not crowd.stop:
            state.round(cutter, rounds)
            rounds += 1
    cuts = cutter.close()
    note = "{} uses by {} sorts of foreign code, in threads; {} other maps came, were read and went{}".format(
        state.uses, len(readers) + len(writers), state.others, "" if "numpy" in names else "; no numpy here"
    )
    return facts(cuts, "cuts under views", note)


def lent():
    """The names that foreign code needs, and its sorts."""
    import codecs

    modules = (array, base64, binascii, ctypes, hashlib, io, re, struct, zlib)
    names = {module.__name__: module for module in modules}
    names.update(CONTENT=CONTENT, PAGE=PAGE, codecs_decode=codecs.latin_1_decode)
    readers, writers = list(READERS), list(WRITERS)
    try:
        import numpy
    except ImportError:
        return names, readers, writers
    names["numpy"] = numpy
    return names, readers + NUMPY, writers + NUMPY_WRITES


class State:
    """The map that is cut, and what was done to it."""

    def __init__(self, asked, path, names, readers, writers):
        import safemap

        self.asked, self.path, self.names, self.safemap = asked, path, names, safemap
        self.readers, self.writers = readers, writers
        self.code = {text: compile(text, text, "exec") for text in readers + writers}
        self.keywords = {} if asked.control else {"repair": True}
        self.uses = self.others = 0
        self.map = self.open(path)

    def open(self, path):
        with open(path, "r+b") as file:
            return self.safemap.mmap(file.fileno(), 0, **self.keywords)

    def use(self, m, text, start=0):
        """Lets foreign code have a view."""
        self.asked.about_to(text)
        view = memoryview(m)
        exec(self.code[text], dict(self.names, v=view[start:]))
        self.uses += 1

    def round(self, cutter, number):
        """The file is cut, foreign code reads and writes, the map tells of it, and the file comes back."""
        rng = self.asked.rng
        left = rng.choice([0, 1, PAGE, rng.randrange(LENGTH - PAGE), rng.randrange(PAGES - 1) * PAGE])
        first = -(-left // PAGE) * PAGE
        texts = [rng.choice(self.readers) for _ in range(3)]
        if rng.random() < 0.3:
            texts.append(rng.choice(self.writers))
        # Some views are there before the cut, and some threads are in the middle of their work.
        held = memoryview(self.map)
        if number % 2:
            self.together(texts, lambda: cutter.cut(left))
        else:
            cutter.cut(left)
            self.together(texts)
        seen = held.tobytes()
        self.check_bytes(seen, texts, left)
        self.check_damage(first)
        cutter.mend()
        held.release()
        self.map.restore()
        if self.map.damage is not None or self.map[:] != CONTENT or bytes(self.map) != CONTENT:
            raise AssertionError("the map is not whole again after {}".format(texts))

    def together(self, texts, meanwhile=None):
        """Every use in a thread of its own."""
        errors = []

        def work(text):
            try:
                # A view that is asked for after the damage was noticed is refused.
                raised(lambda: self.use(self.map, text), self.safemap.FaultError)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        if meanwhile:
            meanwhile()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    def check_bytes(self, seen, texts, left):
        """What is left is as it was, what is gone is zeros, and nothing comes from anywhere else."""
        if any(text in self.writers for text in texts):
            return
        page = left - left % PAGE
        if seen[:left] != CONTENT[:left] or int.from_bytes(seen, "little") & ~NUMBER:
            raise AssertionError("{} bytes left, foreign bytes in the view".format(left))
        if seen[page + PAGE :].strip(b"\0"):
            raise AssertionError("{} bytes left, and more to be read".format(left))

    def check_damage(self, first):
        """The next call raises, and says where."""
        damage = self.map.damage
        if damage is None or not first <= damage < LENGTH:
            raise AssertionError("damage at {}, the first page that is gone at {}".format(damage, first))
        calls = [lambda: self.map[0], lambda: self.map.find(b"x", 0), lambda: memoryview(self.map), lambda: self.map.write(b"x")]
        error = raised(self.asked.rng.choice(calls + [self.map.restore]), self.safemap.FaultError)
        if error is None or not 0 <= error.offset < LENGTH:
            raise AssertionError("the next call did not raise")

    def come_and_go(self, path):
        """Other maps, which are made, read and dropped; of a file with no bytes there can be none."""
        m = None

        def work():
            nonlocal m
            m = self.open(path)

        if raised(work, ValueError) is not None:
            return
        view = memoryview(m)
        view[-1], view[0]
        if len(view) >= LENGTH:
            zlib.crc32(view)
        view.release()
        if self.asked.rng.random() < 0.5:
            m.close()
        self.others += 1
