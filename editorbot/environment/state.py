"""What a policy sees: 861 numbers, and their normalizer.

One definition serves behavioral cloning, rollouts and use. A state is seven
beats around the cursor, 121 features each, zeros beyond the recording's ends,
and fourteen numbers about the episode so far. Raw values reach 10,000; what
networks get is normalized: mean 0, standard deviation 1, within +-5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from jaxtyping import Float, Float32, Float64

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.environment.actions import Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.masks import loops_used
from editorbot.environment.material import REACH, Material
from editorbot.environment.reward_kernels import CUTS_PER_LOOP, FREE_LOOPS
from editorbot.errors import MismatchError, NonFiniteError
from editorbot.timebase import clock

FEATURES = len(FEATURE_NAMES)
"""Features of a beat."""

BEATS_SEEN = 2 * REACH + 1
"""Beats of a state: the one at the cursor, and REACH on either side."""

SUMMARY_NAMES: tuple[str, ...] = (
    "position", "used_share", "output_over_target", "kept_share", "target_keep_ratio", "target_remaining", "cut_share",
    "loops_over_budget", "jumps_share", "effects_share", "types_share", "last_type", "last_size", "bar_phase",
)  # fmt: skip
"""Names of the numbers about the episode, in order.

``position``: cursor over beats. ``used_share``: furthest cursor over beats. ``output_over_target``: beats heard, at
their speed, over the beats to keep. ``kept_share``, ``cut_share``: of the beats used, those heard at least once or
held back, and the others; both 0 before the first. ``target_keep_ratio``. ``target_remaining``: beats to keep less
beats heard, over all beats. ``loops_over_budget``: LOOP and REPEAT_PREV steps over 2 + 1 for 3 cuts. ``jumps_share``,
``effects_share``: of the steps, those that only move, and those that change the sound. ``types_share``: types
used, over their number. ``last_type``: index + 1, over their number, 0 before the first. ``last_size``: beats over 16.
``bar_phase``: of the beat at the cursor, in [0, 1).
"""

SUMMARY = len(SUMMARY_NAMES)
STATE_SIZE = BEATS_SEEN * FEATURES + SUMMARY
"""Numbers of a state: 861."""

STATE_NAMES: tuple[str, ...] = (
    *(f"beat{offset:+d}.{name}" for offset in range(-REACH, REACH + 1) for name in FEATURE_NAMES),
    *SUMMARY_NAMES,
)
"""Name of each number of a state, ``beat-3.onset_strength`` to ``bar_phase``."""

PARTS: Mapping[str, slice] = MappingProxyType(
    {f"beat{k - REACH:+d}": slice(k * FEATURES, (k + 1) * FEATURES) for k in range(BEATS_SEEN)}
    | {"summary": slice(BEATS_SEEN * FEATURES, STATE_SIZE)}
)
"""Named parts of a state."""

CLIP = 5.0
"""Normalized values stay within +- this."""

LEAST_STD = 1e-6
"""Columns that vary less are taken as constant, and only centred."""


@dataclass(frozen=True)
class Normalizer:
    """Mean and spread of every number of a state; hashable, so that a checkpoint can refuse another one."""

    mean: tuple[float, ...]
    """Mean of each number, 861 of them."""
    std: tuple[float, ...]
    """Standard deviation of each number, above 0."""
    names: tuple[str, ...] = STATE_NAMES
    """Name of each number."""

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.std) == len(self.names):
            sizes = f"{len(self.mean)} means, {len(self.std)} deviations and {len(self.names)} names"
            raise MismatchError(f"a normalizer needs as many of each, but has {sizes}")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and min(self.std) > 0):
            raise NonFiniteError("a normalizer's means and deviations must be finite, and deviations above 0")

    @classmethod
    def identity(cls) -> Normalizer:
        """Return the normalizer that only clips."""
        return cls((0.0,) * STATE_SIZE, (1.0,) * STATE_SIZE)

    @cached_property
    def digest(self) -> str:
        """Digest over names and values, ``sha256:`` and 64 digits."""
        text = json.dumps([self.names, [value.hex() for value in self.mean], [value.hex() for value in self.std]])
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def _arrays(self) -> tuple[Float32[np.ndarray, " n"], Float32[np.ndarray, " n"]]:
        return np.array(self.mean, dtype=np.float32), (1 / np.array(self.std)).astype(np.float32)

    @property
    def mean_array(self) -> Float32[np.ndarray, " state"]:
        """Means, shape=(861,), float32."""
        return self._arrays[0]

    @property
    def scale_array(self) -> Float32[np.ndarray, " state"]:
        """One over the deviations, shape=(861,), float32."""
        return self._arrays[1]

    def apply(self, states: Float[np.ndarray, "*batch state"]) -> Float32[np.ndarray, "*batch state"]:
        """Return raw states normalized and clipped, of the same shape."""
        mean, scale = self._arrays
        return np.clip((np.asarray(states, dtype=np.float32) - mean) * scale, -CLIP, CLIP)

    def check_same(self, other: Normalizer) -> None:
        """Refuse another normalizer.

        Raises
        ------
        MismatchError
            If names or values differ; names both.
        """
        if self.names != other.names:
            index = next(k for k, (a, b) in enumerate(zip(self.names + ("",), other.names + ("",))) if a != b)
            ours, theirs = (each.names[index] if index < len(each.names) else "nothing" for each in (self, other))
            raise MismatchError(f"the order of features differs: number {index} is {ours} here and {theirs} there")
        if self.digest != other.digest:
            raise MismatchError(
                f"the state normalizer {self.digest} differs from {other.digest}; train and edit with one and the same"
            )


class RunningStatistics:
    """Mean and spread of a stream of states, by Welford's method.

    References
    ----------
    .. [1] Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
    """

    def __init__(self, size: int = STATE_SIZE) -> None:
        self.count = 0
        self._mean = np.zeros(size)
        self._squares = np.zeros(size)

    def update(self, states: Float[np.ndarray, "states numbers"]) -> None:
        """Take more states, shape=(states, numbers), raw."""
        if not len(states):
            return
        batch = np.asarray(states, dtype=np.float64)
        mean = batch.mean(axis=0)
        total = self.count + len(batch)
        away = mean - self._mean
        self._squares += ((batch - mean) ** 2).sum(axis=0) + away**2 * self.count * len(batch) / total
        self._mean += away * len(batch) / total
        self.count = total

    @property
    def mean(self) -> Float64[np.ndarray, " numbers"]:
        """Mean so far, shape=(numbers,)."""
        return self._mean.copy()

    @property
    def std(self) -> Float64[np.ndarray, " numbers"]:
        """Standard deviation so far, shape=(numbers,); 1 where a number hardly varies."""
        std = np.sqrt(self._squares / max(self.count, 1))
        return np.where(std < LEAST_STD, 1.0, std)

    def normalizer(self, names: tuple[str, ...] = STATE_NAMES) -> Normalizer:
        """Return what was learned.

        Raises
        ------
        MismatchError
            If the names are not as many as the numbers.
        """
        return Normalizer(tuple(self.mean.tolist()), tuple(self.std.tolist()), names)


@dataclass(frozen=True)
class StateRepresentation:
    """How an episode becomes the numbers that a policy sees."""

    vocabulary: Vocabulary
    """The types of action."""
    normalizer: Normalizer | None = None
    """None for raw states."""

    @property
    def size(self) -> int:
        """Numbers of a state."""
        return STATE_SIZE

    def observe(self, state: EpisodeState, material: Material) -> Float32[np.ndarray, " 861"]:
        """Return the numbers of a state, shape=(861,), float32; normalized where there is a normalizer."""
        raw = raw_state(state, material, self.vocabulary)
        return raw if self.normalizer is None else self.normalizer.apply(raw)


def raw_state(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> Float32[np.ndarray, " 861"]:
    """Return the raw numbers of a state, shape=(861,), float32, in the order of STATE_NAMES."""
    raw = np.empty(STATE_SIZE, dtype=np.float32)
    seen = material.padded[state.cursor : state.cursor + BEATS_SEEN]
    raw[: seen.size] = seen.ravel()
    raw[seen.size : -SUMMARY] = 0.0  # the cursor may stand behind the last beat
    raw[-SUMMARY:] = summary(state, material, vocabulary)
    return raw


def summary(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> list[float]:
    """Return the fourteen numbers about the episode so far, in the order of SUMMARY_NAMES."""
    beats, target, steps, counts = state.beats, material.target, state.steps, state.counts
    jumps, effects, cuts = (
        sum([counts[index] for index in indices])
        for indices in (vocabulary.jump_types, vocabulary.effect_types, vocabulary.cut_types)
    )
    types = len(counts) - counts.count(0)
    kept = state.kept_beats / state.frontier if state.frontier else 0.0
    return [
        state.cursor / beats,
        state.frontier / beats,
        state.output_beats / (target * beats),
        kept,
        target,
        target - state.output_beats / beats,
        1.0 - kept if state.frontier else 0.0,
        loops_used(counts, vocabulary) / (FREE_LOOPS + cuts // CUTS_PER_LOOP),
        jumps / steps if steps else 0.0,
        effects / steps if steps else 0.0,
        types / vocabulary.types,
        (state.last_type + 1) / vocabulary.types,
        state.last_size_beats / 16,
        float(material.bar_phase[state.cursor]) if state.cursor < beats else 0.0,
    ]


def check_features(material: Material) -> None:
    """Refuse features that are not finite.

    Raises
    ------
    NonFiniteError
        Naming beat and feature.
    """
    if not np.isfinite(material.padded).all():
        beat, column = np.argwhere(~np.isfinite(material.padded))[0]
        at_s = float(material.tables.duration_s[: max(beat - REACH, 0)].sum())
        value = material.padded[beat, column]
        what = f"feature {FEATURE_NAMES[column]} is {value} at beat {beat - REACH + material.first} ({clock(at_s)})"
        raise NonFiniteError(what, path=material.name)
