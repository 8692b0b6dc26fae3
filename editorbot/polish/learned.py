"""Polish stages ``reconstruct`` and ``mel2mel``: the tone that a network expects of the finished track.

The track is heard twice: once for what sums it up, once by the network, whose
answer for each frame, the mel of the finished track over the mel that is
there, becomes a gain in each band. These gains are kept in quarters of a
decibel (20 MB an hour), so the stage can be started again without asking the
network again, and a network that answers no numbers is found out before a
sample is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int8, Int64, Shaped

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import MismatchError
from editorbot.models.mel_config import MEL_SPAN_DB, UNKNOWN_LABEL
from editorbot.polish.limiter import limit_blocks
from editorbot.polish.loudness import CEILING_DB, MakeBlocks
from editorbot.polish.mel_network import MelNet, edited_chunks
from editorbot.polish.mel_summary import LOWEST_DB, SummaryMeter, power_db, scaled
from editorbot.polish.mel_weights import read_mel_net
from editorbot.polish.meter import Loudness, metered
from editorbot.polish.tone import LIMITS, ToneLimits, smoothed_gains, tone_blocks
from editorbot.polish.tone_grid import grid_of, mel_power_blocks
from editorbot.weights import shipped_weights

STEP_DB = 0.25
"""Gains are kept in steps of this [dB]."""

QUIET_DB, SILENT_DB = -60.0, -75.0
"""Below the track's loudest, quiet frames are lifted less and silent ones not at all [dB]."""

AS_IS = ToneLimits(60.0, 60.0, 0, 0)
"""Gains that are bounded and smooth already."""

FramesOf = Int64[np.ndarray, " frames"]
"""Labels of the frames of a track."""


class Learned:
    """One learned stage on one track.

    Parameters
    ----------
    method : str
        ``reconstruct`` or ``mel2mel``.
    step : PolishStep
        Amount, and weights of the user's own in `file`.
    labels : np.ndarray, shape=(frames,), optional
        What was done to each frame of the track; not known where there are none.
    warnings : list of str, optional
        Is added to.
    net : MelNet, optional
        The network; read where it is not given.

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
        labels: FramesOf | None = None,
        warnings: list[str] | None = None,
        limits: ToneLimits = LIMITS,
        net: MelNet | None = None,
    ) -> None:
        self._method, self._amount, self._limits = method, step.amount, limits
        self._labels = np.array([UNKNOWN_LABEL]) if labels is None or len(labels) == 0 else labels
        self._warnings = [] if warnings is None else warnings
        self._net = net or net_of_step(method, step)
        self._gains: list[Int8[np.ndarray, "_frames 128"]] | None = None
        self._before: Loudness | None = None

    def blocks(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int
    ) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
        """Yield the sound with its tone changed, at most as high as it was or as the ceiling allows."""
        if self._amount == 0:
            return make_blocks()
        if self._gains is None:
            self._before = metered(make_blocks(), sample_rate, channels).result()
            self._gains = self._asked(make_blocks, sample_rate, channels)
        if not any(piece.any() for piece in self._gains):
            return make_blocks()
        gains = (piece.astype(np.float32) * np.float32(STEP_DB) for piece in self._gains)
        changed = tone_blocks(make_blocks(), sample_rate, channels, gains, AS_IS)
        ceiling_db = max(CEILING_DB, self._before.true_peak_db if self._before else CEILING_DB)
        return limit_blocks(changed, sample_rate, channels, ceiling_db=ceiling_db)

    def _asked(self, make_blocks: MakeBlocks, sample_rate: int, channels: int) -> list[Int8[np.ndarray, "_frames 128"]]:
        """Return the gains that the network asks for, none where its answers are no numbers."""
        grid, meter = grid_of(sample_rate), SummaryMeter()
        for power in mel_power_blocks(make_blocks(), grid, channels):
            meter.add(power_db(power))
        if meter.reference_db <= LOWEST_DB:
            return []
        try:
            gains = smoothed_gains(self._answers(make_blocks, sample_rate, channels, meter), self._limits)
            return [np.rint(self._amount * piece / STEP_DB).clip(-127, 127).astype(np.int8) for piece in gains]
        except ValueError:
            self._warnings.append(
                f"POLISH: {self._method} answered no numbers; the track is without it; other weights may do better"
            )
            return []

    def _answers(
        self, make_blocks: MakeBlocks, sample_rate: int, channels: int, meter: SummaryMeter
    ) -> Iterator[Float32[np.ndarray, "frames 128"]]:
        """Yield the gains of all frames [dB]."""
        levels: list[Float32[np.ndarray, "_frames 128"]] = []

        def heard() -> Iterator[Float32[np.ndarray, "frames 128"]]:
            for power in mel_power_blocks(make_blocks(), grid_of(sample_rate), channels):
                raw = scaled(power_db(power), meter.reference_db)
                levels.append(raw)
                yield raw

        for change in edited_chunks(self._net, heard(), self._labels, meter.summary()):
            held = np.concatenate(levels)
            levels[:] = [held[len(change) :]]
            yield without_lifting_silence(change * np.float32(MEL_SPAN_DB), held[: len(change)])


def without_lifting_silence(
    gain_db: Float32[np.ndarray, "frames 128"], raw: Float32[np.ndarray, "frames 128"]
) -> Float32[np.ndarray, "frames 128"]:
    """Return gains of which frames between QUIET_DB and SILENT_DB keep less and less of a lift, and lower ones none."""
    loudest_db = (raw.max(axis=1, keepdims=True) - 1) * MEL_SPAN_DB
    share = np.clip((loudest_db - SILENT_DB) / (QUIET_DB - SILENT_DB), 0, 1)
    return np.where(gain_db > 0, gain_db * share, gain_db).astype(np.float32)


def net_of_step(method: str, step: PolishStep) -> MelNet:
    """Return the network of a step; errors as for :class:`Learned`."""
    path = Path(step.file) if step.file else shipped_weights(method)
    net = read_mel_net(path, method)
    if step.checkpoint is not None and step.checkpoint != net.digest:
        raise MismatchError(
            f"the edit was polished with other weights, {step.checkpoint[:19]}; these are {net.digest[:19]}", path=path
        )
    return net
