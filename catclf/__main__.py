"""The program: ``catclf``, and ``python -m catclf``."""

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while it is imported ends quietly, as any other does."""
    # Nothing is garbage while modules are imported. Looking for it there took `predict` 6 ms; a
    # verb that runs turns it on.
    gc.disable()
    try:
        from catclf import cli
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
