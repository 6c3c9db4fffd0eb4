"""The group of verbs: ``catclf VERB``."""

from __future__ import annotations

import os
from importlib import import_module

import click

from catclf._version import __version__
from catclf.cli.output import note
from catclf.errors import printable

__all__ = ["VERBS", "app"]

# Each verb is a module of this package with a `command`; it is imported when it is called,
# so that no verb pays for another's imports.
VERBS = ("prepare", "train", "predict", "evaluate", "report", "tune", "info", "benchmark")


PREFIX = "CATCLF"  # of the variables in the environment that set options


class Verbs(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in the order they are used."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb's module and return its command."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"catclf.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; a usage error names the nearest, or all."""
        verbs = self.list_commands(ctx)
        if args[0] not in verbs and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], verbs, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"The verbs are {', '.join(verbs)}."
            ctx.fail(f"No such verb '{args[0]}'. {hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": PREFIX},
    epilog="""\b
Example, in a fresh checkout:
  catclf prepare && catclf train && catclf evaluate

Every option can also be set by the environment, as CATCLF_TRAIN_LR sets the
option --lr of train, or in the --config file. Flags take precedence over the
environment, the environment over the file.""",
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, readable=False),
    metavar="FILE",
    help="Take options from a TOML file with a table for each verb: [train] with lr = 0.01.",
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
        from catclf.cli.config import read_config

        ctx.default_map = read_config(config, verb, command, VERBS)


def _warn_of_unknown_variables(verb: str, command: click.Command) -> None:
    """Warn of variables in the environment that look like options, and are none of this verb."""
    prefix = f"{PREFIX}_{verb.upper()}_"
    options = [param.name for param in command.params if isinstance(param, click.Option)]
    known = [f"{prefix}{name}".upper() for name in options] + [f"{PREFIX}_CONFIG"]
    others = tuple(f"{PREFIX}_{other.upper()}_" for other in VERBS if other != verb)
    for variable in os.environ:
        if not variable.startswith(f"{PREFIX}_") or variable.startswith(others):
            continue
        if variable not in known:
            import difflib

            near = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
            fix = f"; did you mean {near[0]}?" if near else ""
            note(f"Warning: {printable(variable)} sets no option of {verb}{fix}")
