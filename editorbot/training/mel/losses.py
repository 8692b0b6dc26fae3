"""Losses of the mel networks; the tests compare each with a naive version.

Conventions
-----------
Mels have shape (batch, frames, 128); values in [0, 1] are a range of
MEL_SPAN_DB decibels. Sounds have shape (batch, samples).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from editorbot.models.mel import Mel2Mel, Reconstruct
from editorbot.models.mel_config import FLOOR, MEL_SPAN_DB
from editorbot.polish.mel_stft import OVERLAP, mel_stft
from editorbot.timebase import ANALYSIS_RATE, FRAME_S, HOP_SAMPLES
from editorbot.training.mel.batches import MelBatch
from editorbot.training.mel.config import LossWeights
from editorbot.training.mel.examples import KEEP, loudness_weights

STFT_SIZES = (512, 1024, 2048)
"""Windows of the multi-scale STFT loss [samples]; each moves by a quarter."""

SLOW_S = 2.0
"""Slower changes are tone, faster ones shape [seconds]."""

UNMATCHED_WEIGHT = 0.1
"""Weight of the L1 distance before loudness is matched: small, so that the network keeps the level."""

EPSILON = 1e-7
"""Keeps logarithms and roots away from zero."""


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean where a mask, of the same or a broadcast shape, is 1; 0 for an empty mask."""
    wide = mask.expand_as(values)
    return (values * wide).sum() / wide.sum().clamp(min=1.0)


def at_loudness_of(edited: Tensor, raw: Tensor) -> Tensor:
    """Shift a mel to the loudness of another: only tone is to count, level is another polish stage's."""
    weights = torch.from_numpy(loudness_weights()).to(raw)
    levels = [
        torch.log10((torch.pow(10.0, side * (MEL_SPAN_DB / 10)).mean(dim=1) @ weights).clamp(min=EPSILON))
        for side in (edited, raw)
    ]
    return edited - ((levels[0] - levels[1]) * (10 / MEL_SPAN_DB))[:, None, None]


