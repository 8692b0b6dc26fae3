"""Finds where every moment of an edit came from in its raw recording.

The main path: measure the mel spectra of both, find the speed, find the best path through the raw
recording cell by cell, measure each stretch to a fraction of a sample, place the cuts, and rate the result.

Conventions
-----------
Inside, positions are samples of the downmix at ANALYSIS_RATE. A `Segment` counts in samples of
the two files, each at its own rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from editorbot.corpus.alignment.coarse_match import Speed, best_path, find_speed
from editorbot.corpus.alignment.exact_repeats import RepeatedStretch, find_exact_repeats, in_order
from editorbot.corpus.alignment.fingerprint import RecordingMel, fingerprint, measure_mel
from editorbot.corpus.alignment.frame_ops import gain_curve_db
from editorbot.corpus.alignment.segments import (
    CELL_POOL,
    MatchedStretch,
    PairFingerprints,
    joined,
    measure,
    with_exact_cuts,
)
from editorbot.corpus.alignment.waveform_match import with_waveform_matches
from editorbot.errors import MismatchError, SilentError, TooShortError
from editorbot.recording import Recording
from editorbot.timebase import ANALYSIS_RATE, FRAME_S, HOP_SAMPLES, clock

SHORTEST_S = 2.0
"""Shortest recording that is aligned [seconds]."""
LEAST_MATCH = 0.2
"""Least share of the edit that is found in its raw recording; below it, it is of another."""
DOUBTFUL_MATCH = 0.6
"""Share below which a warning is given."""

_MOST_CELLS = 4e8
"""Similarities that are computed on the finest grid; a coarser one is used beyond."""
_JUMP_COST_S = 0.13
"""Cost of a jump, as seconds of full similarity."""
_CERTAIN_STRENGTH = 30.0
"""Strength of a correlation at which the confidence is full."""
_MOST_PATHS, _SETTLED = 3, 2e-4
"""How often the path is found again at a better speed, and the change of speed that counts as none."""
_FOREIGN_SCORE = 0.33
"""Likeness below which a cell counts as not from the raw recording."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the edit that comes from one stretch of the raw recording."""

    edit_start: int
    """First sample of the edit."""
    edit_end: int
    """End sample of the edit."""
    raw_start: int
    """Sample of the raw recording that `edit_start` comes from."""
    raw_end: int
    """Sample of the raw recording that `edit_end` would come from."""
    speed: float
    """Raw seconds that pass in a second of the edit."""
    confidence: float
    """Confidence of the match, in [0, 1]."""
    gain_db: float
    """Median level relative to the raw recording [dB]."""
    exact_repeats: tuple[int, ...]
    """Other samples of the raw recording at which exactly the same sound starts."""


@dataclass(frozen=True)
class Alignment:
    """Where every moment of an edit came from."""

    segments: tuple[Segment, ...]
    """The matched stretches, in the order of the edit, not overlapping."""
    pointers: Int64[np.ndarray, " frames"]
    """Raw frame of each frame of the edit, shape=(edit frames,); -1 = not from the raw recording."""
    gain_db: Float32[np.ndarray, " frames"]
    """Level of the edit relative to the raw recording, shape=(edit frames,) [dB]; NaN where it is not from there."""
    matched_share: float
    """Share of the edit that was found, in [0, 1]."""
    speed: Speed
    """Speed of the whole edit."""
    raw_rate: int
    """Samples a second of the raw recording [Hz]."""
    raw_samples: int
    """Length of the raw recording [samples]."""
    edit_rate: int
    """Samples a second of the edit [Hz]."""
    edit_samples: int
    """Length of the edit [samples]."""
    warnings: tuple[str, ...]
    """Lines ``CODE: text``."""

    @property
    def cuts_s(self) -> list[float]:
        """Times of the cuts in the edit [seconds]."""
        return [after.edit_start / self.edit_rate for after in self.segments[1:]]


def align(raw: Recording, edit: Recording) -> Alignment:
    """Align an edit with its raw recording, of any rates and channel counts.

    Raises
    ------
    TooShortError, SilentError
        If one of them is shorter than 2 s, or silent.
    MismatchError
        If the edit is not from this recording; says the share that matched.
    NonFiniteError
        If a sample is no number.
    """
    for recording in (raw, edit):
        if recording.duration_s < SHORTEST_S:
            raise TooShortError(f"it lasts {recording.duration_s:.2f} s; 2 s are needed", path=recording.path)
    raw_mel, edit_mel = _measure(raw), _measure(edit)
    speed = find_speed(raw_mel, edit_mel)
    found, ratio = _match(raw_mel, edit_mel, speed)
    repeated = in_order(find_exact_repeats(found, raw_mel))
    share = sum(s.end - s.first for s in found) / edit_mel.mono.samples
    if share < LEAST_MATCH:
        raise MismatchError(
            f"only {share:.0%} of it was found in {raw.path}; it does not seem to be an edit of that recording",
            path=edit.path,
        )
    pointers = _pointers([entry.stretch for entry in repeated], raw_mel, edit_mel)
    gain_db = gain_curve_db(raw_mel.power, edit_mel.power, pointers)
    return Alignment(
        segments=tuple(_segment(entry, raw, edit, gain_db) for entry in repeated),
        pointers=pointers,
        gain_db=gain_db,
        matched_share=share,
        speed=Speed(ratio, speed.keeps_pitch, speed.fit),
        raw_rate=raw.sample_rate,
        raw_samples=raw.samples,
        edit_rate=edit.sample_rate,
        edit_samples=edit.samples,
        warnings=(*raw.warnings, *edit.warnings, *_warnings(raw, edit, share)),
    )


