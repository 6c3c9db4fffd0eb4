"""The problem that a dataset and settings pose to a descent, here and on other machines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from catclf.dataset import Dataset, open_dataset
from catclf.descent import Problem
from catclf.errors import DatasetError
from catclf.settings import Settings

__all__ = ["SharedDataset", "problem_of"]


def problem_of(dataset: Dataset, settings: Settings) -> Problem:
    """Return the problem of fitting a dataset's train split, and its test split beside it."""
    test = None
    if dataset.test.m:
        test = Problem(dataset.test.columns, dataset.test.Y, settings)
    return Problem(dataset.train.columns, dataset.train.Y, settings, test)


@dataclass(frozen=True)
class SharedDataset:
    """A problem whose dataset is on storage that other machines see too.

    See `catclf.descent.shard.SharedProblem`.

    Parameters
    ----------
    path
        The dataset's absolute path.
    file_bytes, digest
        The size of its file, and its digest: by these another file at the path is known.
    settings
        The settings of the descent.
    """

    path: str
    file_bytes: int
    digest: str
    settings: Settings

    @classmethod
    def of(cls, dataset: Dataset, settings: Settings) -> SharedDataset:
        """Return the problem that a dataset poses, to be opened elsewhere."""
        path = os.path.abspath(dataset.path)
        return cls(path, os.path.getsize(path), dataset.digest, settings)

    @contextmanager
    def open(self) -> Iterator[Problem]:
        """Open it; DatasetError where the file is not there, or is another one."""
        with open_dataset(self.path) as dataset:
            if (os.path.getsize(self.path), dataset.digest) != (self.file_bytes, self.digest):
                raise DatasetError("is not the dataset that is trained on", self.path)
            yield problem_of(dataset, self.settings)
