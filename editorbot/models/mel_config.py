"""Shapes of the networks that change tone; no torch, so that using them needs none.

:mod:`editorbot.models.mel` says what they are, :mod:`editorbot.polish.mel_network` computes them with NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

from editorbot.editlist.edit_list import ACTIONS
from editorbot.errors import UsageError

BANDS = 128
"""Mel bands."""

MEL_SPAN_DB = 80.0
"""Decibels that mel values in [0, 1] stand for."""

FLOOR = 1 - 70.0 / MEL_SPAN_DB
"""Mel value at -70 dB: what lies lower does not count where distances are told."""

GATE_ODDS = 2.0
"""Log odds of a fresh gate: open."""

SUMMARY_PLANES = ("mean", "spread", "low", "high", "motion", "floor", "middle", "peak", "rise", "fall")
"""What the whole track says of each band; see :mod:`editorbot.polish.mel_summary`."""

SUMMARY_SIZE = len(SUMMARY_PLANES) * BANDS
"""Numbers that sum a track up."""

GROUPS = 16
"""Groups of bands in which the networks hear a track's summary: whoever knew every band would know the track by it,
and remember its finished sound instead of hearing what is wrong."""

CELL_LAGS = (-24, -12, -6, -3, -1, 1, 3, 6)
"""Frames whose level each band and frame is told beside its own: a room is heard in how a band dies away."""

CELL_NEIGHBORS = (-6, -2, -1, 1, 2, 6)
"""Bands whose level each band is told beside its own."""

CELL_SPREAD = 8
"""Bands on either side over which the track's planes are averaged for a band."""

CELL_LEVELS = (0, 2, 3)
"""Planes of the summary below which each level is told: the mean, the low, the high."""

CELL_INPUTS = 1 + len(CELL_LEVELS) + len(SUMMARY_PLANES) + len(CELL_LAGS) + len(CELL_NEIGHBORS) + 4
"""Numbers that are told of each band and frame."""

UNKNOWN_LABEL = len(ACTIONS)
"""Label of a frame of which no action is known."""

LABELS = len(ACTIONS) + 1
"""Labels that a frame may bear: the actions, and none known."""

INPUTS_VERSION = 2
"""Goes up when mels or summaries come out differently: weights trained on the old ones are refused."""


@dataclass(frozen=True)
class ReconstructShape:
    """The shape of EditEncoder and MelDecoder."""

    encoder_dim: int = 512
    """Width of the encoder."""
    decoder_dim: int = 512
    """Width of the decoder."""
    n_layers: int = 6
    """Transformer layers of each."""
    n_heads: int = 8
    """Attention heads of each; they divide the widths."""
    summary_dim: int = 1024
    """Width in which the whole track is summed up."""
    chunk_frames: int = 256
    """Frames that see one another."""
    cell_width: int = 32
    """Width of the network that hears each band of each frame."""

    def __post_init__(self) -> None:
        for name in ("encoder_dim", "decoder_dim"):
            width = getattr(self, name)
            if self.n_heads < 1 or width < 2 or width % self.n_heads or width % 2:
                raise UsageError(f"{name} must be even and a multiple of n_heads {self.n_heads}, but is {width}")
        if min(self.n_layers, self.summary_dim, self.cell_width) < 1 or self.chunk_frames < 16:
            raise UsageError("n_layers, summary_dim and cell_width must be at least 1, chunk_frames at least 16")


@dataclass(frozen=True)
class Mel2MelShape:
    """The shape of the convolutional network."""

    width: int = 256
    """Channels."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    """Distances that its convolutions look at [frames]."""
    summary_dim: int = 1024
    """Width in which the whole track is summed up."""
    chunk_frames: int = 512
    """Frames worked on at a time."""

    def __post_init__(self) -> None:
        if self.width < 1 or not self.dilations or min(self.dilations) < 1 or self.summary_dim < 1:
            raise UsageError("width, summary_dim and all dilations must be at least 1")
        if self.chunk_frames < 16:
            raise UsageError(f"chunk_frames must be at least 16, but is {self.chunk_frames}")


SMALL_RECONSTRUCT = ReconstructShape(96, 96, 1, 4, 1024, 64, 24)
"""What a CPU trains in less than an hour."""

SMALL_MEL2MEL = Mel2MelShape(96, (1, 2, 4, 8, 16), 1024, 512)
"""What a CPU trains in less than half an hour."""

MelNetShape = ReconstructShape | Mel2MelShape
"""Either of them."""
