"""Which method is fastest: predicted from sizes, by a model whose constants were measured.

Measured on two cores of a 2.6 GHz server with one thread of numpy's own OpenBLAS, by
``python tests/benchmarks/run.py choice``: it prints each method's start and iteration at each size,
from which the constants are read off, and how far auto's choice is from the best. Those of numba's
kernel are from ``run.py streaming``. Other machines differ in all of them by much the same factor,
so the choice carries over better than the times do.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec

from catclf.descent.gram import EXACT_FEATURES
from catclf.descent.sums import KERNELS
from catclf.workers import available_memory

NS = 1e-9
# Seconds, by what they grow with.
GRAM_PRODUCT_SECONDS = 0.015 * NS  # X.T @ X, by m * m * n_x
GRAM_CONVERSION_SECONDS = 1.5 * NS  # pixels to float32, and w at the end, by m * n_x
GRAM_ITERATION_SECONDS = 0.25 * NS  # dZ @ K, by m * m: 0.1 within a cache, 0.3 out of them
GRAM_NEURONS_SECONDS = 1.0 * NS, 0.055 * NS  # of more than one, and each of them
GRAM_CALLS_SECONDS = 9e-6  # an iteration's dozen numpy calls
VECTORIZED_CONVERSION_SECONDS = 5 * NS  # pixels to float64, by m * n_x
VECTORIZED_ITERATION_SECONDS = 0.7 * NS  # two products, by m * n_x
VECTORIZED_NEURONS_SECONDS = 2.4 * NS, 0.1 * NS
VECTORIZED_CALLS_SECONDS = 60e-6
STREAMING_ITERATION_SECONDS = 0.235 * NS  # conversion and two products, by m * n_x
STREAMING_NEURONS_SECONDS = 0.235 * NS, 0.12 * NS
STREAMING_CALLS_SECONDS = 250e-6  # and a hand-over to the processes
COMPILED_START_SECONDS = 5.0  # numba's import, and compiling: 0.5 where that was done before
COMPILED_ITERATION_SECONDS = 0.06 * NS  # by numba's kernel, as often as there are neurons
NEURON_SECONDS = 15 * NS  # another neuron's softmax, dZ and the rest, by m


@dataclass(frozen=True)
class Choice:
    """A method, streaming's kernel (None for others), and the seconds predicted, if they were."""

    method: str
    kernel: str | None = None
    seconds: float | None = None


def installed_kernels() -> list[str]:
    """Return the kernels whose packages are there; whether they load is known when they do."""
    return [kernel for kernel in KERNELS if find_spec(kernel) is not None]


def predict_seconds(
    m: int, n_x: int, iterations: int, kernels: Collection[str] = KERNELS, k: int = 1
) -> dict[str, float]:
    """Return each method's predicted seconds for a descent, streaming's by its fastest kernel."""
    entries, others = m * n_x, iterations * (k - 1) * m * NEURON_SECONDS
    gram = _seconds(k, GRAM_ITERATION_SECONDS, GRAM_NEURONS_SECONDS)
    vectorized = _seconds(k, VECTORIZED_ITERATION_SECONDS, VECTORIZED_NEURONS_SECONDS)
    return {
        "gram": m * entries * GRAM_PRODUCT_SECONDS
        + entries * GRAM_CONVERSION_SECONDS
        + iterations * (m * m * gram + GRAM_CALLS_SECONDS)
        + others,
        "vectorized": entries * VECTORIZED_CONVERSION_SECONDS
        + iterations * (entries * vectorized + VECTORIZED_CALLS_SECONDS)
        + others,
        "streaming": min(_streaming_seconds(m, n_x, iterations, kernels, k).values()),
    }


def _seconds(k: int, one: float, more: tuple[float, float]) -> float:
    """Return the seconds of k neurons: of several, what they share and what each takes.

    They share the copy that BLAS makes of the matrix. gram makes none for a few (`FEW_NEURONS`),
    and takes less than is predicted.
    """
    several, each = more
    return one if k == 1 else several + k * each


def _streaming_seconds(
    m: int, n_x: int, iterations: int, kernels: Collection[str], k: int
) -> dict[str, float]:
    entries, others = m * n_x, iterations * (k - 1) * m * NEURON_SECONDS
    numpy = _seconds(k, STREAMING_ITERATION_SECONDS, STREAMING_NEURONS_SECONDS)
    seconds = {
        "numpy": iterations * (entries * numpy + STREAMING_CALLS_SECONDS) + others,
        "numba": COMPILED_START_SECONDS
        + iterations * (k * entries * COMPILED_ITERATION_SECONDS + STREAMING_CALLS_SECONDS)
        + others,
    }
    return {kernel: seconds[kernel] for kernel in kernels}


def memory_needs(m: int, n_x: int, m_test: int = 0, k: int = 1) -> dict[str, int]:
    """Return the bytes that each method takes at its peak, as far as they grow with m or m_test."""
    both, others = m + m_test, k - 1
    # gram: K in float64 and a product in float32; the pixels, and two blocks of them in float32.
    gram = 12 * m * both + both * (n_x + 8 * EXACT_FEATURES)
    # And of each neuron but the first a dozen numbers an example: Y, Z, A, dZ, those of the cost.
    arrays = 12 * 8 * others * both
    # streaming leaves the pixels where they are. iterative: lists.
    return {
        "gram": gram + arrays,
        "vectorized": 9 * both * n_x + arrays,
        "streaming": 0,
        "iterative": 56 * both * n_x + arrays,
    }


def choose(
    m: int,
    n_x: int,
    iterations: int,
    m_test: int = 0,
    *,
    k: int = 1,
    method: str = "auto",
    kernels: Collection[str] = KERNELS,
) -> Choice:
    """Return the fastest method that fits into the memory available, and streaming's kernel.

    gram is left out where K takes more than a quarter of it, vectorized where X does in float64;
    streaming always fits. Where `method` is not ``auto`` only a kernel is chosen, of `kernels`.
    """
    seconds = None
    if method == "auto":
        quarter = available_memory() // 4
        needs = memory_needs(m, n_x, m_test, k)
        predicted = predict_seconds(m, n_x, iterations, kernels, k)
        fitting = [each for each in predicted if needs[each] <= quarter]
        method = min(fitting, key=predicted.__getitem__)
        seconds = predicted[method]
    by_kernel = _streaming_seconds(m, n_x, iterations, kernels, k)
    kernel = min(by_kernel, key=by_kernel.__getitem__) if method == "streaming" else None
    return Choice(method, kernel, seconds)
