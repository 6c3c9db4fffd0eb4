"""The boundary of the program: results on stdout, errors as text on stderr, and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from io import StringIO
from types import FrameType
from typing import NoReturn

import click

from catclf.cli.flags import error_text
from catclf.cli.group import app
from catclf.errors import CatclfError, printable

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line: results on stdout, errors as text on stderr, and an exit code."""
    _open_closed_streams()
    # A name that the terminal's encoding lacks is escaped, whatever the locale.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, _terminate)
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # All is written and closed. Python would take 20 ms to take itself apart, and a Ctrl-C then
    # would show a traceback.
    os._exit(code)


def _open_closed_streams() -> None:
    """Open what was closed (``>&-``) on nothing, lest an output take its place."""
    modes = {"stdin": "r", "stdout": "w", "stderr": "w"}
    for number, (name, mode) in enumerate(modes.items()):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115


class Terminated(SystemExit):
    """SIGTERM, as an exception."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    """End by an exception, so that nothing half-written is left behind."""
    raise Terminated(128 + number)


def _run() -> int:
    try:
        code = app.main(prog_name="catclf", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except CatclfError as error:
        return _fail(error_text(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        shown = StringIO()
        error.show(file=shown)  # an argument may stand in it
        with contextlib.suppress(OSError):
            for line in shown.getvalue().splitlines():
                click.echo(printable(line), err=True)
        return error.exit_code
    except MemoryError:
        return _fail("not enough memory\nFree some, or use fewer pictures.", 1)
    except Terminated as end:
        return _fail("terminated", end.code if isinstance(end.code, int) else 1)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except (BrokenPipeError, SystemExit):  # click makes a SystemExit of a broken pipe
        _silence_stdout()  # whoever read the results has seen enough
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in (
            errno.ENOSPC,
            errno.EIO,
            errno.EFBIG,
            errno.EBADF,
        ):
            raise
        _silence_stdout()
        return _fail(f"the results cannot be written ({error.strerror})", 1)


def _fail(message: str, code: int) -> int:
    with contextlib.suppress(OSError):
        click.secho("Error: ", fg="red", nl=False, err=True)
        click.echo(message, err=True)
    return code


def _silence_stdout() -> None:
    """Send what is left in stdout's buffer nowhere: Python flushes it once more when it exits."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
