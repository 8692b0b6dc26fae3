"""Samples far beyond full scale: each container holds what it can, says so, and none ends the process."""

from pathlib import Path

import numpy as np
import pytest

from editorbot.recording import TrackWriter, open_recording
from tests.sounds import band

RATE = 44_100
LOUD = 2.0**23
"""Samples of 24 bits that were stored as floats without a scale."""


def written(path: Path, sound: np.ndarray, subtype: str = "PCM_16") -> tuple[np.ndarray, tuple[str, ...]]:
    """Return what a track holds after it was written, and the warnings."""
    with TrackWriter(path, RATE, 1, subtype) as writer:
        writer.write(sound[:, None])
    with open_recording(path) as track:
        return track.read(0, track.samples)[:, 0], writer.warnings


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("peak", [LOUD, 3e38, 1e300])
@pytest.mark.parametrize("ending", ["mp3", "ogg", "flac", "wav", "aiff"])
def test_loud_floats_are_held_and_told(tmp_path: Path, ending: str, peak: float) -> None:
    sound = band(2.0, RATE)
    held, warnings = written(tmp_path / f"loud.{ending}", peak * sound / np.abs(sound).max())
    is_lossy = ending in ("mp3", "ogg")
    assert np.isfinite(held).all()
    assert 0.9 < np.abs(held).max() < (60 if is_lossy else 1.01)
    assert warnings[0].startswith("CLIPPED: ")
    assert ("beyond +24 dBFS" if is_lossy else "beyond full scale") in warnings[0]


@pytest.mark.parametrize("ending", ["mp3", "ogg"])
def test_a_lossy_file_keeps_what_is_a_little_too_loud(tmp_path: Path, ending: str) -> None:
    sound = band(2.0, RATE)
    held, warnings = written(tmp_path / f"hot.{ending}", 1.5 * sound / np.abs(sound).max())
    assert np.abs(held).max() > 1.2
    assert warnings == ()


@pytest.mark.filterwarnings("error")
def test_a_float_file_holds_no_infinity(tmp_path: Path) -> None:
    sound = np.array([0.0, 1e300, -1e300, 0.5])
    held, warnings = written(tmp_path / "huge.wav", sound, "FLOAT")
    assert np.abs(held).max() == np.finfo(np.float32).max
    assert warnings[0].startswith("CLIPPED: 2 samples beyond +771 dBFS")
    kept, warnings = written(tmp_path / "double.wav", sound, "DOUBLE")
    np.testing.assert_array_equal(kept, sound)
    assert warnings == ()
