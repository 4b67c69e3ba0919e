"""``python -m oyez``: the same program as the ``oyez`` command."""

from oyez.cli import main

if __name__ == "__main__":
    main()
