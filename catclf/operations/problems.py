"""The problem that a dataset poses to gradient descent, and what cannot be trained on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from catclf.dataset import Dataset, open_dataset
from catclf.descent import Problem, memory_needs
from catclf.errors import DatasetError, SettingsError
from catclf.training import Settings
from catclf.workers import available_memory


def problem_of(dataset: Dataset, settings: Settings) -> Problem:
    """Return the problem of fitting a dataset's train split, and its test split beside it."""
    test, n_classes = None, len(dataset.classes)
    if dataset.test.m:
        test = Problem(dataset.test.columns, dataset.test.labels, Settings(), None, n_classes)
    return Problem(dataset.train.columns, dataset.train.labels, settings, test, n_classes)


@dataclass(frozen=True)
class SharedDataset:
    """A problem whose dataset is on storage that other machines see by the same absolute path.

    By the size of its file and its digest another file there is known; see
    `catclf.descent.cluster.SharedProblem`.
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


def refuse_too_large(method: str, problem: Problem, dataset: Dataset) -> None:
    """Raise DatasetError where a method's arrays do not fit into all the memory there is."""
    needed = memory_needs(problem.m, problem.n_x, dataset.test.m, problem.k)[method]
    available = available_memory()
    if needed > available:
        raise DatasetError(
            f"{problem.m + dataset.test.m} pictures take {method} {needed / 2**30:.1f} GiB of "
            f"memory, and {available / 2**30:.1f} are free",
            dataset.path,
            "Use `method` streaming.",
        )


def refuse_absent_class(dataset: Dataset) -> None:
    """Raise DatasetError where the train split has no pictures of a class."""
    counts = dataset.train.counts
    if not all(counts):
        every, each = f"all {len(counts)} classes", "every class"
        if len(counts) == 2:
            every, each = "both classes", "both"
        what = f"its train split holds {sum(counts)} pictures, not of {every}"
        raise DatasetError(what, dataset.path, f"Prepare it with pictures of {each}.")


def refuse_loss(settings: Settings, dataset: Dataset) -> None:
    """Raise SettingsError for a loss that is not one of so many classes."""
    n_classes = len(dataset.classes)
    if settings.loss == "squared-error" and n_classes > 2:
        raise SettingsError(
            f"squared-error is a loss of two classes, and these are {n_classes}",
            dataset.path,
            "Use `loss` cross-entropy.",
        )
