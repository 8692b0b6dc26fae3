"""Recordings made by hand to play episodes on, and players."""

from __future__ import annotations

import numpy as np

from editorbot.environment.actions import V3, Action, Vocabulary
from editorbot.environment.dynamics import EpisodeState, advance, first_state
from editorbot.environment.masks import masks_at
from editorbot.environment.material import Material, material_of
from tests.editors.factories import song_analysis


def song_material(form: str = "ABAB", *, target: float | None = None, seed: int = 0, **settings) -> Material:
    """Return a song whose beats differ in worth and energy, so that every component has something to say."""
    analysis = song_analysis(form, seed=seed, **settings)
    rng = np.random.default_rng(seed)
    beats = len(analysis.beats_s)
    analysis.energy_db[:] = -14.0 + rng.normal(0, 4, beats)
    human = (rng.random(beats) > 0.4).astype(float) if target is not None else None
    return material_of(analysis, worth=rng.random(beats), target_keep_ratio=target, human_kept=human)


def random_episode(material: Material, seed: int, vocabulary: Vocabulary = V3) -> tuple[list[Action], EpisodeState]:
    """Return the actions of a random player, and where it ended."""
    rng, actions = np.random.default_rng(seed), []
    lengths = material.lengths.tolist()
    state = first_state(material.beats, vocabulary)
    while not (state.is_over or state.is_truncated):
        actions.append(masks_at(state, lengths[state.cursor], vocabulary).sample(rng))
        state = advance(state, actions[-1], lengths[state.cursor], vocabulary)
    return actions, state
