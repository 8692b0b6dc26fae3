"""From an alignment to what is certain: runs of beats that are the raw recording's own sound.

The alignment looks for what is similar, and sometimes puts stretched, transposed or mirrored sound
on a plain line. Beats that are not the same sound are removed here; `transformed` looks for what is
between two matched runs.

Conventions
-----------
Positions are samples at the raw recording's rate, in both files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int64

from editorbot.corpus.alignment import Alignment
from editorbot.corpus.labels.effects import BeatMatch, find_beat_effects, plain_cross_powers
from editorbot.corpus.labels.pair_sounds import PairSounds, Tone, common_tone, mono

_SHORTEST_PART = 0.35
"""Least part of a beat that is separate at the ends of a run."""
_LAG_S, _LAG_LENGTH_S, _LAG_PLACES = 0.003, 1.5, (0.05, 0.3, 0.5, 0.7, 0.95)
_SNAP_S, _SNAP_PART = 0.2, 0.4
"""How far an end next to a gap may move to a beat: at most this long, and this part of a beat."""
_ENOUGH, _ALONE = 0.7, 0.75
"""Least coherence of the last beat before a gap, relative to its run's, and of a lone beat."""


@dataclass(frozen=True)
class MatchedRun:
    """Beats of the raw recording that are continuous in the edit."""

    bounds: tuple[int, ...]
    """Raw samples: the beats, and the end."""
    offset: int
    """Edit position less raw position."""
    beats: tuple[BeatMatch, ...]
    """How each of them matches, one fewer than bounds."""
    confidence: float
    """Confidence of the alignment, in [0, 1]."""

    @property
    def edit_start(self) -> int:
        """First sample of the edit."""
        return self.bounds[0] + self.offset

    @property
    def edit_end(self) -> int:
        """End sample of the edit."""
        return self.bounds[-1] + self.offset


@dataclass(frozen=True)
class MatchedRuns:
    """All matched runs of an edit."""

    runs: tuple[MatchedRun, ...]
    """The runs, in the order of the edit."""
    tone: Tone
    """The filter over most of it, see `common_tone`."""


def find_matched_runs(sounds: PairSounds, alignment: Alignment, beats: Int64[np.ndarray, " beats"]) -> MatchedRuns:
    """Find the runs of an edit at the raw recording's speed, in the order of the edit; beats are raw samples."""
    placed = _place_segments(sounds, alignment, beats)
    plain = [part for entry in placed for part in plain_cross_powers(sounds, entry.bounds, entry.offset)]
    tone = common_tone(plain)
    runs = [
        run
        for entry in placed
        for run in _same_sound(entry, find_beat_effects(sounds, entry.bounds, entry.offset, tone))
    ]
    typical = float(np.median(np.diff(beats))) if len(beats) > 1 else sounds.rate
    reach = round(min(_SNAP_S * sounds.rate, _SNAP_PART * typical))
    joined = _joined(runs)
    trimmed = (_trimmed(joined, k, reach) for k in range(len(joined)))
    return MatchedRuns(tuple(_snapped([run for run in trimmed if run is not None], beats, reach)), tone)


@dataclass(frozen=True)
class _PlacedSegment:
    """A segment of the alignment on the beats."""

    bounds: list[int]
    offset: int
    confidence: float


def _place_segments(
    sounds: PairSounds, alignment: Alignment, beats: Int64[np.ndarray, " beats"]
) -> list[_PlacedSegment]:
    """Place the segments with their exact lag on the beats."""
    placed = []
    scale = sounds.rate / alignment.edit_rate
    for segment in alignment.segments:
        start, end = segment.raw_start, segment.raw_start + round((segment.edit_end - segment.edit_start) * scale)
        offset = round(segment.edit_start * scale) - segment.raw_start
        offset += _exact_lag(sounds, start, end, offset)
        # A segment may reach a little beyond the recording.
        start, end = max(start, 0), min(end, sounds.raw.samples)
        bounds = beat_bounds(start, end, beats)
        placed.append(_PlacedSegment(bounds, offset, segment.confidence))
    return placed


def _trimmed(runs: list[MatchedRun], k: int, reach: int) -> MatchedRun | None:
    """Return a run without doubtful beats at ends next to a gap; None if nothing is left."""
    run = runs[k]
    coherence = np.array([beat.plain.coherence for beat in run.beats])
    least = _ENOUGH * float(np.median(coherence))
    first, end = 0, len(coherence)
    gap_before = run.edit_start - (runs[k - 1].edit_end if k else 0) > reach
    gap_after = k + 1 < len(runs) and runs[k + 1].edit_start - run.edit_end > reach
    while gap_before and first < end and coherence[first] < least:
        first += 1
    while gap_after and end > first and coherence[end - 1] < least:
        end -= 1
    if end == first or (end - first == 1 and (gap_before or gap_after) and coherence[first] < _ALONE):
        return None
    return replace(run, bounds=run.bounds[first : end + 1], beats=run.beats[first:end])


