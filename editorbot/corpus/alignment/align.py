"""Finds where every moment of an edit came from in its raw recording.

The main path: hear both, find the speed, find the best way through the raw recording cell by
cell, measure each stretch to a fraction of a sample, place the cuts, and say how sure that is.

Conventions
-----------
Inside, positions are samples of the downmix at ANALYSIS_RATE. A `Segment` speaks in samples of
the two files, each at its own rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64

from editorbot.corpus.alignment.best_path import best_path
from editorbot.corpus.alignment.exact_repeats import Tied, find_exact_repeats, in_order
from editorbot.corpus.alignment.fingerprint import Heard, fingerprint, listen
from editorbot.corpus.alignment.gains import gain_curve_db
from editorbot.corpus.alignment.match_samples import with_leftovers
from editorbot.corpus.alignment.segments import CELL_POOL, Found, Sounds, joined, measure, with_exact_cuts
from editorbot.corpus.alignment.speed import Speed, find_speed
from editorbot.errors import MismatchError, SilentError, TooShortError
from editorbot.recording import Recording
from editorbot.timebase import ANALYSIS_RATE, FRAME_S, HOP_SAMPLES, clock

SHORTEST_S = 2.0
"""Shortest recording that is aligned [seconds]."""
LEAST_MATCH = 0.2
"""Share of the edit that must be found, or it is no edit of this recording."""
DOUBTFUL_MATCH = 0.6
"""Share below which a warning is given."""

_MOST_CELLS = 4e8
"""Likenesses worked out at the finest; a coarser grid is taken beyond."""
_JUMP_COST_S = 0.13
"""Cost of a jump, as seconds of full likeness."""
_CERTAIN_STRENGTH = 30.0
"""Strength of a correlation beyond which nothing gets surer."""
_MOST_PATHS, _SETTLED = 3, 2e-4
"""How often the path is looked for again at a better speed, and the change of speed that is none."""
_FOREIGN_SCORE = 0.33
"""Likeness below which a cell rather comes from nowhere."""


@dataclass(frozen=True)
class Segment:
    """A stretch of the edit that lies in one piece in the raw recording."""

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
    """How sure that is, in [0, 1]."""
    gain_db: float
    """Median level against the raw recording [dB]."""
    ties: tuple[int, ...]
    """Samples of the raw recording where the same sound starts once more."""


@dataclass(frozen=True)
class Alignment:
    """Where every moment of an edit came from."""

    segments: tuple[Segment, ...]
    """What was found, in the order of the edit, not overlapping."""
    pointers: Int64[np.ndarray, " frames"]
    """Raw frame of each frame of the edit, shape=(edit frames,); -1 = not from the raw recording."""
    gain_db: Float32[np.ndarray, " frames"]
    """Level of the edit against the raw recording, shape=(edit frames,) [dB]; NaN where it is not from there."""
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
        """Times in the edit where a segment follows another that it does not continue [seconds]."""
        return [after.edit_start / self.edit_rate for after in self.segments[1:]]


def align(raw: Recording, edit: Recording) -> Alignment:
    """Align an edit with its raw recording.

    Parameters
    ----------
    raw, edit : Recording
        Of any rates and channel counts.

    Returns
    -------
    alignment : Alignment
        At least `LEAST_MATCH` of the edit is found in it.

    Raises
    ------
    TooShortError, SilentError
        If one of them is shorter than 2 s, or nothing can be heard in it.
    MismatchError
        If the edit is not from this recording; says the share that matched.
    NonFiniteError
        If a sample is no number.
    """
    for recording in (raw, edit):
        if recording.duration_s < SHORTEST_S:
            raise TooShortError(f"it lasts {recording.duration_s:.2f} s; 2 s are needed", path=recording.path)
    heard_raw, heard_edit = _heard(raw), _heard(edit)
    speed = find_speed(heard_raw, heard_edit)
    found, ratio = _find(heard_raw, heard_edit, speed)
    tied = in_order(find_exact_repeats(found, heard_raw))
    share = sum(s.end - s.first for s in found) / heard_edit.mono.samples
    if share < LEAST_MATCH:
        raise MismatchError(
            f"only {share:.0%} of it was found in {raw.path}; it does not seem to be an edit of that recording",
            path=edit.path,
        )
    pointers = _pointers(found_of(tied), heard_raw, heard_edit)
    gain_db = gain_curve_db(heard_raw.power, heard_edit.power, pointers)
    return Alignment(
        segments=tuple(_segment(entry, raw, edit, gain_db) for entry in tied),
        pointers=pointers,
        gain_db=gain_db,
        matched_share=share,
        speed=Speed(ratio, speed.is_pitch_kept, speed.fit),
        raw_rate=raw.sample_rate,
        raw_samples=raw.samples,
        edit_rate=edit.sample_rate,
        edit_samples=edit.samples,
        warnings=(*raw.warnings, *edit.warnings, *_warnings(raw, edit, share)),
    )


def _heard(recording: Recording) -> Heard:
    heard = listen(recording)
    if heard.is_silent:
        raise SilentError("nothing can be heard in it; there is nothing to align", path=recording.path)
    return heard


def _find(raw: Heard, edit: Heard, speed: Speed) -> tuple[list[Found], float]:
    """Return the stretches of the edit on their exact lines, and the exact speed."""
    pool = 2
    while (raw.frames / pool) * (edit.frames / pool) > _MOST_CELLS:
        pool *= 2
    found: list[Found] = []
    ratio, kept = speed.ratio, speed.is_pitch_kept
    raw_cells, raw_frames, raw_repeats = (fingerprint(raw, size) for size in (pool, 1, CELL_POOL))
    for _ in range(_MOST_PATHS):
        path = best_path(
            raw_cells,
            fingerprint(edit, pool, speed=ratio, is_pitch_kept=kept),
            jump_cost=_JUMP_COST_S / (pool * FRAME_S),
            foreign_score=_FOREIGN_SCORE,
        )
        edit_frames = fingerprint(edit, 1, pitch_shift=1.0 if kept else ratio)
        edit_repeats = fingerprint(edit, CELL_POOL, speed=ratio, is_pitch_kept=kept)
        sounds = Sounds(raw, edit, raw_frames, edit_frames, raw_repeats, edit_repeats)
        found, exact = measure(sounds, path, pool, ratio)
        # At a wrong speed the path breaks where it need not.
        is_settled, ratio = abs(exact - ratio) < _SETTLED, exact
        if is_settled:
            break
    found = joined(sounds, with_exact_cuts(sounds, joined(sounds, found)))
    more = found if kept and ratio != 1.0 else with_leftovers(sounds, found, ratio)
    return found if len(more) == len(found) else joined(sounds, with_exact_cuts(sounds, joined(sounds, more))), ratio


def found_of(tied: list[Tied]) -> list[Found]:
    """Return the stretches alone."""
    return [entry.found for entry in tied]


def _pointers(found: list[Found], raw: Heard, edit: Heard) -> Int64[np.ndarray, " frames"]:
    pointers = np.full(edit.frames, -1, dtype=np.int64)
    for stretch in found:
        frames = np.arange(-(-stretch.first // HOP_SAMPLES), min(-(-stretch.end // HOP_SAMPLES), edit.frames))
        pointers[frames] = np.clip(stretch.line.raw_frames_of(frames), 0, raw.frames - 1)
    return pointers


def _segment(tied: Tied, raw: Recording, edit: Recording, gain_db: Float32[np.ndarray, " frames"]) -> Segment:
    """Return a stretch in samples of the two files."""
    found, line = tied.found, tied.found.line
    start = round(found.first * edit.sample_rate / ANALYSIS_RATE)
    end = min(round(found.end * edit.sample_rate / ANALYSIS_RATE), edit.samples)
    scale = raw.sample_rate / ANALYSIS_RATE
    step = line.speed * raw.sample_rate / edit.sample_rate
    raw_start = line.raw_of(start * ANALYSIS_RATE / edit.sample_rate) * scale
    # A line may reach a little beyond the recording, where the frames at its ends hear silence.
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
        confidence=float(np.clip(0.5 * found.likeness + 0.5 * min(found.strength / _CERTAIN_STRENGTH, 1.0), 0.0, 1.0)),
        gain_db=float(np.nanmedian(inside)) if np.isfinite(inside).any() else 0.0,
        ties=tuple(round(raw_start + shift * scale) for shift in tied.shifts),
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
