"""Difference rewards: shares the reward of whole episodes out among their KEEP and CUT steps.

The components with the largest weights, ``content`` and ``similarity``, are F1 of the beats that are played, so what
they would be without a span that was kept, or with one that was cut, is known exactly. Such difference rewards
([1]_, [2]_) point the same way as the whole reward and vary far less.

References
----------
.. [1] Wolpert and Tumer, "Optimal payoff functions for members of collectives", 2001.
.. [2] Foerster et al., "Counterfactual multi-agent policy gradients", 2018.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from editorbot.environment.actions import Vocabulary
from editorbot.environment.material import Material
from editorbot.environment.settings import RewardWeights


@dataclass(frozen=True)
class SharedReward:
    """The reward of some steps, part of it shared out among them."""

    differences: Float64[np.ndarray, " steps"]
    """Reward less the reward had the step been decided the other way; 0 for other types than KEEP and CUT."""
    rest: Float64[np.ndarray, " steps"]
    """The part of each step's reward that is not shared out."""


class DifferenceRewards:
    """Computes difference rewards on some recordings.

    Parameters
    ----------
    materials : sequence of Material
        Recordings, by number.
    weights : RewardWeights
        Of the reward.
    vocabulary : Vocabulary
        Of the actions.
    """

    def __init__(self, materials: Sequence[Material], weights: RewardWeights, vocabulary: Vocabulary) -> None:
        self._materials, self._weights = list(materials), weights
        self._keep, self._cut = vocabulary.index("KEEP"), vocabulary.index("CUT")

    def of(
        self,
        rewards: Float64[np.ndarray, " steps"],
        is_last: Bool[np.ndarray, " steps"],
        recording: Int64[np.ndarray, " steps"],
        beat: Int64[np.ndarray, " steps"],
        actions: Int64[np.ndarray, "steps 3"],
    ) -> SharedReward:
        """Share out the rewards of finished episodes, given step by step, one episode after the other."""
        differences, rest = np.zeros(len(beat)), rewards.copy()
        ends = np.flatnonzero(is_last) + 1
        for first, end in zip([0, *ends], ends):
            rows = slice(first, end)
            differences[rows], shared = self._of_episode(self._materials[recording[first]], beat[rows], actions[rows])
            rest[end - 1] -= shared
        return SharedReward(differences, rest)

    def _of_episode(
        self, material: Material, beat: Int64[np.ndarray, " steps"], actions: Int64[np.ndarray, "steps 3"]
    ) -> tuple[Float64[np.ndarray, " steps"], float]:
        """Return the difference of each step, and the reward that they share out.

        Where a window of a longer recording ends inside the last span, the whole span counts: a few beats of 512.
        """
        length_s, scale = material.tables.duration_s, self._weights.trajectory_reward_scale
        ends = np.maximum(np.append(beat[1:], beat[-1] + material.lengths[beat[-1], actions[-1, 1]]), beat)
        is_kept, is_cut = (actions[:, 0] == kind for kind in (self._keep, self._cut))
        first_row = np.full(len(length_s), -1)  # step that keeps each beat first
        for row in np.flatnonzero(is_kept)[::-1]:
            first_row[beat[row] : ends[row]] = row
        is_heard = first_row >= 0
        played_s = np.where(is_kept, 1.0, -1.0) * (_running_sum(length_s)[ends] - _running_sum(length_s)[beat])
        differences, shared = np.zeros(len(beat)), 0.0
        worths = ((self._weights.content, material.tables.worth), (self._weights.similarity, material.human_kept))
        for weight, worth in worths:
            if not weight or worth is None:
                continue
            right_s = worth * length_s
            new_s = np.bincount(first_row[is_heard], right_s[is_heard], minlength=len(beat))
            missed_s = _running_sum(right_s * ~is_heard)
            gained_s = np.where(is_kept, new_s, missed_s[beat] - missed_s[ends])
            # The first F1 is that of the episode, the others those without each step.
            heard_s = new_s.sum() - np.append(0.0, gained_s)
            out_s = played_s[is_kept].sum() - np.append(0.0, played_s)
            f1 = _f1(heard_s, out_s, float(right_s[beat[0] : ends[-1]].sum()))
            differences += scale * weight * np.where(is_kept | is_cut, f1[0] - f1[1:], 0.0)
            shared += scale * weight * float(f1[0])
        return differences, shared


def _running_sum(values: Float64[np.ndarray, " beats"]) -> Float64[np.ndarray, " boundaries"]:
    return np.concatenate([[0.0], np.cumsum(values)])


def _f1(
    right_s: Float64[np.ndarray, " edits"], played_s: Float64[np.ndarray, " edits"], all_s: float
) -> Float64[np.ndarray, " edits"]:
    """F1 of what edits play, 0 where nothing is played and nothing was right."""
    total_s = played_s + all_s
    return np.where(total_s > 1e-9, 2 * right_s / np.maximum(total_s, 1e-9), 0.0)
