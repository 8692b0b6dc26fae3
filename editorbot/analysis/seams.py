"""How audible a join would be, by the analysis alone.

A join leaves the recording at one beat boundary and goes on at another. It is inaudible where the music around both is
alike: what was played resembles what is before the new place, or what would have followed resembles what follows. So
the beats on either side of both boundaries are compared, the nearest ones most: timbre, harmony, onset, level; bar
phase, phrase position, tempo and the quiet of the moment are added. Only the wanted pairs are compared; the search for
good pairs works in blocks, so that no beats x beats table exists.

Conventions
-----------
Boundary ``b`` is before beat ``b``; boundary ``beats`` is the end. A join ``(leave, arrive)`` plays beat ``leave - 1``,
then beat ``arrive``. ``leave == arrive`` is the recording itself and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int
from numba import njit

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.features import FEATURE_NAMES, feature_columns

REACH_BEATS = 8
"""Beats compared on either side of a boundary: two bars of four."""

DECAY_BEATS = 4.0
"""Beats from the boundary over which the weight of a beat falls by 1 / e."""

MFCC_COLUMNS = feature_columns("mfcc_1", "mfcc_12")
"""Columns of the features: MFCC 1-12; the 0th is level, which is compared by itself."""
CHROMA_COLUMNS = feature_columns("chroma_C", "chroma_B")
"""Columns of the features: chroma."""
ONSET_COLUMN = FEATURE_NAMES.index("onset_strength")
"""Column of the features: onset strength."""

TIMBRE_UNIT_DB = 5.0
"""Difference of the smoothed mel spectrum that counts as one [dB, root mean square over 128 bands]."""
HARMONY_UNIT = 0.5
"""Distance of two unit chroma vectors that counts as one; another chord is at about 0.8."""
LEVEL_UNIT_DB = 8.0
"""Difference of level that counts as one [dB]."""
ONSET_WEIGHT = 0.3
"""Weight of onset strength, in standard deviations."""
LARGEST = 3.0
"""Largest single difference."""
INAUDIBLE_DB = 45.0
"""Timbre and harmony do not count this far below the recording's level [dB]."""

PHASE_PRICE = 0.5
"""Price of a join that breaks the bar, half of it at once and half by how far it is off."""
PHRASE_PRICE = 0.12
"""Price of a join that breaks the phrase by two bars or more."""
TEMPO_UNIT = 0.08
"""Tempo change that costs as much as one difference [octaves], about 6 %."""
TEMPO_PRICE = 0.5
"""Largest price of a tempo change."""
UNSURE_PRICE = 0.15
"""Price of a join where the beat grid is a guess."""
SEAM_AFTER_SILENCE = 0.25
"""The seam of a join out of silence into a place where music may begin."""
BEGINS_ON_BEAT = 0.5
"""How well music may begin on any beat; after silence it begins by itself."""

_EXACT_BEATS = 4_000
"""Up to so many beats the search compares whole contexts, beyond it principal components."""
_CONTEXT_DIMENSIONS = 48
"""Principal components of a context that the search compares in long recordings."""
_BLOCK_CELLS = 4_000_000
"""Cells of a block of the search: 16 MB of float32."""


