"""The program: ``catclf``, and ``python -m catclf``."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while it is imported ends quietly, as any other does."""
    try:
        from catclf import cli
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
