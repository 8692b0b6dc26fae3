"""From chances to decisions: what the score's chances are worth on jams that it never heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from editorbot.editors.scoring.decode import likely_best_stretches
from editorbot.editors.scoring.scorecard import odds_of
from editorbot.models.scorer import ScorerNetwork
from editorbot.training.scored.batches import KEEP, batch_of
from editorbot.training.scored.examples import Example, step_score

SWITCH_COSTS = (4.0, 6.0, 8.0, 12.0)
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

    scale: float
    """Factor of the log odds of 'keep'."""
    shift: float
    """Added to them; of the steps at 0 then, half are to be kept."""
    switch_cost: float
    """Price of a switch [log odds]."""
    f1: float
    """Mean step F1 on the jams that it was chosen on."""

    def kept(self, chances: np.ndarray) -> np.ndarray:
        """Return which steps are kept, shape=(steps,), bool."""
        return likely_best_stretches(self.scale * odds_of(chances[:, KEEP]) + self.shift, self.switch_cost)


def calibrate(chances: Sequence[np.ndarray], examples: Sequence[Example]) -> Calibration:
    """Return what makes the chances right, and the price of a switch that is best, on jams that were never heard.

    Notes
    -----
    Platt scaling: "Probabilistic Outputs for Support Vector Machines", 1999. Every jam counts the same.
    """
    scale, shift = _platt([odds_of(one[:, KEEP]) for one in chances], [one.classes == KEEP for one in examples])

    def with_cost(cost: float) -> Calibration:
        found = Calibration(scale, shift, cost, 0.0)
        scores = [step_score(found.kept(one), example).f1 for one, example in zip(chances, examples)]
        return Calibration(scale, shift, cost, float(np.mean(scores)))

    return max((with_cost(cost) for cost in SWITCH_COSTS), key=lambda found: found.f1)


def _platt(odds: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the scale and shift of log odds with the highest likelihood, each jam of weight one."""
    weight = np.concatenate([np.full(len(one), 1 / len(one)) for one in odds])
    all_odds, is_right = np.concatenate(odds), np.concatenate(truth)

    def surprise(found: np.ndarray) -> float:
        log_odds = found[0] * all_odds + found[1]
        return float((weight * (np.logaddexp(0, log_odds) - is_right * log_odds)).sum() / weight.sum())

    scale, shift = minimize(surprise, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(scale), float(shift)