@dataclass(frozen=True)
class Seams:
    """What the cost of any join is computed from; made by :func:`seams_of`."""

    vectors: Float32[np.ndarray, "padded_beats dims"]
    """Sound of each beat, in units of `TIMBRE_UNIT_DB` and the like; REACH_BEATS of silence at either end."""
    phase: Int[np.ndarray, " boundaries"]
    """Place in the bar, 0 is the downbeat; all 0 where no bars are known."""
    beats_per_bar: int
    """The meter."""
    phrase_offset: Int[np.ndarray, " boundaries"]
    """Beats since the phrase began; all 0 where no phrases are known."""
    tempo_before: Float[np.ndarray, " boundaries"]
    """Tempo of the four beats before [octaves]; all 0 where there is no beat."""
    tempo_after: Float[np.ndarray, " boundaries"]
    """Tempo of the four beats after [octaves]; all 0 where there is no beat."""
    quiet_before: Float[np.ndarray, " boundaries"]
    """How quiet the beat before is, in [0, 1]; 1 at the start."""
    begins: Float[np.ndarray, " boundaries"]
    """How well music may begin there out of silence, in [0, 1]."""
    unsure: Float[np.ndarray, " boundaries"]
    """How unsure the beat grid is there, in [0, 1]; all 0 where there is no beat to break."""

    @property
    def beats(self) -> int:
        """Number of beats; there is one boundary more."""
        return len(self.phase) - 1

    def costs(
        self, leaves: Int[np.ndarray, " joins"], arrivals: Int[np.ndarray, " joins"]
    ) -> Float[np.ndarray, " joins"]:
        """Compute how audible each join is, in [0, 1).

        Parameters
        ----------
        leaves : np.ndarray, shape=(joins,)
            Boundaries where the recording is left, in [0, beats].
        arrivals : np.ndarray, shape=(joins,)
            Boundaries where it goes on, in [0, beats].

        Returns
        -------
        costs : np.ndarray, shape=(joins,)
            0 where nothing is joined or all is alike; about 0.3 for another take of the same bar, above 0.6 for
            unrelated music.

        Notes
        -----
        ``1 - exp(-(seam + phase + phrase + tempo + unsure))``, where the seam is ``min / 2 + (before + after) / 4``
        of the weighted root mean square distances on the two sides: one side alike is nearly enough.
        Time O(joins), whatever the number of beats.
        """
        before, after = _side_distances(self.vectors, leaves.astype(np.int64), arrivals.astype(np.int64), _WEIGHTS)
        seam = np.minimum(before, after) / 2 + (before + after) / 4
        quiet = self.quiet_before[leaves] * self.begins[arrivals]
        seam = np.minimum(seam, (1 - quiet) * seam + quiet * SEAM_AFTER_SILENCE)
        octaves = np.abs(self.tempo_before[leaves] - self.tempo_after[arrivals])
        tempo = np.minimum(octaves / TEMPO_UNIT, 1.0) * TEMPO_PRICE
        unsure = UNSURE_PRICE * np.maximum(self.unsure[leaves], self.unsure[arrivals])
        total = seam + self._phase_prices(leaves, arrivals) + self._phrase_prices(leaves, arrivals) + tempo + unsure
        return np.where(leaves == arrivals, 0.0, 1 - np.exp(-total))

    def _phase_prices(
        self, leaves: Int[np.ndarray, " joins"], arrivals: Int[np.ndarray, " joins"]
    ) -> Float[np.ndarray, " joins"]:
        """Price of breaking the bar."""
        off = np.abs(self.phase[leaves] - self.phase[arrivals]) % self.beats_per_bar
        off = np.minimum(off, self.beats_per_bar - off)
        return np.where(off > 0, PHASE_PRICE / 2 + PHASE_PRICE * off / self.beats_per_bar, 0.0)

    def _phrase_prices(
        self, leaves: Int[np.ndarray, " joins"], arrivals: Int[np.ndarray, " joins"]
    ) -> Float[np.ndarray, " joins"]:
        """Price of breaking the phrase."""
        off = np.abs(self.phrase_offset[leaves] - self.phrase_offset[arrivals])
        return PHRASE_PRICE * np.minimum(off / (2 * self.beats_per_bar), 1.0)


_WEIGHTS = np.exp(-np.arange(REACH_BEATS) / DECAY_BEATS)
_WEIGHTS /= _WEIGHTS.sum()


def seams_of(analysis: Analysis) -> Seams:
    """Prepare the costs of all joins of a recording."""
    beats = len(analysis.beats_s)
    has_bars = analysis.has_beat and len(analysis.downbeats) > 0
    nothing = np.zeros(beats + 1, dtype=np.int64)
    tempo = np.log2(np.maximum(analysis.tempo_curve_bpm, 1.0)) if analysis.has_beat else np.zeros(beats)
    quiet_before, phase = np.append(1.0, quietness(analysis)), analysis.bar_phase
    return Seams(
        vectors=_beat_vectors(analysis),
        # The end of the recording goes on counting.
        phase=np.append(phase, (phase[-1] + 1) % analysis.beats_per_bar) if has_bars else nothing,
        beats_per_bar=analysis.beats_per_bar,
        phrase_offset=_offsets(analysis.phrases, beats) if len(analysis.phrases) else nothing,
        tempo_before=_side_medians(tempo, before=True),
        tempo_after=_side_medians(tempo, before=False),
        quiet_before=quiet_before,
        begins=np.maximum(quiet_before, BEGINS_ON_BEAT if analysis.has_beat else 0.0),
        unsure=_unsure(analysis) if analysis.has_beat else nothing.astype(np.float64),
    )


