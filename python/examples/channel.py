"""Sends a million messages to another process, which sends each of them back: ``channel.py``.

With arguments it is one of the two processes, and ``core/examples/channel.rs`` may be the other
one: ``channel.py FOLDER`` sends, ``channel.py FOLDER echo`` sends back.
"""

import os
import subprocess
import sys
import tempfile
import threading

from safemap.ipc import Channel

COUNT = 1_000_000


def exchange(there, back):
    sender, receiver = there.sender(), back.receiver()
    messages = (n.to_bytes(8, "little") for n in range(COUNT))
    sending = threading.Thread(target=sender.send_many, args=[messages])
    sending.start()
    for n in range(COUNT):
        assert int.from_bytes(receiver.recv(), "little") == n
    sending.join()
    print(COUNT, "messages there and back")


def main(folder, work=None):
    paths = [os.path.join(folder, name) for name in ("there.ch", "back.ch")]
    with Channel(paths[0]) as there, Channel(paths[1]) as back:
        back.sender().send_many(there.receiver()) if work else exchange(there, back)


if len(sys.argv) > 1:
    main(*sys.argv[1:])
else:
    with tempfile.TemporaryDirectory() as temporary:
        with subprocess.Popen([sys.executable, __file__, temporary, "echo"]):
            main(temporary)
