"""Networks that predict the mel of a finished track from the mel of its raw recording.

`Reconstruct` is :class:`EditEncoder` (raw mel and edit labels through a
transformer to a latent) and :class:`MelDecoder` (a transformer on it). The sum
of its output and that of :class:`CellNetwork` is added to the raw mel. `Mel2Mel`
is a stack of dilated convolutions without labels. Both also read a summary of
the whole track: a window of seconds cannot tell a dull microphone from a quiet
hi-hat, the track can. From that they predict one curve for the whole track, and
a gate that is closed if the track sounds finished already.

:mod:`editorbot.polish.mel_network` computes the same with NumPy; a test
compares the two. Names of layers are names of stored tensors.

References
----------
A. Vaswani et al., "Attention is all you need", NeurIPS 2017; R. Xiong et al.,
"On layer normalization in the transformer architecture", ICML 2020 (norms
before the layers).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from editorbot.models.mel_config import (
    BANDS,
    CELL_INPUTS,
    CELL_LAGS,
    CELL_LEVELS,
    CELL_NEIGHBORS,
    CELL_SPREAD,
    GATE_ODDS,
    GROUPS,
    LABELS,
    SUMMARY_PLANES,
    Mel2MelConfig,
    MelNetConfig,
    ReconstructConfig,
)


class Summary(nn.Module):
    """Encodes the summary of a track; predicts a curve for all of it, and a gate."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = nn.Linear(len(SUMMARY_PLANES) * GROUPS, width)
        self.mix = nn.Linear(width, width)
        self.curve = _zeroed(nn.Linear(width, BANDS))
        self.gate = _zeroed(nn.Linear(width, 1))

    def forward(self, summary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map summaries to a vector (tracks, width), a curve (tracks, 1, 128) and a gate (tracks, 1, 1) in [0, 1]."""
        hidden = torch.relu(self.enter(self.grouped(summary)))
        hidden = torch.relu(self.mix(hidden))
        return hidden, self.curve(hidden)[:, None], torch.sigmoid(self.gate_odds(hidden))[:, None]

    @staticmethod
    def grouped(summary: Tensor) -> Tensor:
        """Average the planes (tracks, SUMMARY_SIZE) over groups of bands."""
        return summary.reshape(len(summary), len(SUMMARY_PLANES) * GROUPS, BANDS // GROUPS).mean(dim=2)

    def gate_odds(self, hidden: Tensor) -> Tensor:
        """Log odds that the track is raw, shape=(tracks, 1)."""
        odds: Tensor = GATE_ODDS + self.gate(hidden)
        return odds


def _zeroed(layer: nn.Linear) -> nn.Linear:
    """Let an output layer start at zero, so that a new network changes nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class TransformerLayer(nn.Module):
    """One transformer layer, norms first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.leave = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, rows: Tensor) -> Tensor:
        """Map (batch, frames, width) to the same shape."""
        batch, frames, width = rows.shape
        parts = self.attend(self.norm_1(rows)).reshape(batch, frames, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value)
        rows = rows + self.leave(seen.transpose(1, 2).reshape(batch, frames, width))
        changed: Tensor = rows + self.narrow(torch.relu(self.widen(self.norm_2(rows))))
        return changed


class EditEncoder(nn.Module):
    """Raw mel and edit labels in, latent out."""

    def __init__(self, config: ReconstructConfig) -> None:
        super().__init__()
        width = config.encoder_dim
        self.enter = nn.Linear(3 * BANDS, width)
        self.label = nn.Embedding(LABELS, width)
        self.track = nn.Linear(config.summary_dim, width)
        self.layers = nn.Sequential(*(TransformerLayer(width, config.n_heads) for _ in range(config.n_layers)))
        self.norm = nn.LayerNorm(width)
        nn.init.normal_(self.label.weight, std=0.02)

    def forward(self, raw: Tensor, labels: Tensor, track: Tensor) -> Tensor:
        """Encode the frames; `track` is the vector of :class:`Summary`, the rest as for :class:`Reconstruct`.

        Returns
        -------
        latent : Tensor, shape=(batch, frames, encoder_dim)
        """
        rows = self.enter(with_neighbors(raw)) + self.label(labels) + self.track(track)[:, None]
        rows = rows + positions(raw.shape[1], rows.shape[2]).to(rows)
        latent: Tensor = self.norm(self.layers(rows))
        return latent


def positions(frames: int, width: int) -> Tensor:
    """Sinusoidal position encoding, shape=(frames, width)."""
    at = torch.arange(frames, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10_000.0) / width))
    return torch.cat([torch.sin(at * rates), torch.cos(at * rates)], dim=1)


def with_neighbors(raw: Tensor) -> Tensor:
    """Concatenate each frame with the ones before and after it, centred, shape=(batch, frames, 3 * 128)."""
    padded = torch.cat([raw[:, :1], raw, raw[:, -1:]], dim=1) - 0.5
    return torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], dim=2)


class MelDecoder(nn.Module):
    """Latent in, change of the raw mel out."""

    def __init__(self, config: ReconstructConfig) -> None:
        super().__init__()
        width = config.decoder_dim
        self.enter = nn.Linear(config.encoder_dim, width)
        self.layers = nn.Sequential(*(TransformerLayer(width, config.n_heads) for _ in range(config.n_layers)))
        self.norm = nn.LayerNorm(width)
        self.leave = _zeroed(nn.Linear(width, BANDS))

    def forward(self, latent: Tensor) -> Tensor:
        """Map (batch, frames, encoder_dim) to (batch, frames, 128)."""
        change: Tensor = self.leave(self.norm(self.layers(self.enter(latent))))
        return change


class CellNetwork(nn.Module):
    """Predicts the change of each time-frequency cell, by one small network that all bands share.

    Noise and rooms do the same thing in every band: a floor that the level never falls below, a tail. A shared network
    learns that from little music.
    """

    def __init__(self, width: int, summary_dim: int) -> None:
        super().__init__()
        self.enter, self.track = nn.Linear(CELL_INPUTS, width), nn.Linear(summary_dim, width)
        self.mix_1, self.mix_2 = nn.Linear(width, width), nn.Linear(width, width)
        self.leave = _zeroed(nn.Linear(width, 1))

    def forward(self, raw: Tensor, summary: Tensor, track: Tensor) -> Tensor:
        """Predict the change of the raw mel, shape=(batch, frames, 128)."""
        rows = torch.relu(self.enter(cell_inputs(raw, summary)) + self.track(track)[:, None, None])
        rows = rows + torch.relu(self.mix_1(rows))
        rows = rows + torch.relu(self.mix_2(rows))
        change: Tensor = self.leave(rows)[..., 0]
        return change


def cell_inputs(raw: Tensor, summary: Tensor) -> Tensor:
    """Inputs of each time-frequency cell: its level, its neighbors', the track's; (batch, frames, 128, CELL_INPUTS)."""
    batch, frames, _ = raw.shape
    planes = summary.reshape(batch, len(SUMMARY_PLANES), BANDS)
    around = functional.avg_pool1d(
        functional.pad(planes, (CELL_SPREAD, CELL_SPREAD), mode="replicate"), 2 * CELL_SPREAD + 1, stride=1
    )
    centred = raw - 0.5
    inputs = [centred, *(centred - planes[:, None, number] for number in CELL_LEVELS)]
    inputs += [around[:, None, number].expand(batch, frames, BANDS) for number in range(len(SUMMARY_PLANES))]
    reach = max(map(abs, CELL_LAGS))
    later = functional.pad(raw.transpose(1, 2), (reach, reach), mode="replicate").transpose(1, 2)
    inputs += [later[:, reach + lag : reach + lag + frames] - raw for lag in CELL_LAGS]
    reach = max(map(abs, CELL_NEIGHBORS))
    beside = functional.pad(raw, (reach, reach), mode="replicate")
    inputs += [beside[:, :, reach + step : reach + step + BANDS] - raw for step in CELL_NEIGHBORS]
    place = torch.linspace(-1, 1, BANDS).to(raw)
    waves = (place, place**2, torch.sin(3 * place), torch.cos(6 * place))
    return torch.stack([*inputs, *(wave.expand(batch, frames, BANDS) for wave in waves)], dim=-1)


class Reconstruct(nn.Module):
    """Raw mel and labels to edited mel."""

    def __init__(self, config: ReconstructConfig) -> None:
        super().__init__()
        self.summary = Summary(config.summary_dim)
        self.encoder = EditEncoder(config)
        self.decoder = MelDecoder(config)
        self.cells = CellNetwork(config.cell_width, config.summary_dim)

    def forward(self, raw: Tensor, labels: Tensor, summary: Tensor) -> Tensor:
        """Predict the edited mel, shape=(batch, frames, 128).

        Parameters
        ----------
        raw : Tensor, shape=(batch, frames, 128)
            Raw mel in [0, 1].
        labels : Tensor, shape=(batch, frames), int64
            Index in ACTIONS, or UNKNOWN_LABEL.
        summary : Tensor, shape=(batch, SUMMARY_SIZE)
            Of the whole track.
        """
        track, curve, gate = self.summary(summary)
        change = self.decoder(self.encoder(raw, labels, track)) + self.cells(raw, summary, track)
        edited: Tensor = raw + gate * (curve + change)
        return edited


class Mel2Mel(nn.Module):
    """Raw mel to edited mel, without labels."""

    def __init__(self, config: Mel2MelConfig) -> None:
        super().__init__()
        width = config.width
        self.summary = Summary(config.summary_dim)
        self.enter = nn.Linear(BANDS, width)
        self.track = nn.Linear(config.summary_dim, width)
        self.look = nn.ModuleList(nn.Conv1d(width, width, 3, padding=d, dilation=d) for d in config.dilations)
        self.mix = nn.ModuleList(nn.Linear(width, width) for _ in config.dilations)
        self.leave = _zeroed(nn.Linear(width, BANDS))
        with torch.no_grad():
            for name, parameter in self.mix.named_parameters():
                if name.endswith("weight"):
                    parameter.mul_(0.3)  # small residuals, so that a deep stack is stable at the start

    def forward(self, raw: Tensor, labels: Tensor, summary: Tensor) -> Tensor:
        """Predict the edited mel, as :class:`Reconstruct` does; `labels` are ignored."""
        track, curve, gate = self.summary(summary)
        rows = self.enter(raw - 0.5) + self.track(track)[:, None]
        for look, mix in zip(self.look, self.mix):
            rows = rows + mix(torch.relu(look(torch.relu(rows).transpose(1, 2)).transpose(1, 2)))
        edited: Tensor = raw + gate * (curve + self.leave(torch.relu(rows)))
        return edited


def build(config: MelNetConfig) -> Reconstruct | Mel2Mel:
    """Build a new network."""
    return Reconstruct(config) if isinstance(config, ReconstructConfig) else Mel2Mel(config)
