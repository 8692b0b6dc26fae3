"""Calibrates the learned score on validation jams: its probabilities, and the cost of a switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from editorbot.editors.scoring.decode import likely_best_stretches
from editorbot.editors.scoring.scorecard import odds_of
from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES
from editorbot.timebase import STEP_S
from editorbot.training.scored.batches import KEEP, batch_of
from editorbot.training.scored.examples import Example

SWITCH_COSTS = (4.0, 6.0, 8.0, 12.0)
"""Costs of a switch to try [log odds]."""


def chances_of(network: ScorerNetwork, example: Example) -> np.ndarray:
    """Compute the probabilities of CLASSES for one jam, shape=(steps, classes)."""
    batch = batch_of([example])
    network.eval()
    with torch.no_grad():
        _, scores = network(*batch.inputs)
    return np.asarray(torch.softmax(scores[0], dim=-1).numpy())


@dataclass(frozen=True)
class Calibration:
    """How probabilities become stretches."""

    scale: float
    """Factor of the log odds of 'keep'."""
    shift: float
    """Added to them; of the steps at 0 then, half are to be kept."""
    switch_cost: float
    """Cost of a switch between keep and cut [log odds]."""
    f1: float
    """Mean step F1 on the jams that it was chosen on."""

    def kept(self, chances: np.ndarray) -> np.ndarray:
        """Decide which steps are kept, shape=(steps,), bool."""
        return likely_best_stretches(self.scale * odds_of(chances[:, KEEP]) + self.shift, self.switch_cost)


@dataclass(frozen=True)
class StepScore:
    """How well the kept steps are the finished music, counted in steps."""

    recall: float
    """Share of the finished music that is kept."""
    purity: float
    """Share of the kept steps that are finished music for the first time (precision)."""

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        total = self.recall + self.purity
        return 2 * self.recall * self.purity / total if total > 0 else 0.0


def step_score(keep: np.ndarray, example: Example) -> StepScore:
    """Score kept steps, shape=(steps,), bool, as `evaluation.metrics` would, to a step's precision."""
    place = np.round(example.source_s / STEP_S)
    is_good = np.isin(example.classes, (CLASSES.index("keep"), CLASSES.index("repeat")))
    whole = np.unique(place[example.classes == CLASSES.index("keep")])
    held = np.unique(place[is_good & keep])
    recall = len(np.intersect1d(held, whole)) / max(1, len(whole))
    return StepScore(recall, min(1.0, len(held) / max(1, int(keep.sum()))))


def calibrate(chances: Sequence[np.ndarray], examples: Sequence[Example]) -> Calibration:
    """Fit scale and shift to validation jams, and choose the best cost of a switch.

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
    """Fit scale and shift of log odds by maximum likelihood; each jam has weight one."""
    weight = np.concatenate([np.full(len(one), 1 / len(one)) for one in odds])
    all_odds, is_right = np.concatenate(odds), np.concatenate(truth)

    def negative_log_likelihood(found: np.ndarray) -> float:
        log_odds = found[0] * all_odds + found[1]
        return float((weight * (np.logaddexp(0, log_odds) - is_right * log_odds)).sum() / weight.sum())

    scale, shift = minimize(negative_log_likelihood, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(scale), float(shift)
