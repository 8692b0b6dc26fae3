"""Weights demonstrations by the advantage of their edits under the reward (advantage-weighted regression [1]_).

References
----------
.. [1] Peng et al., "Advantage-Weighted Regression", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from editorbot.analysis import BeatTracker
from editorbot.environment.actions import Action, Vocabulary
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.material import Material
from editorbot.environment.reward import reward_of
from editorbot.training.bc.demonstrations import Demonstration, materials_of
from editorbot.training.run_folder import OnLine

TEMPERATURE = 1.0
"""Advantages are divided by this many of their standard deviations before the exponential."""

MOST_WEIGHT = 4.0
"""Largest weight of an edit; its inverse is the smallest."""


def advantage_weighted(
    recordings: Sequence[Demonstration],
    data_dir: Path,
    cache: Path,
    vocabulary: Vocabulary,
    on_line: OnLine,
    beat_tracker: BeatTracker = "embedded",
) -> list[Demonstration]:
    """Weight recordings by exp(advantage): the return of their edit minus the mean of all.

    The weight is 1 for recordings that are not in the folder, synthetic ones for example, and for those without a
    sample of every step.
    """
    materials = materials_of(recordings, data_dir, cache, on_line, beat_tracker)
    played = {one.name: return_of(one, materials[one.name], vocabulary) for one in recordings if one.name in materials}
    returns = {name: value for name, value in played.items() if value is not None}
    if not returns:
        on_line("the reward of no edit is known; all samples weigh the same")
        return list(recordings)
    values = np.array(list(returns.values()))
    spread = max(float(values.std()), 1e-6)
    mean = float(values.mean())
    on_line(f"the reward of the human edits is {mean:.2f} +- {spread:.2f}")

    def weight(name: str) -> float:
        if name not in returns:
            return 1.0
        return float(np.clip(np.exp((returns[name] - mean) / spread / TEMPERATURE), 1 / MOST_WEIGHT, MOST_WEIGHT))

    return [replace(one, weight=weight(one.name)) for one in recordings]


def return_of(recording: Demonstration, material: Material, vocabulary: Vocabulary) -> float | None:
    """Play the human's own steps and compute their return, None if the samples are not the whole episode.

    A masked step has no sample; without it, the steps after it would start at other beats.
    """
    lengths = material.lengths.tolist()
    state = first_state(len(lengths), vocabulary)
    for row, beat in zip(recording.actions.tolist(), recording.beat.tolist()):
        if state.is_over or state.is_truncated or state.cursor != beat:
            return None
        state = advance(state, Action(*row), lengths[beat], vocabulary)
    return reward_of(state, material, vocabulary).total if state.is_over else None
