"""``catclf info``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from catclf.cli.options import Verb, format_option, quiet_option
from catclf.cli.output import Display, percent, short
from catclf.errors import printable
from catclf.operations.inspection import DatasetInfo, ModelInfo, info
from catclf.training import TrainingRecord

DIGEST_CHARACTERS = 12  # of 64: as many as tell datasets apart
KEY_WIDTH = 18
TEXT_CHARACTERS = 50  # of what a file may hold at any length

Rows = Sequence[tuple[str, str]]


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf info data/dataset.h5
  catclf info model.npz --format json""",
)
@click.argument("file", type=click.Path())
@format_option
@quiet_option
def command(file: str, format: str, quiet: bool) -> None:
    """Describe a dataset or a model: what it holds, how it was made.

    FILE is a dataset that prepare wrote, a model that train wrote, or a weights-only .npz; it is
    known by its content, not by its name. All of it is read: where it is damaged the message says
    what is wrong, and the exit code is 1.
    """
    with Display("pictures", quiet) as display:
        found = info(file, observer=display)
    if isinstance(found, DatasetInfo):
        click.echo(dataset_as_json(found) if format == "json" else dataset_as_text(found))
    else:
        click.echo(model_as_json(found) if format == "json" else model_as_text(found))


def dataset_as_json(found: DatasetInfo) -> str:
    """Return what a dataset holds as one JSON object."""
    return json.dumps(
        {
            "path": found.path,
            "kind": "dataset",
            "format_version": found.format_version,
            "created_by": found.created_by,
            "classes": found.classes,
            "counts": {
                "train": dict(zip(found.classes, found.train, strict=True)),
                "test": dict(zip(found.classes, found.test, strict=True)),
            },
            "also_in_train": found.also_in_train,
            "preprocessing": found.preprocessing.to_record(),
            "n_x": found.n_x,
            "digest": found.digest,
        },
        indent=2,
    )


def model_as_json(found: ModelInfo) -> str:
    """Return what a model holds as one JSON object."""
    lowest = found.lowest_test_cost
    training = None if found.training is None else found.training.to_record()
    return json.dumps(
        {
            "path": found.path,
            "kind": "model",
            "format_version": found.format_version,
            "weights_only": found.weights_only,
            "classes": found.classes,
            "preprocessing": found.preprocessing and found.preprocessing.to_record(),
            "size": found.size,
            "n_x": found.n_x,
            "w_norm": found.w_norm,
            "b": found.b,
            "created_by": training and training.pop("created_by"),
            "trained_on": training and training.pop("dataset"),
            **dict.fromkeys(("settings", "results")),
            **(training or {}),
            "interrupted": found.interrupted,
            "recorded_costs": found.recorded_costs,
            "lowest_test_cost": lowest and {"iteration": lowest[0], "cost": lowest[1]},
        },
        indent=2,
    )


def dataset_as_text(found: DatasetInfo) -> str:
    """Return what a dataset holds as lines to read."""
    names = [_shortened(name) for name in found.classes]
    width = max(len("class"), *map(len, names))
    pictures = sum(found.train) + sum(found.test)
    return "\n".join(
        [
            f"{printable(found.path)}: a dataset that catclf prepared",
            *_lines(_origin(found.format_version, found.created_by)),
            "",
            f"label  {'class':{width}}  {'train':>8}  {'test':>8}",
            *(
                f"{label:>5}  {names[label]:{width}}  {found.train[label]:>8}  "
                f"{found.test[label]:>8}"
                for label in (0, 1)
            ),
            "",
            *_lines(
                [
                    *_texts(found.preprocessing.to_record()),
                    ("n_x", str(found.n_x)),
                    ("also in train", f"{found.also_in_train} of the test pictures"),
                    ("digest", _digest(found.digest)),
                    ("columns", f"all {pictures} were read, and are whole"),
                ]
            ),
        ]
    )


def model_as_text(found: ModelInfo) -> str:
    """Return what a model holds as lines to read."""
    weights = [
        ("n_x", str(found.n_x)),
        ("norm of w", f"{found.w_norm:.6g}"),
        ("b", f"{found.b:.6g}"),
    ]
    path = printable(found.path)
    if found.classes is None or found.preprocessing is None:
        return "\n".join(
            [
                f"{path}: a weights-only model, w and b alone",
                *_lines([("size", f"{found.size}, if its pictures are RGB"), *weights]),
                "",
                "It does not tell how its pictures were unrolled, nor its classes. To use it:",
                "  --order interleaved  for X.reshape(m, -1).T",
                "  --order planes       for one color after the other",
                "  --classes NEG,POS    to name its classes",
                "To find out the order: 'catclf evaluate' tries both, and says which one fits.",
            ]
        )
    training = found.training
    return "\n".join(
        [
            f"{path}: a model that catclf trained",
            *_lines(_origin(found.format_version, training.created_by if training else "")),
            *_lines(
                [
                    *((f"label {label}", _shortened(found.classes[label])) for label in (0, 1)),
                    *_texts(found.preprocessing.to_record()),
                    *weights,
                ]
            ),
            "",
            *(
                ["It does not tell how it was trained."]
                if training is None
                else _lines(_training(found, training))
            ),
        ]
    )


def _origin(version: int | None, created_by: str) -> Rows:
    return [
        ("format version", str(version)),
        ("created by", _shortened(created_by) or "not told"),
    ]


def _training(found: ModelInfo, training: TrainingRecord) -> Rows:
    settings = asdict(training.settings)
    asked = settings.pop("iterations")
    every = settings.pop("every")
    made = f"{training.iterations} of {asked}"
    rows = [
        ("dataset", printable(training.dataset) or "not told"),
        ("digest", _digest(training.digest)),
        ("pictures", f"{training.train_examples} train, {training.test_examples} test"),
        ("method", _shortened(training.method)),
        *([("kernel", _shortened(training.kernel))] if training.kernel else []),
        *_texts(settings),
        ("iterations", f"{made}: interrupted" if found.interrupted else made),
        ("recorded costs", f"{found.recorded_costs}, one every {every} iterations"),
        ("final cost", short(training.cost)),
        ("final test cost", "-" if training.test_cost is None else short(training.test_cost)),
    ]
    if found.lowest_test_cost is not None:
        iteration, cost = found.lowest_test_cost
        rows.append(("lowest test cost", f"{short(cost)}, after {iteration} iterations"))
    return [
        *rows,
        ("train accuracy", percent(training.train_accuracy)),
        ("test accuracy", percent(training.test_accuracy)),
    ]


def _texts(settings: dict[str, object]) -> Rows:
    return [
        (name.replace("_", " "), f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in settings.items()
    ]


def _lines(rows: Rows) -> list[str]:
    return [f"{key:{KEY_WIDTH}}{value}" for key, value in rows]


def _digest(digest: str) -> str:
    return f"{printable(digest):.{DIGEST_CHARACTERS}} (of the train split)"


def _shortened(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= TEXT_CHARACTERS else f"{shown[: TEXT_CHARACTERS - 3]}..."
