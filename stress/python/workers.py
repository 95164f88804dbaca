"""Threads that repeat calls until they are stopped, and must not hang."""

import faulthandler
import threading
import time

# A thread that does not stop for so long hangs. In seconds.
TIMEOUT = 60


class Workers:
    """Threads that repeat a call each.

    The first exception stops all threads, and is raised at the end.
    """

    def __init__(self):
        self.stop, self.error, self.threads, self.calls = False, None, [], []

    def add(self, work, *args):
        """Adds a thread that repeats `work(*args)`."""
        self.calls.append(0)
        args = (len(self.threads), work, args)
        self.threads.append(threading.Thread(target=self.repeat, args=args, daemon=True))

    def repeat(self, number, work, args):
        """Runs in a thread."""
        try:
            while not self.stop:
                work(*args)
                self.calls[number] += 1
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

    def run(self, clock):
        """Lets the threads work until the time is over or one has failed.

        Returns the number of calls.
        """
        with self:
            while clock and not self.stop:
                time.sleep(0.01)
        return sum(self.calls)


def join(threads):
    """Waits for threads. If one does not end, prints the stacks of all and ends the process."""
    faulthandler.dump_traceback_later(TIMEOUT, exit=True)
    for thread in threads:
        thread.join()
    faulthandler.cancel_dump_traceback_later()