def quietness(analysis: Analysis) -> Float[np.ndarray, " beats"]:
    """Measure how quiet each beat is beside the recording: 0 at 20 dB below its level, 1 at 40 dB below."""
    below_db = analysis.overall_energy_db - analysis.energy_db
    return np.clip((below_db - 20.0) / 20.0, 0.0, 1.0)


def nearest_leaves(
    seams: Seams, arrivals: Int[np.ndarray, " arrivals"], *, strata: int, min_jump_beats: int
) -> Int[np.ndarray, "arrivals strata"]:
    """Find, for each arrival, the boundary that is best left for it in each part of the recording.

    The recording is divided into `strata` equal parts and the best leave of each is found, so that there are joins of
    every length and direction, and no crowd of near-equal neighbors. Where bars are known, boundaries of another bar
    phase are left out.

    Parameters
    ----------
    seams : Seams
        Of the recording.
    arrivals : np.ndarray, shape=(arrivals,)
        Boundaries where the recording may go on, in [0, beats).
    strata : int
        Number of parts.
    min_jump_beats : int
        Joins that skip or repeat fewer beats are left out.

    Returns
    -------
    leaves : np.ndarray, shape=(arrivals, strata), int64
        Boundaries in [1, beats], -1 where a part holds none.

    Notes
    -----
    Compares weighted contexts, their principal components in recordings of thousands of beats, in blocks:
    time O(arrivals x beats), memory O(beats).
    """
    contexts = _contexts(seams)
    found = np.full((len(arrivals), strata), -1, dtype=np.int64)
    for phase in np.unique(seams.phase[arrivals]):
        rows = np.flatnonzero(seams.phase[arrivals] == phase)
        leaves = 1 + np.flatnonzero(seams.phase[1:] == phase)
        if len(leaves) == 0:
            continue
        block = max(1, _BLOCK_CELLS // len(leaves))
        for first in range(0, len(rows), block):
            part = rows[first : first + block]
            found[part] = _best_by_stratum(contexts, arrivals[part], leaves, strata, min_jump_beats)
    return found


def _best_by_stratum(
    contexts: Float32[np.ndarray, "boundaries components"],
    arrivals: Int[np.ndarray, " rows"],
    leaves: Int[np.ndarray, " leaves"],
    strata: int,
    min_jump_beats: int,
) -> Int[np.ndarray, "rows strata"]:
    """Find the nearest leave of each stratum for a block of arrivals, -1 where there is none."""
    squares = np.einsum("ij,ij->i", contexts, contexts)
    far = squares[leaves] - 2 * (contexts[arrivals] @ contexts[leaves].T)
    far[np.abs(arrivals[:, None] - leaves[None, :]) < min_jump_beats] = np.inf
    edges = np.searchsorted(leaves, np.linspace(0, len(contexts), strata + 1))
    best = np.full((len(arrivals), strata), -1, dtype=np.int64)
    rows = np.arange(len(arrivals))
    for stratum, (start, end) in enumerate(zip(edges[:-1], edges[1:])):
        if start < end:
            at = start + far[:, start:end].argmin(axis=1)
            best[:, stratum] = np.where(np.isfinite(far[rows, at]), leaves[at], -1)
    return best


def _beat_vectors(analysis: Analysis) -> Float32[np.ndarray, "padded_beats dims"]:
    """Describe the sound of each beat, so that distances are in units of clear differences."""
    features = analysis.features.astype(np.float64)
    level_db = np.clip(analysis.energy_db - analysis.overall_energy_db, -4 * LEVEL_UNIT_DB, 2 * LEVEL_UNIT_DB)
    audible = np.clip((level_db + INAUDIBLE_DB) / 15.0, 0.0, 1.0)[:, None]
    timbre = features[:, MFCC_COLUMNS]
    # An orthonormal DCT keeps lengths: the distance of MFCC over sqrt(bands) is the mel spectrum's in dB.
    timbre = (timbre - np.median(timbre, axis=0)) / (np.sqrt(128) * TIMBRE_UNIT_DB)
    chroma = features[:, CHROMA_COLUMNS]
    chroma = chroma / np.maximum(np.linalg.norm(chroma, axis=1, keepdims=True), 1e-6) / HARMONY_UNIT
    onset = features[:, [ONSET_COLUMN]]
    onset = ONSET_WEIGHT * (onset - onset.mean()) / max(float(onset.std()), 1e-6)
    sound = np.concatenate([np.clip(timbre, -LARGEST, LARGEST), chroma, onset], axis=1) * audible
    vectors = np.column_stack([sound, level_db / LEVEL_UNIT_DB])
    padded = np.zeros((len(vectors) + 2 * REACH_BEATS, vectors.shape[1]), dtype=np.float32)
    padded[:, -1] = -4.0  # silence beyond the ends
    padded[REACH_BEATS:-REACH_BEATS] = vectors
    return padded


def _contexts(seams: Seams) -> Float32[np.ndarray, "boundaries components"]:
    """Put the beats around each boundary into one weighted vector, of many beats its principal components."""
    both_sides = np.sqrt(np.concatenate([_WEIGHTS[::-1], _WEIGHTS])).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(seams.vectors, 2 * REACH_BEATS, axis=0)
    contexts = (windows * both_sides).reshape(seams.beats + 1, -1)
    contexts -= contexts.mean(axis=0)
    if seams.beats <= _EXACT_BEATS:
        return contexts
    _, directions = np.linalg.eigh(contexts.T @ contexts)
    return np.ascontiguousarray(contexts @ directions[:, -_CONTEXT_DIMENSIONS:])


@njit(cache=True)
@no_type_check
def _side_distances(vectors, leaves, arrivals, weights):
    """Compute the weighted root mean square distances of the beats before and after each pair of boundaries."""
    reach = len(weights)
    dims = vectors.shape[1]
    before = np.zeros(len(leaves))
    after = np.zeros(len(leaves))
    for join in range(len(leaves)):
        for offset in range(reach):
            old = leaves[join] + reach
            new = arrivals[join] + reach
            past = 0.0
            future = 0.0
            for dim in range(dims):
                difference = vectors[old - 1 - offset, dim] - vectors[new - 1 - offset, dim]
                past += difference * difference
                difference = vectors[old + offset, dim] - vectors[new + offset, dim]
                future += difference * difference
            before[join] += weights[offset] * past
            after[join] += weights[offset] * future
    return np.sqrt(before), np.sqrt(after)


def _offsets(starts: Int[np.ndarray, " starts"], beats: int) -> Int[np.ndarray, " boundaries"]:
    """Count the beats since the last of `starts`; the end counts as a start, and so does the beginning."""
    all_starts = np.unique(np.concatenate([[0], starts, [beats]]))
    boundaries = np.arange(beats + 1)
    return boundaries - all_starts[np.searchsorted(all_starts, boundaries, side="right") - 1]


def _side_medians(values: Float[np.ndarray, " beats"], *, before: bool) -> Float[np.ndarray, " boundaries"]:
    """Compute the median of the four beats on one side of each boundary."""
    padded = np.concatenate([np.repeat(values[:1], 4), values, np.repeat(values[-1:], 4)])
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 4), axis=1)
    return medians[: len(values) + 1] if before else medians[4 : len(values) + 5]


def _unsure(analysis: Analysis) -> Float[np.ndarray, " boundaries"]:
    """Measure how unsure the beat grid is at each boundary."""
    times_s = analysis.beat_bounds_s
    confidence = np.full(len(times_s), analysis.beat_confidence)
    for section in analysis.sections:
        confidence[(times_s >= section.start_s) & (times_s < section.end_s)] = section.confidence
    return np.clip(1.0 - confidence, 0.0, 1.0)
