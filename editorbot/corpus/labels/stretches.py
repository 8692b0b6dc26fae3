"""From an alignment to stretches that are sure: runs of beats that are the raw recording's own sound.

The alignment looks for what is alike, and lays stretched, transposed or mirrored sound along some
plain line now and then. What is not the same sound, beat by beat, is taken out here; what lies
between two sure runs is left to `hidden`.

Conventions
-----------
Positions are samples at the raw recording's rate, in both files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Complex128, Int64

from editorbot.corpus.alignment import Alignment
from editorbot.corpus.labels.effects import BeatSound, hear_beats, plain_beats
from editorbot.corpus.labels.sounds import PairSounds, mono
from editorbot.corpus.labels.spectra import common_tone

_SHORTEST_PART = 0.35
"""Part of a beat at the ends of a run that stands on its own."""
_LAG_S, _LAG_LENGTH_S, _LAG_PLACES = 0.003, 1.5, (0.05, 0.3, 0.5, 0.7, 0.95)
_SNAP_S, _SNAP_PART = 0.2, 0.4
"""How far an end that faces something unexplained moves to a beat: at most this long, and this part of a beat."""
_ENOUGH, _ALONE = 0.7, 0.75
"""Coherence of the last beat before something unexplained, beside its run's, and of a lone beat."""


@dataclass(frozen=True)
class Run:
    """Beats of the raw recording that are heard in one piece in the edit."""

    bounds: tuple[int, ...]
    """Raw samples: the beats, and the end."""
    offset: int
    """Edit position less raw position."""
    beats: tuple[BeatSound, ...]
    """What was heard of each, one fewer than bounds."""
    confidence: float
    """How sure the alignment was, in [0, 1]."""

    @property
    def edit_start(self) -> int:
        """First sample of the edit."""
        return self.bounds[0] + self.offset

    @property
    def edit_end(self) -> int:
        """End sample of the edit."""
        return self.bounds[-1] + self.offset


@dataclass(frozen=True)
class SureRuns:
    """What of an edit is sure."""

    runs: tuple[Run, ...]
    """The runs, in the order of the edit."""
    tone: Complex128[np.ndarray, " bands"]
    """The filter that lies over most of it, see `common_tone`."""


def sure_runs(sounds: PairSounds, alignment: Alignment, beats: Int64[np.ndarray, " beats"]) -> SureRuns:
    """Return the runs of an edit at the raw recording's own speed, in the order of the edit.

    Parameters
    ----------
    sounds : PairSounds
        The pair.
    alignment : Alignment
        Where the edit comes from.
    beats : np.ndarray, shape=(beats,) [raw samples]
        The beats of the raw recording.
    """
    laid = _laid(sounds, alignment, beats)
    plain = [part for entry in laid for part in plain_beats(sounds, entry.bounds, entry.offset)]
    tone = common_tone(plain)
    runs = [run for entry in laid for run in _same(entry, hear_beats(sounds, entry.bounds, entry.offset, tone))]
    typical = float(np.median(np.diff(beats))) if len(beats) > 1 else sounds.rate
    reach = round(min(_SNAP_S * sounds.rate, _SNAP_PART * typical))
    joined = _joined(runs)
    trimmed = (_trimmed(joined, k, reach) for k in range(len(joined)))
    return SureRuns(tuple(_snapped([run for run in trimmed if run is not None], beats, reach)), tone)


@dataclass(frozen=True)
class _Laid:
    """A segment of the alignment on the beats."""

    bounds: list[int]
    offset: int
    confidence: float


def _laid(sounds: PairSounds, alignment: Alignment, beats: Int64[np.ndarray, " beats"]) -> list[_Laid]:
    """Return the segments with their exact lag."""
    laid = []
    scale = sounds.rate / alignment.edit_rate
    for segment in alignment.segments:
        start, end = segment.raw_start, segment.raw_start + round((segment.edit_end - segment.edit_start) * scale)
        offset = round(segment.edit_start * scale) - segment.raw_start
        offset += _exact_lag(sounds, start, end, offset)
        # A segment may be said to reach a little beyond the recording.
        start, end = max(start, 0), min(end, sounds.raw.samples)
        bounds = beat_bounds(start, end, beats)
        laid.append(_Laid(bounds, offset, segment.confidence))
    return laid


