"""Polish stages ``reconstruct`` and ``mel2mel``: an equalizer that a network sets, frame by frame.

The track is read twice before it is changed: once for its summary, once by the
network. For each frame the network predicts the mel of the finished track; its
difference from the present mel becomes a gain in each band. Gains are kept in
quarters of a decibel (20 MB an hour), so the stage can be started again without
running the network again, and a network that returns NaN is found out before a
sample is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Int8, Int64

from editorbot.editlist.edit_list import ACTIONS, EditList, PolishStep
from editorbot.errors import MismatchError
from editorbot.models.mel_config import MEL_SPAN_DB, UNKNOWN_LABEL
from editorbot.polish.blocks import Blocks, MakeBlocks, MelFrames
from editorbot.polish.equalizer import LIMITS, GainLimits, equalize_blocks, smoothed_gains
from editorbot.polish.limiter import limit_blocks
from editorbot.polish.loudness import CEILING_DB
from editorbot.polish.mel_network import MelNet, mel_changes
from editorbot.polish.mel_stft import mel_power_blocks, mel_stft
from editorbot.polish.mel_summary import LOWEST_DB, SummaryMeter, power_db, scaled
from editorbot.polish.mel_weights import read_mel_net
from editorbot.polish.meter import Loudness, metered
from editorbot.weights import shipped_weights

STEP_DB = 0.25
"""Gains are kept in steps of this [dB]."""

QUIET_DB, SILENT_DB = -60.0, -75.0
"""Relative to the track's loudest: quiet frames are lifted less, silent ones not at all [dB]."""

NO_LIMITS = GainLimits(60.0, 60.0, 0, 0)
"""For gains that are bounded and smooth already."""


class LearnedTone:
    """One learned stage on one track.

    The network is read from the step's file, without one from the shipped weights of the method; `labels` are those of
    :func:`frame_labels`. `warnings` gets a line if the network fails.

    Raises
    ------
    EditorbotError
        If the weights cannot be read.
    MismatchError
        If they are not those that the step was made with.
    """

    def __init__(
        self,
        method: str,
        step: PolishStep,
        *,
        labels: Int64[np.ndarray, " frames"] | None = None,
        warnings: list[str] | None = None,
        net: MelNet | None = None,
    ) -> None:
        self._method, self._amount = method, step.amount
        self._labels = np.array([UNKNOWN_LABEL]) if labels is None or len(labels) == 0 else labels
        self._warnings = [] if warnings is None else warnings
        self._net = net or net_of_step(method, step)
        self._gains: list[Int8[np.ndarray, "_frames 128"]] | None = None
        self._before: Loudness | None = None

    def blocks(self, make_blocks: MakeBlocks, sample_rate: int, channels: int) -> Blocks:
        """Yield the equalized sound; its true peak is at most the ceiling, or what it was if that was higher."""
        if self._amount == 0:
            return make_blocks()
        if self._gains is None:
            self._before = metered(make_blocks(), sample_rate, channels).result()
            self._gains = self._quantized_gains(make_blocks, sample_rate, channels)
        if not any(piece.any() for piece in self._gains):
            return make_blocks()
        gains = (piece.astype(np.float32) * np.float32(STEP_DB) for piece in self._gains)
        changed = equalize_blocks(make_blocks(), sample_rate, channels, gains, NO_LIMITS)
        ceiling_db = max(CEILING_DB, self._before.true_peak_db if self._before else CEILING_DB)
        return limit_blocks(changed, sample_rate, channels, ceiling_db=ceiling_db)

    def _quantized_gains(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int
    ) -> list[Int8[np.ndarray, "_frames 128"]]:
        """Run the network; no gains at all if it returns NaN."""
        grid, meter = mel_stft(sample_rate), SummaryMeter()
        for power in mel_power_blocks(make_blocks(), grid, channels):
            meter.add(power_db(power))
        if meter.reference_db <= LOWEST_DB:
            return []
        try:
            gains = smoothed_gains(self._predicted_gains(make_blocks, sample_rate, channels, meter), LIMITS)
            return [np.rint(self._amount * piece / STEP_DB).clip(-127, 127).astype(np.int8) for piece in gains]
        except ValueError:
            self._warnings.append(
                f"POLISH: {self._method} returned NaN or infinity; the track is without it; try other weights"
            )
            return []

    def _predicted_gains(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int, meter: SummaryMeter
    ) -> Iterator[MelFrames]:
        """Yield the gains of all frames [dB]."""
        waiting: list[MelFrames] = []

        def raw_mels() -> Iterator[MelFrames]:
            for power in mel_power_blocks(make_blocks(), mel_stft(sample_rate), channels):
                raw = scaled(power_db(power), meter.reference_db)
                waiting.append(raw)
                yield raw

        for change in mel_changes(self._net, raw_mels(), self._labels, meter.summary()):
            raw = np.concatenate(waiting)
            waiting[:] = [raw[len(change) :]]
            yield without_lifting_silence(change * np.float32(MEL_SPAN_DB), raw[: len(change)])


def without_lifting_silence(gain_db: MelFrames, raw: MelFrames) -> MelFrames:
    """Take lifts off silent frames: fully at SILENT_DB and below, less and less up to QUIET_DB."""
    loudest_db = (raw.max(axis=1, keepdims=True) - 1) * MEL_SPAN_DB
    share = np.clip((loudest_db - SILENT_DB) / (QUIET_DB - SILENT_DB), 0, 1)
    return np.where(gain_db > 0, gain_db * share, gain_db).astype(np.float32)


def net_of_step(method: str, step: PolishStep) -> MelNet:
    """Read the network of a step; errors as for :class:`LearnedTone`."""
    path = Path(step.file) if step.file else shipped_weights(method)
    net = read_mel_net(path, method)
    if step.checkpoint is not None and step.checkpoint != net.digest:
        raise MismatchError(
            f"the edit was polished with other weights, {step.checkpoint[:19]}; these are {net.digest[:19]}", path=path
        )
    return net


def frame_labels(edit_list: EditList) -> Int64[np.ndarray, " frames"]:
    """Label each frame of a track with the action of the clip at its middle, as index in ACTIONS."""
    grid = mel_stft(edit_list.source.sample_rate)
    ends = np.cumsum([clip.output_samples for clip in edit_list.clips])
    middles = (np.arange(grid.frames_of(int(ends[-1]))) - 1) * grid.hop
    numbers = np.searchsorted(ends, np.clip(middles, 0, ends[-1] - 1), side="right")
    actions = np.array([ACTIONS.index(clip.action) for clip in edit_list.clips], dtype=np.int64)
    return np.asarray(actions[numbers])
