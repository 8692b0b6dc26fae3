"""Infers the human's edit as an edit list: where each clip comes from, and what was done to it.

Matched runs of beats become clips, one for each stretch of the same treatment; what is between
them is searched backwards, transposed and at other speeds. What is not found is in no clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Int64

from editorbot import __version__
from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment import Alignment
from editorbot.corpus.labels.effects import BeatMatch, fit_effect
from editorbot.corpus.labels.levels import SAME_DB, Envelope, Fade, find_fades, steady_gains_db
from editorbot.corpus.labels.matched_runs import MatchedRun, find_matched_runs
from editorbot.corpus.labels.pair_sounds import PairSounds, Tone
from editorbot.corpus.labels.transformed import TransformedMatch, find_transformed
from editorbot.editlist.edit_list import MAX_GAIN_DB, MAX_SPEED, MIN_SPEED, Clip, EditList, Effect, Join, MadeBy
from editorbot.editlist.operations import edit_list_of
from editorbot.errors import MismatchError
from editorbot.timebase import ANALYSIS_RATE, s_to_samples

MADE_BY = "human"
"""Name of the editor in the edit list of a pair."""

_CROSSFADE_S = 0.010
"""Crossfade of two clips that do not continue one another; the human's own cannot be measured."""
_SHORTEST_S = 0.12
"""Shorter clips are left out, or joined with the clip before."""
_SOFT_STRENGTH, _SOFT_DB = 0.3, 0.5
"""Strength of a distortion that is tried where a stretch is only louder, and how much it must lower the residual."""
_STEADY_SPEED = 2e-3
_AROUND_S = 60.0
_LONG_RAW_S = 600.0


@dataclass(frozen=True)
class HumanEdit:
    """What a human did, and how much of it was found out."""

    edit_list: EditList
    """The edit."""
    positions: tuple[int, ...]
    """Where each clip starts in the edit [samples at the raw recording's rate]; clips may leave gaps between them."""
    level_db: float
    """Gain over most of the edit [dB]; no action."""
    matched_share: float
    """Share of the edit that the clips hold, in [0, 1]."""


@dataclass(frozen=True)
class _PlacedClip:
    """A clip and its position in the edit."""

    at: int
    clip: Clip


def infer_edit(sounds: PairSounds, alignment: Alignment, beats_s: Float[np.ndarray, " beats"]) -> HumanEdit:
    """Infer the edit list of a human's edit; treatments change at the beats of the raw recording.

    Raises
    ------
    MismatchError
        If nothing of the edit was found in the raw recording.
    """
    rate = sounds.rate
    beats = np.array([s_to_samples(at_s, rate) for at_s in beats_s.tolist()], dtype=np.int64)
    if abs(alignment.speed.ratio - 1) > _STEADY_SPEED:
        placed, level = _at_other_speed(sounds, alignment)
    else:
        matched = find_matched_runs(sounds, alignment, beats)
        runs = list(matched.runs)
        level = _level(runs)
        placed = [clip for run in runs for clip in _clips_of(sounds, run, level, matched.tone)]
        transformed = _transformed_clips(sounds, runs, beats)
        placed += [replace(entry, clip=replace(entry.clip, gain_db=_exact_db(level))) for entry in transformed]
    placed = sorted((entry for entry in placed if entry.clip.end <= sounds.raw.samples), key=lambda entry: entry.at)
    placed = [entry for entry in placed if entry.clip.source_samples >= _SHORTEST_S * rate] or placed
    if not placed:
        raise MismatchError("nothing of it was found in its raw recording", path=sounds.edit.path)
    edit_list = _edit_list(sounds, placed, alignment.warnings)
    share = min(1.0, sum(entry.clip.output_samples for entry in placed) / max(1, sounds.edit_samples))
    return HumanEdit(edit_list, _positions(edit_list, placed), 20 * float(np.log10(level)), share)


def _edit_list(sounds: PairSounds, placed: list[_PlacedClip], warnings: Sequence[str]) -> EditList:
    """Join the clips; clips that continue one another become one."""
    made_by = MadeBy(MADE_BY, version=__version__)
    clips = [entry.clip for entry in placed]
    merged = edit_list_of(sounds.raw.source, clips, made_by=made_by, warnings=list(warnings))
    crossfade = round(_CROSSFADE_S * sounds.rate)
    joins = tuple(Join(crossfade, join.risk) for join in merged.joins)
    return EditList(merged.source, merged.clips, joins, (), (), merged.made_by, merged.warnings)


def _positions(merged: EditList, placed: list[_PlacedClip]) -> tuple[int, ...]:
    """Find where in the edit each clip starts; it begins with one of those that were placed."""
    remaining = iter(placed)
    return tuple(next(entry.at for entry in remaining if entry.clip.start == clip.start) for clip in merged.clips)


