"""Calls that only safemap has: those of class `Map`, of words and mutexes, and of the ends of
channels and journals. The names of the objects are in `CLASSES`.
"""

import contextlib
import os
import tempfile

OF_MAPS = """
m.load("I", <i:8>)
m.load(<s:I>, 8)
m.store("I", <i:8>, <i:5>)
m.store("Q", <i:69700>, <i:5>)
m.wait(<i:8>, <i:1>, <i:0>)
m.notify(<i:8>, <i:1>)
m.lock_range(<i:0>, <i:64>, shared=<t:0>, timeout=<i:0>) is None
m.append(<b:abc>)
m.append(<b:68000>)
m.truncate(<i:5000>)
m.truncate(<i:300000>)
m.close(detach=<t:1>)
m.count(<b:needle>, <i:3>, <i:69700>)
m.startswith(<b:abc>, <i:0>)
m.index(<b:needle>, <i:3>)
m.rindex(<b:needle>, <i:3>)
tuple(m.find_iter(<b:needle>, <i:3>, <i:600>, overlapping=<t:1>))
m.reader(<i:5>, <i:90>).read()
m.windows(<i:4096>, <i:5>, <i:90>, drop=<t:1>) is None
m.readinto(bytearray(9))
m.refresh()
m.exports
m.offset
m.access
m.name is None
m.readable()
m.writable()
m.fileno()
""".strip().splitlines()

OF_WORDS = """
word.load()
word.store(<i:5>)
word.swap(<i:5>)
word.compare_exchange(<i:1>, <i:2>)
word.fetch_add(<i:5>)
word.fetch_sub(<i:5>)
word.fetch_and(<i:5>)
word.fetch_or(<i:5>)
word.fetch_xor(<i:5>)
word.fetch_min(<i:5>)
word.fetch_max(<i:5>)
ipc.Atomic(m, <i:128>, "Q").load()
ipc.Atomic(m, 128, <s:Q>).load()
ipc.Mutex(m, <i:64>) is None
(mutex.acquire(<i:0>), mutex.release())
""".strip().splitlines()

# `send_many` has one item: a hook of the second one runs when the first one is sent.
OF_ENDS = """
tx.send(<b:abc>)
tx.send(<b:abc>, <i:0>)
tx.send(<b:68000>, <i:0>)
tx.try_send(<b:abc>)
tx.send_many([<b:abc>])
tx.send_many([<b:abc>], <i:0>)
rx.recv(<i:0>)
rx.try_recv()
rx.recv_into(bytearray(9), <i:0>)
tuple(rx.recv_many(<i:2>, <i:0>))
writer.append(<b:abc>) > 0
writer.append(<b:300>) > 0
writer.append_many([<b:abc>, <b:300>])
writer.sync()
reader.read(<i:0>)
reader.try_read()
reader.read_into(bytearray(9), <i:0>)
tuple(reader.read_many(<i:2>, <i:0>))
""".strip().splitlines()

# They copy the bytes of an argument, and release them before they use the map.
COPYING = [f"m.{name}(" for name in "count startswith index rindex find_iter lines".split()]
COPYING.append("append_many(")

CALLS = OF_MAPS + OF_WORDS + OF_ENDS

# The name of an object of each class. `lines`, `resize` and others are in the table of `calls`.
CLASSES = {"m": "Map", "word": "Atomic", "tx": "Sender", "rx": "Receiver"}
CLASSES.update(writer="JournalWriter", reader="JournalReader")
# A map that is finished or closed has no other calls; attributes run no code of the caller.
EXEMPT = {"close", "finish", "map", "format", "offset", "channel", "journal", "position"}
# The scenario has no transactional maps. Their calls have no arguments, and run no code either.
EXEMPT |= {"changed", "checkpoint", "commit", "reading", "rollback", "transaction"}
EXEMPT.add("transactional")
OF_BOTH = {"resize", "seek", "find", "read", "readline", "lines"}


def missing(subject):
    """Returns the public attributes of the classes that no call uses."""
    subject.begin("Map", None, has_ends=True)
    objects = {name: subject.space[name] for name in CLASSES}
    every = "\n".join(CALLS)
    names = [(name, key) for name, it in objects.items() for key in vars(type(it))]
    subject.end()
    known = lambda name, key: f"{name}.{key}" in every or key in EXEMPT | OF_BOTH
    return sorted(f"{CLASSES[n]}.{k}" for n, k in names if k[0] != "_" and not known(n, k))


class Ends:
    """A channel and a journal of which each case uses new ends, with two messages and records."""

    def __init__(self, ipc):
        # In memory, so that no call waits for a disk.
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folder = tempfile.TemporaryDirectory(prefix="safemap-stress-", dir=memory)
        self.channel = ipc.Channel(None, 4096)
        self.journal = ipc.Journal(os.path.join(self.folder.name, "journal"))

    def begin(self):
        """Returns the ends by their names."""
        tx, rx = self.channel.sender(), self.channel.receiver()
        writer, reader = self.journal.writer(), self.journal.reader(end=True)
        self.position = writer.append(b"before")
        self.open = {"tx": tx, "rx": rx, "writer": writer, "reader": reader}
        self.use()
        reader.read()
        self.use()
        return self.open

    def use(self):
        """Sends a message and appends a record."""
        for send in (self.open["tx"].try_send, self.open["writer"].append):
            send(b"first") and send(b"second")

    def take(self):
        """Receives a message and reads a record."""
        self.open["rx"].try_recv(), self.open["reader"].try_read()

    def state(self):
        """Returns what is in the channel, and in the journal since the case began."""
        with self.channel.receiver() as rx, self.journal.reader(after=self.position) as reader:
            return tuple(drained(rx.try_recv)), tuple(drained(reader.try_read))

    def close(self):
        for end in self.open.values():
            end.close()


def drained(receive):
    """Yields messages until none is left."""
    with contextlib.suppress(EOFError, ConnectionResetError):
        yield from iter(receive, None)
