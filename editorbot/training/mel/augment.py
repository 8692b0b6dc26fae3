"""Augments examples on their mels: another equalizer, other noise, another room each time an example is drawn.

A few hundred degraded stretches show a network a few hundred equalizers. On a mel an equalizer is a curve that is
added, noise a power, reverberation a decaying part of the power before: so each stretch is recorded anew in every epoch
at almost no cost (:func:`degraded_mel` draws as `corpus.simulate.recording_chain` does). Another curve is added to both
sides: how bright finished music is varies more from artist to artist than a few artists show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32, Float64
from scipy.signal import lfilter

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.corpus.simulate.recording_chain import DEGRADATIONS
from editorbot.models.mel_config import BANDS, MEL_SPAN_DB
from editorbot.polish.average_spectrum import band_widths
from editorbot.polish.mel_summary import SHARES, STEP_FRAMES, STEP_SHARE, planes_of
from editorbot.timebase import FRAME_S
from editorbot.training.mel.examples import MelExample, loudness_weights

Mel = Float32[np.ndarray, "frames 128"]
"""Mel values; [0, 1] is a range of MEL_SPAN_DB decibels."""

SILENT = 0.002
"""Mel values up to this are empty."""

PLAIN_SHARE = 0.6
"""Share of examples that stay as they are."""

NOISY_SHARE = 0.4
"""Share of the others that get noise beside another equalizer."""

CROPPED_FRAMES = 512
"""Frames of an augmented example: enough for the summary of a track."""

DEGRADED_SHARE = 0.2
"""Share of examples that are degraded anew from their finished side."""

SHARED_CURVE_SHARE = 0.7
"""Share of examples whose two sides both get one more curve."""

SHARED_CURVE_SIZE = 0.35
"""Scale of that curve: with larger ones, any tone could be that of finished music."""

FINISHED_SHARE = 0.4
"""Share of examples whose raw side is replaced by their finished one."""

UNTOUCHED_SHARE = 0.97
"""Share of finished examples that stay as they are; the others get an equalizer and noise. Never an equalizer alone:
music that was mixed darker on purpose sounds like that, and finished music is to be left alone."""


def augmented(example: MelExample, rng: np.random.Generator) -> MelExample:
    """Crop an example, then change its equalizer and noise, degrade it anew, or leave it as it is."""
    example = cropped(example, rng)
    if rng.random() < SHARED_CURVE_SHARE:
        example = with_shared_curve(example, np.float32(SHARED_CURVE_SIZE) * draw_curve(rng))
    drawn = rng.random()
    if drawn < FINISHED_SHARE:
        example = finished_example(example)
    elif drawn < FINISHED_SHARE + DEGRADED_SHARE:
        finished = finished_example(example)
        return _with_raw(finished, degraded_mel(finished.raw.astype(np.float32), rng))
    is_finished = np.array_equal(example.raw, example.edit)
    if rng.random() < (UNTOUCHED_SHARE if is_finished else PLAIN_SHARE):
        return example
    changed = _curved(example.raw, draw_curve(rng))
    if is_finished or rng.random() < NOISY_SHARE:
        changed = with_noise(changed, rng)
    return _with_raw(example, changed)


def cropped(example: MelExample, rng: np.random.Generator) -> MelExample:
    """Cut CROPPED_FRAMES frames at a random place; their summary replaces the track's."""
    if len(example.raw) <= CROPPED_FRAMES:
        return example
    at = int(rng.integers(0, len(example.raw) - CROPPED_FRAMES + 1))
    cut = {name: getattr(example, name)[at : at + CROPPED_FRAMES] for name in ("raw", "edit", "labels", "known")}
    raw, edit = (cut.pop(side).astype(np.float32) for side in ("raw", "edit"))
    return _rescaled(example, raw, edit, above=SILENT, **cut)


def with_shared_curve(example: MelExample, curve_db: Float32[np.ndarray, " 128"]) -> MelExample:
    """Add one curve to both sides [dB]; they keep one loudness."""
    raw, edit = _curved(example.raw, curve_db), _curved(example.edit, curve_db)
    if np.array_equal(example.raw, example.edit):
        return _rescaled(example, raw, raw)
    return _rescaled(example, raw, edit + (loudness(raw) - loudness(edit)))


