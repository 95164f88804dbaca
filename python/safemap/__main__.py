"""``python -m safemap``: runs an unmodified program with mmap replaced by safemap."""

from safemap._run import main

if __name__ == "__main__":
    main()
