"""Answers one question about the Python package, in lines of JSON. `--list` prints the questions.

`python3 x.py bench NAME` runs this program with the package installed.
"""

import argparse
import importlib

import contest

# Names of questions and their modules, in the order of the page.
QUESTIONS = ["calls", "instructions", "python_peers", "python_find", "python_find_byte"]
QUESTIONS += ["python_worst", "python_lines", "python_threads", "python_open", "python_grow"]
QUESTIONS += ["python_programs", "python_package"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the names of the questions")
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    parser.add_argument("--only", default="", help="the rows that contain this text")
    parser.add_argument("name", nargs="?", choices=QUESTIONS)
    options = parser.parse_args()
    if options.list or not options.name:
        print("\n".join(QUESTIONS))
        return
    question = importlib.import_module("questions." + options.name.removeprefix("python_"))
    how = " ".join(question.HOW.split())
    contest.show({"question": options.name, "title": question.TITLE, "how": how})
    question.answer(contest.Run(options.quick, options.only))


if __name__ == "__main__":
    main()
