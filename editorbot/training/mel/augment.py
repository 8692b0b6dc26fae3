"""Changes examples as mels: another equalizer and other noise each time that one is seen.

A few hundred ruined stretches teach a few hundred equalizers. On a mel, an
equalizer is a curve that is added, noise a power, and a room what is left of
the power before: so each stretch is recorded anew in every epoch for next to
nothing (:func:`ruined_anew` draws as `corpus.simulate.recording_chain` does). Another
curve is laid over both sides: how bright finished music is differs from artist
to artist more than a few artists show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float16, Float32, Float64
from scipy.signal import lfilter

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.corpus.simulate.recording_chain import DEGRADATIONS
from editorbot.models.mel_config import BANDS, MEL_SPAN_DB
from editorbot.polish.average_spectrum import band_widths
from editorbot.polish.mel_summary import SHARES, STEP_FRAMES, STEP_SHARE, planes_of
from editorbot.timebase import FRAME_S
from editorbot.training.mel.examples import MelExample, ear_db

SILENT = 0.002
"""Mel values up to this hold nothing."""

PLAIN_SHARE = 0.6
"""Share of examples that stay as they are."""

NOISY_SHARE = 0.4
"""Share of the others that get noise beside another equalizer."""

CHANGED_FRAMES = 512
"""Frames that are changed: as many as tell what a track sounds like."""

ANEW_SHARE = 0.2
"""Share of examples that are ruined anew from their finished side."""

HOUSE_SHARE = 0.7
"""Share of examples both sides of which get one more curve."""

HOUSE_SIZE = 0.35
"""How much of a drawn curve they get: under larger ones, any tone would be a finished one's."""

FINISHED_SHARE = 0.4
"""Share of examples whose finished side is heard as if it were raw."""

UNTOUCHED_SHARE = 0.97
"""Share of finished examples that stay as they are; the others get an equalizer and noise. Never an equalizer alone:
what was mixed darker on purpose sounds just so, and finished music is to be left alone."""


def changed_example(example: MelExample, rng: np.random.Generator) -> MelExample:
    """Return some of an example's frames under a drawn equalizer and noise, ruined anew, or as they are."""
    example = some_frames(example, rng)
    if rng.random() < HOUSE_SHARE:
        example = under_one_curve(example, np.float32(HOUSE_SIZE) * draw_curve(rng))
    drawn = rng.random()
    if drawn < FINISHED_SHARE:
        example = finished_example(example)
    elif drawn < FINISHED_SHARE + ANEW_SHARE:
        finished = finished_example(example)
        return _with_raw(finished, ruined_anew(finished.raw.astype(np.float32), rng))
    is_finished = np.array_equal(example.raw, example.edit)
    if rng.random() < (UNTOUCHED_SHARE if is_finished else PLAIN_SHARE):
        return example
    changed = _curved(example.raw, draw_curve(rng))
    if is_finished or rng.random() < NOISY_SHARE:
        changed = with_noise(changed, rng)
    return _with_raw(example, changed)


def _curved(
    mel: Float16[np.ndarray, "frames 128"], curve_db: Float32[np.ndarray, " 128"]
) -> Float32[np.ndarray, "frames 128"]:
    """Return a mel under a curve; what holds nothing goes on to."""
    wide = mel.astype(np.float32)
    return np.where(wide > SILENT, wide + curve_db / np.float32(MEL_SPAN_DB), wide)


def _with_raw(example: MelExample, changed: Float32[np.ndarray, "frames 128"]) -> MelExample:
    """Return an example with another raw side; the finished one stays, at the new one's loudness."""
    louder = loudness(changed) - loudness(example.raw.astype(np.float32))
    reference = changed.max() - 1
    edit = np.clip(example.edit.astype(np.float32) + louder - reference, 0, 1).astype(np.float16)
    moved = np.clip(changed - reference, 0, 1).astype(np.float32)
    return replace(example, raw=moved.astype(np.float16), edit=edit, summary=summary_of(moved))


def under_one_curve(example: MelExample, curve_db: Float32[np.ndarray, " 128"]) -> MelExample:
    """Return an example with one curve over both sides [dB]."""
    raw, edit = _curved(example.raw, curve_db), _curved(example.edit, curve_db)
    reference = raw.max() - 1
    moved = np.clip(raw - reference, 0, 1).astype(np.float32)
    louder = loudness(raw) - loudness(edit)
    wanted = moved if np.array_equal(example.raw, example.edit) else np.clip(edit + louder - reference, 0, 1)
    return replace(example, raw=moved.astype(np.float16), edit=wanted.astype(np.float16), summary=summary_of(moved))


