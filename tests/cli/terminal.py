"""A terminal for tests: a command on a pseudo-terminal, and what its screen shows in the end."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

from command_line import CATCLF

ROWS = 200  # more than any test writes: nothing scrolls away


def run_on_terminal(
    *arguments: str | Path,
    columns: int,
    cwd: Path | None = None,
    stdout: int | None = None,
    interrupt_at: bytes | None = None,
) -> tuple[int, str]:
    """Run the command line on a terminal; return its exit code and all that it wrote there.

    Parameters
    ----------
    arguments
        The words of the command line.
    columns
        The width of the terminal.
    cwd
        The folder to run in.
    stdout
        Where results go; None for the terminal.
    interrupt_at
        Ctrl-C is typed when this has been written.
    """
    if sys.platform == "win32":
        raise OSError("Windows has no pseudo-terminals")
    import fcntl
    import pty
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    process = subprocess.Popen(
        [*CATCLF, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        cwd=cwd,
        # Its own terminal, where Ctrl-C is a signal.
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**os.environ, "TERM": "xterm", "TQDM_MININTERVAL": "0"},  # draws every step
    )
    os.close(theirs)
    written = b""
    try:
        while chunk := os.read(ours, 1 << 16):
            written += chunk
            if interrupt_at is not None and interrupt_at in written:
                os.write(ours, b"\x03")
                interrupt_at = None
    except OSError:  # Linux's end of a terminal that everybody has closed
        pass
    os.close(ours)
    return process.wait(60), written.decode()


def screen(written: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows after all that was written to it.

    It knows what a bar may use: carriage return, newline, cursor up, erase to the end of the line,
    colors, and lines that wrap. Anything else is an error of the test.
    """
    lines = [[" "] * columns for _ in range(ROWS)]
    row = column = 0
    tokens = re.compile(r"\x1b\[([\d;]*)([A-Za-z])|(.)", re.DOTALL)
    for control, final, character in tokens.findall(written):
        if final == "A":
            row -= int(control or 1)
        elif final == "K" and control in ("", "0"):
            lines[row][column:] = [" "] * (columns - column)
        elif final == "K" and control == "2":
            lines[row] = [" "] * columns
        elif final:
            assert final == "m", f"an escape sequence that this screen does not know: {final}"
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
        else:
            assert character.isprintable(), repr(character)
            if column == columns:
                row, column = row + 1, 0
            lines[row][column] = character
            column += 1
    shown = ["".join(line).rstrip() for line in lines]
    while shown and not shown[-1]:
        shown.pop()
    return shown


def wrapped(text: str, columns: int) -> list[str]:
    """Return the lines that a terminal shows of a text alone."""
    return screen(text.replace("\n", "\r\n"), columns)
