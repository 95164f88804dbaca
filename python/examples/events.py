"""Handles each event of a journal at least once, also if it is killed and restarted.

    python events.py JOURNAL TEXT...    appends each text as an event
    python events.py JOURNAL            handles events, also those that come later

The position of the last event is saved in JOURNAL.position. The journal ends with the event "end".
"""

import os
import sys

from safemap.ipc import Journal


def append(path: str, *texts: str) -> None:
    """Appends events. They are on the disk when the function returns."""
    with Journal(path) as journal, journal.writer() as writer:
        writer.append_many(text.encode() for text in texts)
        if texts[-1] == "end":
            writer.finish()
        writer.sync()


def handle(path: str, saved: str) -> None:
    """Handles the events behind the saved position, until the journal ends."""
    mode = "r+" if os.path.exists(saved) else "w+"
    with Journal(path, "r") as journal, open(saved, mode) as file:
        after = int(file.read() or 0) or None
        reader = journal.reader(after=after)
        for event in reader:
            print(event.decode(), flush=True)
            file.seek(0)
            file.write(f"{reader.position:30}")
            file.flush()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    append(*sys.argv[1:]) if sys.argv[2:] else handle(sys.argv[1], sys.argv[1] + ".position")
