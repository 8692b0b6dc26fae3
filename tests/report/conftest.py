"""A small edit with everything in it, and its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.analysis.analysis import ActivitySpan, Analysis, Section
from editorbot.analysis.features import FEATURE_NAMES
from editorbot.analysis.spectrum import STEP_COLUMNS
from editorbot.editlist.edit_list import BeatScore, Clip, EditList, Join, MadeBy, Source
from editorbot.recording import open_recording
from editorbot.report.report import write_report
from editorbot.timebase import STEP_S

RATE = 16_000
RAW_S = 20


@dataclass(frozen=True)
class Loudness:
    integrated_lufs: float
    true_peak_db: float


@dataclass(frozen=True)
class Example:
    """An edit, its sound and its page."""

    edit_list: EditList
    analysis: Analysis
    raw: Path
    track: Path
    page: Path

    def write(self, **options: object) -> str:
        """Write the page and return it."""
        with open_recording(self.raw) as recording, open_recording(self.track) as track:
            given = {"loudness_before": Loudness(-19.3, -3.2), "loudness_after": Loudness(-14.0, -1.0)} | options
            write_report(self.page, self.edit_list, self.analysis, recording, track=track, **given)  # type: ignore[arg-type]
        return self.page.read_text("utf-8")


def example_edit(samples: int = RAW_S * RATE, channels: int = 2) -> EditList:
    """Return four clips: two in order, one that goes back, one that runs on."""
    clips = (
        Clip(2 * RATE, 6 * RATE, reason="the first verse"),
        Clip(9 * RATE, 12 * RATE, confidence=0.8, reason="the second verse"),
        Clip(3 * RATE, 5 * RATE, action="LOOP", gain_db=-1.5, reason="the hook again"),
        Clip(13 * RATE, 15 * RATE),
        Clip(15 * RATE, 18 * RATE),
    )
    joins = (Join(320, 0.2), Join(160, 0.7), Join(480, 0.5), Join(0, 0.0))
    beats = tuple(BeatScore(k * RATE // 2, k % 10 / 10) for k in range(2 * RAW_S))
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, channels, samples)
    return EditList(source, clips, joins, beats=beats, made_by=MadeBy("scored", version="1"), warnings=("NOTE: loud",))


def analysis_of(source: Source) -> Analysis:
    """Return an analysis whose facts are made up."""
    duration_s = source.samples / source.sample_rate
    beats = max(1, int(duration_s * 2))
    rng = np.random.default_rng(0)
    return Analysis(
        source=source,
        beats_s=np.arange(beats) * 0.5,
        downbeats=np.arange(0, beats, 4),
        beats_per_bar=4,
        phrases=np.arange(0, beats, 16),
        sections=(Section(0.0, duration_s / 2, "A"), Section(duration_s / 2, duration_s, "B")),
        activity=(ActivitySpan(0.0, 0.4 * duration_s, "music"), ActivitySpan(0.4 * duration_s, duration_s, "talk")),
        tempo_bpm=120.0,
        tempo_curve_bpm=np.full(beats, 120.0),
        energy_db=np.full(beats, -12.0),
        overall_energy_db=-12.0,
        key="A minor",
        beat_confidence=0.9,
        features=np.zeros((beats, len(FEATURE_NAMES)), np.float32),
        steps=rng.standard_normal((int(duration_s / STEP_S) + 1, len(STEP_COLUMNS))).astype(np.float32),
    )


def tone(samples: int, channels: int) -> np.ndarray:
    """Return a quiet tone in every channel, shape=(samples, channels)."""
    return np.outer(0.3 * np.sin(np.arange(samples) * 0.1), np.ones(channels))


@pytest.fixture
def make_example(tmp_path: Path) -> Callable[..., Example]:
    """Return a maker of examples; names, channels and the edit list may be chosen."""

    def make(
        edit_list: EditList | None = None, *, name: str = "jam.wav", track: str = "jam.edited.wav", channels: int = 2
    ) -> Example:
        edit_list = edit_list or example_edit(channels=channels)
        edit_list = replace(edit_list, source=replace(edit_list.source, path=name))
        raw, done = tmp_path / name, tmp_path / track
        for path, samples in ((raw, edit_list.source.samples), (done, edit_list.output_samples)):
            with open(path, "wb") as file:  # soundfile takes no names that are not UTF-8
                sf.write(file, tone(samples, channels), RATE, "PCM_16", format="WAV")
        return Example(edit_list, analysis_of(edit_list.source), raw, done, tmp_path / "jam.edited.html")

    return make


@pytest.fixture
def example(make_example: Callable[..., Example]) -> Example:
    """Return the usual example."""
    return make_example()
