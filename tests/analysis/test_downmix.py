"""One channel from any recording."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile as sf

from editorbot.analysis.downmix import READ_SAMPLES, READ_VALUES, MonoReader, probe_downmix, read_samples
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE
from tests.sounds import band, write


def _mono(path: Path) -> np.ndarray:
    with open_recording(path) as recording:
        reader = MonoReader(recording)
        mono = np.concatenate(list(reader.blocks()))
        assert len(mono) == reader.samples
    return mono


def _stereo(rate: int, seconds: float = 3.0) -> np.ndarray:
    left, right = band(seconds, rate), band(seconds, rate, seed=1, root_hz=165.0)
    return np.stack([0.7 * left + 0.3 * right, 0.3 * left + 0.7 * right], axis=1)


@pytest.mark.parametrize("rate", [4_000, 8_000, 22_050, 44_100, 44_101, 48_000, 96_000, 768_000])
def test_stereo_is_what_librosa_loads(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "jam.wav", _stereo(rate, 0.5 if rate > 100_000 else 3.0), rate)
    sound, _ = sf.read(path, dtype="float32")
    expected = librosa.resample(librosa.to_mono(sound.T), orig_sr=rate, target_sr=ANALYSIS_RATE)
    mono = _mono(path)
    assert len(mono) == len(expected) == int(np.ceil(len(sound) * ANALYSIS_RATE / rate))
    np.testing.assert_allclose(mono, expected, atol=2e-6)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_sample_format_gives_the_same(tmp_path: Path, subtype: str) -> None:
    sound = _stereo(22_050)
    path = write(tmp_path / "jam.wav", sound, 22_050, subtype)
    np.testing.assert_allclose(_mono(path), sound.mean(axis=1), atol=1e-2 if subtype == "PCM_U8" else 1e-4)


def test_inverted_channel_keeps_the_music(tmp_path: Path) -> None:
    left = band(4.0, 22_050)
    path = write(tmp_path / "jam.wav", np.stack([left, -left], axis=1))
    assert abs(np.corrcoef(_mono(path), left)[0, 1]) > 0.999


def test_dead_channels_do_not_dilute(tmp_path: Path) -> None:
    sound = np.zeros((66_150, 6))
    sound[:, 2] = 0.5 * band(3.0, 22_050)
    np.testing.assert_allclose(_mono(write(tmp_path / "jam.wav", sound)), sound[:, 2], atol=1e-4)


def test_uncorrelated_channels_are_averaged(tmp_path: Path) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal((66_150, 5))
    with open_recording(write(tmp_path / "noise.wav", sound)) as recording:
        np.testing.assert_allclose(probe_downmix(recording).weights, 0.2)


def test_constant_offset_is_taken_out(tmp_path: Path) -> None:
    left = 0.5 * band(8.0, 22_050)
    sound = np.stack([left + 0.5, left + 0.4], axis=1)
    mono = _mono(write(tmp_path / "jam.wav", sound))
    assert abs(float(mono.mean()) - left.mean()) < 0.01
    assert np.corrcoef(mono, left)[0, 1] > 0.999


@pytest.mark.parametrize("peak", [7.5, 1e4, 1e30])
def test_absurd_levels_stay_finite(tmp_path: Path, peak: float) -> None:
    sound = band(3.0, 22_050)[:, None]
    sound = sound / np.abs(sound).max() * peak
    mono = _mono(write(tmp_path / "loud.wav", sound, 22_050, "DOUBLE"))
    assert np.isfinite(mono**2).all()
    assert np.corrcoef(mono, sound[:, 0] / peak)[0, 1] > 0.999


def test_one_absurd_sample_does_not_drown_the_rest(tmp_path: Path) -> None:
    sound = np.tile(band(6.0, 22_050), 4)
    sound[100_001] = 1e30
    mono = _mono(write(tmp_path / "click.wav", sound, 22_050, "DOUBLE"))
    assert np.isfinite(mono**2).all()
    np.testing.assert_allclose(mono[:100_000], sound[:100_000], atol=1e-6)


def test_one_sample(tmp_path: Path) -> None:
    assert len(_mono(write(tmp_path / "one.wav", np.array([0.5]), 44_100))) == 1


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 44_101, 11_025])
def test_any_place_reads_as_in_the_whole(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "jam.wav", _stereo(rate, 5.0), rate)
    whole = _mono(path)
    with open_recording(path) as recording:
        reader = MonoReader(recording)
        for first, last in ((0, 100), (50_000, 60_000), (len(whole) - 300, len(whole) + 500), (-1_024, 1_024)):
            padded = np.pad(whole, 2_000)[first + 2_000 : last + 2_000]
            np.testing.assert_allclose(reader.read(first, last), padded, atol=1e-5)


def test_width_tells_mono_from_wide(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rate, seconds = 44_100, 6
    middle = band(seconds, rate)
    side = 0.3 * rng.standard_normal(rate * seconds)
    side[: rate * 3] = 0.0
    path = write(tmp_path / "jam.wav", np.stack([middle + side, middle - side], axis=1) * 0.3, rate)
    with open_recording(path) as recording:
        reader = MonoReader(recording)
        for _ in reader.blocks():
            pass
    assert reader.width[:15].max() < 1e-4
    assert reader.width[17:32].min() > 0.02


@pytest.mark.parametrize("channels", [1, 2, 16, 17, 1_024, 10 * READ_VALUES])
def test_reads_shrink_with_the_channels(channels: int) -> None:
    size = read_samples(channels)
    assert 1 <= size <= READ_SAMPLES
    assert size == 1 or size * channels <= READ_VALUES
    assert channels > 8 or size == READ_SAMPLES


def test_many_channels_read_in_small_blocks_give_the_same(tmp_path: Path) -> None:
    sound = band(0.5, 22_050)
    path = write(tmp_path / "jam.wav", np.repeat(sound[:, None], 1_024, axis=1), 22_050)
    np.testing.assert_allclose(_mono(path), sound, atol=1e-4)
