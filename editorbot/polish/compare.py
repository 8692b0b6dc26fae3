"""The track without its polish beside the track with it, for the report."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Shaped

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.editlist.edit_list import EditList
from editorbot.polish.meter import measure
from editorbot.polish.track_tone import tone_of
from editorbot.recording import Recording
from editorbot.render.render import BLOCK_SAMPLES, render_blocks
from editorbot.render.samples import as_float
from editorbot.report.tone import ToneCompared
from editorbot.timebase import s_to_samples

EXCERPT_S = 15.0
"""Length of what can be compared by ear [seconds]."""

LOOKED_AT_S = 600.0
"""How much of a long track the spectra are of, from its start [seconds]."""

QUIETER_LUFS = -14.0
"""Loudness of both excerpts at most [LUFS]."""


def compare_tone(edit_list: EditList, recording: Recording, track: Recording) -> ToneCompared | None:
    """Return tone and an excerpt from the middle of the first minutes, before and after polish; None for silence."""
    samples = min(track.samples, edit_list.output_samples, s_to_samples(LOOKED_AT_S, track.sample_rate))
    before_db = tone_of(_until(render_blocks(edit_list, recording), samples), recording.sample_rate, recording.channels)
    after_db = tone_of(_track_blocks(track, 0, samples), track.sample_rate, track.channels)
    if before_db is None or after_db is None:
        return None
    length = min(samples, s_to_samples(EXCERPT_S, track.sample_rate))
    start = (samples - length) // 2
    before = _cut_out(render_blocks(edit_list, recording), start, start + length)
    after = np.concatenate([as_float(block) for block in _track_blocks(track, start, start + length)])
    before, after = _at_one_loudness(before, after, track.sample_rate)
    return ToneCompared(
        mel_edges_hz(MEL_BANDS)[1:-1],
        before_db - before_db.max(),
        after_db - after_db.max(),
        before,
        after,
        track.sample_rate,
        start / track.sample_rate,
    )


def _track_blocks(track: Recording, start: int, end: int) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    return (track.read_native(at, min(at + BLOCK_SAMPLES, end)) for at in range(start, end, BLOCK_SAMPLES))


def _until(
    blocks: Iterator[Shaped[np.ndarray, "samples channels"]], samples: int
) -> Iterator[Shaped[np.ndarray, "samples channels"]]:
    """Yield the first samples of a sound."""
    left = samples
    for block in blocks:
        yield block[:left]
        left -= len(block[:left])
        if left <= 0:
            return


def _cut_out(
    blocks: Iterator[Shaped[np.ndarray, "samples channels"]], start: int, end: int
) -> Float64[np.ndarray, "samples channels"]:
    """Return samples [start, end) of a sound."""
    at, parts = 0, []
    for block in _until(blocks, end):
        parts.append(as_float(block[max(0, start - at) :]))
        at += len(block)
    return np.concatenate(parts)


def _at_one_loudness(
    before: Float64[np.ndarray, "samples channels"], after: Float64[np.ndarray, "samples channels"], rate: int
) -> tuple[Float64[np.ndarray, "samples channels"], Float64[np.ndarray, "samples channels"]]:
    """Return both at the loudness of the quieter one, as they are where one is silent."""
    lufs = [measure([side], rate, side.shape[1]).integrated_lufs for side in (before, after)]
    if not np.isfinite(lufs).all():
        return before, after
    wanted = min(*lufs, QUIETER_LUFS)
    return before * 10 ** ((wanted - lufs[0]) / 20), after * 10 ** ((wanted - lufs[1]) / 20)
