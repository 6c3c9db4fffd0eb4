"""``python -m catclf``: the command line."""

from catclf.cli import main

if __name__ == "__main__":
    main()
