"""Materials: a recording's beats as episodes are played on them.

A material is made once a recording; windows of it share its arrays. Everything that the reward reads is an array by
beat or by boundary, so that no table of beats times beats ever exists.

Conventions
-----------
Boundary ``b`` is before beat ``b``; boundary ``beats`` is the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.seams import REACH_BEATS, quietness, seams_of
from editorbot.environment.settings import LEAST_BEATS
from editorbot.environment.spans import span_lengths
from editorbot.errors import MismatchError, NonFiniteError, TooShortError, UsageError
from editorbot.timebase import clock

REACH = 3
"""Beats on either side of the cursor that an observation shows."""

PRIOR_KEEP_RATIO = 0.45
"""Share to keep where nobody knows better."""

LEAST_TARGET = 0.02
"""Least share to keep of an episode, even in a window of which the human keeps nothing: an edit plays something."""

_KIND_WORTH = {"music": 1.0, "talk": 0.0, "noise": 0.05, "silence": 0.0}
"""How likely a moment of each kind belongs to the song, where nobody knows better."""

_PHRASE, _EDGE, _DOWNBEAT = 1.0, 0.8, 0.5
"""How good a place for a cut each boundary is: a phrase begins, the kind of sound changes, a bar begins."""


class Tables(NamedTuple):
    """Inputs of the reward, by beat or by boundary; a named tuple, because numba takes those."""

    duration_s: Float64[np.ndarray, " beats"]
    """Length of each beat [seconds]."""
    energy_db: Float64[np.ndarray, " beats"]
    """Level of each beat beside the recording's, never below -60 [dB]."""
    worth: Float64[np.ndarray, " beats"]
    """How likely each beat belongs to the song, in [0, 1]."""
    section: Int64[np.ndarray, " beats"]
    """Number of the section of each beat."""
    phrase: Int64[np.ndarray, " beats"]
    """Number of the phrase of each beat; of the bar or the eight beats where no phrases are known."""
    place: Float64[np.ndarray, " boundaries"]
    """How good a place for a cut each boundary is, in [0, 1]."""
    vectors: Float32[np.ndarray, "padded_beats dims"]
    """See :class:`~editorbot.analysis.seams.Seams`, also for the next six."""
    phase: Int64[np.ndarray, " boundaries"]
    """Place in the bar."""
    phrase_offset: Int64[np.ndarray, " boundaries"]
    """Beats since the phrase began."""
    tempo_before: Float64[np.ndarray, " boundaries"]
    """Tempo of the beats before [octaves]."""
    tempo_after: Float64[np.ndarray, " boundaries"]
    """Tempo of the beats after [octaves]."""
    quiet_before: Float64[np.ndarray, " boundaries"]
    """How quiet the beat before is."""
    begins: Float64[np.ndarray, " boundaries"]
    """How well music may begin there."""
    unsure: Float64[np.ndarray, " boundaries"]
    """How little the beat grid is to be trusted."""
    beats_per_bar: Int64[np.ndarray, " boundaries"]
    """The meter, the same at every boundary."""


