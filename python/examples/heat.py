"""Computes how heat spreads in a rod: python heat.py FILE STEPS

The file has the number of the step, and the temperatures. A run that is killed, by Ctrl-C, kill -9
or a power failure, leaves those of one step. The next one continues there.
"""

import os
import sys

import numpy as np

import safemap


def start() -> np.ndarray:
    """Returns step 0: the rod is hot in the middle."""
    state = np.zeros(1 + 100_000)
    state[50_000:50_100] = 1000.0
    return state


def run(m: safemap.Map, steps: int) -> None:
    """Computes in the memory of the map, and commits each step."""
    state = np.frombuffer(m, "f8")
    rod = state[1:]
    for _ in range(steps):
        with m.transaction():
            rod[1:-1] += (rod[2:] - 2 * rod[1:-1] + rod[:-2]) / 4
            state[0] += 1
    print(f"step {state[0]:.0f}: {rod.max():.3f} degrees at most, {rod.sum():.3f} in all")


if __name__ == "__main__":
    exists = os.path.exists(sys.argv[1])
    with safemap.open(sys.argv[1], "r+" if exists else "x+", transactional=True) as m:
        if len(m) == 0:
            m.append(start())
            m.commit()
        run(m, int(sys.argv[2]))
