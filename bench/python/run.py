"""Answers one question about the Python package, in lines of JSON; `--list` lists them.

`python3 x.py bench NAME` runs this with the package installed; `--quick` only shows that it works.
"""

import argparse
import importlib
import json

import contest

# In the order of the page.
QUESTIONS = ["peers", "find", "find_byte", "worst", "lines", "threads", "open", "grow", "programs", "package"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("name", nargs="?")
    options = parser.parse_args()
    if options.list:
        for name in QUESTIONS:
            print(json.dumps({"name": "python_" + name}))
        return
    question = importlib.import_module("questions." + options.name.removeprefix("python_"))
    contest.asked(options.name, question.TITLE, question.HOW)
    question.answer(contest.Run(options.quick))


if __name__ == "__main__":
    main()
