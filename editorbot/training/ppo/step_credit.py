"""What a single step of an episode was worth: the reward with it, less the reward had it been decided the other way.

A reward at the episode's end says little of any one of its hundreds of steps. But the two components that weigh
most, ``content`` and ``similarity``, are F1 of what is heard: of a span that was kept it is known what they would be
without it, of one that was cut, with it. Such difference rewards (Wolpert and Tumer, "Optimal payoff functions for
members of collectives", 2001; Foerster et al., "Counterfactual multi-agent policy gradients", 2018) point the same
way as the whole and vary far less. What else is in the reward is still paid to all steps alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import Tensor

from editorbot.environment.actions import Vocabulary
from editorbot.environment.material import Material
from editorbot.environment.reward import RewardWeights
from editorbot.training.ppo.rollouts import Steps


@dataclass(frozen=True)
class Credits:
    """What the steps of some episodes were worth."""

    step: Tensor
    """Of each step, the reward less what it would be had the step been decided the other way, shape=(steps,)."""
    rest: Tensor
    """Of each step, its part of the reward that is not shared out so, shape=(steps,)."""


@dataclass(frozen=True)
class _Worth:
    """What is right to keep of a recording, and what that counts."""

    weight: float
    """Of the component."""
    right_s: Float64[np.ndarray, " beats"]
    """How much of each beat is right to keep [seconds]."""


class StepCredit:
    """Tells what steps were worth.

    Parameters
    ----------
    materials : sequence of Material
        What is played on, in the order of the steps' recordings.
    weights : RewardWeights
        Of the reward.
    vocabulary : Vocabulary
        Of the actions.
    """

    def __init__(self, materials: Sequence[Material], weights: RewardWeights, vocabulary: Vocabulary) -> None:
        self._materials = list(materials)
        self._weights = weights
        self._keep, self._cut = vocabulary.names.index("KEEP"), vocabulary.names.index("CUT")

    def of(self, steps: Steps) -> Credits:
        """Return what each step of finished episodes was worth."""
        beat, episode = steps.beat.cpu().numpy(), steps.episode.cpu().numpy()
        actions, recording = steps.actions.cpu().numpy(), steps.recording.cpu().numpy()
        bounds = np.flatnonzero(np.diff(episode, prepend=-1, append=-1))
        credit, rest = np.zeros(len(beat)), steps.reward.cpu().numpy().astype(np.float64).copy()
        for first, end in zip(bounds[:-1], bounds[1:]):
            rows = slice(int(first), int(end))
            credit[rows], shared = self._of_episode(self._materials[recording[first]], beat[rows], actions[rows])
            rest[end - 1] -= shared
        return Credits(torch.from_numpy(credit).float(), torch.from_numpy(rest).float())

    def _of_episode(
        self, material: Material, beat: Int64[np.ndarray, " steps"], actions: Int64[np.ndarray, "steps 3"]
    ) -> tuple[Float64[np.ndarray, " steps"], float]:
        """Return the credits of one episode's steps, and the reward that they share.

        Where a window of a longer recording ends inside the last span, the whole span counts: a few beats of 512.
        """
        last = int(beat[-1])
        ends = np.append(beat[1:], last + material.lengths[last, actions[-1, 1]])
        spans = [(int(b), int(max(e, b))) for b, e in zip(beat, ends)]
        within = slice(spans[0][0], spans[-1][1])
        credits, shared = np.zeros(len(beat)), 0.0
        for worth in self._worths(material):
            mine, score = self._differences(material.tables.duration_s, worth.right_s, spans, actions[:, 0], within)
            credits += worth.weight * mine
            shared += worth.weight * score
        return credits, shared

    def _worths(self, material: Material) -> list[_Worth]:
        scale, length_s = self._weights.trajectory_reward_scale, material.tables.duration_s
        worths = [_Worth(scale * self._weights.content, material.tables.worth * length_s)]
        if material.human_kept is not None:
            worths.append(_Worth(scale * self._weights.similarity, material.human_kept * length_s))
        return [worth for worth in worths if worth.weight]

    def _differences(
        self,
        length_s: Float64[np.ndarray, " beats"],
        right_s: Float64[np.ndarray, " beats"],
        spans: Sequence[tuple[int, int]],
        types: Int64[np.ndarray, " steps"],
        within: slice,
    ) -> tuple[Float64[np.ndarray, " steps"], float]:
        """Return each step's difference of F1, and F1 itself, of keeping what is right."""
        heard = np.zeros(len(length_s), dtype=bool)
        gained_s, played_s = np.zeros(len(spans)), np.zeros(len(spans))
        kept, cut = types == self._keep, types == self._cut
        for row, (first, end) in enumerate(spans):
            if kept[row]:
                gained_s[row] = (right_s[first:end] * ~heard[first:end]).sum()
                played_s[row] = length_s[first:end].sum()
                heard[first:end] = True
        for row, (first, end) in enumerate(spans):
            if not cut[row]:
                continue
            gained_s[row] = -(right_s[first:end] * ~heard[first:end]).sum()
            played_s[row] = -length_s[first:end].sum()
        sum_s, out_s, whole_s = gained_s[kept].sum(), played_s[kept].sum(), right_s[within].sum()
        score = _f1(sum_s, out_s, whole_s)
        otherwise = _f1(sum_s - gained_s, out_s - played_s, whole_s)
        return np.where(kept | cut, score - otherwise, 0.0), float(score)


def _f1(right_s: np.ndarray | float, played_s: np.ndarray | float, whole_s: float) -> np.ndarray:
    """Return F1 of what is played, 0 where nothing is played and nothing was right."""
    total_s = np.asarray(played_s + whole_s, dtype=np.float64)
    return np.where(total_s > 1e-9, 2 * np.asarray(right_s) / np.maximum(total_s, 1e-9), 0.0)
