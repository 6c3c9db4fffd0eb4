"""``catclf info``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

import click

from catclf.classes import LISTED_CLASSES
from catclf.cli.class_counts import count_lines
from catclf.cli.options import Verb, argument, format_option, quiet_option
from catclf.cli.output import Display, as_json, percent
from catclf.dataset import FORMAT_VERSION as DATASET_VERSION
from catclf.dataset import Dataset
from catclf.errors import DIGEST_CHARACTERS, printable, shortened
from catclf.features import Preprocessing
from catclf.model import Model
from catclf.model_file import FORMAT_VERSION as MODEL_VERSION
from catclf.neighbors import Neighbors
from catclf.operations.inspection import info
from catclf.training import Training, short

KEY_WIDTH = 18

HOW_TO_USE_WEIGHTS = """
It does not tell how its pictures were unrolled, nor its classes. To use it:
  --order interleaved  for X.reshape(m, -1).T
  --order planes       for one color after the other
  {}
To find out the order: 'catclf evaluate' tries both, and says which one fits."""

Lines = Sequence[tuple[str, str]]  # of a key and its value


@click.command(
    cls=Verb,
    epilog="""\b
Examples:
  catclf info data/dataset.npz
  catclf info model.npz --format json""",
)
@argument("file", type=click.Path())
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
    if isinstance(found, Dataset):
        record, lines = dataset_as_record(file, found), dataset_lines(file, found)
    else:
        record, lines = model_as_record(file, found), model_lines(file, found)
    click.echo(as_json(record) if format == "json" else "\n".join(lines))


def dataset_as_record(path: str, found: Dataset) -> dict[str, object]:
    """Return what a dataset holds for JSON."""
    return {
        "path": path,
        "kind": "dataset",
        "format_version": DATASET_VERSION,
        "created_by": found.created_by,
        "classes": found.classes,
        "counts": {
            name: dict(zip(found.classes, split.counts, strict=True))
            for name, split in (("train", found.train), ("test", found.test))
        },
        "also_in_train": found.test.also_in_train,
        "preprocessing": _preprocessing_as_record(found.preprocessing),
        "n_x": found.preprocessing.n_x,
        "digest": found.digest,
    }


def model_as_record(path: str, found: Model) -> dict[str, object]:
    """Return what a model holds for JSON."""
    training = found.training
    told = {}
    if training is not None:
        told = replace(training, settings=training.settings.resolved()).to_record()
    lowest = None if training is None else training.lowest_test_log_loss
    known = not found.weights_only
    return {
        "path": path,
        "kind": "model",
        "format_version": MODEL_VERSION if known else None,
        "weights_only": found.weights_only,
        "classes": found.classes if known else None,
        "preprocessing": _preprocessing_as_record(found.preprocessing) if known else None,
        "size": found.preprocessing.size,
        "n_x": found.preprocessing.n_x,
        "neighbors": found.neighbors
        and {"kept": len(found.neighbors.names), "floor": found.neighbors.floor},
        "w_norm": found.w_norm,
        "b": found.b.item() if len(found.b) == 1 else found.b.ravel().tolist(),
        "created_by": told.get("created_by"),
        "trained_on": told.get("dataset"),
        "settings": told.get("settings"),
        "results": told.get("results"),
        "interrupted": training and training.interrupted,
        "recorded_costs": len(training.costs) if training else 0,
        "lowest_test_log_loss": lowest and {"iteration": lowest[0], "log_loss": lowest[1]},
    }


def dataset_lines(path: str, found: Dataset) -> Iterator[str]:
    """Yield what a dataset holds, to be read."""
    train, test = found.train.counts, found.test.counts
    yield f"{printable(path)}: a dataset that catclf prepared"
    yield from _lines(_origin(DATASET_VERSION, found.created_by))
    yield ""
    yield from count_lines(found.classes, train, test, digits=8)
    yield ""
    yield from _lines(_preprocessing(found.preprocessing))
    yield from _lines(
        [
            ("n_x", str(found.preprocessing.n_x)),
            ("also in train", f"{found.test.also_in_train} of the test pictures"),
            ("digest", _digest(found.digest)),
            ("columns", f"all {sum(train + test)} read, their checksums match"),
        ]
    )


def model_lines(path: str, found: Model) -> Iterator[str]:
    """Yield what a model holds, to be read."""
    training, k = found.training, len(found.b)
    weights = [
        ("n_x", str(found.preprocessing.n_x)),
        *([("neurons", f"{k}, one a class (softmax)")] if k > 1 else []),
        ("norm of w", f"{found.w_norm:.6g}"),
        ("b", f"{found.b[0, 0]:.6g}" if k == 1 else f"{found.b.min():.6g} to {found.b.max():.6g}"),
    ]
    if found.weights_only:
        size = f"{found.preprocessing.size}, if its pictures are RGB"
        yield f"{printable(path)}: a weights-only model, w and b alone"
        yield from _lines([("size", size), *weights])
        naming = "--classes NEG,POS    to name its classes"
        if k > 1:
            naming = f"--classes NAMES      to name its {k} classes, in the order of its columns"
        yield HOW_TO_USE_WEIGHTS.format(naming)
        return
    yield f"{printable(path)}: a model that catclf trained"
    yield from _lines(_origin(MODEL_VERSION, training.created_by if training else ""))
    listed = enumerate(found.classes[:LISTED_CLASSES])
    yield from _lines([(f"label {label}", shortened(name)) for label, name in listed])
    if k > LISTED_CLASSES:
        yield f"and {k - LISTED_CLASSES} more; --format json names all"
    neighbors = [] if found.neighbors is None else _neighbors(found.neighbors)
    yield from _lines([*_preprocessing(found.preprocessing), *weights, *neighbors])
    yield ""
    if training is None:
        yield "It does not tell how it was trained."
    else:
        yield from _lines(_training(training))


def _preprocessing_as_record(preprocessing: Preprocessing) -> dict[str, object]:
    record = preprocessing.to_record()
    if preprocessing.backbone is not None:
        told = preprocessing.backbone.to_record()
        record["backbone"] = told | {"bytes": len(preprocessing.backbone.network)}
    return record


def _preprocessing(preprocessing: Preprocessing) -> Lines:
    record, backbone = preprocessing.to_record(), preprocessing.backbone
    if backbone is None:
        return _texts(record)
    del record["backbone"]
    size, digest = len(backbone.network), backbone.described()["network"]
    shown = f"{size / 1e6:.3g} MB" if size >= 1e6 else f"{size / 1e3:.1f} KB"
    places = "" if backbone.places is None else " x ".join(map(str, backbone.places))
    ours = backbone.is_efficientnet_lite0
    return [
        *_texts(record | {"features": shortened(backbone.name)}),
        ("network", f"{shown}, digest {digest}"),
        ("network source", shortened(backbone.source) + " (Apache 2.0)" * ours),
        ("network output", shortened(backbone.output)),
        ("places", places or "none"),
        # That of ours is in the network itself.
        *([] if ours else [("normalize", backbone.normalize)]),
    ]


def _neighbors(neighbors: Neighbors) -> Lines:
    return [
        ("neighbors", f"{len(neighbors.names)} of the training columns"),
        ("similarity floor", f"{neighbors.floor:.4f}"),
    ]


def _origin(version: int, created_by: str) -> Lines:
    return [("format version", str(version)), ("created by", shortened(created_by) or "not told")]


def _training(training: Training) -> Lines:
    settings = asdict(training.settings.resolved())
    asked = settings.pop("iterations")
    every = settings.pop("every")
    made = f"{training.iterations} of {asked}"
    return [
        ("dataset", printable(training.dataset) or "not told"),
        ("digest", _digest(training.digest)),
        ("pictures", f"{training.train_examples} train, {training.test_examples} test"),
        ("method", shortened(training.method)),
        *([("kernel", shortened(training.kernel))] if training.kernel else []),
        *_texts(settings),
        ("iterations", f"{made}: interrupted" if training.interrupted else made),
        ("recorded costs", f"{len(training.costs)}, one every {every} iterations"),
        ("final cost", short(training.cost)),
        ("test log loss", _test_log_loss(training)),
        ("train accuracy", percent(training.train_accuracy)),
        ("test accuracy", percent(training.test_accuracy)),
    ]


def _test_log_loss(training: Training) -> str:
    found = [] if training.test_log_loss is None else [short(training.test_log_loss)]
    if training.lowest_test_log_loss is not None:
        iteration, lowest = training.lowest_test_log_loss
        found.append(f"lowest {short(lowest)} after {iteration} iterations")
    return ", ".join(found) or "-"


def _texts(settings: dict[str, object]) -> Lines:
    return [
        (name.replace("_", " "), f"{value:g}" if isinstance(value, float) else str(value))
        for name, value in settings.items()
    ]


def _lines(rows: Lines) -> list[str]:
    return [f"{key:{KEY_WIDTH}}{value}" for key, value in rows]


def _digest(digest: str) -> str:
    return f"{printable(digest):.{DIGEST_CHARACTERS}} (of the train split)"