def finished_example(example: MelExample) -> MelExample:
    """Replace the raw side by the finished one."""
    edit = example.edit.astype(np.float32)
    return _rescaled(example, edit, edit, above=SILENT)


def _with_raw(example: MelExample, raw: Mel) -> MelExample:
    """Replace the raw side; the finished one gets the new one's loudness."""
    louder = loudness(raw) - loudness(example.raw.astype(np.float32))
    return _rescaled(example, raw, example.edit.astype(np.float32) + louder)


def _rescaled(example: MelExample, raw: Mel, edit: Mel, *, above: float = -np.inf, **parts: Any) -> MelExample:
    """Replace both sides, shifted so that the raw one's maximum is 1; values up to `above` become 0."""
    up = 1 - raw.max()
    sides = [np.where(side > above, np.clip(side + up, 0, 1), np.float32(0)) for side in (raw, edit)]
    summary = summary_of(sides[0].astype(np.float32))
    halves = [side.astype(np.float16) for side in sides]
    return replace(example, raw=halves[0], edit=halves[1], summary=summary, **parts)


def _curved(mel: Float16[np.ndarray, "frames 128"], curve_db: Float32[np.ndarray, " 128"]) -> Mel:
    """Add a curve to a mel [dB]; empty values stay empty."""
    wide = mel.astype(np.float32)
    return np.where(wide > SILENT, wide + curve_db / np.float32(MEL_SPAN_DB), wide)


def draw_curve(rng: np.random.Generator) -> Float32[np.ndarray, " 128"]:
    """Draw an equalizer over the bands [dB]: a tilt and three wide bumps."""
    place = np.linspace(-1, 1, BANDS)
    curve = rng.normal(0, 3.0) * place
    for _ in range(3):
        middle, width = rng.uniform(-1.2, 1.2), rng.uniform(0.1, 0.7)
        curve = curve + rng.normal(0, 5.0) * np.exp(-(((place - middle) / width) ** 2))
    return np.asarray(curve, dtype=np.float32)


def with_noise(raw: Mel, rng: np.random.Generator) -> Mel:
    """Add steady noise of a drawn level and color."""
    level = loudness(raw) + rng.uniform(-50, -20) / MEL_SPAN_DB
    color = 10 ** (rng.uniform(-0.12, 0.02) * np.arange(BANDS) / 10)
    color = color / float(color @ loudness_weights())
    noise = 10 ** (level * MEL_SPAN_DB / 10) * color * _fluctuation(raw.shape, rng)
    power = 10 ** (raw.astype(np.float64) * MEL_SPAN_DB / 10) + noise
    return np.asarray(10 * np.log10(power) / MEL_SPAN_DB, dtype=np.float32)


def degraded_mel(mel: Mel, rng: np.random.Generator) -> Mel:
    """Degrade a finished mel as a device in a room would record it: reverberation, noise, device, telephone."""
    drawn = set(rng.choice(DEGRADATIONS, size=int(rng.integers(1, 4)), replace=False))
    hz = mel_edges_hz(BANDS)[1:-1]
    power = np.where(mel > SILENT, 10 ** (mel.astype(np.float64) * MEL_SPAN_DB / 10), 0)
    loud = 10 ** (loudness(mel) * MEL_SPAN_DB / 10)
    if "room" in drawn or rng.random() < 0.85:
        decay_s, room_db = rng.uniform(0.1, 1.4), rng.uniform(-24, -12)
        if "room" in drawn:
            decay_s, room_db = rng.uniform(0.4, 1.6), rng.uniform(-9, 1)
        power = power + 10 ** (room_db / 10) * _reverberation(power, decay_s, rng)
    hiss_db = rng.uniform(-38, -16) if "noisy" in drawn else min(rng.uniform(-75, -24), -45.0)
    power = power + 10 ** (hiss_db / 10) * loud * _noise_power(rng.uniform(-6, 0), hz, len(mel), rng)
    power = power * 10 ** (_device_db(drawn, hz, rng) / 10)
    if "phone" in drawn:
        low, high = (at * rng.uniform(0.7, 1.3) for at in (250.0, 3600.0))
        power = power / ((1 + (low / hz) ** 2) * (1 + (hz / high) ** 2)) ** 2
        level = (power @ band_widths())[:, None] / band_widths().sum()
        power = power + 10 ** (rng.uniform(-4.2, -3.4)) * level * _fluctuation(mel.shape, rng)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-4)) / MEL_SPAN_DB, dtype=np.float32)


