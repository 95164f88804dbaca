"""Messages between two processes."""

import multiprocessing
from contextlib import ExitStack, contextmanager

from contest import against, question
from safemap.ipc import Channel, Queue

KIB = 1024
FORK = multiprocessing.get_context("fork")

OURS, OUR_QUEUE = "safemap", "safemap Queue"
QUEUE, PIPE = "multiprocessing.Queue", "multiprocessing.Pipe"
# Several messages of 1 MiB.
CAPACITY = 4 * KIB * KIB


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


CONTENDERS = {
    OURS: channels,
    PIPE: pipes,
    QUEUE: lambda: queues(FORK.Queue),
    OUR_QUEUE: lambda: queues(lambda: Queue(capacity=CAPACITY)),
}


def answer_each(far, count):
    """Sends back each message, or one for each `count` messages."""
    send, recv = far()
    while True:
        for _ in range(count):
            message = recv()
        send(message if count == 1 else b"")


@contextmanager
def connection(make, message, count=1):
    """Returns a function that sends `count` messages, and waits for the answer."""
    near, far = make()
    process = FORK.Process(target=answer_each, args=(far, count), daemon=True)
    process.start()
    send, recv = near()

    def exchange():
        for _ in range(count):
            send(message)
        return recv()

    exchange()
    yield exchange
    process.kill()
    process.join()


def measure(run, name, length, count, aims):
    if run.only not in name:
        return
    with ExitStack() as stack:
        start = lambda make: stack.enter_context(connection(make, bytes(length), count))
        run.time(name, {key: start(make) for key, make in CONTENDERS.items()}, aims)


@question("python_channels", "Python: messages between two processes")
def python_channels(run):
    """A message there and back, and messages one way until the other process answers once.
    `Channel` and `Pipe` carry bytes, the queues pickle them."""
    for name, length, aims in [
        ("64 B", 64, (0.05, 0.15)),
        ("4 KiB", 4 * KIB, (0.1, 0.3)),
    ]:
        to_queue, to_pipe = aims
        aims = [against(QUEUE, to_queue), against(PIPE, to_pipe)]
        measure(run, f"{name} there and back", length, 1, aims)
    for name, length, count, aims in [
        ("64 B", 64, 1000, [against(QUEUE, 0.1), against(PIPE, 0.2)]),
        ("4 KiB", 4 * KIB, 1000, [against(QUEUE, 0.1)]),
        ("1 MiB", KIB * KIB, 20, [against(QUEUE, 0.15)]),
    ]:
        measure(run, f"{count} messages of {name} one way", length, run.times(count), aims)
