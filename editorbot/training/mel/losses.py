"""Losses of the networks of tone; each has a naive twin in the tests.

Conventions
-----------
Mels have shape (batch, frames, 128), values in [0, 1] stand for
MEL_SPAN_DB decibels. Sounds have shape (batch, samples).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from editorbot.models.mel import Mel2Mel, Reconstruct
from editorbot.models.mel_config import FLOOR, MEL_SPAN_DB
from editorbot.polish.average_spectrum import band_widths
from editorbot.polish.mel_stft import OVERLAP, mel_stft
from editorbot.timebase import ANALYSIS_RATE, FRAME_S, HOP_SAMPLES
from editorbot.training.mel.batches import MelBatch
from editorbot.training.mel.examples import KEEP, ear_db

STFT_SIZES = (512, 1024, 2048)
"""Windows of the multi-scale STFT loss [samples]; each moves by a quarter."""

SLOW_S = 2.0
"""What changes slower than this is tone, faster is shape [seconds]."""

UNMATCHED_WEIGHT = 0.1
"""What the distance counts before the loudness is made the same: little, so that the network's own level is kept."""

EPSILON = 1e-7
"""Keeps logarithms and roots from zero."""


@dataclass(frozen=True)
class LossWeights:
    """What each loss counts."""

    l1_weight: float = 1.0
    """Of the distance of the mels."""
    multiscale_stft_weight: float = 1.0
    """Of the distance of the sounds, phases included."""
    edit_consistency_weight: float = 0.5
    """Of changes of shape where the raw recording is kept."""
    feature_weight: float = 0.0
    """Of the distance of what changes from band to band and from frame to frame."""
    gate_weight: float = 0.02
    """Of taking finished music for raw, or raw for finished."""


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean over what a mask of the same or a broadcast shape lets through, 0 where that is nothing."""
    wide = mask.expand_as(values)
    return (values * wide).sum() / wide.sum().clamp(min=1.0)


def at_loudness_of(edited: Tensor, raw: Tensor) -> Tensor:
    """Return a mel moved to the loudness of another: only tone is to count, level is another stage's."""
    weights = torch.from_numpy(10 ** (ear_db() / 10) * band_widths()).to(raw)
    levels = [
        torch.log10((torch.pow(10.0, side * (MEL_SPAN_DB / 10)).mean(dim=1) @ weights).clamp(min=EPSILON))
        for side in (edited, raw)
    ]
    return edited - ((levels[0] - levels[1]) * (10 / MEL_SPAN_DB))[:, None, None]


def l1_loss(edited: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Return the mean absolute distance of two mels where `mask` (batch, frames) is 1."""
    return masked_mean((edited - wanted).abs(), mask[:, :, None])


def edit_consistency_loss(edited: Tensor, raw: Tensor, kept: Tensor) -> Tensor:
    """Return how far the change of the mel moves faster than tone does, where `kept` (batch, frames) is 1.

    From the change of every band its mean over SLOW_S around each frame is taken out; what is left is a
    change of shape.
    """
    change = edited - raw
    reach = max(1, round(SLOW_S / FRAME_S / 2))
    reach = min(reach, change.shape[1] - 1)
    rows = change.transpose(1, 2)
    padded = functional.pad(rows, (reach, reach), mode="reflect")
    slow = functional.avg_pool1d(padded, 2 * reach + 1, stride=1).transpose(1, 2)
    return masked_mean((change - slow).abs(), kept[:, :, None])


def feature_loss(edited: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Return the distance of the mels' steps from band to band and from frame to frame."""
    bands = masked_mean((edited.diff(dim=2) - wanted.diff(dim=2)).abs(), mask[:, :, None])
    both = mask[:, 1:] * mask[:, :-1]
    return bands + masked_mean((edited.diff(dim=1) - wanted.diff(dim=1)).abs(), both[:, :, None])


def gate_loss(gate: Tensor, raw: Tensor, wanted: Tensor) -> Tensor:
    """Return the cross entropy of gates (batch, ...) that are to be closed where a raw mel is finished already.

    Raw and finished count alike, however many there are of either: else a gate that is always open costs little.
    """
    is_raw = ((raw - wanted).abs().amax(dim=(1, 2)) > 0).to(gate)
    chance = gate.reshape(-1).clamp(EPSILON, 1 - EPSILON)
    sides = [(chance.log(), is_raw), ((1 - chance).log(), 1 - is_raw)]
    return -sum((masked_mean(log, of) for log, of in sides), chance.new_zeros(())) / max(
        1, sum(bool(of.any()) for _, of in sides)
    )


def multiscale_stft_loss(sound: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean over STFT_SIZES of spectral convergence, log magnitude and complex distance.

    Notes
    -----
    The first two are those of auraloss' `MultiResolutionSTFTLoss`; the third is the mean distance of the complex
    spectra beside the mean magnitude of what is wanted: phases count.
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
    """Return magnitudes that can be differentiated at zero."""
    return (spectrum.real**2 + spectrum.imag**2).clamp(min=EPSILON).sqrt()


def sound_under_gain(raw_sound: Tensor, change: Tensor) -> Tensor:
    """Return a sound at ANALYSIS_RATE under the change of its mel, as `polish.tone` does it.

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
    """Return every loss of a batch by name; `total_loss` is their weighted sum.

    Beside them stand the distances to what is finished of the raw and of the edited mel, `raw_db` and `edited_db`.
    """
    edited = network(batch.raw, batch.labels, batch.summary)
    mask = batch.known
    kept = mask * (batch.labels == KEEP)
    losses = {
        "l1_loss": l1_loss(at_loudness_of(edited, batch.raw), batch.edit, mask)
        + UNMATCHED_WEIGHT * l1_loss(edited, batch.edit, mask),
        "consistency_loss": edit_consistency_loss(edited, batch.raw, kept),
    }
    total = weights.l1_weight * losses["l1_loss"] + weights.edit_consistency_weight * losses["consistency_loss"]
    if weights.gate_weight and network.summary.gate.weight.requires_grad:
        losses["gate_loss"] = gate_loss(network.summary(batch.summary)[2], batch.raw, batch.edit)
        total = total + weights.gate_weight * losses["gate_loss"]
    if weights.feature_weight:
        losses["feature_loss"] = feature_loss(edited, batch.edit, mask)
        total = total + weights.feature_weight * losses["feature_loss"]
    if with_sound:
        losses["msstft_loss"] = _sound_loss(edited, batch)
        total = total + weights.multiscale_stft_weight * losses["msstft_loss"]
    losses["raw_db"] = _distance_db(batch.raw, batch)
    losses["edited_db"] = _distance_db(at_loudness_of(edited, batch.raw), batch)
    losses["total_loss"] = total
    return losses


def _sound_loss(edited: Tensor, batch: MelBatch) -> Tensor:
    """Return the distance of the sounds under the change of the mel; what is not known is left as it is."""
    change = (edited - batch.raw) * batch.known[:, :, None]
    sound = sound_under_gain(batch.raw_sound, change.clamp(-30 / MEL_SPAN_DB, 18 / MEL_SPAN_DB))
    heard = batch.known[:, 1:-2].repeat_interleave(HOP_SAMPLES, dim=1)
    return multiscale_stft_loss(sound * heard, batch.edit_sound * heard)


def _distance_db(mel: Tensor, batch: MelBatch) -> Tensor:
    """Return how far a mel is from the finished one above the floor, where that is known [dB]."""
    return MEL_SPAN_DB * l1_loss(mel.clamp(FLOOR, 1.0), batch.edit.clamp(FLOOR, 1.0), batch.known).detach()
