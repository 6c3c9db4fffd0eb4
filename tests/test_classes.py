"""Classes are found, ordered and refused by rules that can be told in a sentence each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import DatasetError
from catclf.classes import as_classes, as_labels, choose_classes


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "noncat"], ("noncat", "cat")),
        (["cat", "non-cat"], ("non-cat", "cat")),
        (["hotdog", "not_hotdog"], ("not_hotdog", "hotdog")),
        (["NonCat", "zebra"], ("NonCat", "zebra")),
        (["no", "yes"], ("no", "yes")),
        (["zoo", "No animals"], ("No animals", "zoo")),
        (["cat", "dog"], ("cat", "dog")),
        (["dog", "cat"], ("cat", "dog")),
        (["0", "1"], ("0", "1")),
        (["noncat", "nondog"], ("noncat", "nondog")),
    ],
)
def test_the_class_that_begins_with_no_is_the_negative(
    names: list[str], expected: tuple[str, str]
) -> None:
    """Non, not or no is the negative, label 0; else sorted order, and never that of pictures."""
    assert choose_classes(names, None) == expected
    assert choose_classes([*reversed(names), names[0]], None) == expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (["dog", "cat"], ("dog", "cat")),
        (["cow", "dog", "ant", "cat"], ("dog", "cat")),
        (["cat", "dog"], ("cat", "dog")),
        (["dog", "cow"], ("cat", "dog")),
        ([], ("cat", "dog")),
    ],
)
def test_a_sources_own_order_comes_before_the_sorted(
    order: list[str], expected: tuple[str, str]
) -> None:
    """Where it has both; a name that negates the other is the negative nevertheless."""
    assert choose_classes(["cat", "dog"], None, order=order) == expected
    assert choose_classes(["cat", "noncat"], None, order=["cat", "noncat"]) == ("noncat", "cat")
    assert choose_classes(["cat", "dog"], "cat", order=order) == ("dog", "cat")


NAMES = st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True)


@given(names=NAMES, data=st.data())
def test_positive_overrides(names: list[str], data: st.DataObject) -> None:
    """The class named is the positive, whatever it is called, and all others the negative."""
    chosen = data.draw(st.sampled_from(names))
    negative, positive = choose_classes(names, chosen)
    assert positive == chosen
    assert negative in names if len(names) == 2 else negative == f"non-{chosen}"
    assert negative != positive


def test_more_than_two_classes_have_an_order() -> None:
    """Their source's own; else numbers by their value, and names as they are sorted."""
    few = ["dog", "a cat", "Bird"] * 2
    assert choose_classes(few, None) == ("Bird", "a cat", "dog")
    assert choose_classes(few, None, order=["dog", "Bird", "x", "a cat"]) == (
        "dog",
        "Bird",
        "a cat",
    )
    assert choose_classes(few, None, order=["dog", "Bird"]) == ("Bird", "a cat", "dog")
    numbers = tuple(map(str, range(11)))
    assert choose_classes(sorted(numbers) * 2, None) == numbers
    assert choose_classes(["1.5", "10.0", "-2", "2"] * 2, None) == ("-2", "1.5", "2", "10.0")
    assert choose_classes(["10", "9", "b"] * 2, None) == ("10", "9", "b")
    assert choose_classes(["10", "9"], None) == ("10", "9")  # of two as ever


@pytest.mark.parametrize("n_classes", [3, 20, 1000])
def test_a_thousand_classes_and_one_more(n_classes: int) -> None:
    """Each is a class of its own up to a thousand; the message beyond stays short."""
    names = [f"class {i:04}" for i in range(n_classes)]
    assert choose_classes(names * 2, None) == tuple(names)
    with pytest.raises(DatasetError) as caught:
        choose_classes([f"class {i:04}" for i in range(1001)] * 2, None, "pets")
    assert str(caught.value) == (
        "pets: 1001 classes, at most 1000 (class 0000, class 0001, class 0002 and 998 more)\n"
        "If these are no classes, choose what gives them by `label_from`;\n"
        "in a table, call the right column label.\n"
        "Or choose one against all others by `positive`."
    )


def test_a_class_of_one_picture_is_told_with_what_may_be_wrong() -> None:
    """By its name; many by their number, as where a column of numbers was taken for the label.

    Of two classes one picture may be all there is.
    """
    may_be = (
        "If these are no classes, choose what gives them by `label_from`;\n"
        "in a table, call the right column label."
    )
    with pytest.raises(DatasetError) as caught:
        choose_classes(["cat", "dog", "~\x1b[2J", "dog", "cat"], None, "pets")
    assert str(caught.value) == (
        "pets: the class '~\\x1b[2J' has a single picture, and needs two: one to test it\n"
        f"Add pictures of it, or take it out.\n{may_be}"
    )
    ages = [f"{i / 8}" for i in range(400)]
    with pytest.raises(DatasetError) as caught:
        choose_classes([*ages, "7.0"], None, "t.csv")
    assert str(caught.value) == (
        "t.csv: 399 of 400 classes have a single picture (0.0, 0.125, 0.25 and 396 more): "
        "each needs two, one to test it\n"
        f"Add pictures of each, or take it out.\n{may_be}"
    )
    with pytest.raises(DatasetError, match=r"^4000 classes, at most .*; 4000 have a single pict"):
        choose_classes(map(str, range(4000)), None)
    assert choose_classes(["cat", "dog"], None) == ("cat", "dog")
    assert choose_classes(ages, "0.0") == ("non-0.0", "0.0")


def test_one_class_only_is_an_error() -> None:
    """There is nothing to tell it from, even if it is named."""
    for positive in (None, "cat"):
        with pytest.raises(DatasetError, match="one class only: 'cat'"):
            choose_classes(["cat", "cat"], positive)


def test_an_unknown_positive_is_an_error_that_lists_the_classes() -> None:
    """What can be chosen is said."""
    with pytest.raises(DatasetError, match="no class 'Cat'\nChoose `positive` among 'cat', 'dog'"):
        choose_classes(["cat", "dog"], "Cat")


@pytest.mark.parametrize(
    ("stored", "classes"),
    [
        (["noncat", "cat"], ("noncat", "cat")),
        (["cat", "cat"], None),
        (["cat"], None),
        (["a", "b", "c"], ("a", "b", "c")),
        (["a", "b", "a"], None),
        ([*map(str, range(1001))], None),
        ([1, 2], None),
        (["", "cat"], None),
        ("ab", None),
        (None, None),
    ],
)
def test_classes_are_different_names(stored: object, classes: tuple[str, ...] | None) -> None:
    """Whatever a file holds as its classes is two to a thousand names or nothing."""
    assert as_classes(stored) == classes


def test_labels_are_as_small_as_the_classes_allow() -> None:
    """A byte for 256 classes, two for more; two classes as ever."""
    for n_classes, dtype in ((2, "uint8"), (256, "uint8"), (257, "uint16"), (1000, "uint16")):
        labels = as_labels([0, n_classes - 1], n_classes)
        assert (labels.dtype, labels.tolist()) == (np.dtype(dtype), [0, n_classes - 1])
