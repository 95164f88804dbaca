"""``python -m safemap``: runs an unmodified program with safemap in the place of mmap."""

from safemap._run import main

if __name__ == "__main__":
    main()
