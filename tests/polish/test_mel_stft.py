"""Frames and mel power are the same at every rate."""

from __future__ import annotations

import numpy as np

from editorbot.polish.mel_stft import OVERLAP, mel_power_blocks, mel_stft, stft_blocks


def test_mel_power_means_the_same_at_every_rate():
    heard = {}
    for rate in (22_050, 44_100, 48_000, 96_000):
        t = np.arange(rate) / rate
        sound = sum(np.sin(2 * np.pi * hz * t) for hz in (220, 1_000, 6_000))[:, None] / 3
        power = np.concatenate(list(mel_power_blocks([sound], mel_stft(rate), 1)))
        heard[rate] = 10 * np.log10(power[10:30].mean(axis=0) + 1e-9)
    for rate, mel_db in heard.items():
        loud = heard[22_050] > -50
        assert np.abs(mel_db - heard[22_050])[loud].max() < 3.0, rate
        assert np.abs(mel_db - heard[22_050])[loud].mean() < 0.5, rate


def test_a_grid_covers_its_sound():
    grid = mel_stft(48_000)
    for samples in (1, grid.hop, grid.hop + 1, 100_000):
        frames = sum(len(one) for one in stft_blocks([np.zeros((samples, 1))], grid, 1))
        assert frames == grid.frames_of(samples)
        assert (frames - OVERLAP + 1) * grid.hop >= samples
