"""Step grids made by hand, without any audio: songs, strangers, talk and silence whose places are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from editorbot.analysis.analysis import ActivitySpan, Analysis
from editorbot.analysis.features import FEATURE_NAMES
from editorbot.analysis.spectrum import STEP_COLUMNS, STEP_MEL_BANDS
from editorbot.timebase import STEP_S
from tests.editors.factories import song_analysis, source_of

LEVEL = STEP_COLUMNS.index("level_db")
RATE = 44_100


def song_steps(first: int, last: int, *, seed: int = 0) -> np.ndarray:
    """Return steps [first, last) of an endless song in which no two steps are alike."""
    return np.concatenate([_song_block(seed, block) for block in range(first // 64, last // 64 + 1)])[
        first % 64 : first % 64 + last - first
    ]


def _song_block(seed: int, block: int) -> np.ndarray:
    rng = np.random.default_rng([seed, block])
    tone = np.random.default_rng([seed, 10**6]).normal(0, 6, STEP_MEL_BANDS)  # the band's own sound
    steps = np.zeros((64, len(STEP_COLUMNS)), np.float32)
    steps[:, :STEP_MEL_BANDS] = -30 + tone + rng.normal(0, 4, (64, STEP_MEL_BANDS))
    pitches = np.array([0.9, 0.1, 0.6, 0.1, 0.8, 0.5, 0.1, 0.9, 0.1, 0.5, 0.1, 0.3])
    steps[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12] = np.clip(pitches + rng.normal(0, 0.25, (64, 12)), 0, 1)
    columns = {"level_db": -15, "level_min_db": -19, "level_max_db": -11, "flux": 1.8, "flux_max": 5.0,
               "flatness": 0.02, "zero_crossings": 0.08, "centroid_hz": 1800, "low_share": 0.6}  # fmt: skip
    for name, value in columns.items():
        steps[:, STEP_COLUMNS.index(name)] = value * (1 + 0.03 * rng.standard_normal(64))
    return steps


def quiet_steps(count: int, level_db: float = -90.0) -> np.ndarray:
    """Return steps of steady quiet."""
    steps = np.zeros((count, len(STEP_COLUMNS)), np.float32)
    steps[:, :STEP_MEL_BANDS] = level_db - 20
    for name in ("level_db", "level_min_db", "level_max_db"):
        steps[:, STEP_COLUMNS.index(name)] = level_db
    steps[:, STEP_COLUMNS.index("flatness")] = 0.5
    return steps


def talk_steps(count: int, *, seed: int = 7) -> np.ndarray:
    """Return steps whose level and tone swing as speech does, unlike the song."""
    rng = np.random.default_rng([seed, count])
    steps = song_steps(0, count, seed=seed + 100)
    steps[:, :STEP_MEL_BANDS] += rng.normal(0, 12, (count, STEP_MEL_BANDS)) - 15
    swing = rng.uniform(-35, 0, count)
    for name, extra in (("level_db", -12), ("level_min_db", -22), ("level_max_db", -6)):
        steps[:, STEP_COLUMNS.index(name)] += swing + extra
    steps[:, STEP_COLUMNS.index("low_share")] = 0.1
    steps[:, STEP_COLUMNS.index("flux")] = 1.0
    return steps


def jam_analysis(parts: list[tuple[str, np.ndarray]], *, has_beat: bool = True) -> Analysis:
    """Return the analysis of parts (kind of activity, steps) one after the other, with a beat every half second."""
    steps = np.concatenate([part for _, part in parts])
    duration_s = len(steps) * STEP_S
    bounds_s = np.concatenate([[0.0], np.cumsum([len(part) for _, part in parts]) * STEP_S])
    spans = tuple(
        ActivitySpan(float(start), float(end), kind) for (kind, _), start, end in zip(parts, bounds_s, bounds_s[1:])
    )
    beats_s = np.arange(0.0, duration_s, 0.5)
    base = song_analysis("A", bars=1, has_beat=has_beat)
    return replace(
        base,
        source=source_of(duration_s, RATE),
        beats_s=beats_s,
        downbeats=np.arange(0, len(beats_s), 4),
        phrases=np.arange(0, len(beats_s), 16),
        activity=spans,
        sections=(replace(base.sections[0], start_s=0.0, end_s=duration_s),),
        tempo_curve_bpm=np.full(len(beats_s), 120.0),
        energy_db=np.full(len(beats_s), -15.0),
        features=np.zeros((len(beats_s), len(FEATURE_NAMES)), np.float32),
        steps=steps,
    )
