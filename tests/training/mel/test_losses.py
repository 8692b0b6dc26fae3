"""Losses against naive twins, auraloss, and what polish does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from editorbot.models.mel_config import BANDS
from editorbot.polish.equalizer import GainLimits, equalize_blocks
from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel import losses as mel_losses


def mels(seed=0):
    generator = torch.Generator().manual_seed(seed)
    raw, edited, wanted = (torch.rand(2, 100, BANDS, generator=generator) for _ in range(3))
    return raw, edited, wanted, (torch.rand(2, 100, generator=generator) > 0.3).float()


def test_l1_is_the_mean_over_known_frames():
    _, edited, wanted, mask = mels()
    naive = np.mean([abs(float(edited[b, t, k] - wanted[b, t, k])) for b in range(2) for t in range(100)
                     for k in range(0, BANDS, 16) if mask[b, t]])  # fmt: skip
    thin = mel_losses.l1_loss(edited[:, :, ::16], wanted[:, :, ::16], mask)
    assert float(thin) == pytest.approx(naive, abs=1e-5)
    assert float(mel_losses.l1_loss(edited, wanted, torch.zeros(2, 100))) == 0


def test_consistency_lets_slow_tone_pass_and_counts_what_is_faster():
    raw, *_ = mels()
    kept = torch.ones(2, 100)
    assert float(mel_losses.edit_consistency_loss(raw + 0.3 * torch.rand(1, 1, BANDS), raw, kept)) < 1e-6
    change = torch.randn(2, 100, BANDS)
    reach = round(mel_losses.SLOW_S / mel_losses.FRAME_S / 2)
    padded = np.pad(change.numpy(), ((0, 0), (reach, reach), (0, 0)), mode="reflect")
    slow = np.stack([padded[:, at : at + 2 * reach + 1].mean(axis=1) for at in range(100)], axis=1)
    naive = np.abs(change.numpy() - slow).mean()
    assert float(mel_losses.edit_consistency_loss(raw + change, raw, kept)) == pytest.approx(naive, rel=1e-4)


def test_features_are_steps_between_bands_and_frames():
    _, edited, wanted, mask = mels()
    e, w, m = edited.numpy(), wanted.numpy(), mask.numpy()
    bands = np.abs(np.diff(e, axis=2) - np.diff(w, axis=2))[m > 0].mean()
    frames = np.abs(np.diff(e, axis=1) - np.diff(w, axis=1))[(m[:, 1:] * m[:, :-1]) > 0].mean()
    assert float(mel_losses.feature_loss(edited, wanted, mask)) == pytest.approx(bands + frames, rel=1e-4)


def test_gates_are_to_close_where_nothing_is_to_be_done():
    raw, _, wanted, _ = mels()
    wanted[1] = raw[1]
    gate = torch.tensor([0.9, 0.2])[:, None, None]
    naive = -(np.log(0.9) + np.log(1 - 0.2)) / 2
    assert float(mel_losses.gate_loss(gate, raw, wanted)) == pytest.approx(naive, rel=1e-5)
    more, raws, wants = (torch.cat([one, one[:1]]) for one in (gate, raw, wanted))
    assert float(mel_losses.gate_loss(more, raws, wants)) == pytest.approx(naive, rel=1e-5)
    assert float(mel_losses.gate_loss(gate[:1], raw[:1], wanted[:1])) == pytest.approx(-np.log(0.9), rel=1e-5)


def test_stft_loss_of_a_naive_twin():
    generator = torch.Generator().manual_seed(0)
    sound, wanted = torch.randn(1, 4_096, generator=generator), torch.randn(1, 4_096, generator=generator)
    total = 0.0
    for size in mel_losses.STFT_SIZES:
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        spectra = []
        for side in (sound, wanted):
            padded = np.pad(side[0].numpy(), size // 2, mode="reflect")
            starts = range(0, len(padded) - size + 1, size // 4)
            spectra.append(np.array([np.fft.rfft(window * padded[at : at + size]) for at in starts]))
        near, far = (np.abs(one) for one in spectra)
        total += np.linalg.norm(far - near) / np.linalg.norm(far) + np.abs(np.log(near / far)).mean()
        total += np.abs(spectra[0] - spectra[1]).mean() / far.mean()
    assert float(mel_losses.multiscale_stft_loss(sound, wanted)) == pytest.approx(total / 3, rel=1e-3)
    assert float(mel_losses.multiscale_stft_loss(wanted, wanted)) < 1e-2


def test_two_of_its_parts_are_auraloss():
    auraloss = pytest.importorskip("auraloss")
    sound, wanted = torch.randn(1, 1, 8_192), torch.randn(1, 1, 8_192)
    sizes = list(mel_losses.STFT_SIZES)
    theirs = auraloss.freq.MultiResolutionSTFTLoss(sizes, [size // 4 for size in sizes], sizes, eps=1e-7)(sound, wanted)
    distance = 0.0
    for size in sizes:
        here, there = (torch.stft(x[0], size, size // 4, window=torch.hann_window(size), return_complex=True)
                       for x in (sound, wanted))  # fmt: skip
        distance += float((here - there).abs().mean() / there.abs().mean())
    ours = mel_losses.multiscale_stft_loss(sound[0], wanted[0])
    assert float(ours) - distance / 3 == pytest.approx(float(theirs), rel=2e-2)


def test_sound_under_gain_is_what_polish_does():
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(512 * 20).astype(np.float32) * 0.1
    change = rng.normal(0, 0.05, (23, BANDS)).astype(np.float32)
    ours = mel_losses.sound_under_gain(torch.from_numpy(sound)[None], torch.from_numpy(change)[None])[0].numpy()
    gains, limits = [change * np.float32(80)], GainLimits(60.0, 60.0, 0, 0)
    blocks = equalize_blocks([sound[:, None].astype(np.float64)], ANALYSIS_RATE, 1, gains, limits)
    theirs = np.concatenate(list(blocks))[:, 0]
    assert np.allclose(ours, theirs, atol=1e-5)


def test_loudness_is_taken_out():
    raw, edited, *_ = mels()
    moved = mel_losses.at_loudness_of(edited, raw)
    again = mel_losses.at_loudness_of(edited + 0.2, raw)
    assert torch.allclose(moved, again, atol=1e-5)
    assert torch.allclose(mel_losses.at_loudness_of(raw, raw), raw, atol=1e-6)
