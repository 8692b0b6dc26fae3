"""Watches a run: every number to TensorBoard, and a warning, once, where one tells of trouble."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trouble:
    """A line that a number must not cross."""

    name: str
    """The number."""
    limit: float
    """The line."""
    above: bool
    """Whether trouble lies above it."""
    after: int
    """Updates before it counts."""
    text: str
    """What is wrong, and its usual cause."""

    def is_crossed(self, value: float, step: int) -> bool:
        """Tell whether a value is beyond the line."""
        return step >= self.after and (value > self.limit if self.above else value < self.limit)


TROUBLES = (
    Trouble("train/entropy", 1.95, True, 20, "the policy stays uniform: too much entropy_coeff, or no signal"),
    Trouble("train/entropy", 0.05, False, 5, "the policy hardly explores: raise entropy_coeff"),
    Trouble("train/bc_entropy", 1.95, True, 10, "cloning does not learn: check labels and learning_rate"),
    Trouble("train/bc_loss", 1.3, True, 20, "the policy does not learn from the edits: raise bc_weight, check labels"),
    Trouble("approx_kl", 0.05, True, 0, "updates are too aggressive: lower learning_rate or clip_ratio"),
    Trouble("counters/n_keep_ratio", 0.9, True, 5, "collapse to KEEP: raise entropy_coeff, check the reward"),
    Trouble("train/grad_norm", 100.0, True, 0, "gradients explode: lower learning_rate"),
)
"""The lines of the table in the documentation."""

FALL_UPDATES = 20
"""The reward must not be lower than so many updates ago by more than FALL."""

FALL = 0.2
"""See FALL_UPDATES; a share of the earlier reward's size."""


class Watch:
    """Writes a run's numbers to TensorBoard and warns once of each trouble.

    Parameters
    ----------
    log : Path
        Folder for TensorBoard.
    on_line : callable
        Told the warnings.
    """

    def __init__(self, log: Path, on_line: Callable[[str], None]) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        log.mkdir(parents=True, exist_ok=True)
        self._writer = SummaryWriter(str(log))
        self._on_line = on_line
        self._told: set[str] = set()
        self._rewards: list[float] = []

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Take the numbers of an update or an epoch."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        for line in self._troubles(metrics, step):
            self._on_line(f"warning: {line}")

    def close(self) -> None:
        """Write what is still held back."""
        self._writer.close()

    def _troubles(self, metrics: Mapping[str, float], step: int) -> list[str]:
        found = []
        for trouble in TROUBLES:
            value = metrics.get(trouble.name)
            if value is not None and trouble.is_crossed(value, step) and trouble.text not in self._told:
                self._told.add(trouble.text)
                found.append(f"COLLAPSE: {trouble.name} is {value:.3g}; {trouble.text}")
        if "train/episode_reward" in metrics:
            self._rewards.append(metrics["train/episode_reward"])
            found += self._fall()
        return found

    def _fall(self) -> list[str]:
        """Return the warning that the reward has fallen, once."""
        text = "reward and cloning pull apart: lower bc_weight or learning_rate"
        if len(self._rewards) <= FALL_UPDATES or text in self._told:
            return []
        before, now = self._rewards[-1 - FALL_UPDATES], self._rewards[-1]
        if before - now <= FALL * abs(before):
            return []
        self._told.add(text)
        return [f"COLLAPSE: train/episode_reward fell from {before:.3g} to {now:.3g}; {text}"]
