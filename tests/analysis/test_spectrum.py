"""The one pass measures what librosa measures, whatever the blocks."""

from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.analysis.features import frame_features
from editorbot.analysis.filterbanks import mel_matrix
from editorbot.analysis.kernels import flatness, mean_of_largest, measure_hops, rolloff_bin
from editorbot.analysis.spectrum import STEP_COLUMNS, TRACK_BANDS, hann_window, power_to_db
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.timebase import ANALYSIS_RATE, STEP_FRAMES, frame_count
from tests.analysis.spectrum_sounds import librosa_columns, music, scan

MONO = music()
SPECTRUM = scan(MONO)


def _power(mono: np.ndarray) -> np.ndarray:
    return np.abs(librosa.stft(mono)) ** 2


@pytest.mark.parametrize("sound", ["music", "silence between", "tone", "leading negative"])
def test_every_frame_equals_librosas_own_functions(sound: str) -> None:
    mono = music(6.0, seed=3)
    if sound == "silence between":
        mono[40_000:80_000] = 0.0
    elif sound == "tone":
        mono = (0.4 * np.sin(2 * np.pi * 440 * np.arange(60_001) / ANALYSIS_RATE)).astype(np.float32)
    elif sound == "leading negative":
        mono = mono[3:] - np.float32(0.05)
    expected = librosa_columns(mono)
    ours = frame_features(scan(mono), 0, len(expected))
    assert ours.shape == expected.shape
    spread = np.maximum(expected.std(axis=0), 1e-4)
    worst = (np.abs(ours - expected) / spread).max(axis=0)
    assert (worst < 1e-3).all(), f"columns {np.flatnonzero(worst >= 1e-3)}: {worst[worst >= 1e-3]}"


@settings(deadline=None, max_examples=15)
@given(block=st.integers(1, 70_000), samples=st.integers(1, 40_000))
def test_blocks_of_any_length_give_the_same(block: int, samples: int) -> None:
    block = max(block, samples // 50)
    mono = MONO[:samples]
    one, many = scan(mono, block=samples), scan(mono, block=block)
    assert len(one.columns) == frame_count(samples)
    np.testing.assert_array_equal(one.columns, many.columns)
    np.testing.assert_array_equal(one.steps, many.steps)
    np.testing.assert_array_equal(one.tracks.onset, many.tracks.onset)
    assert one.mel_reference_db == many.mel_reference_db


def test_band_tracks_are_means_of_the_log_mel() -> None:
    mel_db = power_to_db((mel_matrix(128) @ _power(MONO)).astype(np.float32)).T
    grouped = mel_db.reshape(len(mel_db), TRACK_BANDS, -1)
    rise = np.maximum(np.diff(mel_db, axis=0, prepend=mel_db[:1]), 0).reshape(grouped.shape)
    np.testing.assert_allclose(SPECTRUM.tracks.band_level_db, grouped.mean(axis=2), atol=2e-3)
    np.testing.assert_allclose(SPECTRUM.tracks.band_flux, rise.mean(axis=2), atol=2e-3)
    np.testing.assert_allclose(SPECTRUM.tracks.onset[2:], rise.mean(axis=(1, 2))[:-2], atol=2e-3)
    assert SPECTRUM.mel_reference_db == pytest.approx(mel_db.max(), abs=1e-4)


def test_a_step_is_eight_frames() -> None:
    power = _power(MONO)
    frames = power.shape[1]
    starts = np.arange(0, frames, STEP_FRAMES)
    counts = np.diff(np.append(starts, frames))[:, None]
    coarse_db = power_to_db((mel_matrix(40) @ power).astype(np.float32)).T
    columns = {name: SPECTRUM.steps[:, at] for at, name in enumerate(STEP_COLUMNS)}
    np.testing.assert_allclose(SPECTRUM.steps[:, :40], np.add.reduceat(coarse_db, starts) / counts, atol=2e-3)
    level_db = SPECTRUM.tracks.level_db
    np.testing.assert_allclose(columns["level_db"], np.add.reduceat(level_db, starts) / counts[:, 0], rtol=1e-5)
    np.testing.assert_array_equal(columns["level_min_db"], np.minimum.reduceat(level_db, starts))
    np.testing.assert_array_equal(columns["level_max_db"], np.maximum.reduceat(level_db, starts))
    low = power[: int(200 / (ANALYSIS_RATE / 2048)) + 1].sum(axis=0) / power.sum(axis=0)
    np.testing.assert_allclose(columns["low_share"], np.add.reduceat(low, starts) / counts[:, 0], rtol=1e-4)
    chroma = SPECTRUM.steps[:, 40:52]
    np.testing.assert_allclose(chroma.max(axis=1), 1.0)
    assert (columns["flux_max"] >= columns["flux"]).all()


def test_silence_is_finite_and_level_floor() -> None:
    spectrum = scan(np.zeros(30_000, dtype=np.float32))
    for rows in (spectrum.columns, spectrum.steps, spectrum.tracks.chroma, spectrum.tracks.onset):
        assert np.isfinite(rows).all()
    assert (spectrum.tracks.level_db == -120).all()


def test_the_window_is_librosas() -> None:
    np.testing.assert_allclose(hann_window(), librosa.filters.get_window("hann", 2048), atol=1e-15)


def test_kernels_against_naive_twins() -> None:
    rng = np.random.default_rng(1)
    magnitude = rng.exponential(size=1025).astype(np.float32)
    power = magnitude**2
    assert flatness(power, np.empty(64)) == pytest.approx(np.exp(np.mean(np.log(power))) / power.mean(), rel=1e-6)
    running = np.cumsum(magnitude)
    room = np.empty(1025, dtype=np.float32)
    assert rolloff_bin(magnitude, 0.85, room) == np.argmax(running >= np.float32(0.85) * running[-1])
    for first, end, count in ((0, 500, 3), (500, 1025, 9), (4, 5, 1), (7, 300, 1), (3, 12, 9)):
        in_order = np.sort(magnitude[first:end])
        found = mean_of_largest(magnitude.copy(), first, end, count, room)
        assert found == pytest.approx(in_order[-count:].mean(), rel=1e-6)


def test_hops_count_crossings_only_inside_the_recording() -> None:
    samples = np.array([0, 0, -1, 1, -1, -1, 0, 0], dtype=np.float32)
    energy, crossings, first_crosses = np.zeros(2), np.zeros(2), np.zeros(2)
    measure_hops(samples, 4, 2, 6, energy, crossings, first_crosses)
    assert energy.tolist() == [2.0, 2.0]
    assert crossings.tolist() == [1.0, 1.0]
    assert first_crosses.tolist() == [0.0, 1.0]


def test_threads_change_nothing() -> None:
    one = scan(MONO)
    with ThreadPoolExecutor(3) as threads:
        many = SpectrumScan(len(MONO), threads)
        many.update(MONO)
        other = many.finish()
    for name in ("columns", "steps"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("onset", "band_flux", "band_level_db", "chroma", "level_db"):
        np.testing.assert_array_equal(getattr(one.tracks, name), getattr(other.tracks, name))
    assert one.mel_reference_db == other.mel_reference_db
