"""The same pictures fitted by other libraries, where they are installed, each to its own end.

python tests/benchmarks/peers.py NAME PICTURES.npz    fit once, and print the peak in MiB
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from catclf.descent import METHODS, Problem, Stand, descend
from catclf.logistic import Labels
from catclf.training import Settings, Training

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
# Not newton-cholesky: it forms an (n_x, n_x) matrix, 1.2 GB, and takes minutes.
SOLVERS = ("lbfgs", "liblinear", "newton-cg", "sag", "saga")


@dataclass(frozen=True)
class Fit:
    """Weights (n_x, 1) and bias, for pixels divided by 255, and after how many iterations."""

    w: Array
    b: float
    iterations: int


def trained(method: str, columns: Pixels, labels: Labels, settings: Settings) -> Stand:
    """Descend in memory."""
    return descend(METHODS[method](Problem(columns, labels, settings), None), Training(settings))


def gram(columns: Pixels, labels: Labels) -> Fit:
    """Run the course's descent: 2000 iterations at 0.005."""
    w, b, training = trained("gram", columns, labels, Settings())
    return Fit(w, float(b[0, 0]), training.iterations)


def scikit_learn(solver: str, columns: Pixels, labels: Labels) -> Fit:
    """Fit with the defaults of LogisticRegression, but for the solver."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # reached its iteration limit: so be it
        fitted = LogisticRegression(solver=solver).fit(columns / 255, labels)
    return Fit(fitted.coef_.T, float(fitted.intercept_[0]), int(fitted.n_iter_[0]))


def pytorch(columns: Pixels, labels: Labels) -> Fit:
    """Run the course's descent with torch.optim.SGD on all pictures at once, in float32."""
    import torch

    X_T = torch.tensor(columns / 255, dtype=torch.float32)
    y = torch.tensor(labels, dtype=torch.float32)
    layer = torch.nn.Linear(X_T.shape[1], 1)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.005)
    for _ in range(2000):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(layer(X_T)[:, 0], y)
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        optimizer.step()
    w = layer.weight.detach().numpy().T.astype(np.float64)
    return Fit(w, float(layer.bias.detach()), 2000)


def installed() -> dict[str, Callable[[Pixels, Labels], Fit]]:
    """Return the fits that this environment can run, gram first."""
    fits: dict[str, Callable[[Pixels, Labels], Fit]] = {"gram": gram}
    if find_spec("sklearn"):
        fits |= {f"scikit-learn {solver}": partial(scikit_learn, solver) for solver in SOLVERS}
    if find_spec("torch"):
        fits["PyTorch SGD"] = pytorch
    return fits


def peak() -> float:
    """Return the most memory this process has held, in MiB (Linux)."""
    # ru_maxrss would hold what the parent had when it forked.
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


if __name__ == "__main__":
    with np.load(sys.argv[2]) as stored:
        columns, labels = stored["columns"], stored["labels"]
    installed()[sys.argv[1]](columns, labels)
    print(peak())