def _reverberation(power: np.ndarray, decay_s: float, rng: np.random.Generator) -> Float64[np.ndarray, "frames 128"]:
    """Decaying power, in the highs faster, as much in all as the direct sound; `decay_s` is RT60 of the lows."""
    shorter = rng.uniform(0.2, 0.8)
    tails_s = decay_s * (1 - (1 - shorter) * np.linspace(0, 1, BANDS))
    left = np.exp(-13.8 * FRAME_S / tails_s)
    tail = np.stack([lfilter([1 - keep], [1, -keep], power[:, band]) for band, keep in enumerate(left)], axis=1)
    return np.asarray(tail * _fluctuation(power.shape, rng))


def _noise_power(
    slope_db: float, hz: np.ndarray, frames: int, rng: np.random.Generator
) -> Float64[np.ndarray, "frames 128"]:
    """Noise that falls by `slope_db` an octave, of :func:`loudness` 1."""
    color = 10 ** (slope_db * np.log2(np.maximum(hz, 30) / 1000) / 10)
    color = color / float(color @ loudness_weights())
    return np.asarray(color * _fluctuation((frames, BANDS), rng))


def _fluctuation(shape: tuple[int, ...], rng: np.random.Generator) -> Float64[np.ndarray, "frames 128"]:
    """Random factors of mean 1: how the power of noise varies from frame to frame."""
    return rng.gamma(2.0, 0.5, shape)


def _device_db(drawn: set[str], hz: np.ndarray, rng: np.random.Generator) -> Float64[np.ndarray, " 128"]:
    """Frequency response of a recording device [dB]."""
    low, middle, high = rng.normal(0, 2.5, 3)
    top_hz = 0.0
    if "dull" in drawn:
        high -= rng.uniform(6, 18)
        top_hz = rng.uniform(2500, 8000) if rng.random() < 0.5 else 0.0
    if "boomy" in drawn:
        low, middle = low + rng.uniform(5, 14), middle - rng.uniform(0, 5)
    octaves = np.log2(hz / 1200)
    curve = low / (1 + (hz / 200) ** 2) + middle * np.exp(-((octaves / 1.1) ** 2)) + high / (1 + (3500 / hz) ** 2)
    return np.asarray(curve - (20 * np.log10(1 + (hz / top_hz) ** 2) if top_hz else 0))


def loudness(mel: Mel) -> float:
    """K-weighted level of a mel, in mel units."""
    power = (10 ** (mel * np.float32(MEL_SPAN_DB / 10))).mean(axis=0, dtype=np.float64) @ loudness_weights()
    return float(10 * np.log10(max(power, 1e-30)) / MEL_SPAN_DB)


def summary_of(mel: Mel) -> Float32[np.ndarray, " summary"]:
    """Summarize a mel as `polish.mel_summary.SummaryMeter` does, to half a decibel."""
    levels = quantiles(mel, SHARES)
    motion = np.abs(np.diff(mel, axis=0)).sum(axis=0) / max(len(mel) - 1, 1)
    steps = mel[STEP_FRAMES:] - mel[:-STEP_FRAMES]
    ends = quantiles(steps if len(steps) else np.zeros_like(mel), {"fall": STEP_SHARE, "rise": 1 - STEP_SHARE})
    return planes_of(mel.mean(axis=0), mel.std(axis=0), levels, motion, ends["rise"], ends["fall"])


def quantiles(values: Mel, shares: Mapping[str, float]) -> dict[str, Float32[np.ndarray, " 128"]]:
    """Quantiles of each band, by name: the lowest value that is at least as high as this share of the frames."""
    places = {name: max(min(len(values), int(np.ceil(share * len(values)))) - 1, 0) for name, share in shares.items()}
    ordered = np.partition(values, sorted(set(places.values())), axis=0)
    return {name: ordered[place] for name, place in places.items()}