@dataclass(frozen=True, eq=False)
class Material:
    """One recording, or a window of it, to play episodes on."""

    name: str
    """Name of the recording, for messages."""
    first: int
    """Beat of the recording where it begins."""
    padded: Float32[np.ndarray, "beats_and_reach features"]
    """Features of its beats and of REACH beats on either side, zeros beyond the recording's ends."""
    lengths: Int64[np.ndarray, "beats 5"]
    """What each size spans from each beat on [beats]."""
    bar_phase: Float64[np.ndarray, " beats"]
    """Place of each beat in its bar, in [0, 1)."""
    tables: Tables
    """Inputs of the reward."""
    target_keep_ratio: float | None = None
    """Share that the pair's own edit keeps, None where it is not known."""
    human_kept: Float64[np.ndarray, " beats"] | None = None
    """Share of each beat that the pair's own edit plays, in [0, 1], None where it is not known."""

    def __post_init__(self) -> None:
        if self.beats < LEAST_BEATS:
            message = f"the recording has {self.beats} beats, and an episode needs {LEAST_BEATS}; use a longer one"
            raise TooShortError(message, path=self.name)
        if self.target_keep_ratio is not None and not 0 < self.target_keep_ratio <= 1:
            raise UsageError(f"{self.name}: target_keep_ratio must lie in (0, 1], but is {self.target_keep_ratio}")

    @property
    def beats(self) -> int:
        """Number of beats."""
        return len(self.lengths)

    @property
    def target(self) -> float:
        """Share to keep: the pair's own, or the prior."""
        return PRIOR_KEEP_RATIO if self.target_keep_ratio is None else self.target_keep_ratio

    @property
    def known_human_kept(self) -> Float64[np.ndarray, " beats"]:
        """Share of each beat that the pair's own edit plays, -1 where it is not known."""
        return np.full(self.beats, -1.0) if self.human_kept is None else self.human_kept

    def window_target(self, first: int, end: int) -> float:
        """Share to keep of a window: what the pair's own edit keeps of it; the recording's where that is not known."""
        if self.human_kept is None or self.target_keep_ratio is None or end - first == self.beats:
            return self.target
        durations_s = self.tables.duration_s[first:end]
        share = float((self.human_kept[first:end] * durations_s).sum() / durations_s.sum())
        return min(max(share, LEAST_TARGET), 1.0)

    def window(self, first: int, beats: int) -> Material:
        """Cut out at most so many beats from beat `first` on; observations still see the neighbors."""
        if first == 0 and beats >= self.beats:
            return self
        end = min(first + beats, self.beats)
        left = end - np.arange(first, end)
        has_target = self.target_keep_ratio is not None
        return replace(
            self,
            first=self.first + first,
            padded=self.padded[first : end + 2 * REACH],
            lengths=np.minimum(self.lengths[first:end], left[:, None]),
            bar_phase=self.bar_phase[first:end],
            tables=_window_tables(self.tables, first, end),
            target_keep_ratio=self.window_target(first, end) if has_target else None,
            human_kept=None if self.human_kept is None else self.human_kept[first:end],
        )


def material_of(
    analysis: Analysis,
    *,
    worth: Float[np.ndarray, " beats"] | None = None,
    target_keep_ratio: float | None = None,
    human_kept: Float[np.ndarray, " beats"] | None = None,
) -> Material:
    """Make the material of a recording.

    Parameters
    ----------
    analysis : Analysis
        Of the recording.
    worth : np.ndarray, shape=(beats,), optional
        How likely each beat belongs to the song, in [0, 1]: a learned score for example. By default the kind of
        sound decides.
    target_keep_ratio : float, optional
        Share that the pair's own edit keeps.
    human_kept : np.ndarray, shape=(beats,), optional
        Share of each beat that the pair's own edit plays.

    Raises
    ------
    TooShortError
        If it has fewer than two beats.
    MismatchError
        If `worth` or `human_kept` is not one number a beat.
    NonFiniteError
        If one of them is not finite; names file and beat.
    """
    beats = len(analysis.beats_s)
    for name, given in (("worth", worth), ("human_kept", human_kept)):
        _check_by_beat(name, given, analysis)
    padded = np.zeros((beats + 2 * REACH, analysis.features.shape[1]), dtype=np.float32)
    padded[REACH : beats + REACH] = analysis.features
    return Material(
        name=analysis.source.path,
        first=0,
        padded=padded,
        lengths=span_lengths(analysis),
        bar_phase=analysis.bar_phase / analysis.beats_per_bar % 1.0,
        tables=_tables(analysis, worth),
        target_keep_ratio=target_keep_ratio,
        human_kept=None if human_kept is None else np.asarray(human_kept, dtype=np.float64),
    )


def _check_by_beat(name: str, given: Float[np.ndarray, " beats"] | None, analysis: Analysis) -> None:
    """Refuse what is not one finite number a beat."""
    if given is None:
        return
    path, beats = analysis.source.path, len(analysis.beats_s)
    if given.shape != (beats,):
        raise MismatchError(f"{name} has shape {given.shape}, but the recording has {beats} beats", path=path)
    if not np.isfinite(given).all():
        beat = int(np.argmin(np.isfinite(given)))
        raise NonFiniteError(f"{name} is {given[beat]} at beat {beat} ({clock(analysis.beats_s[beat])})", path=path)


