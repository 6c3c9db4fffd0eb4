"""A training's record: what is written is read back, and nonsense is no record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf.fields import MAX_COUNT
from catclf.logistic import CLASS_WEIGHTS, LOSSES
from catclf.training import Settings, Training, short

TRAINING = Training(
    Settings(0.005, 2000),
    method="gram",
    dataset="cats.npz",
    digest="sha256:0",
    train_examples=209,
    test_examples=50,
    created_by="catclf 1.0",
    iterations=1500,
    cost=0.14,
    test_log_loss=0.75,
    train_accuracy=0.99,
    test_accuracy=0.7,
)
# Every number and text that a record must have, by its place in the tables.
COUNTS = [
    ("dataset", "train"),
    ("dataset", "test"),
    ("settings", "iterations"),
    ("settings", "every"),
    ("results", "iterations"),
]
NUMBERS = [*COUNTS, ("settings", "learning_rate"), ("settings", "l2"), ("results", "cost")]
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
count, share = st.integers(1, MAX_COUNT), st.none() | st.floats(0, 1)
trainings = st.builds(
    Training,
    settings=st.builds(
        Settings,
        learning_rate=st.floats(0, exclude_min=True, allow_infinity=False),
        iterations=count,
        l2=st.floats(0, allow_infinity=False),
        loss=st.sampled_from(list(LOSSES)),
        every=count,
        class_weight=st.sampled_from(CLASS_WEIGHTS),
    ),
    method=st.text(),
    kernel=st.none() | st.text(),
    dataset=st.text(),
    digest=st.text(),
    train_examples=st.integers(0),
    test_examples=st.integers(0),
    created_by=st.text(),
    iterations=st.integers(0),
    cost=st.floats(allow_nan=False, allow_infinity=False),
    test_log_loss=st.none() | st.floats(0, allow_infinity=False),
    train_accuracy=share,
    test_accuracy=share,
)


def tables() -> dict[str, Any]:
    """Return a good record as JSON gives it."""
    record: dict[str, Any] = json.loads(json.dumps(TRAINING.to_record()))
    return record


@given(training=trainings)
def test_a_record_comes_back_from_json(training: Training) -> None:
    """Every name, count and number is what it was, to the last bit."""
    stored = json.dumps(training.to_record(), allow_nan=False)
    assert vars(Training.from_record(json.loads(stored))) == vars(training)


@given(record=json_objects)
def test_any_json_object_gives_a_record_or_none(record: dict[str, object]) -> None:
    """Nothing that a file can say is an error."""
    read = Training.from_record(record)
    if read is not None:
        assert vars(Training.from_record(read.to_record())) == vars(read)


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
        for field, declared in get_type_hints(Training).items():
            if field not in ("costs", "test_log_losses", "state"):
                assert isinstance(getattr(read, field), declared), field


@pytest.mark.parametrize(("table", "name"), [*NUMBERS, *TEXTS], ids=".".join)
def test_a_record_that_lacks_or_misstates_a_value_is_none(table: str, name: str) -> None:
    """A half-known training is an unknown one, rather than one filled in with guesses.

    Texts of digits and truth values are no numbers; there are no -1 pictures, nor 1.0 iterations.
    """
    record = tables()
    wrong: list[Any] = [True, [1], {}]
    if name != "learning_rate":  # None is the default one, of an unfinished run
        wrong.append(None)
    if (table, name) in NUMBERS:
        wrong += ["1", float("inf")]
    if (table, name) in COUNTS:
        wrong += [-1, 1.0]
    for value in wrong:
        record[table][name] = value
        assert Training.from_record(record) is None, value
    del record[table][name]
    assert Training.from_record(record) is None


def test_a_dataset_without_a_name_and_results_unmeasured_make_a_record() -> None:
    """The name and the accuracies may be missing: they were not always written."""
    record = tables()
    del record["dataset"]["name"]
    del record["results"]["train_accuracy"], record["results"]["test_accuracy"]
    expected = replace(TRAINING, dataset="", train_accuracy=None, test_accuracy=None)
    assert vars(Training.from_record(record)) == vars(expected)


def test_what_a_later_version_adds_is_no_hindrance() -> None:
    """Unknown tables and values are left alone."""
    record = tables() | {"host": {"cores": 2}}
    record["settings"]["momentum"] = 0.9
    assert vars(Training.from_record(record)) == vars(TRAINING)


def test_default_settings_are_the_courses() -> None:
    """Without a word said, it is the course's run: 0.005, 2000 iterations, no penalty."""
    assert Settings() == Settings(None, 2000, 0.0, "cross-entropy", 100, "none")
    assert Settings().rate == Settings(0.005).rate == 0.005


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0.0},
        {"l2": -1e-9},
        {"iterations": 0},
        {"iterations": MAX_COUNT + 1},
        {"every": 0},
        {"loss": "hinge"},
        {"class_weight": "inverse"},
    ],
)
def test_settings_no_descent_can_follow_are_refused(wrong: dict[str, Any]) -> None:
    """A setting out of its range is a ValueError before anything is computed."""
    [name] = wrong
    with pytest.raises(ValueError, match=rf"^{name} must be "):
        Settings(**wrong)


def test_a_training_tells_whether_it_was_interrupted() -> None:
    """That is, fewer iterations were made than asked for."""
    assert TRAINING.interrupted
    assert not replace(TRAINING, iterations=2000).interrupted


def test_curves_end_with_the_final_costs() -> None:
    """The lowest test cost is of all that are known, the final one too."""
    costs, tested = {0: 0.7, 100: 0.5}, {0: 0.7, 100: 0.6}
    training = replace(TRAINING, costs=costs, test_log_losses=tested)
    train, test = training.curves()
    assert train == {0: 0.7, 100: 0.5, 1500: 0.14}
    assert test == {0: 0.7, 100: 0.6, 1500: 0.75}
    assert training.lowest_test_log_loss == (100, 0.6)
    assert replace(training, test_log_loss=0.1).lowest_test_log_loss == (1500, 0.1)
    untested = replace(training, test_log_losses={}, test_log_loss=None)
    assert untested.curves()[1] == {}
    assert untested.lowest_test_log_loss is None


def test_a_cost_is_short() -> None:
    """With six decimals, as the course prints it, unless it is enormous."""
    costs = {0.6931471: "0.693147", 999999.0: "999999.000000", 1e300: "1e+300"}
    assert {cost: short(cost) for cost in costs} == costs
