"""Tone is changed on the recording's own samples, bounded, smooth, in time, and not at all where nothing is asked."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.errors import UsageError
from editorbot.polish.equalizer import LIMITS, GainLimits, equalize_blocks, smoothed_gains
from editorbot.polish.mel_stft import mel_stft

PLAIN = GainLimits(smooth_bands=0, smooth_frames=0)


def changed(sound, rate, gains, limits=LIMITS, length=5_000):
    blocks = (sound[at : at + length] for at in range(0, len(sound), length))
    parts = list(equalize_blocks(blocks, rate, sound.shape[1], gains, limits))
    return np.concatenate(parts) if parts else sound[:0].astype(float)


def noise(samples, channels=2, seed=0):
    return 0.1 * np.random.default_rng(seed).standard_normal((samples, channels))


@pytest.mark.parametrize(
    ("rate", "channels"), [(8_000, 1), (11_025, 2), (22_050, 6), (44_100, 2), (48_000, 1), (96_000, 2), (192_000, 6)]
)
def test_no_gain_gives_the_samples_back(rate, channels):
    sound = noise(rate // 2 + 17, channels)
    out = changed(sound, rate, [np.zeros((3, 128), np.float32)])
    assert out.shape == sound.shape
    assert 20 * np.log10(np.abs(out - sound).max() / np.abs(sound).max()) < -90


@pytest.mark.parametrize("samples", [0, 1, 2, 1_023, 1_024, 1_025, 4_096, 9_999])
def test_any_length_comes_back_whole(samples):
    sound = noise(samples, 1)
    assert np.allclose(changed(sound, 44_100, [], length=1_000), sound, atol=1e-6)


def test_integers_count_as_shares_of_full_scale():
    sound = (3_000 * noise(5_000)).astype(np.int16)
    assert np.allclose(changed(sound, 22_050, []), sound / 32_768, atol=1e-6)


def test_one_gain_everywhere_is_a_plain_gain():
    sound = noise(30_000)
    out = changed(sound, 22_050, [np.full((1, 128), -6, np.float32)])
    assert np.allclose(out, sound * 10 ** (-6 / 20), atol=1e-6)


def test_a_band_is_lifted_and_the_others_stay():
    rate, t = 44_100, np.arange(44_100) / 44_100
    low, high = np.sin(2 * np.pi * 200 * t)[:, None], np.sin(2 * np.pi * 5_000 * t)[:, None]
    gains = np.zeros((1, 128), np.float32)
    gains[:, 64:] = 12.0  # band 64 lies at 1.9 kHz
    out = changed(0.1 * (low + high), rate, [gains])
    assert np.allclose(out[4_000:-4_000], (0.1 * low + 0.1 * 10 ** (12 / 20) * high)[4_000:-4_000], atol=2e-3)


def test_gains_are_done_where_their_frames_are():
    rate = 22_050
    grid, sound = mel_stft(rate), noise(22_050, 1)
    gains = np.zeros((grid.frames_of(len(sound)), 128), np.float32)
    gains[20:] = -12
    out = changed(sound, rate, [gains], PLAIN)
    # Frame 20 begins with sample 17 hops; all four frames of a sample are under the gain three hops later.
    assert np.allclose(out[: 17 * grid.hop], sound[: 17 * grid.hop], atol=1e-6)
    assert np.allclose(out[20 * grid.hop :], sound[20 * grid.hop :] * 10 ** (-12 / 20), atol=1e-6)


def test_blocks_and_pieces_of_any_length_give_the_same():
    sound = noise(40_000)
    gains = np.random.default_rng(1).normal(0, 6, (200, 128)).astype(np.float32)
    whole = changed(sound, 22_050, [gains], length=40_000)
    pieces = changed(sound, 22_050, [gains[:1], gains[1:1], gains[1:60], gains[60:]], length=777)
    assert np.allclose(whole, pieces, atol=1e-6)


def test_silence_stays_silence_and_channels_stay_apart():
    sound = noise(30_000)
    sound[:, 1] = 0
    sound[10_000:25_000] = 0
    out = changed(sound, 22_050, [np.full((1, 128), 18, np.float32)])
    assert not out[:, 1].any()
    assert not out[10_000 + 2_048 : 25_000 - 2_048].any()


def test_samples_that_are_no_numbers_do_not_spread():
    sound = noise(30_000, 1)
    sound[5_000] = np.nan
    sound[6_000] = np.inf
    out = changed(sound, 22_050, [])
    assert np.isfinite(out).all()
    assert np.allclose(out[10_000:], sound[10_000:], atol=1e-6)


def test_gains_are_held_within_limits_and_smoothed():
    limits = GainLimits(max_boost_db=6.0, max_cut_db=9.0, smooth_bands=2, smooth_frames=1)
    gains = np.random.default_rng(0).normal(0, 20, (50, 128)).astype(np.float32)
    (naive,) = [np.clip(gains, -9, 6)]
    for axis, reach in ((1, 2), (0, 1)):
        padded = np.pad(naive, [(reach, reach) if a == axis else (0, 0) for a in range(2)], mode="edge")
        weights = np.bartlett(2 * reach + 3)[1:-1]
        naive = np.apply_along_axis(lambda row, w=weights: np.convolve(row, w / w.sum(), "valid"), axis, padded)
    for pieces in ([gains], [gains[:1], gains[1:2], gains[2:]]):
        out = np.concatenate(list(smoothed_gains(pieces, limits)))
        assert np.allclose(out, naive, atol=1e-4)


def test_a_gain_that_is_no_number_is_an_error():
    with pytest.raises(ValueError, match="NaN"):
        changed(noise(5_000), 22_050, [np.full((1, 128), np.nan, np.float32)])


def test_impossible_limits_are_refused():
    with pytest.raises(UsageError, match="max_boost_db"):
        GainLimits(max_boost_db=-1.0)
