"""Noise injection (DART [2]_): episodes with some wrong steps, each state labeled with the human's step from it.

A policy that has only seen a human's own steps cannot recover from its first mistake: it is between two cuts, with a
history that no human ever had there, and mistakes accumulate (Ross et al., 2011 [1]_). But where the human only kept
and cut, every beat says what they would have done there. So episodes with random wrong steps are played, and each state
is labeled with the human's step. They are drawn anew in every epoch.

References
----------
.. [1] Ross, Gordon, Bagnell, "A Reduction of Imitation Learning to No-Regret Online Learning", 2011.
.. [2] Laskey et al., "DART: Noise Injection for Robust Imitation Learning", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int64

from editorbot.environment.actions import Action, Vocabulary
from editorbot.environment.dynamics import advance, first_state
from editorbot.environment.masks import Masks, masks_at
from editorbot.environment.material import Material
from editorbot.environment.state import raw_state
from editorbot.training.bc.demonstrations import UNKNOWN, Demonstration

WILD = 0.2
"""Share of the wrong steps that may be of any type; the others keep or cut."""


def with_noise_injection(
    recordings: Sequence[Demonstration],
    materials: Mapping[str, Material],
    noise: float,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
) -> list[Demonstration]:
    """Add the samples of a noisy episode to each recording whose edit only keeps and cuts.

    `materials` is what to play on, by the recordings' names; those without one stay as they are. `noise` is the share
    of wrong steps, in [0, 1); with 0 all stay as they are.
    """
    if noise <= 0:
        return list(recordings)
    return [
        _with_noise(one, materials[one.name], noise, vocabulary, rng)
        if one.name in materials and _is_plain(one, vocabulary)
        else one
        for one in recordings
    ]


def human_step(
    kept: Int64[np.ndarray, " beats"], cursor: int, spans: Sequence[int], vocabulary: Vocabulary
) -> Action | None:
    """Find the step of a human who keeps these beats; None if that is unknown at the cursor.

    It keeps, or cuts, the longest span that does not reach beyond the human's next switch; the first of equal ones.
    """
    if kept[cursor] == UNKNOWN:
        return None
    others = np.flatnonzero(kept[cursor:] != kept[cursor])
    run = int(others[0]) if len(others) else len(kept) - cursor
    size = max((length, -size) for size, length in enumerate(spans) if length <= run)[1]
    return Action(vocabulary.index("KEEP" if kept[cursor] else "CUT"), -size, 0)


def _is_plain(recording: Demonstration, vocabulary: Vocabulary) -> bool:
    """Check that an edit only keeps and cuts, so that each beat alone determines the step."""
    return bool(np.isin(recording.actions[:, 0], [vocabulary.index("KEEP"), vocabulary.index("CUT")]).all())


def _with_noise(
    one: Demonstration, material: Material, noise: float, vocabulary: Vocabulary, rng: np.random.Generator
) -> Demonstration:
    lengths = material.lengths.tolist()
    state = first_state(material.beats, vocabulary)
    states, actions, beats = [one.states], [one.actions], [one.beat]
    while not (state.is_over or state.is_truncated):
        spans = lengths[state.cursor]
        masks = masks_at(state, spans, vocabulary)
        right = human_step(one.kept, state.cursor, spans, vocabulary)
        if right is not None and not masks.allows(right):
            right = None
        if right is not None:
            states.append(raw_state(state, material, vocabulary)[None])
            actions.append(np.array([[right.type, right.size, right.amount]], dtype=np.int64))
            beats.append(np.array([state.cursor], dtype=np.int64))
        taken = _noisy_step(masks, vocabulary, rng) if right is None or rng.random() < noise else right
        state = advance(state, taken, spans, vocabulary)
    return replace(one, states=np.concatenate(states), actions=np.concatenate(actions), beat=np.concatenate(beats))


def _noisy_step(masks: Masks, vocabulary: Vocabulary, rng: np.random.Generator) -> Action:
    """Draw a step that the masks allow."""
    types = np.flatnonzero(masks.type)
    usual = np.array([kind for kind in (vocabulary.index("KEEP"), vocabulary.index("CUT")) if masks.type[kind]])
    kind = int(rng.choice(types if rng.random() < WILD or not len(usual) else usual))
    size = int(rng.choice(np.flatnonzero(masks.size[kind])))
    return Action(kind, size, int(rng.choice(np.flatnonzero(masks.amount[kind]))))
