"""Changes examples as mels: another equalizer and other noise each time that one is seen.

A few hundred ruined stretches teach a few hundred equalizers. On a mel, an
equalizer is a curve that is added, and noise a power: so each stretch is
recorded anew in every epoch for next to nothing. The finished side stays, at
the new raw side's loudness.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from editorbot.models.mel_shape import BANDS, MEL_SPAN_DB
from editorbot.polish.mel_summary import HIGH_SHARE, LOW_SHARE
from editorbot.polish.track_tone import band_widths
from editorbot.training.mel_examples import MelExample, ear_db

SILENT = 0.002
"""Mel values up to this hold nothing."""

PLAIN_SHARE = 0.3
"""Share of examples that stay as they are."""

NOISY_SHARE = 0.4
"""Share of the others that get noise beside another equalizer."""

FINISHED_SHARE = 0.15
"""Share of examples whose finished side is heard as if it were raw."""

UNTOUCHED_SHARE = 0.8
"""Share of finished examples that stay as they are; the others get an equalizer and noise. Never an equalizer alone:
what was mixed darker on purpose sounds just so, and finished music is to be left alone."""


def changed_example(example: MelExample, rng: np.random.Generator) -> MelExample:
    """Return an example under a drawn equalizer and noise, or as it is."""
    if rng.random() < FINISHED_SHARE:
        example = finished_example(example)
    finished = np.array_equal(example.raw, example.edit)
    if rng.random() < (UNTOUCHED_SHARE if finished else PLAIN_SHARE):
        return example
    raw = example.raw.astype(np.float32)
    changed = np.where(raw > SILENT, raw + draw_curve(rng) / np.float32(MEL_SPAN_DB), raw)
    if finished or rng.random() < NOISY_SHARE:
        changed = with_noise(changed, rng)
    louder = loudness(changed) - loudness(raw)
    reference = changed.max() - 1
    edit = np.clip(example.edit.astype(np.float32) + louder - reference, 0, 1).astype(np.float16)
    moved = np.clip(changed - reference, 0, 1)
    return replace(example, raw=moved.astype(np.float16), edit=edit, summary=summary_of(moved))


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
    ordered = np.sort(mel, axis=0)
    low, high = (ordered[min(len(mel) - 1, int(np.ceil(share * len(mel))) - 1)] for share in (LOW_SHARE, HIGH_SHARE))
    motion = np.abs(np.diff(mel, axis=0)).sum(axis=0) / max(len(mel) - 1, 1)
    planes = (mel.mean(axis=0) - 0.5, 2 * mel.std(axis=0), low - 0.5, high - 0.5, 5 * motion)
    return np.concatenate(planes).astype(np.float32)
