"""A bank whose accounts survive `kill -9`: no confirmed transfer is lost, and none is half done.

python bank.py FILE ROUNDS    kills a worker in each round, and prints what the accounts have
python bank.py FILE           the worker: transfers amounts, and prints the number of each transfer
"""

import random
import subprocess
import sys
import threading

import safemap

ACCOUNTS = range(1, 101)  # Words of 8 bytes. The first word counts the transfers.


def work(path: str) -> None:
    """Transfers amounts until the process is killed."""
    with safemap.open(path, "r+", transactional=True, timeout=10) as bank:
        while True:
            with bank.transaction():
                payer, payee = random.sample(ACCOUNTS, 2)
                for word, change in ((payer, -1), (payee, 1), (0, 1)):
                    bank.store("q", 8 * word, bank.load("q", 8 * word) + change)
            print(bank.load("q", 0), flush=True)


def supervise(path: str, rounds: int) -> None:
    """Starts workers, kills them, and looks at the accounts."""
    safemap.open(path, "w+", 8 * (1 + len(ACCOUNTS)), transactional=True).close()
    for _ in range(rounds):
        with subprocess.Popen([sys.executable, __file__, path], stdout=subprocess.PIPE) as worker:
            threading.Timer(0.5 + random.random(), worker.kill).start()
            lines = worker.communicate()[0].splitlines() or [b"0"]
        with safemap.open(path, transactional=True) as bank, bank.reading():
            count, *balances = memoryview(bank[:]).cast("q")
        print(f"{int(lines[-1])} confirmed, {count} in the file, sum {sum(balances)}")


supervise(sys.argv[1], int(sys.argv[2])) if sys.argv[2:] else work(sys.argv[1])
