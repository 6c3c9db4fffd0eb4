"""The program: ``catclf``, and ``python -m catclf``."""

import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; a Ctrl-C while it is imported ends quietly, as any other does."""
    # Before numpy is imported. Its products by one thread each: two threads gain up to a half on
    # an idle machine, and wait for each other up to 40 times as long beside other work (the table
    # stands in tests/benchmarks/README.md). What takes time is shared by worker processes.
    if not {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"} & os.environ.keys():
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        from catclf import cli
    except KeyboardInterrupt:
        sys.exit(130)
    cli.main()


if __name__ == "__main__":
    main()
