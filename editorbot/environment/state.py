"""What a policy sees: the state of an episode as numbers, and their normalizer.

One definition serves behavioral cloning, rollouts and use. A state is the features of seven beats around the cursor,
zeros beyond the recording's ends, and the numbers of `EpisodeSummary`: 861 in all. Raw values reach 10,000; networks
get them normalized: mean 0, standard deviation 1, within +-5.

Numbers are declared in one place each: a feature of a beat in :mod:`editorbot.analysis.features`, a number about the
episode in `EpisodeSummary` and `summarize`. All sizes and names follow from these.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Float64
from numba import njit

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.environment.actions import Operation, Treatment, Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.material import REACH, Material
from editorbot.environment.reward import CUTS_PER_LOOP, FREE_LOOPS
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.errors import FormatError, MismatchError, NonFiniteError
from editorbot.timebase import clock


class EpisodeSummary(NamedTuple):
    """The numbers of a state about the episode so far."""

    position: float
    """Cursor over beats."""
    used_share: float
    """Furthest cursor over beats."""
    output_over_target: float
    """Beats played, at their speed, over the beats to keep."""
    kept_share: float
    """Share of the beats used that are played at least once or deferred; 0 before the first."""
    target_keep_ratio: float
    """Share to keep."""
    target_remaining: float
    """Beats to keep less beats played, over all beats."""
    cut_share: float
    """Share of the beats used that are not kept; 0 before the first."""
    loops_over_budget: float
    """LOOP and REPEAT_PREV steps over 2 + 1 for 3 cuts."""
    jumps_share: float
    """Share of the steps that only move the cursor."""
    effects_share: float
    """Share of the steps that change the sound."""
    types_share: float
    """Types used, over their number."""
    last_type: float
    """Index + 1 of the last type, over their number; 0 before the first."""
    last_size: float
    """Beats of the last step over 16."""
    bar_phase: float
    """Place in its bar of the beat at the cursor, in [0, 1)."""


FEATURES = len(FEATURE_NAMES)
"""Features of a beat."""

BEATS_SEEN = 2 * REACH + 1
"""Beats of a state: the one at the cursor, and REACH on either side."""

SUMMARY_NAMES = EpisodeSummary._fields
SUMMARY = len(SUMMARY_NAMES)
STATE_SIZE = BEATS_SEEN * FEATURES + SUMMARY
"""Numbers of a state."""

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
"""Numbers that vary less count as constant, and are only centred."""


@dataclass(frozen=True)
class Normalizer:
    """Mean and standard deviation of every number of a state; has a digest, so that a checkpoint can refuse another."""

    mean: tuple[float, ...]
    """Mean of each number."""
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
        """Make the normalizer that only clips."""
        return cls((0.0,) * STATE_SIZE, (1.0,) * STATE_SIZE)

    @classmethod
    def of_data(cls, stored: object, path: str | os.PathLike[str]) -> Normalizer:
        """Read a normalizer from plain data, as `data` returns it.

        Raises
        ------
        FormatError
            If it is none.
        """
        if not isinstance(stored, Mapping) or not {"mean", "std"} <= set(stored):
            raise FormatError("it holds no normalizer; train it again", path=path)
        return cls(tuple(stored["mean"]), tuple(stored["std"]))

    @property
    def data(self) -> dict[str, list[float]]:
        """Means and deviations as plain data."""
        return {"mean": list(self.mean), "std": list(self.std)}

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
        """Means, shape=(STATE_SIZE,), float32."""
        return self._arrays[0]

    @property
    def scale_array(self) -> Float32[np.ndarray, " state"]:
        """One over the deviations, shape=(STATE_SIZE,), float32."""
        return self._arrays[1]

    def apply(self, states: Float[np.ndarray, "*batch state"]) -> Float32[np.ndarray, "*batch state"]:
        """Normalize and clip raw states."""
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
    """Mean and standard deviation of a stream of states, by Welford's method.

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
        change = mean - self._mean
        self._squares += ((batch - mean) ** 2).sum(axis=0) + change**2 * self.count * len(batch) / total
        self._mean += change * len(batch) / total
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
        """Make the normalizer of the states so far.

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

    def observe(self, state: EpisodeState, material: Material) -> Float32[np.ndarray, " state"]:
        """Compute the numbers of a state, shape=(STATE_SIZE,), float32; normalized where there is a normalizer."""
        raw = raw_state(state, material, self.vocabulary)
        return raw if self.normalizer is None else self.normalizer.apply(raw)


def raw_state(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> Float32[np.ndarray, " state"]:
    """Compute the raw numbers of a state, shape=(STATE_SIZE,), float32, in the order of STATE_NAMES."""
    raw = np.zeros(STATE_SIZE, dtype=np.float32)
    seen = material.padded[state.cursor : state.cursor + BEATS_SEEN]  # fewer once the cursor is behind the last beat
    raw[: seen.size] = seen.ravel()
    raw[-SUMMARY:] = summary_of(state, material, vocabulary)
    return raw


def summary_of(state: EpisodeState, material: Material, vocabulary: Vocabulary) -> EpisodeSummary:
    """Summarize the episode so far."""
    summary: EpisodeSummary = summarize(
        state.cursor, state.beats, state.frontier, material.target, state.kept_beats, state.output_beats,
        np.array(state.counts, dtype=np.int64), state.last_type, state.last_size_beats,
        material.bar_phase[min(state.cursor, state.beats - 1)], vocabulary.arrays,
    )  # fmt: skip
    return summary


@njit(cache=True, nogil=True)
@no_type_check
def summarize(
    cursor, beats, frontier, target, kept_beats, output_beats, counts, last_type, last_size, bar_phase, vocabulary
):
    """Compute an `EpisodeSummary`; `counts` holds the steps of each type, `vocabulary` is a `VocabularyArrays`."""
    steps, jumps, effects, cuts, loops, used = 0, 0, 0, 0, 0, 0
    types = len(counts)
    for kind in range(types):
        count, operation = counts[kind], vocabulary.operation[kind]
        steps += count
        used += count > 0
        jumps += count if operation == Operation.BACK or operation == Operation.SKIP else 0
        effects += count if vocabulary.treatment[kind] != Treatment.NONE else 0
        cuts += count if operation == Operation.CUT else 0
        loops += count if operation == Operation.LOOP or operation == Operation.REPEAT else 0
    kept = kept_beats / frontier if frontier > 0 else 0.0
    return EpisodeSummary(
        position=cursor / beats,
        used_share=frontier / beats,
        output_over_target=output_beats / (target * beats),
        kept_share=kept,
        target_keep_ratio=target,
        target_remaining=target - output_beats / beats,
        cut_share=1.0 - kept if frontier > 0 else 0.0,
        loops_over_budget=loops / (FREE_LOOPS + cuts // CUTS_PER_LOOP),
        jumps_share=jumps / max(steps, 1),
        effects_share=effects / max(steps, 1),
        types_share=used / types,
        last_type=(last_type + 1) / types,
        last_size=last_size / LONGEST_SPAN,
        bar_phase=bar_phase if cursor < beats else 0.0,
    )


@njit(cache=True, nogil=True)
@no_type_check
def observe(which, recordings, vocabulary, episodes, mean, scale, is_normalized, out):
    """Write the states of some of many episodes; the same as `raw_state`, normalized or not."""
    for k in range(len(which)):
        i = which[k]
        row, cursor, beats = out[i], episodes.cursor[i], episodes.beats[i]
        at = recordings.offset[episodes.recording[i]] + episodes.first[i] + cursor
        summary = summarize(
            cursor, beats, episodes.frontier[i], episodes.target[i], episodes.kept[i], episodes.output_beats[i],
            episodes.counts[i], episodes.last_type[i], episodes.last_size[i], recordings.bar_phase[at], vocabulary,
        )  # fmt: skip
        # Sizes come from the arrays, not from constants, which a cache of compiled code would not notice to change.
        seen = len(row) - len(summary)
        features = seen // BEATS_SEEN
        # The window's neighbors reach no further than this.
        there = seen if cursor < beats else seen - features
        raw = recordings.features[at * features : at * features + there]
        if is_normalized:
            _normalize(raw, mean, scale, row)
        else:
            row[:there] = raw
        row[there:] = 0.0
        for number in range(len(summary)):
            row[seen + number] = summary[number]
        if is_normalized:
            _normalize(row[there:], mean[there:], scale[there:], row[there:])


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
@no_type_check
def _normalize(raw, mean, scale, out):
    for k in range(len(raw)):
        out[k] = min(max((raw[k] - mean[k]) * scale[k], np.float32(-CLIP)), np.float32(CLIP))


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
