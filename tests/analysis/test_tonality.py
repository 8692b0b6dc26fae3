"""Keys known by construction."""

import numpy as np
import pytest

from editorbot.analysis.tonality import estimate_key
from editorbot.timebase import ANALYSIS_RATE
from tests.analysis.spectrum_sounds import scan

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def _chords(tonic: int, *, minor: bool) -> np.ndarray:
    """Return tonic, subdominant, dominant, tonic with four harmonics a note."""
    third = 3 if minor else 4
    t = np.arange(round(1.5 * ANALYSIS_RATE)) / ANALYSIS_RATE
    parts = []
    for root, middle in ((0, third), (5, third), (7, 4), (0, third)):
        notes = (root, root + middle, root + 7)
        hz = [130.81 * 2 ** ((tonic + note) / 12) for note in notes]
        parts.append(sum(np.sin(2 * np.pi * h * f * t) / h for f in hz for h in (1, 2, 3, 4)))
    return (0.1 * np.concatenate(parts)).astype(np.float32)


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("minor", [False, True])
def test_cadence_tells_its_key(tonic: int, minor: bool) -> None:
    tracks = scan(_chords(tonic, minor=minor)).tracks
    assert estimate_key(tracks.chroma, tracks.level_db) == f"{PITCHES[tonic]} {'minor' if minor else 'major'}"


def test_noise_and_silence_have_none() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(20 * ANALYSIS_RATE).astype(np.float32)
    for sound in (noise, np.zeros(50_000, dtype=np.float32)):
        tracks = scan(sound).tracks
        assert estimate_key(tracks.chroma, tracks.level_db) == "unknown"
