"""Sizes of the mel networks; no torch, so that using them needs none.

:mod:`editorbot.models.mel` defines them, :mod:`editorbot.polish.mel_network` computes them with NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

from editorbot.editlist.edit_list import ACTIONS
from editorbot.errors import UsageError

BANDS = 128
"""Mel bands."""

MEL_SPAN_DB = 80.0
"""Range of levels that is scaled to mel values in [0, 1] [dB]."""

FLOOR = 1 - 70.0 / MEL_SPAN_DB
"""Mel value at -70 dB: distances ignore differences below it."""

GATE_ODDS = 2.0
"""Log odds of an untrained gate: open."""

SUMMARY_PLANES = ("mean", "spread", "low", "high", "motion", "floor", "middle", "peak", "rise", "fall")
"""Statistics of each band over the whole track; see :mod:`editorbot.polish.mel_summary`."""

SUMMARY_SIZE = len(SUMMARY_PLANES) * BANDS
"""Size of a track's summary."""

GROUPS = 16
"""Groups of bands over which a track's summary is averaged: a network that saw every band would recognize the track
and remember its finished sound, instead of learning what is wrong with it."""

CELL_LAGS = (-24, -12, -6, -3, -1, 1, 3, 6)
"""Neighboring frames whose levels are inputs of a cell: a room shows in how a band decays."""

CELL_NEIGHBORS = (-6, -2, -1, 1, 2, 6)
"""Neighboring bands whose levels are inputs of a cell."""

CELL_SPREAD = 8
"""The track's planes are averaged over so many bands on either side of a cell."""

CELL_LEVELS = (0, 2, 3)
"""Planes of the summary that are subtracted from a cell's level as inputs: the mean, the low, the high."""

CELL_INPUTS = 1 + len(CELL_LEVELS) + len(SUMMARY_PLANES) + len(CELL_LAGS) + len(CELL_NEIGHBORS) + 4
"""Inputs of each time-frequency cell."""

UNKNOWN_LABEL = len(ACTIONS)
"""Label of a frame whose action is unknown."""

LABELS = len(ACTIONS) + 1
"""Number of labels: the actions, and unknown."""

INPUTS_VERSION = 2
"""Goes up when mels or summaries change: weights trained on the old ones are refused."""


@dataclass(frozen=True)
class ReconstructConfig:
    """Sizes of EditEncoder and MelDecoder."""

    encoder_dim: int = 512
    """Width of the encoder, e.g. --encoder-dim 96."""
    decoder_dim: int = 512
    """Width of the decoder, e.g. --decoder-dim 96."""
    n_layers: int = 6
    """Transformer layers of each, e.g. --n-layers 1."""
    n_heads: int = 8
    """Attention heads of each; they divide the widths, e.g. --n-heads 4."""
    summary_dim: int = 1024
    """Width of the encoded track summary, e.g. --summary-dim 512."""
    chunk_frames: int = 256
    """Frames that attend to one another, e.g. --chunk-frames 64."""
    cell_width: int = 32
    """Width of the network of time-frequency cells, e.g. --cell-width 24."""

    def __post_init__(self) -> None:
        for name in ("encoder_dim", "decoder_dim"):
            width = getattr(self, name)
            if self.n_heads < 1 or width < 2 or width % self.n_heads or width % 2:
                raise UsageError(f"{name} must be even and a multiple of n_heads {self.n_heads}, but is {width}")
        if min(self.n_layers, self.summary_dim, self.cell_width) < 1 or self.chunk_frames < 16:
            raise UsageError("n_layers, summary_dim and cell_width must be at least 1, chunk_frames at least 16")


@dataclass(frozen=True)
class Mel2MelConfig:
    """Sizes of the convolutional network."""

    width: int = 256
    """Channels, e.g. --width 96."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Dilations of its convolutions [frames], e.g. --dilations 1 2 4."""
    summary_dim: int = 1024
    """Width of the encoded track summary, e.g. --summary-dim 512."""
    chunk_frames: int = 512
    """Frames computed at a time, e.g. --chunk-frames 256."""

    def __post_init__(self) -> None:
        if self.width < 1 or not self.dilations or min(self.dilations) < 1 or self.summary_dim < 1:
            raise UsageError("width, summary_dim and all dilations must be at least 1")
        if self.chunk_frames < 16:
            raise UsageError(f"chunk_frames must be at least 16, but is {self.chunk_frames}")


SMALL_RECONSTRUCT = ReconstructConfig(96, 96, 1, 4, 1024, 64, 24)
"""Trains on a CPU in less than an hour."""

SMALL_MEL2MEL = Mel2MelConfig(96, (1, 2, 4, 8, 16), 1024, 512)
"""Trains on a CPU in less than half an hour."""

MelNetConfig = ReconstructConfig | Mel2MelConfig
"""Either network."""
