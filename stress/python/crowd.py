"""Crowd: threads that work until they are told to stop, and may not hang."""

import faulthandler
import os
import sys
import threading
import time

# Seconds after which a thread that was told to stop hangs.
PATIENCE = 60


class Crowd:
    """Threads that call `work(self, number)` again and again. The first exception of one ends all, and is raised at the end."""

    def __init__(self):
        self.stop, self.error, self.threads, self.turns = False, None, [], []

    def add(self, work, *args):
        """One more thread, which calls `work(*args)`."""
        number = len(self.threads)
        self.turns.append(0)
        self.threads.append(threading.Thread(target=self.live, args=(number, work, args), daemon=True))

    def live(self, number, work, args):
        """The life of a thread."""
        try:
            while not self.stop:
                work(*args)
                self.turns[number] += 1
        except BaseException as error:
            self.error, self.stop = self.error or error, True

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self.stop = True
        join(self.threads)
        if self.error and not exception[0]:
            raise self.error

    def during(self, clock):
        """Lets them work until the time is over, or one has failed."""
        with self:
            while clock and not self.stop:
                time.sleep(0.01)
        return sum(self.turns)


def join(threads):
    """Waits for threads; one that does not end is a dead lock, and ends the process."""
    end = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            print("a thread hangs", file=sys.stderr, flush=True)
            faulthandler.dump_traceback(all_threads=True)
            os._exit(3)
