"""Jams with their truth on the step grid, to fit and check `scored-rules`; analyses are cached next to the jams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.truth import Truth, read_truth
from editorbot.editors.scoring.cues import find_cues
from editorbot.editors.scoring.repetition import find_repetition, step_vectors
from editorbot.recording import open_recording
from editorbot.timebase import STEP_S

BAD_TAKES = ("false_start", "breakdown", "sloppy")
"""Takes that are played once more later."""

SONG_KINDS = ("music", "repeat", *BAD_TAKES)
"""Kinds that are the band's music."""


@dataclass(frozen=True)
class Jam:
    """One jam with its truth."""

    name: str
    analysis: Analysis
    truth: Truth
    kinds: np.ndarray
    """Kind of each step, shape=(steps,), text."""
    sources_s: np.ndarray
    """Place of each step in the finished track, shape=(steps,) [s]; NaN for junk."""
    vectors: np.ndarray
    cues: dict[str, np.ndarray]


def load_jams(folder: Path) -> list[Jam]:
    """Load and analyze every jam of a folder."""
    return [load_jam(path) for path in sorted(folder.glob("*.json"))]


def load_jam(path: Path) -> Jam:
    """Load and analyze one jam."""
    truth = read_truth(path)
    with open_recording(path.with_name(path.stem + "_raw.flac")) as recording:
        analysis = analyze(recording, cache=AnalysisCache(path.with_name("analysis")))
    middles_s = (np.arange(len(analysis.steps)) + 0.5) * STEP_S
    kinds, sources_s = np.full(len(middles_s), "junk", dtype="U16"), np.full(len(middles_s), np.nan)
    for segment in truth.segments:
        inside = (middles_s >= segment.start_s) & (middles_s < segment.end_s)
        kinds[inside] = segment.kind
        if segment.source_s is not None:
            sources_s[inside] = segment.source_s + (middles_s[inside] - segment.start_s) * segment.speed
    vectors = step_vectors(analysis.steps)
    cues = find_cues(analysis.steps, analysis.activity, find_repetition(vectors))
    return Jam(path.stem, analysis, truth, kinds, sources_s, vectors, cues)