def beat_bounds(analysis: Analysis) -> Int64[np.ndarray, " boundaries"]:
    """Boundaries of the beats [source samples], shape=(beats + 1,).

    Samples before the first beat belong to it, so that keeping every beat keeps every sample.
    """
    bounds = np.rint(analysis.beat_bounds_s * analysis.source.sample_rate).astype(np.int64)
    bounds[0], bounds[-1] = 0, analysis.source.samples
    return bounds


def _tables(analysis: Analysis, worth: Float[np.ndarray, " beats"] | None) -> Tables:
    seams = seams_of(analysis)
    beats = len(analysis.beats_s)
    bounds_s = beat_bounds(analysis) / analysis.source.sample_rate
    judged = _worth_by_kind(analysis, bounds_s) if worth is None else np.clip(worth, 0.0, 1.0).astype(np.float64)
    starts_s = np.array([section.start_s for section in analysis.sections])
    starts = analysis.phrases if len(analysis.phrases) else np.arange(0, beats, 8)
    return Tables(
        duration_s=np.diff(bounds_s),
        energy_db=np.maximum(analysis.energy_db - analysis.overall_energy_db, -60.0).astype(np.float64),
        worth=judged,
        section=np.maximum(np.searchsorted(starts_s, analysis.beats_s + 1e-6, side="right") - 1, 0).astype(np.int64),
        phrase=np.searchsorted(starts, np.arange(beats), side="right").astype(np.int64),
        place=_places(analysis, bounds_s),
        vectors=seams.vectors,
        phase=seams.phase.astype(np.int64),
        phrase_offset=seams.phrase_offset.astype(np.int64),
        tempo_before=seams.tempo_before.astype(np.float64),
        tempo_after=seams.tempo_after.astype(np.float64),
        quiet_before=seams.quiet_before.astype(np.float64),
        begins=seams.begins.astype(np.float64),
        unsure=seams.unsure.astype(np.float64),
        beats_per_bar=np.full(beats + 1, seams.beats_per_bar, dtype=np.int64),
    )


def _worth_by_kind(analysis: Analysis, bounds_s: Float64[np.ndarray, " boundaries"]) -> Float64[np.ndarray, " beats"]:
    """Mean worth of the kinds of sound in each beat, less where it is quiet."""
    total_s = np.zeros(len(bounds_s))
    for span in analysis.activity:
        inside_s = np.clip(bounds_s, span.start_s, span.end_s) - span.start_s
        total_s += _KIND_WORTH.get(span.kind, 0.0) * inside_s
    mean = np.diff(total_s) / np.maximum(np.diff(bounds_s), 1e-9)
    return np.clip(mean, 0.0, 1.0) * (1.0 - quietness(analysis))


def _places(analysis: Analysis, bounds_s: Float64[np.ndarray, " boundaries"]) -> Float64[np.ndarray, " boundaries"]:
    """How good a place for a cut each boundary is."""
    place = np.zeros(len(bounds_s))
    place[analysis.downbeats] = _DOWNBEAT
    edges_s = np.array([span.start_s for span in analysis.activity])
    if len(edges_s):
        place[np.abs(bounds_s[None, :] - edges_s[:, None]).argmin(axis=1)] = _EDGE
    place[analysis.phrases] = _PHRASE
    place[[0, -1]] = _PHRASE
    return place


def _window_tables(tables: Tables, first: int, end: int) -> Tables:
    """Tables of a window; there is one boundary more than beats, and vectors reach further."""
    by_beat = {"duration_s", "energy_db", "worth", "section", "phrase"}
    parts: dict[str, np.ndarray] = {}
    for name in tables._fields:
        table = getattr(tables, name)
        if name in by_beat:
            parts[name] = table[first:end]
        elif name == "vectors":
            parts[name] = table[first : end + 2 * REACH_BEATS]
        else:
            parts[name] = table[first : end + 1]
    return tables._replace(**parts)
