"""The 121 features: their names, their pooling, their formulas."""

from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.analysis.beat_grid import BeatGrid, fallback_grid
from editorbot.analysis.features import (
    FEATURE_NAMES,
    beat_features,
    beat_frames,
    beat_levels_db,
    frame_features,
    mean_level_db,
    mfcc_delta,
    pool_beats,
)
from editorbot.timebase import ANALYSIS_RATE, FRAME_S
from tests.analysis.spectrum_sounds import librosa_columns, music, scan

MONO = music()
SPECTRUM = scan(MONO)
FRAMES = len(SPECTRUM.columns)


def _grid(beats_s: np.ndarray, downbeats: np.ndarray) -> BeatGrid:
    beats = len(beats_s)
    return BeatGrid(
        beats_s=beats_s,
        downbeats=downbeats,
        beats_per_bar=4,
        tempo_curve_bpm=np.linspace(100.0, 140.0, beats),
        confidence=0.8,
        strength=np.linspace(0.0, 1.0, beats),
        beat_confidence=np.ones(beats),
    )


def _naive_pool(rows: np.ndarray, beats_s: np.ndarray) -> np.ndarray:
    bounds = [min(len(rows) - 1, round(beat_s / FRAME_S)) for beat_s in beats_s] + [len(rows)]
    return np.stack([rows[a : max(b, a + 1)].mean(axis=0) for a, b in zip(bounds, bounds[1:])])


def test_names_stand_in_the_order_of_the_contract() -> None:
    assert len(FEATURE_NAMES) == len(set(FEATURE_NAMES)) == 121
    assert FEATURE_NAMES[:4] == ("onset_strength", "rms", "centroid_hz", "zero_crossing_rate")
    places = {
        7: "contrast_0",
        14: "mfcc_0",
        27: "mfcc_delta_0",
        40: "chroma_C",
        52: "local_tempo_bpm",
        57: "onset_strength_difference",
        108: "chroma_B_difference",
        109: "drums_rms",
    }
    for column, name in places.items():
        assert FEATURE_NAMES[column] == name


def test_features_equal_librosas_pooled_by_beat() -> None:
    beats_s = np.arange(0.13, 12.0, 0.47)
    expected = _naive_pool(librosa_columns(MONO), beats_s)
    ours = pool_beats(SPECTRUM, beats_s)
    assert (np.abs(ours - expected) < 1e-3 * expected.std(axis=0)).all()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.floats(0.0, 11.99), min_size=1, max_size=600, unique=True))
def test_pooling_against_its_naive_twin(beats: list[float]) -> None:
    beats_s = np.sort(np.array(beats))
    expected = _naive_pool(frame_features(SPECTRUM, 0, FRAMES).astype(np.float64), beats_s)
    np.testing.assert_allclose(pool_beats(SPECTRUM, beats_s), expected, rtol=1e-5, atol=1e-5)


def test_a_beat_shorter_than_a_frame_takes_the_nearest() -> None:
    beats_s = np.array([1.0, 1.001, 1.002, 2.0])
    nearest = frame_features(SPECTRUM, 43, 44)[0]
    pooled = pool_beats(SPECTRUM, beats_s)
    np.testing.assert_allclose(pooled[0], nearest, rtol=1e-6)
    np.testing.assert_allclose(pooled[1], nearest, rtol=1e-6)


def test_rhythm_differences_and_stems() -> None:
    beats_s = np.arange(0.0, 12.0, 0.5)
    features = beat_features(SPECTRUM, _grid(beats_s, np.arange(1, 24, 4)))
    assert features.shape == (24, 121)
    assert features.dtype == np.float32
    tempo_bpm = np.linspace(100.0, 140.0, 24)
    np.testing.assert_allclose(features[:, 52], tempo_bpm, rtol=1e-6)
    np.testing.assert_allclose(features[:, 53], tempo_bpm / 120.0 - 1.0, atol=1e-6)
    np.testing.assert_allclose(features[:, 54], np.linspace(0.0, 1.0, 24), rtol=1e-6)
    phase = (np.arange(24) - 1) % 4 / 4
    np.testing.assert_allclose(features[:, 55], np.sin(2 * np.pi * phase), atol=1e-6)
    np.testing.assert_allclose(features[:, 56], np.cos(2 * np.pi * phase), atol=1e-6)
    assert (features[0, 57:109] == 0).all()
    np.testing.assert_allclose(features[1:, 57:109], np.diff(features[:, :52], axis=0), rtol=1e-3, atol=1e-3)
    assert (features[:, 109:] == 0).all()


def test_no_bars_are_invented_where_there_is_no_beat() -> None:
    features = beat_features(SPECTRUM, fallback_grid(12.0, "NO_BEAT: test"))
    assert (features[:, 55:57] == 0).all()


@pytest.mark.parametrize("frames", [9, 10, 40])
def test_delta_is_librosas(frames: int) -> None:
    mfcc = np.random.default_rng(0).standard_normal((frames, 13)).astype(np.float32)
    np.testing.assert_allclose(mfcc_delta(mfcc, 0, frames), librosa.feature.delta(mfcc.T).T, atol=1e-5)
    np.testing.assert_array_equal(mfcc_delta(mfcc, 3, 7), mfcc_delta(mfcc, 0, frames)[3:7])


def test_delta_of_less_than_nine_frames_is_zero() -> None:
    assert not mfcc_delta(np.ones((8, 13), dtype=np.float32), 0, 8).any()


def test_levels() -> None:
    beats_s = np.array([0.0, 6.5])
    levels_db = beat_levels_db(SPECTRUM, beats_s)
    rms = SPECTRUM.columns[:, 0].astype(np.float64)
    split = beat_frames(beats_s, FRAMES)[1]
    assert levels_db[0] == pytest.approx(10 * np.log10(np.mean(rms[:split] ** 2)))
    assert levels_db[1] == pytest.approx(10 * np.log10(np.mean(rms[split:] ** 2)))
    assert mean_level_db(SPECTRUM) == pytest.approx(10 * np.log10(np.mean(MONO.astype(np.float64) ** 2)), abs=0.1)


def test_a_sine_has_its_frequency_as_centroid_and_its_pitch_as_chroma() -> None:
    tone = (0.5 * np.sin(2 * np.pi * 440 * np.arange(5 * ANALYSIS_RATE) / ANALYSIS_RATE)).astype(np.float32)
    features = pool_beats(scan(tone), np.array([1.0, 2.0, 3.0]))[1]
    assert features[FEATURE_NAMES.index("centroid_hz")] == pytest.approx(440, abs=3)
    assert features[FEATURE_NAMES.index("rms")] == pytest.approx(0.5 / np.sqrt(2), rel=1e-3)
    assert features[FEATURE_NAMES.index("zero_crossing_rate")] == pytest.approx(2 * 440 / ANALYSIS_RATE, rel=0.01)
    assert int(np.argmax(features[40:52])) == 9


def test_features_file(tmp_path: Path, analysis_of_jam) -> None:  # type: ignore[no-untyped-def]
    from editorbot.analysis.features import write_features

    write_features(tmp_path / "out.npz", analysis_of_jam)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["features"], analysis_of_jam.features)
        np.testing.assert_array_equal(archive["beats_s"], analysis_of_jam.beats_s)
        assert archive["feature_names"].tolist() == list(FEATURE_NAMES)
