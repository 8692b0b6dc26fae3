"""The picture of an alignment: from where in the raw recording each moment of the edit comes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from editorbot.corpus.alignment.align import Alignment, Segment
from editorbot.errors import printable
from editorbot.timebase import FRAME_S, clock

_INK, _QUIET, _GRID, _FOREIGN = "#1f2933", "#7b8794", "#e4e7eb", "#d64545"
_DPI = 130


def draw(alignment: Alignment, title: str) -> bytes:
    """Return the picture as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.2), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    places, flow, gain = figure.subplots(3, 1, height_ratios=(5, 1.3, 1.3))
    colors = _colors(alignment)
    _draw_map(places, alignment, colors)
    _draw_flow(flow, alignment, colors)
    _draw_gain(gain, alignment)
    figure.suptitle(printable(title).replace("$", r"\$"), x=0.01, ha="left", fontsize=15, color=_INK, weight="bold")
    places.set_title(_summary(alignment), loc="left", fontsize=9.5, color=_QUIET)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _summary(alignment: Alignment) -> str:
    cuts = max(0, len(alignment.segments) - 1)
    speed = "" if alignment.speed.ratio == 1 else f" · speed {alignment.speed.ratio:.4f}"
    repeated = sum(bool(segment.exact_repeats) for segment in alignment.segments)
    repeats = f" · {repeated} with exact repeats elsewhere (dotted)" if repeated else ""
    return (
        f"{len(alignment.segments)} segments, {cuts} cuts · {alignment.matched_share:.1%} of the edit found in the raw "
        f"recording{speed}{repeats}"
    )


def _colors(alignment: Alignment) -> list[Any]:
    """Return a color for each segment, by its place in the raw recording."""
    from matplotlib import colormaps

    scale = colormaps["viridis"]
    return [scale(0.9 * min(s.raw_start / alignment.raw_samples, 1.0)) for s in alignment.segments]


def _edit_span(alignment: Alignment, segment: Segment) -> tuple[float, float]:
    return segment.edit_start / alignment.edit_rate, segment.edit_end / alignment.edit_rate


def _draw_map(axes: Any, alignment: Alignment, colors: list[Any]) -> None:
    """Draw edit time against raw time."""
    for segment, color in zip(alignment.segments, colors):
        start_s, end_s = _edit_span(alignment, segment)
        raw_s = np.array([segment.raw_start, segment.raw_end]) / alignment.raw_rate
        for start in segment.exact_repeats:
            shift_s = (start - segment.raw_start) / alignment.raw_rate
            axes.plot([start_s, end_s], raw_s + shift_s, color=color, lw=1, ls=(0, (1, 2)), alpha=0.8)
        axes.plot([start_s, end_s], raw_s, color=color, lw=3, solid_capstyle="butt")
        axes.plot([start_s], raw_s[:1], marker="o", ms=4, color=color)
    for start_s, end_s in _foreign_spans(alignment):
        axes.axvspan(start_s, end_s, color=_FOREIGN, alpha=0.12, lw=0)
    axes.set_ylim(0, alignment.raw_samples / alignment.raw_rate)
    axes.set_ylabel("raw recording", color=_INK)
    _tidy(axes, alignment, is_raw_axis=True)


def _draw_flow(axes: Any, alignment: Alignment, colors: list[Any]) -> None:
    """Draw ribbons from the raw recording, above, to the edit, below; both over the longer one's length."""
    from matplotlib.patches import Polygon

    raw_s, edit_s = alignment.raw_samples / alignment.raw_rate, alignment.edit_samples / alignment.edit_rate
    for segment, color in zip(alignment.segments, colors):
        a, b = (value / alignment.raw_rate / raw_s for value in (segment.raw_start, segment.raw_end))
        c, d = (value / edit_s for value in _edit_span(alignment, segment))
        axes.add_patch(Polygon([(a, 1), (b, 1), (d, 0), (c, 0)], closed=True, color=color, alpha=0.55, lw=0))
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02), xticks=[], yticks=[0, 1])
    axes.set_yticklabels([f"edit {clock(edit_s)[:-3]}", f"raw {clock(raw_s)[:-3]}"], color=_INK, fontsize=8.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_gain(axes: Any, alignment: Alignment) -> None:
    """Draw the edit's level against the raw recording."""
    at_s = np.arange(len(alignment.gain_db)) * FRAME_S
    axes.axhline(0, color=_GRID, lw=1)
    axes.plot(at_s, alignment.gain_db, color=_INK, lw=0.9)
    known = alignment.gain_db[np.isfinite(alignment.gain_db)]
    low, high = np.quantile(known, (0.01, 0.99)) if len(known) else (-1.0, 1.0)
    axes.set_ylim(min(low - 3, -6), max(high + 3, 6))
    axes.set_ylabel("gain (dB)", color=_INK)
    for start_s, end_s in _foreign_spans(alignment):
        axes.axvspan(start_s, end_s, color=_FOREIGN, alpha=0.12, lw=0)
    axes.set_xlabel("edit" + (" (red: not from the raw recording)" if _foreign_spans(alignment) else ""), color=_INK)
    _tidy(axes, alignment, is_raw_axis=False)


def _foreign_spans(alignment: Alignment) -> list[tuple[float, float]]:
    """Return the stretches of the edit, of a frame or more, that are not from the raw recording [seconds]."""
    edges = [0.0]
    for segment in alignment.segments:
        edges += _edit_span(alignment, segment)
    edges.append(alignment.edit_samples / alignment.edit_rate)
    return [(a, b) for a, b in zip(edges[::2], edges[1::2]) if b - a > 2 * FRAME_S]


def _tidy(axes: Any, alignment: Alignment, *, is_raw_axis: bool) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.set_xlim(0, alignment.edit_samples / alignment.edit_rate)
    minutes = FuncFormatter(lambda at_s, _: clock(at_s)[:-3])
    axes.xaxis.set_major_formatter(minutes)
    axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 1.5, 2, 3, 6, 10]))
    if is_raw_axis:
        axes.yaxis.set_major_formatter(minutes)
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 1.5, 2, 3, 6, 10]))
    axes.grid(color=_GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_QUIET, length=0, labelsize=8.5)
    axes.spines[:].set_visible(False)
