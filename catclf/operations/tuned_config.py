"""The config file of the settings that `tune` chose, for `catclf --config FILE train`."""

from __future__ import annotations

import json
import os
import zlib

from catclf.descent.cross_validation import Score
from catclf.errors import CatclfError
from catclf.operations.search import RULES, Tuned
from catclf.storage.files import read_regular
from catclf.storage.outputs import OutputKind, replacing

__all__ = ["CONFIG_FILE", "write_config"]

MAX_BYTES = 2**20

FIRST_LINE = "# Written by catclf tune, checksum {:08x}: not replaced once it is edited.\n"


def _is_config(path: str) -> bool:
    """Return whether a file is a config as it was written."""
    first, _, rest = read_regular(path, MAX_BYTES, CatclfError).partition(b"\n")
    return first + b"\n" == FIRST_LINE.format(zlib.crc32(rest)).encode()


CONFIG_FILE = OutputKind("a config file as catclf tune wrote it", _is_config)


def write_config(path: str | os.PathLike[str], tuned: Tuned, chosen: Score) -> None:
    """Write a setting, and how it was chosen, as a config file, whole or not at all."""
    search = tuned.search
    dataset = _dataset_line(tuned.dataset)
    doubt = "" if tuned.surely_better else "# Nothing surely beats the constant.\n"
    text = f"""\
# Chosen on {tuned.m} of {tuned.total} training pictures, {search.folds} folds,
# repeats: {search.repeats}, seed: {search.seed}.
# Learning rates tried: {", ".join(f"{rate:g}" for rate in search.learning_rates)}
# Penalties (l2) tried: {", ".join(f"{l2:g}" for l2 in search.l2)}
# Iterations tried: up to {search.iterations}
# Held-out log loss {chosen.log_loss:.4f} +- {chosen.log_loss_error:.4f} \
(the constant's: {tuned.constant_log_loss:.4f}),
# accuracy {chosen.accuracy:.4f} +- {chosen.accuracy_error:.4f} \
(the majority class: {tuned.majority_rate:.4f}), AUC {chosen.auc:.4f} +- {chosen.auc_error:.4f}.
# Chosen by {search.metric}: {RULES[search.rule]}.
{doubt}
[train]
{dataset}
lr = {chosen.learning_rate!r}
l2 = {chosen.l2!r}
iters = {chosen.iterations}
loss = "cross-entropy"
class-weight = "{search.class_weight}"

[evaluate]
{dataset}
"""
    with replacing(path) as temporary:
        encoded = text.encode()
        temporary.write_bytes(FIRST_LINE.format(zlib.crc32(encoded)).encode() + encoded)


def _dataset_line(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        return "# The dataset's name is not UTF-8, as TOML must be: give it on the command line."
    # JSON's escapes are TOML's, but for the half characters of its \\u, and for DEL.
    return "dataset = " + json.dumps(path, ensure_ascii=False).replace("\x7f", "\\u007f")
