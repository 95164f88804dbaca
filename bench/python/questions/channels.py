"""Messages between two processes."""

import functools
import multiprocessing
import tempfile
from contextlib import ExitStack, contextmanager
from multiprocessing.shared_memory import SharedMemory

from contest import against, question
from safemap.ipc import Channel, Queue

try:
    import faster_fifo
except ImportError:
    faster_fifo = None
try:
    import zmq
except ImportError:
    zmq = None

KIB = 1024
FORK = multiprocessing.get_context("fork")

OURS, OUR_QUEUE = "safemap", "safemap Queue"
QUEUE, PIPE = "multiprocessing.Queue", "multiprocessing.Pipe"
FIFO, ZMQ, SHARED = "faster-fifo", "pyzmq", "SharedMemory and semaphores"
# Several messages of 1 MiB.
CAPACITY = 4 * KIB * KIB
# The answer to messages that have come as they were sent.
RIGHT = b"right"
# faster-fifo waits for a number of seconds.
LONG = 1e6


def channels():
    """Returns what makes the ends of this process, and of the other one: send, recv."""
    there, back = Channel(None, CAPACITY), Channel(None, CAPACITY)
    near = lambda: (there.sender().send, back.receiver().recv)
    return near, lambda: (back.sender().send, there.receiver().recv)


def pipes():
    near, far = FORK.Pipe()
    return lambda: (near.send_bytes, near.recv_bytes), lambda: (far.send_bytes, far.recv_bytes)


def queues(make):
    there, back = make(), make()
    return lambda: (there.put, back.get), lambda: (back.put, there.get)


def fifos(**serializers):
    """Returns the ends of two queues of faster-fifo, which pickle without `serializers`."""
    there, back = (faster_fifo.Queue(CAPACITY, **serializers) for _ in range(2))
    ends = lambda to, of: (to.put, functools.partial(of.get, timeout=LONG))
    return lambda: ends(there, back), lambda: ends(back, there)


def zeromq():
    """Returns the ends of sockets. A process makes its context itself: no fork may copy it."""
    folder = tempfile.TemporaryDirectory()

    def ends(to, of):
        context = zmq.Context()
        context.linger = 0
        push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        push.bind(f"ipc://{folder.name}/{to}")
        pull.connect(f"ipc://{folder.name}/{of}")
        return push.send, pull.recv

    return lambda: ends("there", "back"), lambda: ends("back", "there")


def channels_into():
    """Returns the ends of channels. Each receives into one buffer, and returns a part of it."""
    there, back = Channel(None, CAPACITY), Channel(None, CAPACITY)

    def ends(to, of):
        receiver, buffer = of.receiver(), memoryview(bytearray(KIB * KIB))
        return to.sender().send, lambda: buffer[: receiver.recv_into(buffer)]

    return lambda: ends(there, back), lambda: ends(back, there)


class Slot:
    """Shared memory for one message."""

    def __init__(self, size):
        self.memory, self.length = SharedMemory(create=True, size=size), FORK.RawValue("q")
        self.empty, self.full = FORK.Semaphore(1), FORK.Semaphore(0)
        self.buffer = memoryview(bytearray(size))
        # The processes have mapped it, or inherit it.
        self.memory.unlink()

    def send(self, message):
        self.empty.acquire()
        self.length.value = len(message)
        self.memory.buf[: len(message)] = message
        self.full.release()

    def recv(self):
        """Receives into the buffer, and returns a part of it."""
        self.full.acquire()
        length = self.length.value
        self.buffer[:length] = self.memory.buf[:length]
        self.empty.release()
        return self.buffer[:length]


def slots():
    there, back = Slot(KIB * KIB), Slot(KIB * KIB)
    return lambda: (there.send, back.recv), lambda: (back.send, there.recv)


