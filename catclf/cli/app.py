"""The program: the group of verbs, what sets their options, and its boundary.

There results go to stdout, errors become text on stderr, and an exit code.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from io import StringIO
from types import FrameType
from typing import Any, NoReturn

import click

from catclf import __version__
from catclf.cli.output import error_text, note
from catclf.errors import CatclfError, printable
from catclf.files import HEAD_BYTES, Expected, FileKind, kind_of_bytes, read_regular

# Each verb is a module of this package with a `command`; it is imported when it is called,
# so that no verb pays for another's imports.
VERBS = (
    "prepare", "train", "predict", "evaluate", "report", "export", "tune", "info", "benchmark"
)  # fmt: skip
PREFIX = "CATCLF"  # of the variables in the environment that set options
MAX_CONFIG_BYTES = 2**20
FORCE = "--force is for the command line alone."
CONFIG = Expected(
    "a config file", "Name a TOML file with a table for each verb, as 'catclf tune' writes."
)


class Verbs(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in the order they are used."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module and return its command."""
        if cmd_name in VERBS:
            command: click.Command = import_module(f"catclf.cli.{cmd_name}").command
            return command
        if ctx.resilient_parsing:
            return None
        raise click.exceptions.NoSuchCommand(cmd_name, possibilities=VERBS, ctx=ctx)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": PREFIX},
    epilog="""\b
Examples, with a folder of pictures for each class in pets, and on the sample in
a fresh checkout:
  catclf prepare pets && catclf train && catclf predict holiday
  catclf prepare && catclf train && catclf evaluate

Every option but --force, and every argument, can also be set by an environment
variable (CATCLF_TRAIN_LR=0.01, CATCLF_TRAIN_DATASET=photos.npz; several paths
are separated as in PATH) or in the --config file.
The command line takes precedence over the environment, and that over the file.

\b
Exit codes:
  0         done
  1         failed: the message says why
  2         wrong usage
  3         done, except for pictures that cannot be read (prepare, predict)
  130, 143  interrupted""",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, readable=False),
    metavar="FILE",
    help="Read options from a TOML file with a table for each verb: [train] with lr = 0.01.",
)
@click.version_option(__version__, prog_name="catclf")
@click.pass_context
def app(ctx: click.Context, config: str | None) -> None:
    """Train an image classifier with logistic regression, as the lecture derives it."""
    verb = ctx.invoked_subcommand
    command = None if verb is None else app.get_command(ctx, verb)
    if verb is None or command is None:
        return
    _warn_of_unknown_variables(verb, command)
    if config is not None:
        ctx.default_map = _read_config(config, verb, command)


def _warn_of_unknown_variables(verb: str, command: click.Command) -> None:
    """Warn of variables in the environment that look like a verb's parameters, and are none."""
    prefix = f"{PREFIX}_{verb.upper()}_"
    names = [each.name for each in command.params if getattr(each, "allow_from_autoenv", True)]
    known = [f"{prefix}{name}".upper() for name in names] + [f"{PREFIX}_CONFIG"]
    others = tuple(f"{PREFIX}_{other.upper()}_" for other in VERBS if other != verb)
    for variable in os.environ:
        if not variable.startswith(f"{PREFIX}_") or variable.startswith(others):
            continue
        if variable not in known:
            import difflib

            near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
            fix = f"; did you mean {near[0]}?" if near else ""
            if variable == f"{prefix}FORCE":
                fix = f": {FORCE}"
            note(f"Warning: {printable(variable)} is no option or argument of {verb}{fix}")


def _read_config(path: str, verb: str, command: click.Command) -> dict[str, Any]:
    """Return the defaults that a config file gives a verb, each checked, by parameter.

    CatclfError where the file cannot be read, is not TOML, or holds an unknown table or key or a
    value that the verb's option would not take.
    """
    import tomllib  # here, for the verbs to start without it

    with CONFIG.open(path, CatclfError) as file:
        head = file.read(HEAD_BYTES)
    if kind_of_bytes(head) not in (FileKind.CONFIG, FileKind.OTHER):
        raise CONFIG.mismatch(head, path, CatclfError)
    try:
        tables = tomllib.loads(read_regular(path, MAX_CONFIG_BYTES, CatclfError).decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: no TOML, no UTF-8
        fix = f"{CONFIG.fix[:-1]}, or fix the line."
        raise CatclfError(f"is not TOML: {error}", path, fix) from error
    for name, table in tables.items():
        if name not in VERBS:
            raise CatclfError(f"unknown table [{printable(name)}]", path, _nearest(name, VERBS))
        if not isinstance(table, dict):
            raise CatclfError(f"{name} is not a table", path, f"Write the table as [{name}].")
    known = {_key(param): param for param in command.params if param.name != "force"}
    values = {}
    for key, value in tables.get(verb, {}).items():
        param = known.get(key.replace("_", "-"))
        if param is None or param.name is None:
            fix = FORCE if key == "force" else _nearest(key, list(known))
            raise CatclfError(f"unknown key '{printable(key)}' in [{verb}]", path, fix)
        if isinstance(param, click.Option) and param.multiple and isinstance(value, str):
            value = [value]
        try:
            _refuse_other_type(param, value)
            param.type_cast_value(click.Context(command), value)
        except (click.BadParameter, TypeError, ValueError, OverflowError) as error:
            reason = error.message if isinstance(error, click.BadParameter) else str(error)
            raise CatclfError(f"[{verb}] {key}: {reason}", path, "Fix the value.") from None
        values[param.name] = value
    return {verb: values}


def _refuse_other_type(param: click.Parameter, value: object) -> None:
    """Raise TypeError where click would convert a value in silence: 10.7 to 10, 1 to true."""
    from catclf.cli.options import Number, Numbers  # here, for --version to load no numpy

    kinds: tuple[tuple[type, ...], str]
    if isinstance(param, click.Option) and param.is_flag:
        kinds = (bool,), "true or false"
    elif isinstance(param.type, Number):
        kinds = (int,) if param.type.limits.whole else (int, float), f"a {param.type.name}"
    elif isinstance(param.type, Numbers):
        kinds = (int, float, str, list), "a number, or a list of numbers"
    elif param.nargs == -1 or param.multiple:
        kinds = (list,), 'a list of strings, such as ["a", "b"]'
    else:
        kinds = (str,), "a string"
    allowed, named = kinds
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise TypeError(f"must be {named}")


def _key(param: click.Parameter) -> str:
    """Return what a config file calls a parameter: an option's long name, an argument's own."""
    long = [name[2:] for name in param.opts if name.startswith("--")]
    return long[0] if long else str(param.name)


def _nearest(word: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}?" if near else f"Valid names are {', '.join(known)}."


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
