"""Settings of the environments, single and batch alike: action space, windows, the reward's components and weights."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from editorbot.environment.actions import Vocabulary, vocabulary_named
from editorbot.errors import UsageError

MAX_LOOPS = 32
"""LOOP and REPEAT_PREV steps allowed in an episode by default."""

WINDOW_BEATS = 512
"""Longer recordings are played in windows of so many beats by default."""

LEAST_BEATS = 2
"""Recordings of fewer beats leave nothing to decide."""


class RewardComponents(NamedTuple):
    """Components of the reward, each in [0, 1]; where nothing is played, all but the penalties are 0.

    Notes
    -----
    An edit plays spans of beats; ``d`` is a beat's length, divided by the speed at which it is played. ``out`` is the
    length of all plays, ``T`` the recording's, ``kept`` the beats that are played at least once, ``t`` the target
    share. A join is where a play does not go on from the one before it. ``harm`` of a treatment is 1 for reversing,
    ``min(0.5 + strength, 1)`` for distortion, ``|log2 speed| / 0.15`` and ``|semitones| / 2`` at most 1 for speed and
    pitch, ``0.6 strength`` for reverb, 0.3 for a fade, ``|dB| / 20`` for gain and tone.
    """

    keep_ratio_penalty: float
    """``min(max(|out / T - t| - 0.1, 0) / 0.3, 1)``; where the target is only the prior, how far ``out / T`` is outside
    0.2 - 0.7 (at least 30 % and at most 80 % cut), over 0.2, at most 1."""
    loop_penalty: float
    """``min(max(loops - (2 + cuts // 3), 0) / 4, 1)`` over the steps LOOP, REPEAT_PREV and CUT."""
    jump_penalty: float
    """``max(jumps / steps - 0.275, 0) / 0.725`` over the steps JUMP_BACK and SKIP."""
    few_types_penalty: float
    """``max(4 - types, 0) / 4``, types that were chosen at least once."""
    cut_ratio: float
    """``exp(-((sum of d over kept) / T - t)^2 / (2 * 0.1^2))``."""
    section_coherence: float
    """Mean over sections, by length, of ``|2 k - 1|``, k the share of the section that is kept."""
    phrase_alignment: float
    """Mean over both sides of all joins of how good a place they are: 1 where a phrase begins, 0.8 where the kind of
    sound changes, 0.5 on a downbeat, else 0. Without joins 0.5."""
    edit_structure: float
    """Mean over the plays' beats of ``min(run / 16, 1)``, run the beats between two joins."""
    audio_quality: float
    """``(1 - H) (1 - min(C / 6, 1))``: H the mean harm over what is played, C the clicks a minute, a click being a
    join's step of energy, over 18 dB and at most 1."""
    flow: float
    """Mean over joins of ``exp(-|step of energy in dB| / 6)``. Without joins 1."""
    diversity: float
    """``min((types - 1) / 5, 1)``."""
    reordering: float
    """1 less the mean over joins of ``(1 + cost) / 2`` where they go backward. Without joins 1."""
    tempo_consistency: float
    """1 less the mean over what is played of ``min(|log2 speed| / 0.1, 1)``."""
    phrase_completeness: float
    """Mean over what is kept of the share of its phrase that is kept."""
    transition_quality: float
    """1 less the mean cost of joins (:meth:`editorbot.analysis.seams.Seams.costs`; 0.7 beside a reversed play). Without
    joins 1."""
    content: float
    """``2 S / (out + W)``: S the worth of what is played for the first time, less its harm; W the worth of the whole
    recording. It is F1 where worth is the truth."""
    similarity: float
    """The same with the human's own edit of this recording for worth; 0 where none is known."""


COMPONENTS = RewardComponents._fields
"""Names of the components, in order."""


@dataclass(frozen=True)
class RewardWeights:
    """Weight of each component of the reward.

    The defaults rank edits of training artists as F1 against the truth does: fitted by ``benchmarks/reward_ranking.py``
    to pairs of edits (logistic loss, signs kept, none below its least), then rounded and halved. Loops, jumps and the
    number of types were set by hand: F1 does not depend on them. Penalties weigh at most 0.
    """

    keep_ratio_penalty: float = -1.15
    """Length far from the target; e.g. --keep-ratio-penalty -2."""
    loop_penalty: float = -0.25
    """More loops than the budget; e.g. --loop-penalty -1."""
    jump_penalty: float = -0.25
    """Too many jumps; e.g. --jump-penalty -1."""
    few_types_penalty: float = -0.05
    """Too few types of action; e.g. --few-types-penalty -0.1."""
    cut_ratio: float = 1.0
    """Share left out near the target; e.g. --cut-ratio 2."""
    section_coherence: float = 0.1
    """Sections kept or left out as a whole; e.g. --section-coherence 0.5."""
    phrase_alignment: float = 0.1
    """Cuts where phrases begin; e.g. --phrase-alignment 0.5."""
    edit_structure: float = 0.33
    """Long stretches between joins; e.g. --edit-structure 1."""
    audio_quality: float = 0.55
    """No clicks, no harmed sound; e.g. --audio-quality 1."""
    flow: float = 0.1
    """No steps of energy across joins; e.g. --flow 0.5."""
    diversity: float = 0.025
    """Many types of action; e.g. --diversity 0.1."""
    reordering: float = 0.1
    """Forward, or back only where it is not audible; e.g. --reordering 0.5."""
    tempo_consistency: float = 1.5
    """The tempo stays; e.g. --tempo-consistency 1."""
    phrase_completeness: float = 0.1
    """Phrases kept whole; e.g. --phrase-completeness 0.5."""
    transition_quality: float = 0.1
    """Inaudible joins; e.g. --transition-quality 0.5."""
    content: float = 3.5
    """The song is in, and what is no song is out; e.g. --content 3."""
    similarity: float = 0.0
    """Like the human's own edit of this recording; e.g. --similarity 1."""
    trajectory_reward_scale: float = 1.0
    """Factor of the whole reward; e.g. --trajectory-reward-scale 0.5."""

    def __post_init__(self) -> None:
        for field_ in fields(self):
            value = getattr(self, field_.name)
            if not np.isfinite(value):
                raise UsageError(f"weight {field_.name} must be finite, but is {value}")
            if field_.name.endswith("_penalty") and value > 0:
                raise UsageError(f"weight {field_.name} is a penalty's and must be at most 0, but is {value}")

    @property
    def vector(self) -> Float64[np.ndarray, " components"]:
        """The weights in the order of COMPONENTS, scaled, shape=(components,)."""
        return np.array([getattr(self, name) for name in COMPONENTS]) * self.trajectory_reward_scale


@dataclass(frozen=True)
class EnvironmentSettings:
    """Action space, windows and reward of an environment."""

    vocabulary: str = "v3"
    """Types of action: v1, v2 or v3."""
    max_loops: int = MAX_LOOPS
    """LOOP and REPEAT_PREV steps allowed in an episode."""
    window_beats: int = WINDOW_BEATS
    """Longer recordings are played in windows of so many beats."""
    reward: RewardWeights = field(default_factory=RewardWeights)
    """Weight of each component of the reward."""

    def __post_init__(self) -> None:
        vocabulary_named(self.vocabulary)
        if self.max_loops < 0:
            raise UsageError(f"max_loops must not be negative, but is {self.max_loops}")
        if self.window_beats < LEAST_BEATS:
            raise UsageError(f"window_beats must be at least {LEAST_BEATS}, but is {self.window_beats}")

    @property
    def action_vocabulary(self) -> Vocabulary:
        """The vocabulary itself."""
        return vocabulary_named(self.vocabulary)