def _level(runs: list[MatchedRun]) -> float:
    """Return the gain of most beats without an effect."""
    gains = [beat.plain.gain for run in runs for beat in run.beats if beat.effect is None and beat.plain.gain > 0]
    if not gains:
        return 1.0
    gain = float(np.median(gains))
    # If much of it is a plain copy, the copies count and not the median of a few changed beats.
    is_copy = [abs(20 * np.log10(value)) < 0.1 for value in gains]
    return 1.0 if np.mean(is_copy) > 0.25 else gain


def _clips_of(sounds: PairSounds, run: MatchedRun, level: float, tone: Tone) -> list[_PlacedClip]:
    """Return the clips of one run."""
    fades = _fades(run, level)
    gains_db = _gains_db(run, fades)
    clips, first = [], 0
    states: list[Fade | str | float] = [_state(run.beats[k], gains_db[k], fades, k) for k in range(len(run.beats))]
    for k in range(1, len(states) + 1):
        if k == len(states) or states[k] != states[first]:
            state = states[first]
            clip = _clip(sounds, run, first, k, state if isinstance(state, Fade) else None, level, tone)
            clips.append(_PlacedClip(run.bounds[first] + run.offset, clip))
            first = k
    return clips


def _fades(run: MatchedRun, level: float) -> list[Fade]:
    parts = [_whitened(beat) for beat in run.beats]
    whole = Envelope(
        np.concatenate([part.cross for part in parts]),
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.target for part in parts]),
    )
    return find_fades(whole, np.cumsum([0, *(len(part.cross) for part in parts)]).tolist(), level)


def _whitened(beat: BeatMatch) -> Envelope:
    """Return the cross power and powers of the frames of a beat, with every band at the same weight."""
    plain = beat.plain
    weight = 1.0 / np.maximum(plain.source.sum(axis=0), 1e-9 * max(float(plain.source.sum()), 1e-12))
    return Envelope(plain.cross.real @ weight, plain.source @ weight, plain.target @ weight)


def _gains_db(run: MatchedRun, fades: list[Fade]) -> Float64[np.ndarray, " beats"]:
    """Return the steady gain of each beat without effect [dB]; NaN in fades and effects."""
    gains = np.array([20 * np.log10(max(beat.plain.gain, 1e-3)) for beat in run.beats])
    for k, beat in enumerate(run.beats):
        if beat.effect is not None:
            gains[k] = np.nan
    for fade in fades:
        gains[fade.first : fade.end] = np.nan
    known = np.flatnonzero(np.isfinite(gains))
    if len(known):
        gains[known] = steady_gains_db(gains[known])
    return gains


def _state(beat: BeatMatch, gain_db: float, fades: list[Fade], k: int) -> Fade | str | float:
    """Return the treatment of a beat; equal ones are in one clip."""
    fade = next((fade for fade in fades if fade.first <= k < fade.end), None)
    if fade is not None:
        return fade
    return beat.effect.type if beat.effect is not None else round(float(gain_db), 4)