def _trimmed(runs: list[Run], k: int, reach: int) -> Run | None:
    """Return a run without doubtful beats at ends that face something unexplained; None where nothing is left."""
    run = runs[k]
    coherence = np.array([beat.plain.coherence for beat in run.beats])
    least = _ENOUGH * float(np.median(coherence))
    first, end = 0, len(coherence)
    faces_before = run.edit_start - (runs[k - 1].edit_end if k else 0) > reach
    faces_after = k + 1 < len(runs) and runs[k + 1].edit_start - run.edit_end > reach
    while faces_before and first < end and coherence[first] < least:
        first += 1
    while faces_after and end > first and coherence[end - 1] < least:
        end -= 1
    if end == first or (end - first == 1 and (faces_before or faces_after) and coherence[first] < _ALONE):
        return None
    return replace(run, bounds=run.bounds[first : end + 1], beats=run.beats[first:end])


def beat_bounds(start: int, end: int, beats: Int64[np.ndarray, " beats"]) -> list[int]:
    """Return the bounds of the beats within [start, end); short parts at its ends belong to their neighbours."""
    inside = beats[(beats > start) & (beats < end)].tolist()
    bounds = [start, *inside, end]
    typical = float(np.median(np.diff(beats))) if len(beats) > 1 else float(end - start)
    if len(bounds) > 2 and bounds[1] - bounds[0] < _SHORTEST_PART * typical:
        del bounds[1]
    if len(bounds) > 2 and bounds[-1] - bounds[-2] < _SHORTEST_PART * typical:
        del bounds[-2]
    return bounds


def _exact_lag(sounds: PairSounds, start: int, end: int, offset: int) -> int:
    """Return by how many samples the edit lies later than thought, as the place that tells it best says."""
    length = min(end - start, round(_LAG_LENGTH_S * sounds.rate))
    places = {start + round(share * (end - start - length)) for share in _LAG_PLACES}
    return max(
        (_lag_at(sounds, place, length, offset) for place in sorted(places)), key=lambda lag: lag.likeness
    ).samples


@dataclass(frozen=True)
class _Lag:
    samples: int
    likeness: float


def _lag_at(sounds: PairSounds, start: int, length: int, offset: int) -> _Lag:
    """Return by how many samples the edit lies later than thought at one place, and how alike the two are then."""
    reach = round(_LAG_S * sounds.rate)
    # Differences weigh the highs, which tell one sample from the next.
    raw = np.diff(mono(sounds.read_raw(start, start + length)))
    edit = np.diff(mono(sounds.read_edit(start + offset - reach, start + offset + length + reach)))
    size = 1 << int(len(edit) + length).bit_length()
    correlation = np.fft.irfft(np.fft.rfft(edit, size) * np.conj(np.fft.rfft(raw, size)), size)[: 2 * reach + 1]
    at = int(np.argmax(correlation))
    norm = np.linalg.norm(raw) * np.linalg.norm(edit[at : at + length - 1])
    return _Lag(at - reach, float(correlation[at] / norm)) if norm > 0 and correlation[at] > 0 else _Lag(0, 0.0)


def _same(laid: _Laid, heard: list[BeatSound]) -> list[Run]:
    """Return the runs of beats that are the same sound."""
    runs, first, bounds = [], 0, laid.bounds
    is_same = [beat.is_same for beat in heard]
    for k in range(len(heard) + 1):
        if k == len(heard) or not is_same[k]:
            if k > first:
                runs.append(Run(tuple(bounds[first : k + 1]), laid.offset, tuple(heard[first:k]), laid.confidence))
            first = k + 1
    return runs


def _joined(runs: list[Run]) -> list[Run]:
    """Return runs that go on in one another as one."""
    result: list[Run] = []
    for run in runs:
        last = result[-1] if result else None
        if last is not None and last.offset == run.offset and last.bounds[-1] == run.bounds[0]:
            joined = last.bounds + run.bounds[1:]
            result[-1] = replace(last, bounds=joined, beats=last.beats + run.beats)
        else:
            result.append(run)
    return result


def _snapped(runs: list[Run], beats: Int64[np.ndarray, " beats"], reach: int) -> list[Run]:
    """Return the runs with the ends that face something unexplained on the beats nearby, where that fits."""
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
