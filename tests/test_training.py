"""The record of a training: what is written is read back, and nonsense is no record."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.logistic import CLASS_WEIGHTS, LOSSES
from catclf.training import Settings, Training

RECORD = Training(
    created_by="catclf 1.0",
    dataset="cats.h5",
    digest="sha256:0",
    train_examples=209,
    test_examples=50,
    method="gram",
    settings=Settings(0.005, 2000),
    iterations=1500,
    cost=0.14,
    test_cost=0.75,
    train_accuracy=0.99,
    test_accuracy=0.7,
)
# Every number that a record must have, by its place in the tables.
NUMBERS = [
    ("dataset", "train"),
    ("dataset", "test"),
    ("settings", "learning_rate"),
    ("settings", "iterations"),
    ("settings", "l2"),
    ("settings", "every"),
    ("results", "iterations"),
    ("results", "cost"),
]
TEXTS = [("dataset", "digest"), ("settings", "method"), ("settings", "loss")]
# As `json.loads` gives them: whole numbers of any size, infinite ones (1e999), any text.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
# Tables by their names or others, of values by their names or others.
names = st.sampled_from(sorted({name for place in [*NUMBERS, *TEXTS] for name in place}))
some_tables = st.dictionaries(names | st.text(), json_values, max_size=6)
json_objects = st.dictionaries(names | st.text(), json_values | some_tables, max_size=6)


def tables() -> dict[str, Any]:
    """Return a good record as JSON gives it."""
    record: dict[str, Any] = json.loads(json.dumps(RECORD.to_record()))
    return record


@st.composite
def records(draw: st.DrawFn) -> Training:
    """Draw a record of any names, counts and finite numbers, measured or not."""
    number = st.floats(allow_nan=False, allow_infinity=False)
    positive = st.floats(0, exclude_min=True, allow_infinity=False)
    settings = st.builds(
        Settings,
        learning_rate=positive,
        iterations=st.integers(1),
        l2=st.floats(0, allow_infinity=False),
        loss=st.sampled_from(list(LOSSES)),
        every=st.integers(1),
        class_weight=st.sampled_from(CLASS_WEIGHTS),
    )
    drawn: dict[str, st.SearchStrategy[Any]] = {
        "str": st.text(),
        "str | None": st.none() | st.text(),
        "int": st.integers(0),
        "float": number,
        "float | None": st.none() | st.floats(0, 1),  # shares
        "Settings": settings,
    }
    fields = dataclasses.fields(Training)
    return Training(**{field.name: draw(drawn[str(field.type)]) for field in fields})


@given(record=records())
def test_a_record_comes_back_from_json(record: Training) -> None:
    """Every name, count and number is what it was, to the last bit."""
    stored = json.dumps(record.to_record(), allow_nan=False)
    assert Training.from_record(json.loads(stored)) == record


@given(record=json_objects)
def test_any_json_object_gives_a_record_or_none(record: dict[str, object]) -> None:
    """Nothing that a file can say is an error."""
    read = Training.from_record(record)
    assert read is None or Training.from_record(read.to_record()) == read


@given(data=st.data(), value=json_values)
def test_any_value_in_any_place_gives_a_record_or_none(data: st.DataObject, value: object) -> None:
    """One value of a good record replaced: what is read has the types that it declares."""
    record = tables()
    name = data.draw(st.sampled_from(sorted(record)))
    if isinstance(record[name], dict) and data.draw(st.booleans()):
        record[name][data.draw(st.sampled_from(sorted(record[name])))] = value
    else:
        record[name] = value
    read = Training.from_record(record)
    if read is not None:
        kinds = {
            "str": (str,),
            "str | None": (str, type(None)),
            "int": (int,),
            "float": (float,),
            "float | None": (float, type(None)),
            "Settings": (Settings,),
        }
        for field in dataclasses.fields(read):
            assert type(getattr(read, field.name)) in kinds[str(field.type)]


@pytest.mark.parametrize(("table", "name"), [*NUMBERS, *TEXTS], ids=".".join)
def test_a_record_without_one_of_its_values_is_none(table: str, name: str) -> None:
    """A half-known training is an unknown one, rather than one filled in with guesses."""
    record = tables()
    del record[table][name]
    assert Training.from_record(record) is None


@pytest.mark.parametrize("value", ["1", True, None, [1], {}])
@pytest.mark.parametrize(("table", "name"), NUMBERS, ids=".".join)
def test_what_is_no_number_makes_no_record(table: str, name: str, value: object) -> None:
    """Texts of digits and truth values are not taken for numbers."""
    record = tables()
    record[table][name] = value
    assert Training.from_record(record) is None


@pytest.mark.parametrize("value", [-1, 1.0])
@pytest.mark.parametrize(
    ("table", "name"),
    [place for place in NUMBERS if place[1] not in ("learning_rate", "l2", "cost")],
)
def test_a_count_is_whole_and_not_negative(table: str, name: str, value: float) -> None:
    """There are no -1 pictures, and no 1.0 iterations."""
    record = tables()
    record[table][name] = value
    assert Training.from_record(record) is None


def test_a_dataset_without_a_name_and_results_unmeasured_make_a_record() -> None:
    """The name and the accuracies may be missing: they were not always written."""
    record = tables()
    del record["dataset"]["name"]
    del record["results"]["train_accuracy"], record["results"]["test_accuracy"]
    expected = dataclasses.replace(RECORD, dataset="", train_accuracy=None, test_accuracy=None)
    assert Training.from_record(record) == expected


def test_what_a_later_version_adds_is_no_hindrance() -> None:
    """Unknown tables and values are left alone."""
    record = tables() | {"host": {"cores": 2}}
    record["settings"]["momentum"] = 0.9
    assert Training.from_record(record) == RECORD


def test_default_settings_are_the_courses() -> None:
    """Without a word said, it is the course's run: 0.005, 2000 iterations, no penalty."""
    assert Settings() == Settings(0.005, 2000, 0.0, "cross-entropy", 100)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
        ({"learning_rate": -0.1}, "learning_rate must be above 0, got -0.1"),
        ({"learning_rate": math.nan}, "learning_rate must be above 0, got nan"),
        ({"learning_rate": math.inf}, "learning_rate must be above 0, got inf"),
        ({"l2": -1e-9}, "l2 must be at least 0, got -1e-09"),
        ({"l2": math.nan}, "l2 must be at least 0, got nan"),
        ({"l2": math.inf}, "l2 must be at least 0, got inf"),
        ({"iterations": 0}, "iterations and every must be at least 1"),
        ({"every": 0}, "iterations and every must be at least 1"),
        ({"loss": "hinge"}, "loss must be one of cross-entropy, squared-error, got 'hinge'"),
    ],
)
def test_settings_no_descent_can_follow_are_refused(wrong: dict[str, Any], message: str) -> None:
    """A setting without meaning is a ValueError before anything is computed."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Settings(**wrong)
