#!/usr/bin/env python3
"""Runs a scenario of `scenarios/` and prints its report, or why it was skipped, as a line of JSON.

`x.py stress` runs it in its own process and directory, because a scenario may crash or hang.
"""

import argparse
import importlib
import json
import tempfile

import scenarios
from settings import Settings, Skipped


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("scenario", nargs="?", choices=scenarios.NAMES)
    flag = lambda name, text: parser.add_argument(name, action="store_true", help=text)
    flag("--list", "print the scenarios, a line of JSON each")
    flag("--quick", "fewer repetitions")
    flag("--control", "remove the protection; the scenario has to fail")
    parser.add_argument("--seconds", type=float, help="the time, for scenarios that run for a time")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices")
    options = parser.parse_args()
    if options.list or options.scenario is None:
        for name in scenarios.NAMES:
            print(json.dumps({"name": name, "control": scenario(name).CONTROL}))
        return
    with tempfile.TemporaryDirectory(prefix="safemap-stress-") as folder:
        try:
            report = scenario(options.scenario).run(Settings(options, folder))
        except Skipped as skipped:
            report = {"skipped": str(skipped)}
    print(json.dumps(report))


def scenario(name):
    """Imports a scenario."""
    return importlib.import_module("scenarios." + name)


if __name__ == "__main__":
    main()