def ruined_anew(mel: Float32[np.ndarray, "frames 128"], rng: np.random.Generator) -> Float32[np.ndarray, "frames 128"]:
    """Return a finished mel as a device in a room would hear it: room, noise, device, telephone."""
    named = set(rng.choice(DEGRADATIONS, size=int(rng.integers(1, 4)), replace=False))
    hz = mel_edges_hz(BANDS)[1:-1]
    power = np.where(mel > SILENT, 10 ** (mel.astype(np.float64) * MEL_SPAN_DB / 10), 0)
    loud = 10 ** (loudness(mel) * MEL_SPAN_DB / 10)
    if "room" in named or rng.random() < 0.85:
        seconds, room_db = rng.uniform(0.1, 1.4), rng.uniform(-24, -12)
        if "room" in named:
            seconds, room_db = rng.uniform(0.4, 1.6), rng.uniform(-9, 1)
        power = power + 10 ** (room_db / 10) * _room_power(power, seconds, rng)
    hiss_db = rng.uniform(-38, -16) if "noisy" in named else min(rng.uniform(-75, -24), -45.0)
    power = power + 10 ** (hiss_db / 10) * loud * _noise_power(rng.uniform(-6, 0), hz, len(mel), rng)
    power = power * 10 ** (_device_db(named, hz, rng) / 10)
    if "phone" in named:
        low, high = (at * rng.uniform(0.7, 1.3) for at in (250.0, 3600.0))
        power = power / ((1 + (low / hz) ** 2) * (1 + (hz / high) ** 2)) ** 2
        level = (power @ band_widths())[:, None] / band_widths().sum()
        power = power + 10 ** (rng.uniform(-4.2, -3.4)) * level * rng.gamma(2.0, 0.5, mel.shape)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-4)) / MEL_SPAN_DB, dtype=np.float32)


def _room_power(power: np.ndarray, seconds: float, rng: np.random.Generator) -> Float64[np.ndarray, "frames 128"]:
    """Return what a room gives back: power that dies away, the highs sooner, wavering; as much in all as went in."""
    shorter = rng.uniform(0.2, 0.8)
    tails_s = seconds * (1 - (1 - shorter) * np.linspace(0, 1, BANDS))
    left = np.exp(-13.8 * FRAME_S / tails_s)
    tail = np.stack([lfilter([1 - keep], [1, -keep], power[:, band]) for band, keep in enumerate(left)], axis=1)
    return np.asarray(tail * rng.gamma(2.0, 0.5, power.shape))


def _noise_power(
    slope_db: float, hz: np.ndarray, frames: int, rng: np.random.Generator
) -> Float64[np.ndarray, "frames 128"]:
    """Return wavering noise that falls by `slope_db` an octave, of level 1 as :func:`loudness` has it."""
    color = 10 ** (slope_db * np.log2(np.maximum(hz, 30) / 1000) / 10)
    color = color / float(color @ (10 ** (ear_db() / 10) * band_widths()))
    return np.asarray(color * rng.gamma(2.0, 0.5, (frames, BANDS)))


def _device_db(named: set[str], hz: np.ndarray, rng: np.random.Generator) -> Float64[np.ndarray, " 128"]:
    """Return what a device does to each band [dB]."""
    low, middle, high = rng.normal(0, 2.5, 3)
    top_hz = 0.0
    if "dull" in named:
        high -= rng.uniform(6, 18)
        top_hz = rng.uniform(2500, 8000) if rng.random() < 0.5 else 0.0
    if "boomy" in named:
        low, middle = low + rng.uniform(5, 14), middle - rng.uniform(0, 5)
    octaves = np.log2(hz / 1200)
    curve = low / (1 + (hz / 200) ** 2) + middle * np.exp(-((octaves / 1.1) ** 2)) + high / (1 + (3500 / hz) ** 2)
    return np.asarray(curve - (20 * np.log10(1 + (hz / top_hz) ** 2) if top_hz else 0))


