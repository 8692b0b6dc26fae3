"""What an episode was worth, judged once it is over.

The reward is Monte Carlo: nothing is paid on the way, and all at the end. It is
a weighted sum of named components, each in [0, 1]; penalties weigh negative. No
component listens to sound or looks at all pairs of beats: joins are judged
where they are, by what the analysis knows of both sides.

Notation
--------
An edit plays spans of beats; ``d`` is a beat's length, divided by the speed at
which it is played. ``out`` is the length of all plays, ``T`` the recording's, ``kept``
the beats that are played at least once, ``t`` the target share. A join lies
where a play does not run on from the one before it. ``harm`` of a treatment is 1 for
reversing, ``min(0.5 + strength, 1)`` for distortion, ``|log2 speed| / 0.15`` and ``|semitones| / 2``
at most 1 for speed and pitch, ``0.6 strength`` for reverb, 0.3 for a fade, ``|dB| / 20`` for gain and tone.

Penalties
---------
keep_ratio_penalty
    ``min(max(|out / T - t| - 0.1, 0) / 0.3, 1)``; where the target is only the prior, how far ``out / T`` lies
    outside 0.2 - 0.7 (at least 30 % and at most 80 % cut), over 0.2, at most 1.
loop_penalty
    ``min(max(loops - (2 + cuts // 3), 0) / 4, 1)`` over the steps LOOP, REPEAT_PREV and CUT.
jump_penalty
    ``max(jumps / steps - 0.275, 0) / 0.725`` over the steps JUMP_BACK and SKIP.
few_types_penalty
    ``max(4 - types, 0) / 4``, types that were chosen at least once.

Rewards
-------
cut_ratio
    ``exp(-((sum of d over kept) / T - t)^2 / (2 * 0.1^2))``.
section_coherence
    Mean over sections, by length, of ``|2 k - 1|``, k the share of the section that is kept.
phrase_alignment
    Mean over both sides of all joins of how good a place they are: 1 where a phrase begins, 0.8 where the kind of
    sound changes, 0.5 on a downbeat, else 0. Without joins 0.5.
edit_structure
    Mean over the plays' beats of ``min(run / 16, 1)``, run the beats between two joins.
audio_quality
    ``(1 - H) (1 - min(C / 6, 1))``: H the mean harm over what is played, C the clicks a minute, a click being
    a join's step of energy, over 18 dB and at most 1.
flow
    Mean over joins of ``exp(-|step of energy in dB| / 6)``. Without joins 1.
diversity
    ``min((types - 1) / 5, 1)``.
reordering
    1 less the mean over joins of ``(1 + cost) / 2`` where they go backward. Without joins 1.
tempo_consistency
    1 less the mean over what is played of ``min(|log2 speed| / 0.1, 1)``.
phrase_completeness
    Mean over what is kept of the share of its phrase that is kept.
transition_quality
    1 less the mean cost of joins (:meth:`editorbot.analysis.seams.Seams.costs`; 0.7 beside a reversed play).
    Without joins 1.
content
    ``2 S / (out + W)``: S the worth of what is heard for the first time, less its harm; W the worth of the
    whole recording. It is F1 where worth is the truth.
similarity
    The same with the human's own edit of this recording for worth; 0 where none is known.

Where nothing is played, all rewards are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64, Int32

from editorbot.environment.actions import Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.material import Material
from editorbot.environment.reward_kernels import (
    COMPONENTS,
    DEFERRED,
    END,
    FIRST,
    ROW_COLUMNS,
    TIMES,
    TYPE,
    Outcome,
    PackedVocabulary,
    components_of,
)
from editorbot.errors import UsageError


@dataclass(frozen=True)
class RewardWeights:
    """Weight of each component; names and formulas as in the module docstring. Penalties weigh at most 0.

    The defaults rank edits of training artists as F1 against the truth does: fitted by ``benchmarks/reward_ranking.py``
    to pairs of edits (logistic loss, signs kept, none below its least), then rounded and halved. Loops, jumps and the
    number of types were set by hand: F1 does not see them.
    """

    keep_ratio_penalty: float = -1.15
    """Length far from the target."""
    loop_penalty: float = -0.25
    """More loops than the budget."""
    jump_penalty: float = -0.25
    """Too many jumps."""
    few_types_penalty: float = -0.05
    """Too few types of action."""
    cut_ratio: float = 1.0
    """Share left out near the target."""
    section_coherence: float = 0.1
    """Sections kept or left out as a whole."""
    phrase_alignment: float = 0.1
    """Cuts where phrases begin."""
    edit_structure: float = 0.33
    """Long stretches between joins."""
    audio_quality: float = 0.55
    """No clicks, no harmed sound."""
    flow: float = 0.1
    """No steps of energy across joins."""
    diversity: float = 0.025
    """Many types of action."""
    reordering: float = 0.1
    """Forward, or back only where it is not heard."""
    tempo_consistency: float = 1.5
    """The tempo stays."""
    phrase_completeness: float = 0.1
    """Phrases kept whole."""
    transition_quality: float = 0.1
    """Joins that are not heard."""
    content: float = 3.5
    """The song is in, and what is no song is out."""
    similarity: float = 0.0
    """Like the human's own edit of this recording."""
    trajectory_reward_scale: float = 1.0
    """Factor of the whole."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not np.isfinite(value):
                raise UsageError(f"weight {field.name} must be finite, but is {value}")
            if field.name.endswith("_penalty") and value > 0:
                raise UsageError(f"weight {field.name} is a penalty's and must be at most 0, but is {value}")

    @property
    def vector(self) -> Float64[np.ndarray, " components"]:
        """The weights in the order of COMPONENTS, scaled, shape=(components,)."""
        return np.array([getattr(self, name) for name in COMPONENTS]) * self.trajectory_reward_scale


@dataclass(frozen=True)
class EpisodeReward:
    """What an episode was worth."""

    total: float
    """Weighted sum of the components."""
    components: Mapping[str, float]
    """Each component, unweighted, in [0, 1]."""


def packed_vocabulary_of(vocabulary: Vocabulary) -> PackedVocabulary:
    """Return a vocabulary as arrays."""
    return PackedVocabulary(
        operation=np.array([row.operation for row in vocabulary.rows], dtype=np.int64),
        treatment=np.array([row.treatment for row in vocabulary.rows], dtype=np.int64),
        values=np.array([row.values for row in vocabulary.rows], dtype=np.float64),
        open_amounts=np.array([row.open_amounts for row in vocabulary.rows]),
    )


def reward_of(
    state: EpisodeState, material: Material, vocabulary: Vocabulary, weights: RewardWeights | None = None
) -> EpisodeReward:
    """Return what an episode was worth, over or not.

    Parameters
    ----------
    state : EpisodeState
        Where it ended.
    material : Material
        What it was played on.
    vocabulary : Vocabulary
        What the types' indices mean.
    weights : RewardWeights, optional
        The default's where left out.

    Notes
    -----
    Time O(beats + beats played + joins).
    """
    rows, values = play_rows(state)
    out = np.zeros(len(COMPONENTS))
    outcome = Outcome(material.target, material.target_keep_ratio is not None, 0, material.beats)
    components_of(
        rows,
        values,
        len(rows),
        np.array(state.counts, dtype=np.int64),
        packed_vocabulary_of(vocabulary),
        material.tables,
        outcome,
        known_or_negative(material),
        np.zeros(material.beats),
        out,
    )
    total = float((weights or RewardWeights()).vector @ out)
    return EpisodeReward(total, MappingProxyType(dict(zip(COMPONENTS, out.tolist()))))


def play_rows(state: EpisodeState) -> tuple[Int32[np.ndarray, "plays 5"], Float64[np.ndarray, " plays"]]:
    """Return an episode's plays as the kernel reads them: a table of integers, and a value each."""
    plays = [(play, 0) for play in state.plays] + [(play, 1) for play in state.deferred]
    rows = np.zeros((len(plays), ROW_COLUMNS), dtype=np.int32)
    for row, (play, held_back) in zip(rows, plays):
        row[FIRST], row[END], row[TYPE], row[TIMES], row[DEFERRED] = (
            play.first,
            play.end,
            play.type,
            play.times,
            held_back,
        )
    return rows, np.array([play.value for play, _ in plays], dtype=np.float64)


def known_or_negative(material: Material) -> Float64[np.ndarray, " beats"]:
    """Return the human's share of each beat, -1 where it is not known."""
    return np.full(material.beats, -1.0) if material.human_kept is None else material.human_kept
