"""The table of classes: all of twenty, and of more those that matter."""

from __future__ import annotations

from catclf.cli.class_counts import count_lines


def test_twenty_classes_are_all_shown() -> None:
    """In the order of their labels, a row each."""
    assert list(count_lines(["noncat", "cat"], [9, 10], [3, 4], digits=7)) == [
        "label  class     train     test",
        "    0  noncat        9        3",
        "    1  cat          10        4",
    ]
    lines = list(count_lines([f"c{i}" for i in range(20)], [*range(20)], [0] * 20, digits=7))
    assert [line.split()[:3] for line in lines[1:]] == [
        [str(i), f"c{i}", str(i)] for i in range(20)
    ]


def test_of_a_thousand_the_largest_and_the_smallest_are_shown() -> None:
    """Ten and five, of equal ones the first; a line fits 80 columns, whatever the names are."""
    names = [f"{i} {'x' * 900} \x1b[31m" for i in range(1000)]
    train = [(7 * i) % 1000 for i in range(1000)]
    lines = list(count_lines(names, train, [1] * 1000, digits=8))
    assert lines[0] == "1000 classes of 1 to 1000 pictures"
    assert [int(line.split()[-2]) for line in lines[2:12]] == [*range(999, 989, -1)]
    assert lines[12] == "  ...  985 more; --format json names all"
    assert [int(line.split()[-2]) for line in lines[13:]] == [4, 3, 2, 1, 0]
    assert all(len(line) <= 80 and line.isprintable() for line in lines)
    alike = list(count_lines(names[:30], [5] * 30, [0] * 30, digits=8))
    assert alike[0] == "30 classes of 5 pictures each"
    assert [line.split()[0] for line in alike[2:12]] == [str(i) for i in range(10)]