def _clip(
    sounds: PairSounds, run: MatchedRun, first: int, end: int, fade: Fade | None, level: float, tone: Tone
) -> Clip:
    """Return beats [first, end) of a run, which have one treatment, as a clip."""
    start, stop, level_db = run.bounds[first], run.bounds[end], _exact_db(level)
    plain = Clip(start, stop, "KEEP", level_db, confidence=run.confidence)
    if fade is not None and fade.is_in:
        return replace(plain, action="FADE_IN", fade_in=stop - start)
    if fade is not None:
        return replace(plain, action="FADE_OUT", fade_out=stop - start)
    effects = [beat.effect for beat in run.beats[first:end] if beat.effect is not None]
    middle = effects[len(effects) // 2] if effects else None
    fit = fit_effect(sounds, start, stop, run.offset, middle, tone)
    gain_db = _exact_db(fit.gain if fit.gain > 0 else level)
    if fit.effect is None and gain_db > level_db + SAME_DB:
        soft = fit_effect(sounds, start, stop, run.offset, Effect("DISTORTION", _SOFT_STRENGTH), tone)
        # A distortion makes quiet sound louder and changes little else: then it needs no gain.
        if abs(_exact_db(soft.gain) - level_db) < SAME_DB and soft.residual_db < fit.residual_db - _SOFT_DB:
            fit, gain_db = soft, _exact_db(soft.gain)
    if fit.effect is not None:
        return replace(plain, action=fit.effect.type, gain_db=gain_db, effects=(fit.effect,))
    return plain if abs(gain_db - level_db) < SAME_DB else replace(plain, action="GAIN", gain_db=gain_db)


def _exact_db(gain: float) -> float:
    """Return a gain [dB], exactly 0 for a plain copy."""
    gain_db = 20 * float(np.log10(max(gain, 1e-3)))
    return 0.0 if abs(gain_db) < 0.02 else float(np.clip(round(gain_db, 3), -MAX_GAIN_DB, MAX_GAIN_DB))


def _transformed_clips(
    sounds: PairSounds, runs: list[MatchedRun], beats: Int64[np.ndarray, " beats"]
) -> list[_PlacedClip]:
    """Return clips for what is between the matched runs."""
    raw, edit = MonoReader(sounds.raw), MonoReader(sounds.edit)
    scale = ANALYSIS_RATE / sounds.rate
    around = round(_AROUND_S * ANALYSIS_RATE) if sounds.raw.duration_s > _LONG_RAW_S else None
    clips = []
    for k in range(len(runs) + 1):
        low = runs[k - 1].edit_end if k else 0
        high = runs[k].edit_start if k < len(runs) else sounds.edit_samples
        if high - low < _SHORTEST_S * sounds.rate:
            continue
        raw_gap = _raw_gap(runs, k)
        scaled = None if raw_gap is None else (round(raw_gap[0] * scale), round(raw_gap[1] * scale))
        match = find_transformed(raw, edit, round(low * scale), round(high * scale), scaled, around=around)
        if match is not None:
            clips.append(_PlacedClip(low, _transformed_clip(sounds, match, raw_gap, scaled, high - low, beats)))
    return clips


def _raw_gap(runs: list[MatchedRun], k: int) -> tuple[int, int] | None:
    """Return the raw samples between two runs; None if they are not in order."""
    low = runs[k - 1].bounds[-1] if k else None
    high = runs[k].bounds[0] if k < len(runs) else None
    if low is None or high is None or high <= low:
        return None
    return low, high


def _transformed_clip(
    sounds: PairSounds,
    match: TransformedMatch,
    raw_gap: tuple[int, int] | None,
    scaled: tuple[int, int] | None,
    length: int,
    beats: Int64[np.ndarray, " beats"],
) -> Clip:
    """Return a transformed match as a clip of `length` samples."""
    scale, transform = sounds.rate / ANALYSIS_RATE, match.transform
    start, end = round(match.raw_start * scale), round(match.raw_end * scale)
    if raw_gap is not None and scaled == (match.raw_start, match.raw_end):
        start, end = raw_gap
    elif len(beats):
        nearest = int(beats[np.argmin(np.abs(beats - start))])
        if abs(nearest - start) < 0.05 * sounds.rate:
            start, end = nearest, nearest + end - start
    end = min(end, sounds.raw.samples)
    if transform.speed == 1.0:
        end = min(start + length, sounds.raw.samples)
    speed = transform.speed if transform.speed == 1.0 else float(np.clip((end - start) / length, MIN_SPEED, MAX_SPEED))
    similarity = float(np.clip(match.similarity, 0.0, 1.0))
    semitones = float(transform.semitones)
    action = action_of(speed, semitones, transform.reverse)
    return Clip(start, end, action, 0.0, speed, semitones, transform.reverse, confidence=similarity)


def action_of(speed: float, semitones: float, reverse: bool) -> str:
    """Return the action for a speed, a transposition and a direction."""
    if reverse:
        return "REVERSE"
    if semitones:
        return "PITCH_UP" if semitones > 0 else "PITCH_DOWN"
    if abs(speed - 1) > 1e-4:
        return "SPEED_UP" if speed > 1 else "SPEED_DOWN"
    return "KEEP"


def _at_other_speed(sounds: PairSounds, alignment: Alignment) -> tuple[list[_PlacedClip], float]:
    """Return the clips of an edit at another speed as a whole: effects cannot be measured without a common waveform."""
    scale = sounds.rate / alignment.edit_rate
    placed = []
    for segment in alignment.segments:
        start, end = max(0, segment.raw_start), min(segment.raw_end, sounds.raw.samples)
        length = round((segment.edit_end - segment.edit_start) * scale)
        if end <= start or length < 1:
            continue
        speed = float(np.clip((end - start) / length, MIN_SPEED, MAX_SPEED))
        semitones = 0.0 if alignment.speed.keeps_pitch else round(12 * float(np.log2(speed)), 3)
        action = "SPEED_UP" if speed > 1 else "SPEED_DOWN"
        gain_db = float(np.clip(round(segment.gain_db, 2), -MAX_GAIN_DB, MAX_GAIN_DB))
        clip = Clip(start, end, action, gain_db, speed, semitones, confidence=segment.confidence)
        placed.append(_PlacedClip(round(segment.edit_start * scale), clip))
    level_db = float(np.median([entry.clip.gain_db for entry in placed])) if placed else 0.0
    return placed, 10 ** (level_db / 20)
