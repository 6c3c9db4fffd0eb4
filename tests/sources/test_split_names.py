"""The names of splits, and which split of a source becomes which."""

from __future__ import annotations

import pytest

from catclf.sources.split_names import NamedSplit, used_splits


@pytest.mark.parametrize(
    ("named", "validation"),
    [
        (["train", "validation"], "test"),
        (["validation"], "test"),
        (["test", "validation"], "test"),
        (["train", "test", "validation"], None),
    ],
)
def test_validation_is_test_unless_train_and_test_are_there(
    named: list[NamedSplit], validation: str | None
) -> None:
    """Train and test are always themselves."""
    used = used_splits(named)
    assert (used["train"], used["test"]) == ("train", "test")
    assert used.get("validation") == validation
