"""Which of two classes is positive, and whether two pairs agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catclf import DatasetError
from catclf.classes import as_pair, choose_classes, refuse_other_classes


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
    """Non, not or no is the negative, label 0; else sorted order decides."""
    assert choose_classes(names, None) == expected
    assert choose_classes(reversed(names), None) == expected


NAMES = st.lists(st.text(min_size=1), min_size=2, max_size=6, unique=True)


@given(names=NAMES, data=st.data())
def test_positive_overrides(names: list[str], data: st.DataObject) -> None:
    """The class named is the positive, whatever it is called, and all others the negative."""
    chosen = data.draw(st.sampled_from(names))
    negative, positive = choose_classes(names, chosen)
    assert positive == chosen
    assert negative in names if len(names) == 2 else negative == f"non-{chosen}"
    assert negative != positive


@given(names=st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_classes_do_not_depend_on_the_order_of_pictures(names: list[str]) -> None:
    """Nor on how many there are of each."""
    first, second = names
    assert choose_classes([first, second], None) == choose_classes([second, first, second], None)


def test_more_than_two_classes_are_listed_with_what_to_type() -> None:
    """The error shows the classes, and what to write for `positive`."""
    with pytest.raises(DatasetError) as caught:
        choose_classes(["dog", "my cat", "bird", "dog"], None, "pets")
    assert str(caught.value) == (
        "pets: 3 classes: 'bird', 'dog', 'my cat'\n"
        "Choose one against all others, for example `positive` 'bird'."
    )


def test_what_to_type_is_quoted_for_the_shell() -> None:
    """A name with spaces or control characters can be copied, and harms no terminal."""
    with pytest.raises(DatasetError) as caught:
        choose_classes(["a cat", "b", "c"], None)
    assert caught.value.fix is not None
    assert caught.value.fix.endswith("`positive` 'a cat'.")
    with pytest.raises(DatasetError) as caught:
        choose_classes(["\x1b[2J", "b", "c"], None)
    assert "\x1b" not in str(caught.value)


def test_a_thousand_classes_are_counted_and_not_all_listed() -> None:
    """The message stays short."""
    with pytest.raises(DatasetError, match=r"1000 classes: .* and 980 more") as caught:
        choose_classes([f"class {i}" for i in range(1000)], None)
    assert len(str(caught.value)) < 500


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
    ("stored", "pair"),
    [
        (["noncat", "cat"], ("noncat", "cat")),
        (["cat", "cat"], None),
        (["cat"], None),
        (["a", "b", "c"], None),
        ([1, 2], None),
        (["", "cat"], None),
        ("ab", None),
        (None, None),
    ],
)
def test_a_pair_is_two_different_names(stored: object, pair: tuple[str, str] | None) -> None:
    """Whatever a file holds as its classes is a pair or nothing."""
    assert as_pair(stored) == pair


def test_classes_that_differ_are_refused() -> None:
    """The same names in the other order are another pair: the labels would change places."""
    refuse_other_classes(("noncat", "cat"), ("noncat", "cat"), "d.h5")
    with pytest.raises(DatasetError, match="has the classes"):
        refuse_other_classes(("cat", "noncat"), ("noncat", "cat"), "d.h5")
