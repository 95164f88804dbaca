"""Answers one question about the Python package, in lines of JSON; without a name, lists them.

`python3 x.py bench NAME` runs this program with the package installed.
"""

import argparse
import importlib

import contest

# The questions and their modules, in the order of the page.
MODULES = {
    "calls": "calls",
    "instructions": "calls",
    "python_peers": "access",
    "python_find": "search",
    "python_find_byte": "search",
    "python_worst": "search",
    "python_threads": "search",
    "python_lines": "files",
    "python_open": "files",
    "python_grow": "files",
    "python_move": "moves",
    "python_store": "moves",
    "python_channels": "channels",
    "python_journal": "journals",
    "python_words": "words",
    "python_commit": "commits",
    "python_commit_array": "commits",
    "python_transactional": "commits",
    "python_programs": "programs",
    "python_package": "programs",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    parser.add_argument("--only", default="", help="the rows that contain this text")
    parser.add_argument("name", nargs="?", choices=MODULES)
    options = parser.parse_args()
    if not options.name:
        print("\n".join(MODULES))
        return
    importlib.import_module("questions." + MODULES[options.name])
    title, answer = contest.QUESTIONS[options.name]
    how = " ".join(answer.__doc__.split())
    contest.show({"question": options.name, "title": title, "how": how})
    answer(contest.Run(options.quick, options.only))


if __name__ == "__main__":
    main()
