"""Compares the track without and with its polish, for the report: average spectra, and an excerpt of each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from editorbot.analysis.filterbanks import mel_edges_hz
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.editlist.edit_list import EditList
from editorbot.polish.average_spectrum import average_spectrum_db
from editorbot.polish.blocks import Blocks
from editorbot.polish.meter import measure
from editorbot.recording import Recording, as_float
from editorbot.render.render import render_blocks
from editorbot.report.tone import ToneCompared
from editorbot.timebase import s_to_samples

EXCERPT_S = 15.0
"""Length of the excerpts [seconds]."""

MEASURED_S = 600.0
"""How much of a long track the spectra are measured on, from its start [seconds]."""

QUIETER_LUFS = -14.0
"""Loudness of both excerpts at most [LUFS]."""


def compare_tone(edit_list: EditList, recording: Recording, track: Recording) -> ToneCompared | None:
    """Measure average spectra before and after polish, and cut an excerpt from the middle; None for silence."""
    samples = min(track.samples, edit_list.output_samples, s_to_samples(MEASURED_S, track.sample_rate))
    before_db = average_spectrum_db(
        _cut_out(render_blocks(edit_list, recording), 0, samples), recording.sample_rate, recording.channels
    )
    after_db = average_spectrum_db(track.blocks(0, samples), track.sample_rate, track.channels)
    if before_db is None or after_db is None:
        return None
    length = min(samples, s_to_samples(EXCERPT_S, track.sample_rate))
    start = (samples - length) // 2
    excerpts = (_cut_out(render_blocks(edit_list, recording), start, start + length),
                track.blocks(start, start + length))  # fmt: skip
    before, after = (np.concatenate([as_float(block) for block in blocks]) for blocks in excerpts)
    return ToneCompared(
        mel_edges_hz(MEL_BANDS)[1:-1],
        before_db - before_db.max(),
        after_db - after_db.max(),
        *_at_one_loudness(before, after, track.sample_rate),
        track.sample_rate,
    )


def _cut_out(blocks: Blocks, start: int, end: int) -> Blocks:
    """Yield samples [start, end) of a sound."""
    at = 0
    for block in blocks:
        if at + len(block) > start:
            yield block[max(0, start - at) : end - at]
        at += len(block)
        if at >= end:
            return


def _at_one_loudness(
    before: Float64[np.ndarray, "samples channels"], after: Float64[np.ndarray, "samples channels"], rate: int
) -> tuple[Float64[np.ndarray, "samples channels"], Float64[np.ndarray, "samples channels"]]:
    """Lower the louder one to the other's loudness, both to QUIETER_LUFS at most; silence stays as it is."""
    lufs = [measure([side], rate, side.shape[1]).integrated_lufs for side in (before, after)]
    if not np.isfinite(lufs).all():
        return before, after
    wanted = min(*lufs, QUIETER_LUFS)
    return before * 10 ** ((wanted - lufs[0]) / 20), after * 10 ** ((wanted - lufs[1]) / 20)
