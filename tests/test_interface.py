"""What `import catclf` offers: results that behave as objects do, and help that tells of them."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import catclf
from catclf.neighbors import draw_neighbors
from networks import small_backbone

PUBLIC = {name: getattr(catclf, name) for name in dir(catclf) if name != "__version__"}
FUNCTIONS = sorted(name for name, value in PUBLIC.items() if inspect.isfunction(value))
RECORDS = sorted(name for name, value in PUBLIC.items() if is_dataclass(value))
ASKED = {"Preprocessing", "Search", "Settings"}  # by the caller: no results
PLAIN = (
    catclf.Backbone,
    catclf.Duplicates,
    catclf.Exported,
    catclf.Judged,
    catclf.LabeledPrediction,
    catclf.Score,
    catclf.Skipped,
    catclf.Timing,
)


def results(small_pictures: Path, small_dataset: Path, folder: Path) -> list[object]:
    """Return one of each result."""
    preprocessing, heard = catclf.Preprocessing(size=8), catclf.Observer()
    prepared = catclf.prepare(small_pictures, folder / "d.npz", preprocessing=preprocessing)
    settings = catclf.Settings(iterations=5)
    trained = catclf.train(small_dataset, folder / "m.npz", settings, observer=heard)
    search = catclf.Search(iterations=5, folds=2)
    tuned = catclf.tune(small_dataset, search, observer=heard)
    model, evaluation = trained.model, trained.train
    with catclf.open_dataset(small_dataset) as dataset:
        found: list[object] = [
            dataset,
            dataset.train,
            prepared,
            trained,
            model,
            model.training,
            evaluation,
        ]
        neighbors = draw_neighbors(dataset.train.columns, dataset.train.labels, ["a"] * 18)
        found += [small_backbone(), neighbors]
    return [
        *found,
        evaluation.confusion,
        evaluation.judged,
        catclf.compare(small_dataset, model, model),
        catclf.report(small_dataset, model, folder / "r.html"),
        catclf.export(model, folder / "m.onnx"),
        next(catclf.predict(small_pictures, model)),
        tuned,
        tuned.scores[0],
        tuned.out_of_fold[0],
        catclf.Duplicates(("a", "b"), ("train", "test"), (0, 0), True, 1),
        catclf.Skipped("a", "document"),
        catclf.Timing("gram", 1.0, 1.0, 1.0, 1.0, 9, 9, 7, 70, 0.0, None, "gram"),
    ]


def test_results_compare_and_hash_as_objects_do(
    small_pictures: Path, small_dataset: Path, tmp_path: Path
) -> None:
    """Each is itself, and may stand in a set; plain values are equal by what they hold."""
    one, other = (results(small_pictures, small_dataset, tmp_path) for _ in range(2))
    assert {type(each).__name__ for each in one} == {*RECORDS, "Trained"} - ASKED
    for result, another in zip(one, other, strict=True):
        assert result == result
        assert result in {result, another}
        assert (result == another) == isinstance(result, PLAIN), type(result)
        assert (hash(result) == hash(another)) == isinstance(result, PLAIN), type(result)
        assert len(repr(result)) < 1000
        assert "array(" not in repr(result)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_help_tells_what_is_returned(name: str) -> None:
    """By its type, which is exported, and every parameter."""
    text = inspect.getdoc(PUBLIC[name]) or ""
    [returned] = re.findall(r"\n(?:Returns|Yields)\n-+\n(.*)\n    \S", text)
    assert set(re.findall(r"\b[A-Z]\w+", returned)) - {"NDArray"} <= set(PUBLIC)
    for parameter in inspect.signature(PUBLIC[name]).parameters:
        assert re.search(rf"^(\w+, )*{parameter}(, \w+)*$", text, flags=re.MULTILINE), parameter


@pytest.mark.parametrize("name", RECORDS)
def test_help_tells_what_a_result_holds(name: str) -> None:
    """Each of its fields."""
    text = inspect.getdoc(PUBLIC[name]) or ""
    for field in fields(PUBLIC[name]):
        assert re.search(rf"^(\w+, )*{field.name}(, \w+)*$", text, flags=re.MULTILINE), field.name
