"""Train an image classifier with logistic regression, as the first deep-learning lecture does.

The verbs of the command line are functions:

>>> import catclf
>>> catclf.prepare(["data/sample"], "data/dataset.npz")         # doctest: +SKIP
>>> catclf.train("data/dataset.npz", "model.npz")               # doctest: +SKIP
>>> catclf.evaluate("data/dataset.npz", "model.npz").accuracy   # doctest: +SKIP
>>> model = catclf.load_model("model.npz")                      # doctest: +SKIP
>>> next(catclf.predict("cat.jpg", model)).probabilities        # doctest: +SKIP
"""

from __future__ import annotations

import os
import re
from importlib import import_module

__version__ = "0.2.0"

# A name is imported when it is first used: `catclf predict` needs neither h5py nor anything of
# training, and its start-up is what a user feels.
with open(os.path.join(os.path.dirname(__file__), "__init__.pyi"), encoding="utf-8") as stub:
    _HOMES = {name: home for home, name in re.findall(r"\nfrom (\S+) import (\w+)", stub.read())}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'catclf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
