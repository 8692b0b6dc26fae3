"""Analyses made by hand, without any audio, whose good joins are known by construction."""

from __future__ import annotations

import numpy as np

from editorbot.analysis.analysis import ActivitySpan, Analysis, Section
from editorbot.analysis.features import FEATURE_NAMES
from editorbot.analysis.seams import CHROMA_COLUMNS, MFCC_COLUMNS
from editorbot.analysis.spectrum import STEP_COLUMNS
from editorbot.editlist.edit_list import Source
from editorbot.timebase import STEP_S

DIGEST = "sha256:" + "0" * 64


def source_of(duration_s: float, sample_rate: int = 44_100) -> Source:
    return Source("song.wav", DIGEST, sample_rate, 2, max(1, round(duration_s * sample_rate)))


def song_analysis(
    form: str = "ABAB",
    *,
    bars: int = 8,
    bpm: float = 120.0,
    beats_per_bar: int = 4,
    has_beat: bool = True,
    has_bars: bool = True,
    first_beat_s: float = 0.0,
    tail_s: float = 0.0,
    jitter_s: float = 0.0,
    take_noise: float = 0.0,
    sample_rate: int = 44_100,
    seed: int = 0,
) -> Analysis:
    """Return the analysis of a song in which equal letters sound equal, beat for beat.

    Every letter is `bars` bars long and has random timbre and harmony of its own in each beat. `take_noise` makes
    each playing a little different, `jitter_s` the beats unsteady. A space in the form is a silent section.
    """
    rng = np.random.default_rng(seed)
    per_letter = bars * beats_per_bar
    ideas = {letter: _idea(np.random.default_rng([seed, ord(letter)]), per_letter) for letter in set(form)}
    features = np.concatenate([ideas[letter] for letter in form])
    features += (take_noise * features.std(axis=0) * rng.standard_normal(features.shape)).astype(np.float32)
    beats = len(features)
    beats_s = first_beat_s + np.arange(beats) * 60.0 / bpm
    beats_s[1:] += jitter_s * rng.uniform(-1, 1, beats - 1)
    duration_s = float(first_beat_s + beats * 60.0 / bpm + tail_s)
    letters = np.repeat(list(form), per_letter)
    energy_db = np.where(letters == " ", -80.0, -14.0)
    edges_s = [*(first_beat_s + np.arange(len(form)) * per_letter * 60.0 / bpm), duration_s]
    edges_s[0] = 0.0
    return Analysis(
        source=source_of(duration_s, sample_rate),
        beats_s=beats_s,
        downbeats=np.arange(0, beats, beats_per_bar) if has_beat and has_bars else np.zeros(0, dtype=np.int64),
        beats_per_bar=beats_per_bar,
        phrases=np.arange(0, beats, 4 * beats_per_bar) if has_beat and has_bars else np.zeros(0, dtype=np.int64),
        sections=tuple(
            Section(float(start), float(end), letter, 1.0 if has_beat else 0.0)
            for letter, start, end in zip(form, edges_s[:-1], edges_s[1:])
        ),
        activity=(ActivitySpan(0.0, duration_s, "music"),),
        tempo_bpm=bpm if has_beat else 0.0,
        tempo_curve_bpm=np.full(beats, bpm if has_beat else 0.0),
        energy_db=energy_db,
        overall_energy_db=-14.0,
        key="unknown",
        beat_confidence=1.0 if has_beat else 0.0,
        features=features,
        steps=np.zeros((max(1, int(np.ceil(duration_s / STEP_S))), len(STEP_COLUMNS)), dtype=np.float32),
        warnings=() if has_beat else ("NO_BEAT: no beat was found",),
    )


def one_beat_analysis(duration_s: float = 3.0) -> Analysis:
    """Return the analysis of a recording with one beat."""
    return song_analysis("A", bars=1, beats_per_bar=1, bpm=60.0 / duration_s, has_beat=False)


def _idea(rng: np.random.Generator, beats: int) -> np.ndarray:
    """Return random features of some beats, on librosa's scales."""
    features = np.zeros((beats, len(FEATURE_NAMES)), dtype=np.float32)
    features[:, FEATURE_NAMES.index("onset_strength")] = rng.uniform(0.5, 2.0, beats)
    features[:, FEATURE_NAMES.index("rms")] = rng.uniform(0.1, 0.3, beats)
    features[:, FEATURE_NAMES.index("mfcc_0")] = rng.uniform(-150, -100, beats)
    features[:, MFCC_COLUMNS] = 40.0 * rng.standard_normal(12) + 15.0 * rng.standard_normal((beats, 12))
    features[:, CHROMA_COLUMNS] = np.clip(rng.uniform(-0.5, 1.0, (beats, 12)), 0.02, 1.0)
    return features
