"""What human edits are worth by the reward: the advantage that weighs them in offline reinforcement learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from editorbot.environment.actions import Action, Vocabulary
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.material import LEAST_TARGET, Material, material_of
from editorbot.environment.reward import reward_of
from editorbot.errors import EditorbotError
from editorbot.models.policy_config import SCORE_FEATURE_NAMES
from editorbot.training.policy_data import UNKNOWN, Demonstration
from editorbot.training.policy_score_features import heard, pairs_by_name

SHARPNESS = 1.0
"""Advantages are divided by this many of their standard deviations before the exponential."""

MOST_WEIGHT = 4.0
"""No edit counts more, and none less than its inverse."""

CHANCE = SCORE_FEATURE_NAMES.index("chance_keep")


def advantage_weights(
    recordings: Sequence[Demonstration],
    data_dir: Path,
    cache: Path,
    vocabulary: Vocabulary,
    on_line: Callable[[str], None],
) -> list[Demonstration]:
    """Return the recordings weighed by exp(advantage): their edit's reward against the mean of all.

    Recordings that are not in the folder, synthetic ones for example, weigh 1, and so do those of whose steps some are
    no samples.
    """
    materials = materials_of(recordings, data_dir, cache, on_line)
    judged = {one.name: return_of(one, materials[one.name], vocabulary) for one in recordings if one.name in materials}
    returns = {name: value for name, value in judged.items() if value is not None}
    if not returns:
        on_line("no edit's reward could be judged; all samples count the same")
        return list(recordings)
    values = np.array(list(returns.values()))
    spread = max(float(values.std()), 1e-6)
    mean = float(values.mean())
    on_line(f"the human edits are worth {mean:.2f} +- {spread:.2f} by the reward")

    def weight(name: str) -> float:
        if name not in returns:
            return 1.0
        return float(np.clip(np.exp((returns[name] - mean) / spread / SHARPNESS), 1 / MOST_WEIGHT, MOST_WEIGHT))

    return [replace(one, weight=weight(one.name)) for one in recordings]


def return_of(recording: Demonstration, material: Material, vocabulary: Vocabulary) -> float | None:
    """Return what the human's own steps are worth, None where the samples are not the whole episode.

    A step that the masks close is no sample; played without it, the steps after it would fall on other beats.
    """
    lengths = material.lengths.tolist()
    state = first_state(len(lengths), vocabulary)
    for row, beat in zip(recording.actions.tolist(), recording.beat.tolist()):
        if state.is_over or state.is_truncated or state.cursor != beat:
            return None
        state = advance(state, Action(*row), lengths[beat], vocabulary)
    return reward_of(state, material, vocabulary).total if state.is_over else None


def materials_of(
    recordings: Sequence[Demonstration], data_dir: Path, cache: Path, on_line: Callable[[str], None]
) -> dict[str, Material]:
    """Return materials to play on, by name, of the recordings that lie in a folder of pairs.

    Worth is the learned score's chance where it is known; the human's kept beats come along.
    """
    pairs = pairs_by_name(data_dir)
    found: dict[str, Material] = {}
    for one in recordings:
        if one.name not in pairs or one.target is None:
            continue
        try:
            analysis = heard(pairs[one.name], cache)
            if len(analysis.beats_s) != len(one.features):
                on_line(f"warning: {one.name} has other beats than its samples; it is left out")
                continue
            worth = one.score_features[:, CHANCE].astype(np.float64) if one.score_features[:, 0].any() else None
            kept = np.where(one.kept == UNKNOWN, 0, one.kept).astype(np.float64)
            target = min(max(one.target, LEAST_TARGET), 1.0)
            found[one.name] = material_of(analysis, worth=worth, target_keep_ratio=target, human_kept=kept)
        except EditorbotError as error:
            on_line(str(error))
    return found