def some_frames(example: MelExample, rng: np.random.Generator) -> MelExample:
    """Return at most CHANGED_FRAMES frames of an example, summed up as if they were all."""
    if len(example.raw) <= CHANGED_FRAMES:
        return example
    at = int(rng.integers(0, len(example.raw) - CHANGED_FRAMES + 1))
    inside = slice(at, at + CHANGED_FRAMES)
    raw = example.raw[inside].astype(np.float32)
    up = np.float32(1 - raw.max())
    parts = {name: getattr(example, name)[inside] for name in ("labels", "known")}
    wanted = example.edit[inside].astype(np.float32)
    moved, edit = (np.where(side > SILENT, np.clip(side + up, 0, 1), np.float32(0)) for side in (raw, wanted))
    return replace(
        example, raw=moved.astype(np.float16), edit=edit.astype(np.float16), summary=summary_of(moved), **parts
    )


def finished_example(example: MelExample) -> MelExample:
    """Return an example whose raw side is its finished one."""
    edit = example.edit.astype(np.float32)
    moved = np.where(edit > SILENT, np.clip(edit + (1 - edit.max()), 0, 1), 0)
    kept = moved.astype(np.float16)
    return replace(example, raw=kept, edit=kept, summary=summary_of(moved.astype(np.float32)))


def draw_curve(rng: np.random.Generator) -> Float32[np.ndarray, " 128"]:
    """Return an equalizer over the bands [dB]: a tilt and three wide bumps."""
    place = np.linspace(-1, 1, BANDS)
    curve = rng.normal(0, 3.0) * place
    for _ in range(3):
        middle, width = rng.uniform(-1.2, 1.2), rng.uniform(0.1, 0.7)
        curve = curve + rng.normal(0, 5.0) * np.exp(-(((place - middle) / width) ** 2))
    return np.asarray(curve, dtype=np.float32)


def with_noise(raw: Float32[np.ndarray, "frames 128"], rng: np.random.Generator) -> Float32[np.ndarray, "frames 128"]:
    """Return a mel with steady noise of a drawn level and color added, its power wavering as noise does."""
    level = loudness(raw) + rng.uniform(-50, -20) / MEL_SPAN_DB
    color_db = rng.uniform(-0.12, 0.02) * np.arange(BANDS)
    flat = 10 ** (color_db / 10)
    flat = flat / float(flat @ (10 ** (ear_db() / 10) * band_widths()))
    wavering = rng.gamma(2.0, 0.5, raw.shape)
    power = 10 ** (raw.astype(np.float64) * MEL_SPAN_DB / 10) + 10 ** (level * MEL_SPAN_DB / 10) * flat * wavering
    return np.asarray(10 * np.log10(power) / MEL_SPAN_DB, dtype=np.float32)


def loudness(mel: Float32[np.ndarray, "frames 128"]) -> float:
    """Return the level of a mel as the ear has it, in the mel's own units."""
    weights = 10 ** (ear_db() / 10) * band_widths()
    power = (10 ** (mel * np.float32(MEL_SPAN_DB / 10))).mean(axis=0, dtype=np.float64) @ weights
    return float(10 * np.log10(max(power, 1e-30)) / MEL_SPAN_DB)


def summary_of(mel: Float32[np.ndarray, "frames 128"]) -> Float32[np.ndarray, " summary"]:
    """Return what `polish.mel_summary.SummaryMeter` says of a mel in [0, 1], to half a decibel."""
    levels = quantiles(mel, SHARES)
    motion = np.abs(np.diff(mel, axis=0)).sum(axis=0) / max(len(mel) - 1, 1)
    steps = mel[STEP_FRAMES:] - mel[:-STEP_FRAMES]
    ends = quantiles(steps if len(steps) else np.zeros_like(mel), {"fall": STEP_SHARE, "rise": 1 - STEP_SHARE})
    return planes_of(mel.mean(axis=0), mel.std(axis=0), levels, motion, ends["rise"], ends["fall"])


def quantiles(
    values: Float32[np.ndarray, "frames 128"], shares: Mapping[str, float]
) -> dict[str, Float32[np.ndarray, " 128"]]:
    """Return the lowest value of each band that no less than a share of the frames reaches at most, by name."""
    places = {name: min(len(values) - 1, int(np.ceil(share * len(values))) - 1) for name, share in shares.items()}
    ordered = np.partition(values, sorted({max(place, 0) for place in places.values()}), axis=0)
    return {name: ordered[max(place, 0)] for name, place in places.items()}
