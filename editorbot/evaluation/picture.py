"""The picture of a comparison: F1 with its intervals, and what each editor keeps of each kind of stretch."""

from __future__ import annotations

import io

import numpy as np

from editorbot.corpus.truth import KINDS
from editorbot.evaluation.table import Page

_INK, _BAR, _WORST = "#222222", "#4878a8", "#b04a3a"


def draw_page(page: Page) -> bytes:
    """Return a comparison as a PNG picture."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = page.rows[::-1]
    figure = Figure(figsize=(13, 1.6 + 0.55 * max(4, len(rows))), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    places = np.arange(len(rows))
    means = np.array([row.f1.mean for row in rows])
    ends = np.array([[max(0.0, row.f1.mean - row.f1.low), max(0.0, row.f1.high - row.f1.mean)] for row in rows]).T
    left.barh(places, means, xerr=ends, color=_BAR, ecolor=_INK, capsize=3)
    left.set_yticks(places, [row.entrant for row in rows])
    left.set_xlim(0, 1)
    left.set_xlabel("F1, 95 % interval over tracks")
    for place, mean in zip(places, means):
        left.text(0.01, place, f"{mean:.3f}", va="center", color="white", fontsize=9)
    kinds = [kind for kind in KINDS if any(kind in row.kinds for row in rows)]
    shares = np.array([[row.kinds.get(kind, np.nan) for kind in kinds] for row in rows])
    right.imshow(shares, vmin=0, vmax=1, cmap="Blues", aspect="auto", origin="lower")
    right.set_yticks(places, [""] * len(rows))
    right.set_xticks(np.arange(len(kinds)), kinds, rotation=40, ha="right")
    right.set_title("share kept; the first two are good music", fontsize=10)
    for (place, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            color = "white" if share > 0.6 else _INK
            right.text(column, place, f"{share:.0%}", ha="center", va="center", fontsize=8, color=color)
    title = f"{page.jams} jams of {page.tracks} tracks; {page.validity}"
    figure.suptitle(title, fontsize=10, color=_INK if page.is_valid else _WORST)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
