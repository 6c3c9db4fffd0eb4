"""Staged pictures come back as they were, in any order; nothing of them is left on disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from catclf.features import Preprocessing
from catclf.operations import staging
from catclf.operations.staging import Staged, scratch_beside


@pytest.mark.parametrize("features", ["pixels", "hog-color"])
@pytest.mark.parametrize("write_bytes", [1, 1000, 10**9])
def test_columns_and_pixels_come_back_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str, write_bytes: int
) -> None:
    """However many are written at once and copied at once, with a fingerprint and a hash each."""
    monkeypatch.setattr(staging, "MIN_WRITE_BYTES", write_bytes)
    monkeypatch.setattr(staging, "BLOCK_BYTES", 400)
    preprocessing = Preprocessing(size=8, features=features)  # type: ignore[arg-type]
    n_x, pixel_n_x = preprocessing.n_x, preprocessing.pixel_n_x
    width = n_x if features == "pixels" else n_x + pixel_n_x
    rows = np.random.default_rng(0).integers(0, 256, (7, width), dtype=np.uint8)
    with scratch_beside(tmp_path / "d.npz") as file:
        staged = Staged(file, preprocessing, tmp_path / "d.npz")
        for row in rows:
            staged.append(row[np.newaxis])
        indices = np.array([4, 0, 6, 1])
        columns = np.concatenate([*staged.columns(indices)])
        pixels = np.concatenate([*staged.pixels(indices)])
        assert len(set(staged.fingerprints)) == len(staged.hashes()) == 7
    assert os.listdir(tmp_path) == []
    assert np.array_equal(columns, rows[indices, :n_x])
    assert np.array_equal(pixels, rows[indices, -pixel_n_x:])