def beat_bounds(start: int, end: int, beats: Int64[np.ndarray, " beats"]) -> list[int]:
    """Return the bounds of the beats within [start, end); short parts at its ends belong to their neighbors."""
    inside = beats[(beats > start) & (beats < end)].tolist()
    bounds = [start, *inside, end]
    typical = float(np.median(np.diff(beats))) if len(beats) > 1 else float(end - start)
    if len(bounds) > 2 and bounds[1] - bounds[0] < _SHORTEST_PART * typical:
        del bounds[1]
    if len(bounds) > 2 and bounds[-1] - bounds[-2] < _SHORTEST_PART * typical:
        del bounds[-2]
    return bounds


def _exact_lag(sounds: PairSounds, start: int, end: int, offset: int) -> int:
    """Measure by how many samples the edit is later than assumed, at the place where that is clearest."""
    length = min(end - start, round(_LAG_LENGTH_S * sounds.rate))
    places = {start + round(share * (end - start - length)) for share in _LAG_PLACES}
    return max(
        (_lag_at(sounds, place, length, offset) for place in sorted(places)), key=lambda lag: lag.similarity
    ).samples


@dataclass(frozen=True)
class _Lag:
    samples: int
    similarity: float


def _lag_at(sounds: PairSounds, start: int, length: int, offset: int) -> _Lag:
    """Measure by how many samples the edit is later than assumed at one place, and how similar the two are then."""
    reach = round(_LAG_S * sounds.rate)
    # Differences emphasize the highs, which tell one sample from the next.
    raw = np.diff(mono(sounds.read_raw(start, start + length)))
    edit = np.diff(mono(sounds.read_edit(start + offset - reach, start + offset + length + reach)))
    size = 1 << int(len(edit) + length).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(edit, size) * np.conj(np.fft.rfft(raw, size)), size)[: 2 * reach + 1]
    at = int(np.argmax(correlation))
    norm = np.linalg.norm(raw) * np.linalg.norm(edit[at : at + length - 1])
    return _Lag(at - reach, float(correlation[at] / norm)) if norm > 0 and correlation[at] > 0 else _Lag(0, 0.0)


def _same_sound(segment: _PlacedSegment, beats: list[BeatMatch]) -> list[MatchedRun]:
    """Split a segment into runs of beats that are the same sound."""
    runs, first, bounds = [], 0, segment.bounds
    is_same = [beat.is_same for beat in beats]
    for k in range(len(beats) + 1):
        if k == len(beats) or not is_same[k]:
            if k > first:
                runs.append(
                    MatchedRun(tuple(bounds[first : k + 1]), segment.offset, tuple(beats[first:k]), segment.confidence)
                )
            first = k + 1
    return runs


def _joined(runs: list[MatchedRun]) -> list[MatchedRun]:
    """Join runs that continue one another."""
    result: list[MatchedRun] = []
    for run in runs:
        last = result[-1] if result else None
        if last is not None and last.offset == run.offset and last.bounds[-1] == run.bounds[0]:
            joined = last.bounds + run.bounds[1:]
            result[-1] = replace(last, bounds=joined, beats=last.beats + run.beats)
        else:
            result.append(run)
    return result


def _snapped(runs: list[MatchedRun], beats: Int64[np.ndarray, " beats"], reach: int) -> list[MatchedRun]:
    """Move ends next to a gap to a beat nearby, if that fits."""
    result = list(runs)
    for k, run in enumerate(result):
        bounds = list(run.bounds)
        before = result[k - 1].edit_end if k else 0
        if run.edit_start - before > reach:
            bounds[0] = _nearest(beats, bounds[0], reach, before - run.offset, bounds[1])
        after = result[k + 1].edit_start if k + 1 < len(result) else run.edit_end
        if after - run.edit_end > reach:
            bounds[-1] = _nearest(beats, bounds[-1], reach, bounds[-2], after - run.offset)
        result[k] = replace(run, bounds=tuple(bounds))
    return result


def _nearest(beats: Int64[np.ndarray, " beats"], at: int, reach: int, low: int, high: int) -> int:
    """Return the beat nearest to a position, within `reach` and between `low` and `high`, or the position."""
    if not len(beats):
        return at
    beat = int(beats[np.argmin(np.abs(beats - at))])
    return beat if abs(beat - at) <= reach and low < beat < high else at
