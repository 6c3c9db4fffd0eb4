"""The command line: the only user of click and tqdm."""

from catclf.cli.app import VERBS, app, main

__all__ = ["VERBS", "app", "main"]
