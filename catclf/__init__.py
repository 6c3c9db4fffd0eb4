"""Train an image classifier with logistic regression, as the first deep-learning lecture does.

The verbs of the command line are functions:

>>> import catclf
>>> catclf.prepare(["data/sample"], "data/dataset.npz")          # doctest: +SKIP
>>> catclf.train("data/dataset.npz", "model.npz")                # doctest: +SKIP
>>> catclf.evaluate("data/dataset.npz", "model.npz").accuracy    # doctest: +SKIP
>>> model = catclf.load_model("model.npz")                      # doctest: +SKIP
>>> next(catclf.predict("cat.jpg", model)).probabilities        # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from catclf._version import __version__ as __version__

if TYPE_CHECKING:
    from catclf.dataset import Dataset as Dataset
    from catclf.dataset import open_dataset as open_dataset
    from catclf.errors import CatclfError as CatclfError
    from catclf.errors import ClusterError as ClusterError
    from catclf.errors import DatasetError as DatasetError
    from catclf.errors import DivergenceError as DivergenceError
    from catclf.errors import ModelError as ModelError
    from catclf.errors import PictureError as PictureError
    from catclf.features import Preprocessing as Preprocessing
    from catclf.model import Model as Model
    from catclf.model import load_model as load_model
    from catclf.observer import Observer as Observer
    from catclf.operations.benchmarking import benchmark as benchmark
    from catclf.operations.evaluation import compare as compare
    from catclf.operations.evaluation import evaluate as evaluate
    from catclf.operations.inspection import info as info
    from catclf.operations.prediction import predict as predict
    from catclf.operations.preparation import prepare as prepare
    from catclf.operations.reporting import report as report
    from catclf.operations.search import Search as Search
    from catclf.operations.training import train as train
    from catclf.operations.tuning import tune as tune
    from catclf.pictures.reading import read_picture as read_picture
    from catclf.training import Settings as Settings

# Where each public name lives. It is imported when it is first used: `catclf predict` needs
# neither h5py nor anything of training, and its start-up is what a user feels.
_HOMES = {
    "CatclfError": "errors",
    "Dataset": "dataset",
    "DatasetError": "errors",
    "ClusterError": "errors",
    "DivergenceError": "errors",
    "Model": "model",
    "ModelError": "errors",
    "Observer": "observer",
    "PictureError": "errors",
    "Search": "operations.search",
    "Preprocessing": "features",
    "Settings": "training",
    "benchmark": "operations.benchmarking",
    "compare": "operations.evaluation",
    "evaluate": "operations.evaluation",
    "info": "operations.inspection",
    "load_model": "model",
    "open_dataset": "dataset",
    "predict": "operations.prediction",
    "prepare": "operations.preparation",
    "read_picture": "pictures.reading",
    "report": "operations.reporting",
    "train": "operations.training",
    "tune": "operations.tuning",
}
__all__ = sorted(["__version__", *_HOMES])


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'catclf' has no attribute {name!r}")
    return getattr(import_module(f"catclf.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