def _measure(recording: Recording) -> RecordingMel:
    mel = measure_mel(recording)
    if mel.is_silent:
        raise SilentError("nothing can be heard in it; there is nothing to align", path=recording.path)
    return mel


def _match(raw: RecordingMel, edit: RecordingMel, speed: Speed) -> tuple[list[MatchedStretch], float]:
    """Find the stretches of the edit on their exact lines, and the exact speed."""
    pool = 2
    while (raw.frames / pool) * (edit.frames / pool) > _MOST_CELLS:
        pool *= 2
    found: list[MatchedStretch] = []
    ratio, kept = speed.ratio, speed.keeps_pitch
    raw_cells, raw_frames, raw_repeats = (fingerprint(raw, size) for size in (pool, 1, CELL_POOL))
    for _ in range(_MOST_PATHS):
        path = best_path(
            raw_cells,
            fingerprint(edit, pool, speed=ratio, keeps_pitch=kept),
            jump_cost=_JUMP_COST_S / (pool * FRAME_S),
            foreign_score=_FOREIGN_SCORE,
        )
        edit_frames = fingerprint(edit, 1, pitch_shift=1.0 if kept else ratio)
        edit_repeats = fingerprint(edit, CELL_POOL, speed=ratio, keeps_pitch=kept)
        prints = PairFingerprints(raw, edit, raw_frames, edit_frames, raw_repeats, edit_repeats)
        found, exact = measure(prints, path, pool, ratio)
        # At a wrong speed the path breaks in wrong places.
        is_settled, ratio = abs(exact - ratio) < _SETTLED, exact
        if is_settled:
            break
    found = joined(prints, with_exact_cuts(prints, joined(prints, found)))
    more = found if kept and ratio != 1.0 else with_waveform_matches(prints, found, ratio)
    return found if len(more) == len(found) else joined(prints, with_exact_cuts(prints, joined(prints, more))), ratio


def _pointers(found: list[MatchedStretch], raw: RecordingMel, edit: RecordingMel) -> Int64[np.ndarray, " frames"]:
    pointers = np.full(edit.frames, -1, dtype=np.int64)
    for stretch in found:
        frames = np.arange(-(-stretch.first // HOP_SAMPLES), min(-(-stretch.end // HOP_SAMPLES), edit.frames))
        pointers[frames] = np.clip(stretch.line.raw_frames_of(frames), 0, raw.frames - 1)
    return pointers


def _segment(
    repeated: RepeatedStretch, raw: Recording, edit: Recording, gain_db: Float32[np.ndarray, " frames"]
) -> Segment:
    """Return a stretch in samples of the two files."""
    found, line = repeated.stretch, repeated.stretch.line
    start = round(found.first * edit.sample_rate / ANALYSIS_RATE)
    end = min(round(found.end * edit.sample_rate / ANALYSIS_RATE), edit.samples)
    scale = raw.sample_rate / ANALYSIS_RATE
    step = line.speed * raw.sample_rate / edit.sample_rate
    raw_start = line.raw_of(start * ANALYSIS_RATE / edit.sample_rate) * scale
    # A line may reach a little beyond the recording, where the frames at its ends are silent.
    lead = math.ceil(max(0.0, -raw_start - 0.5) / step)
    start, raw_start = start + lead, raw_start + lead * step
    end -= math.ceil(max(0.0, raw_start + (end - start) * step - raw.samples - 0.5) / step)
    raw_length = (end - start) * step
    inside = gain_db[found.first // HOP_SAMPLES : max(found.end // HOP_SAMPLES, found.first // HOP_SAMPLES + 1)]
    return Segment(
        edit_start=start,
        edit_end=end,
        raw_start=max(round(raw_start), 0),
        raw_end=min(max(round(raw_start), 0) + round(raw_length), raw.samples),
        speed=line.speed,
        confidence=float(
            np.clip(0.5 * found.similarity + 0.5 * min(found.strength / _CERTAIN_STRENGTH, 1.0), 0.0, 1.0)
        ),
        gain_db=float(np.nanmedian(inside)) if np.isfinite(inside).any() else 0.0,
        exact_repeats=tuple(round(raw_start + shift * scale) for shift in repeated.shifts),
    )


def _warnings(raw: Recording, edit: Recording, share: float) -> list[str]:
    lines = []
    if edit.duration_s > raw.duration_s * 1.001:
        lines.append(
            f"LONGER: the edit lasts {clock(edit.duration_s)}, its raw recording {clock(raw.duration_s)}; "
            "were the two files swapped?"
        )
    if share < DOUBTFUL_MATCH:
        lines.append(f"FOREIGN: only {share:.0%} of the edit was found in the raw recording")
    return lines
