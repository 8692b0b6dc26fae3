"""Watches the metrics of a policy's training: warns, once each, of signs of trouble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from editorbot.training.run_folder import OnLine


class Alarm(NamedTuple):
    """A limit of a metric."""

    name: str
    """The metric."""
    limit: float
    """Beyond it there is trouble."""
    above: bool
    """Whether trouble is above the limit, not below."""
    after: int
    """Updates before it counts."""
    text: str
    """What is wrong, and its usual cause."""

    def is_raised(self, value: float, step: int) -> bool:
        """Check a value."""
        return step >= self.after and (value > self.limit if self.above else value < self.limit)


ALARMS = (
    Alarm("train/entropy", 1.95, True, 20, "the policy stays uniform: too much entropy_coeff, or no signal"),
    Alarm("train/entropy", 0.05, False, 5, "the policy hardly explores: raise entropy_coeff"),
    Alarm("train/bc_entropy", 1.95, True, 10, "cloning does not learn: check labels and learning_rate"),
    Alarm("train/bc_loss", 1.3, True, 20, "the policy does not learn from the edits: raise bc_weight, check labels"),
    Alarm("approx_kl", 0.05, True, 0, "updates are too aggressive: lower learning_rate or clip_ratio"),
    Alarm("counters/n_keep_ratio", 0.9, True, 5, "collapse to KEEP: raise entropy_coeff, check the reward"),
    Alarm("train/grad_norm", 100.0, True, 0, "gradients explode: lower learning_rate"),
)
"""Limits of the metrics: each is watched for so many updates, and a crossed one prints one line with its cause."""

FALL_UPDATES = 20
"""Updates over which a fall of the reward is measured."""

FALL = 0.2
"""A fall by more than this share of the earlier reward is trouble."""


class Alarms:
    """Checks a run's metrics against ALARMS, and its reward against a fall."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._raised: set[str] = set()
        self._rewards: list[float] = []

    def check(self, metrics: Mapping[str, float], step: int) -> None:
        """Check the metrics of an update or epoch; warn of what has not been warned of before."""
        for alarm in ALARMS:
            value = metrics.get(alarm.name)
            if value is not None and alarm.is_raised(value, step):
                self._warn(f"{alarm.name} is {value:.3g}", alarm.text)
        if "train/episode_reward" in metrics:
            self._rewards.append(metrics["train/episode_reward"])
            before, now = self._rewards[max(0, len(self._rewards) - 1 - FALL_UPDATES)], self._rewards[-1]
            if len(self._rewards) > FALL_UPDATES and before - now > FALL * abs(before):
                text = "reward and cloning pull apart: lower bc_weight or learning_rate"
                self._warn(f"train/episode_reward fell from {before:.3g} to {now:.3g}", text)

    def _warn(self, what: str, text: str) -> None:
        if text not in self._raised:
            self._raised.add(text)
            self._on_line(f"warning: COLLAPSE: {what}; {text}")


def type_shares(types: Int64[np.ndarray, " steps"], names: Sequence[str]) -> dict[str, float]:
    """Share of the steps of each type, by ``counters/n_NAME``; that of KEEP as ``n_keep_ratio`` too."""
    shares = np.bincount(types, minlength=len(names)) / max(len(types), 1)
    metrics = {f"counters/n_{name.lower()}": float(share) for name, share in zip(names, shares)}
    return metrics | {"counters/n_keep_ratio": metrics["counters/n_keep"]}
