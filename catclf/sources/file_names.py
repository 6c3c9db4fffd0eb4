"""Labels in the names of files: placeholder until the branch of tables is merged."""

from __future__ import annotations

from collections.abc import Sequence


def label_from_name(name: str) -> str | None:
    """Return what stands before the last number."""
    import re

    found = re.match(r"(.*?)[ ._(-]*\d+\D*$", name)
    return found[1] or None if found else None


def labels_in_names(names: Sequence[str]) -> list[str]:
    """Return the labels."""
    labels = [label_from_name(name) for name in names]
    return sorted({x for x in labels if x}) if all(labels) and len(set(labels)) > 1 else []