def l1_loss(edited: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute distance of two mels where `mask` (batch, frames) is 1."""
    return masked_mean((edited - wanted).abs(), mask[:, :, None])


def edit_consistency_loss(edited: Tensor, raw: Tensor, kept: Tensor) -> Tensor:
    """Penalize changes of the mel that are faster than tone, where `kept` (batch, frames) is 1.

    The mean of the change over SLOW_S around each frame is subtracted in every band; the rest is a change of shape.
    """
    change = edited - raw
    reach = max(1, round(SLOW_S / FRAME_S / 2))
    reach = min(reach, change.shape[1] - 1)
    rows = change.transpose(1, 2)
    padded = functional.pad(rows, (reach, reach), mode="reflect")
    slow = functional.avg_pool1d(padded, 2 * reach + 1, stride=1).transpose(1, 2)
    return masked_mean((change - slow).abs(), kept[:, :, None])


def feature_loss(edited: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Distance of the mels' differences from band to band and from frame to frame."""
    bands = masked_mean((edited.diff(dim=2) - wanted.diff(dim=2)).abs(), mask[:, :, None])
    both = mask[:, 1:] * mask[:, :-1]
    return bands + masked_mean((edited.diff(dim=1) - wanted.diff(dim=1)).abs(), both[:, :, None])


def gate_loss(gate: Tensor, raw: Tensor, wanted: Tensor) -> Tensor:
    """Balanced cross-entropy of gates (batch, ...) that should be closed where a raw mel is finished already.

    Raw and finished weigh the same, however many there are of each: else a gate that is always open costs little.
    """
    is_raw = ((raw - wanted).abs().amax(dim=(1, 2)) > 0).to(gate)
    probability = gate.reshape(-1).clamp(EPSILON, 1 - EPSILON)
    sides = [(probability.log(), is_raw), ((1 - probability).log(), 1 - is_raw)]
    return -sum((masked_mean(log, of) for log, of in sides), probability.new_zeros(())) / max(
        1, sum(bool(of.any()) for _, of in sides)
    )


def multiscale_stft_loss(sound: Tensor, wanted: Tensor) -> Tensor:
    """Mean over STFT_SIZES of spectral convergence, log magnitude and complex distance.

    Notes
    -----
    The first two are those of auraloss' `MultiResolutionSTFTLoss`; the third is the mean distance of the complex
    spectra relative to the mean magnitude of the target, so that phases count.
    """
    total = sound.new_zeros(())
    for size in STFT_SIZES:
        window = torch.hann_window(size, dtype=sound.dtype, device=sound.device)
        here, there = (
            torch.stft(side, size, size // 4, window=window, return_complex=True) for side in (sound, wanted)
        )
        near, far = magnitude(here), magnitude(there)
        convergence = torch.linalg.norm(far - near) / torch.linalg.norm(far).clamp(min=EPSILON)
        logs = (near.log() - far.log()).abs().mean()
        distance = magnitude(here - there).mean() / far.mean()
        total = total + convergence + logs + distance
    return total / len(STFT_SIZES)


def magnitude(spectrum: Tensor) -> Tensor:
    """Magnitudes with a gradient at zero."""
    return (spectrum.real**2 + spectrum.imag**2).clamp(min=EPSILON).sqrt()


def sound_under_gain(raw_sound: Tensor, change: Tensor) -> Tensor:
    """Equalize a sound at ANALYSIS_RATE by the change of its mel, as `polish.equalizer` does, with gradients.

    Parameters
    ----------
    raw_sound : Tensor, shape=(batch, samples)
        What frames 3 and on cover: ``(frames - 3) * hop`` samples beginning at frame 3's first hop.
    change : Tensor, shape=(batch, frames, 128)
        Change of its mel, in units of MEL_SPAN_DB.
    """
    grid = mel_stft(ANALYSIS_RATE)
    window = torch.from_numpy(grid.window).to(raw_sound)
    below = torch.from_numpy(grid.below).to(change.device)
    share = torch.from_numpy(grid.above_share).to(change)
    lower, upper = change[:, :, below], change[:, :, below + 1]
    factors = torch.pow(10.0, (lower + (upper - lower) * share) * (MEL_SPAN_DB / 20))
    lead = (OVERLAP - 1) * grid.hop
    frames = functional.pad(raw_sound, (lead, lead)).unfold(1, grid.size, grid.hop)[:, : change.shape[1]]
    spectra = torch.fft.rfft(frames * window) * factors[:, : frames.shape[1]]
    windows = torch.fft.irfft(spectra, grid.size) * (window / 1.5)
    length = lead + raw_sound.shape[1] + lead
    folded = functional.fold(
        windows.transpose(1, 2),
        (1, grid.size + (windows.shape[1] - 1) * grid.hop),
        kernel_size=(1, grid.size),
        stride=(1, grid.hop),
    )[:, 0, 0]
    folded = functional.pad(folded, (0, max(0, length - folded.shape[1])))
    return folded[:, lead : lead + raw_sound.shape[1]]


def losses_of(
    network: Reconstruct | Mel2Mel, batch: MelBatch, weights: LossWeights, *, with_sound: bool
) -> dict[str, Tensor]:
    """Compute the losses of a batch by name; `total_loss` is their weighted sum.

    `raw_db` and `edited_db` are the distances of the raw and the edited mel from the finished one.
    """
    edited = network(batch.raw, batch.labels, batch.summary)
    mask, matched = batch.known, at_loudness_of(edited, batch.raw)
    l1 = l1_loss(matched, batch.edit, mask) + UNMATCHED_WEIGHT * l1_loss(edited, batch.edit, mask)
    consistency = edit_consistency_loss(edited, batch.raw, mask * (batch.labels == KEEP))
    weighted = [("l1_loss", weights.l1_weight, l1), ("consistency_loss", weights.edit_consistency_weight, consistency)]
    if weights.gate_weight and network.summary.gate.weight.requires_grad:
        gate = network.summary(batch.summary)[2]
        weighted.append(("gate_loss", weights.gate_weight, gate_loss(gate, batch.raw, batch.edit)))
    if weights.feature_weight:
        weighted.append(("feature_loss", weights.feature_weight, feature_loss(edited, batch.edit, mask)))
    if with_sound:
        weighted.append(("msstft_loss", weights.multiscale_stft_weight, _sound_loss(edited, batch)))
    losses = {name: loss for name, _, loss in weighted}
    losses |= {"raw_db": _distance_db(batch.raw, batch), "edited_db": _distance_db(matched, batch)}
    return {**losses, "total_loss": sum((weight * loss for _, weight, loss in weighted), l1.new_zeros(()))}


def _sound_loss(edited: Tensor, batch: MelBatch) -> Tensor:
    """Distance of the sounds, the raw one equalized where its frames are known."""
    change = (edited - batch.raw) * batch.known[:, :, None]
    sound = sound_under_gain(batch.raw_sound, change.clamp(-30 / MEL_SPAN_DB, 18 / MEL_SPAN_DB))
    known = batch.known[:, 1:-2].repeat_interleave(HOP_SAMPLES, dim=1)
    return multiscale_stft_loss(sound * known, batch.edit_sound * known)


def _distance_db(mel: Tensor, batch: MelBatch) -> Tensor:
    """Distance of a mel from the finished one above the floor, where it is known [dB]."""
    return MEL_SPAN_DB * l1_loss(mel.clamp(FLOOR, 1.0), batch.edit.clamp(FLOOR, 1.0), batch.known).detach()