CONTENDERS = {
    OURS: channels,
    PIPE: pipes,
    QUEUE: lambda: queues(FORK.Queue),
    OUR_QUEUE: lambda: queues(lambda: Queue(capacity=CAPACITY)),
}
# pyzmq is last: its threads are no longer there when the next process is forked.
SMALL = {
    **CONTENDERS,
    FIFO: faster_fifo and (lambda: fifos(dumps=bytes, loads=bytes)),
    ZMQ: zmq and zeromq,
}
INTO = {OURS: channels_into, SHARED: slots}
OBJECTS = {
    OUR_QUEUE: CONTENDERS[OUR_QUEUE],
    QUEUE: CONTENDERS[QUEUE],
    FIFO: faster_fifo and fifos,
}


def answer_each(far, expected, count):
    """Sends back each message, or one for each `count` messages. Compares the first ones."""
    send, recv = far()
    equal = [recv() == expected for _ in range(count)]
    send(RIGHT if all(equal) else b"wrong")
    while True:
        for _ in range(count):
            message = recv()
        send(message if count == 1 else RIGHT)


@contextmanager
def connection(make, message, count=1):
    """Returns a function that sends `count` messages, and waits for the answer."""
    near, far = make()
    process = FORK.Process(target=answer_each, args=(far, message, count), daemon=True)
    process.start()
    send, recv = near()

    def exchange():
        for _ in range(count):
            send(message)
        return recv()

    answers = [exchange() == RIGHT, exchange() == (message if count == 1 else RIGHT)]
    if answers != [True, True]:
        raise ValueError("other messages have come than were sent")
    yield exchange
    process.kill()
    process.join()


def measure(run, name, message, count, aims, contenders=None):
    if run.only not in name:
        return
    contenders = contenders or CONTENDERS
    for key in contenders:
        if not contenders[key]:
            run.skip(f"{name}, beside {key}", "it is not installed")
    with ExitStack() as stack:
        start = lambda make: stack.enter_context(connection(make, message, count))
        run.time(name, {key: start(make) for key, make in contenders.items() if make}, aims)


@question("python_channels", "Python: messages between two processes")
def python_channels(run):
    """A message there and back, and messages one way until the other process answers once.
    `Channel`, `Pipe`, pyzmq (PUSH and PULL through `ipc://`) and faster-fifo (`put` and `get`)
    carry bytes, the queues pickle them. *Objects* are tuples of three items, which all three queues
    pickle. *Into a buffer*: `recv_into`, beside a copy into shared memory and one out of it, with
    two semaphores."""
    for name, length, aims in [
        ("64 B", 64, (0.05, 0.15)),
        ("4 KiB", 4 * KIB, (0.1, 0.3)),
    ]:
        to_queue, to_pipe = aims
        aims = [against(QUEUE, to_queue), against(PIPE, to_pipe)]
        measure(run, f"{name} there and back", bytes(length), 1, aims)
    one_way(run)
    for name, count in [("1 MiB there and back", 1), ("20 messages of 1 MiB one way", 20)]:
        name += ", into a buffer"
        measure(run, name, bytes(KIB * KIB), min(count, run.times(count)), [], INTO)
    aims = [against(QUEUE, 0.3), against(FIFO, 0.3)]
    for name, count in [("an object there and back", 1), ("1000 objects one way", 1000)]:
        measure(run, name, (1, "name", 2.5), run.times(count), aims, OBJECTS)


def one_way(run):
    aims = [against(QUEUE, 0.1), against(PIPE, 0.2), against(ZMQ, 0.35), against(FIFO, 0.1)]
    measure(run, "1000 messages of 64 B one way", bytes(64), run.times(1000), aims, SMALL)
    for name, length, count, aim in [("4 KiB", 4 * KIB, 1000, 0.1), ("1 MiB", KIB * KIB, 20, 0.15)]:
        name = f"{count} messages of {name} one way"
        measure(run, name, bytes(length), run.times(count), [against(QUEUE, aim)])
