"""What a search for settings is asked, and what it finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from catclf import tune
from catclf.operations.search import Search


def test_an_edge_of_what_was_tried_is_told(small_dataset: Path) -> None:
    """One iteration is too few; a tiny rate alone is no edge, since none other was tried."""
    assert tune(small_dataset, Search(folds=3, iterations=1)).edges[-1] == (
        "the largest number of iterations"
    )
    few = Search(learning_rates=(1e-7, 1e-6), l2=(0.0,), folds=3, iterations=20)
    assert tune(small_dataset, few).edges == [
        "the largest learning rate",
        "the largest number of iterations",
    ]
    one = Search(learning_rates=(1e-6,), l2=(0.0,), folds=3, iterations=20)
    assert tune(small_dataset, one).edges == ["the largest number of iterations"]


@pytest.mark.parametrize("wrong", [{"metric": "f1"}, {"rule": "two-se"}, {"class_weight": "even"}])
def test_a_search_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    """What is known is listed."""
    [name] = wrong
    with pytest.raises(ValueError, match=f"{name} must be one of"):
        Search(**wrong)
