"""A picture of an edit list: where in the recording each moment of the edit comes from.

Like an alignment's picture of a pair: one line a clip, the edit's time from left to right, the recording's from bottom
to top, and beside it the parts of the recording that are heard.
"""

from __future__ import annotations

import io
import os
from typing import Any

from editorbot.editlist.edit_list import EditList
from editorbot.editlist.operations import Range, union
from editorbot.errors import printable
from editorbot.timebase import clock

_INK, _QUIET, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_DPI = 130


def picture_of(edit_list: EditList) -> bytes:
    """Draw the picture as PNG."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    map_, heard = figure.subplots(1, 2, width_ratios=(12, 1), sharey=True)
    scale = colormaps["viridis"]
    source = edit_list.source
    at_s = 0.0
    for clip in edit_list.clips:
        start_s, end_s = clip.start / source.sample_rate, clip.end / source.sample_rate
        length_s = (end_s - start_s) / clip.speed
        color = scale(0.9 * clip.start / max(source.samples, 1))
        ends = (end_s, start_s) if clip.reverse else (start_s, end_s)
        map_.plot([at_s, at_s + length_s], ends, color=color, linewidth=2.5, solid_capstyle="butt")
        heard.axhspan(start_s, end_s, color=color, linewidth=0)
        at_s += length_s
    _dress(map_, heard, at_s, source.samples / source.sample_rate)
    title = printable(os.path.basename(source.path)).replace("$", r"\$")
    figure.suptitle(title, x=0.01, ha="left", fontsize=15, color=_INK, weight="bold")
    map_.set_title(_summary(edit_list, at_s), loc="left", fontsize=9.5, color=_QUIET)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _summary(edit_list: EditList, edit_s: float) -> str:
    source = edit_list.source
    ranges: list[Range] = [(clip.start, clip.end) for clip in edit_list.clips]
    heard = sum(end - start for start, end in union(ranges))
    back = sum(b.start < a.end for a, b in zip(edit_list.clips, edit_list.clips[1:]))
    turns = f", {back} of them back" if back else ""
    return (
        f"{edit_list.made_by.editor} · {len(edit_list.clips)} clips, {len(edit_list.joins)} joins{turns} · "
        f"{clock(edit_s)} of {clock(source.samples / source.sample_rate)} · {heard / source.samples:.0%} heard"
    )


def _dress(map_: Any, heard: Any, edit_s: float, raw_s: float) -> None:
    """Label the axes in minutes and seconds."""
    from matplotlib.ticker import FuncFormatter

    short = FuncFormatter(lambda value, _: clock(max(value, 0.0))[:-3])
    map_.set(xlim=(0, max(edit_s, 1e-3)), ylim=(0, max(raw_s, 1e-3)))
    map_.set_xlabel("edit", color=_QUIET)
    map_.set_ylabel("recording", color=_QUIET)
    heard.set_xlabel("heard", color=_QUIET)
    heard.set_xticks([])
    for axes in (map_, heard):
        axes.yaxis.set_major_formatter(short)
        axes.tick_params(colors=_QUIET, length=0)
        axes.grid(color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        for spine in axes.spines.values():
            spine.set_color(_GRID)
    map_.xaxis.set_major_formatter(short)
    heard.grid(False)
