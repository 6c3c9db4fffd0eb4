"""The command line: the only user of click and tqdm."""

from catclf.cli.boundary import main
from catclf.cli.group import VERBS, app

__all__ = ["VERBS", "app", "main"]
