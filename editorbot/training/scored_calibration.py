"""From chances to decisions: the threshold and the price of a switch that are best on jams that were never heard."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from editorbot.editors.scoring.decode import best_stretches
from editorbot.models.scorer import ScorerNetwork
from editorbot.training.scored_batches import KEEP, batch_of
from editorbot.training.scored_examples import Example, step_score

THRESHOLDS = tuple(np.arange(-2.0, 3.01, 0.25).tolist())
"""Thresholds tried in calibration [log odds]."""

SWITCH_COSTS = (2.0, 4.0, 6.0, 8.0, 12.0, 16.0)
"""Prices of a switch tried in calibration [log odds]."""


def chances_of(network: ScorerNetwork, example: Example) -> np.ndarray:
    """Return the chances of CLASSES for one jam, shape=(steps, classes)."""
    batch = batch_of([example])
    network.eval()
    with torch.no_grad():
        _, scores = network(*batch.inputs)
    return np.asarray(torch.softmax(scores[0], dim=-1).numpy())


@dataclass(frozen=True)
class Calibration:
    """How chances become stretches."""

    threshold: float
    switch_cost: float
    f1: float
    """Mean step F1 on the validation jams with both."""


PLATEAU_F1 = 0.005
"""Thresholds whose F1 is this near to the best are as good: what is between them is chance."""


def calibrate(chances: Sequence[np.ndarray], examples: Sequence[Example]) -> Calibration:
    """Return the threshold and the price of a switch that are best on validation jams.

    F1 hardly changes over a range of thresholds, so the middle of that range is taken rather than its highest point.
    """
    odds = [
        np.log(np.clip(c[:, KEEP], 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(c[:, KEEP], 1e-6, 1 - 1e-6)) for c in chances
    ]

    def f1(threshold: float, cost: float) -> float:
        kept = [best_stretches(one + threshold, cost) for one in odds]
        return float(np.mean([step_score(keep, example).f1 for keep, example in zip(kept, examples)]))

    table = {(t, c): f1(t, c) for t, c in itertools.product(THRESHOLDS, SWITCH_COSTS)}
    best = max(table.values())
    plateau = {t for (t, _), value in table.items() if value >= best - PLATEAU_F1}
    threshold = min(THRESHOLDS, key=lambda t: abs(t - np.mean([*plateau])))
    cost = max(SWITCH_COSTS, key=lambda c: table[threshold, c])
    return Calibration(threshold, cost, table[threshold, cost])
