"""Summarizes the results of many jams on one page, as Markdown, JSON and a picture.

The page has a table, F1 gains, what is kept of each kind of stretch, and whether the set of jams is valid at all.
Intervals are 95 % bootstrap over tracks; gains are paired by jam.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from editorbot.corpus.truth import KINDS
from editorbot.evaluation.benchmark import CONTROL, CUTTER, Result
from editorbot.evaluation.bootstrap import Interval, bootstrap_mean, paired_difference
from editorbot.evaluation.metrics import EditScore, shares_by_kind

VALID_CONTROL, VALID_CUTTER = (0.50, 0.70), 0.75
"""A set is valid when keep-all's mean F1 is in the range and the cutter's is at most this (specification, 13)."""

FEWEST_JAMS = 60
"""Fewer jams prove too little (specification, section 13)."""

COLUMNS = (
    "editor", "recall", "purity", "F1", "junk s/min", "sloppy s/min", "repeats s/min", "order", "joins/min (truth)",
    "beat error ms", "cuts at 70 ms", "effects", "s per hour",
)  # fmt: skip
"""Headings of the table."""


MEANS = (
    "junk_s_per_min", "sloppy_s_per_min", "repeat_s_per_min", "order", "joins_per_min", "ideal_joins_per_min",
    "beat_error_ms", "cut_f1", "effects_share",
)  # fmt: skip
"""Fields of `EditScore` of which a row has the mean."""

_INK, _BAR, _INVALID = "#222222", "#4878a8", "#b04a3a"


@dataclass(frozen=True)
class Row:
    """The results of one editor over all jams."""

    entrant: str
    """Name of the row."""
    jams: int
    """Number of jams that it edited."""
    recall: Interval
    """Share of the finished music that the edits contain."""
    purity: Interval
    """Precision: share of the edits that is finished music played for the first time."""
    f1: Interval
    """Harmonic mean of the two, jam by jam."""
    means: Mapping[str, float | None]
    """Mean of each of MEANS over the jams that have it; None if none has."""
    seconds_per_hour: float
    """Time for analysis and decision of an hour of audio [seconds]."""
    kinds: Mapping[str, float]
    """Kind of stretch -> share of it that is kept."""
    gains: Mapping[str, Interval]
    """Baseline -> how much higher F1 is, jam by jam."""


@dataclass(frozen=True)
class Page:
    """A whole comparison."""

    rows: tuple[Row, ...]
    """One per editor."""
    jams: int
    """Number of jams."""
    tracks: int
    """Number of tracks they are made from."""
    hours: float
    """Their total length [hours]."""
    by_alignment: int
    """Number of jams that are a user's own pairs."""
    is_valid: bool
    """Whether the set is neither too easy nor too hard."""

    @property
    def validity(self) -> str:
        """Whether the set is valid, with the numbers."""
        f1 = {row.entrant: row.f1.mean for row in self.rows}
        low, high = VALID_CONTROL
        numbers = (
            f"{CONTROL} {f1.get(CONTROL, float('nan')):.3f} ({low:.2f} - {high:.2f}), "
            f"{CUTTER} {f1.get(CUTTER, float('nan')):.3f} (at most {VALID_CUTTER:.2f})"
        )
        return f"the set is {'valid' if self.is_valid else 'not valid'}: {numbers}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines ``CODE: text`` about the limits of the numbers."""
        lines = [] if self.is_valid else [f"NOT_VALID: {self.validity}"]
        if self.jams < FEWEST_JAMS:
            lines.append(f"FEW_JAMS: {self.jams} jams were scored, and fewer than {FEWEST_JAMS} prove little")
        return tuple(lines)


def page_of(results: Sequence[Result], *, baselines: Sequence[str], seed: int = 0) -> Page:
    """Summarize results.

    Parameters
    ----------
    results : sequence of Result
        In any order; the page does not depend on it.
    baselines : sequence of str
        Rows to compare the others with.
    seed : int
        Seed of the bootstrap.

    Notes
    -----
    A jam that an editor failed on is left out of that editor's row, and of the gains against it.
    """
    results = sorted(results, key=lambda result: result.jam.sample)
    names = list(dict.fromkeys(result.entrant for result in results))
    by_name = {name: {r.jam.sample: r for r in results if r.entrant == name} for name in names}
    order = sorted(names, key=lambda name: (name != CONTROL, name != CUTTER, "@" in name, name))
    rows = tuple(_row(name, by_name, baselines, np.random.default_rng(seed)) for name in order)
    jams = {result.jam.sample: result.jam for result in results}
    f1 = {row.entrant: row.f1.mean for row in rows}
    low, high = VALID_CONTROL
    return Page(
        rows=rows,
        jams=len(jams),
        tracks=len({jam.track for jam in jams.values()}),
        hours=sum(jam.truth.duration_s for jam in jams.values()) / 3600,
        by_alignment=sum(jam.known_by == "alignment" for jam in jams.values()),
        is_valid=low <= f1.get(CONTROL, 0.0) <= high and f1.get(CUTTER, 1.0) <= VALID_CUTTER,
    )


def _row(name: str, by_name: dict[str, dict[str, Result]], baselines: Sequence[str], rng: np.random.Generator) -> Row:
    mine = list(by_name[name].values())
    tracks = [result.jam.track for result in mine]

    def interval(take: Callable[[EditScore], float]) -> Interval:
        return bootstrap_mean(np.array([take(result.score) for result in mine]), rng=rng, tracks=tracks)

    hours = sum(result.jam.truth.duration_s for result in mine) / 3600
    return Row(
        entrant=name,
        jams=len(mine),
        recall=interval(lambda score: score.recall),
        purity=interval(lambda score: score.purity),
        f1=interval(lambda score: score.f1),
        means={field: _mean(getattr(result.score, field) for result in mine) for field in MEANS},
        seconds_per_hour=sum(result.seconds for result in mine) / hours,
        kinds=shares_by_kind(share for result in mine for share in result.kinds),
        gains={
            other: _gain(by_name[name], by_name[other], rng)
            for other in dict.fromkeys(baselines)
            if other in by_name and other != name and by_name[name].keys() & by_name[other].keys()
        },
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _gain(mine: dict[str, Result], others: dict[str, Result], rng: np.random.Generator) -> Interval:
    """Compute how much higher F1 is, on the jams that both edited."""
    samples = [sample for sample in mine if sample in others]
    values, against = ([one[sample].score.f1 for sample in samples] for one in (mine, others))
    tracks = [mine[sample].jam.track for sample in samples]
    return paired_difference(np.array(values), np.array(against), rng=rng, tracks=tracks)


def markdown_of(page: Page) -> str:
    """Write the page as Markdown: what was scored, the table, the gains, the kinds."""
    parts = [
        f"{page.jams} jams of {page.tracks} tracks, {page.hours:.1f} hours; {page.validity}. "
        "Brackets: 95 % bootstrap over tracks. Only `retarget` gets the true length.",
        _table(COLUMNS, [_cells(row) for row in page.rows]),
    ]
    if page.by_alignment:
        parts.insert(1, ALIGNED_NOTE.format(count=page.by_alignment))
    compared = {name for row in page.rows for name in row.gains}
    baselines = [row.entrant for row in page.rows if row.entrant in compared]
    if baselines:
        gains = [[row.entrant, *(_signed(row.gains.get(name)) for name in baselines)] for row in page.rows]
        parts += ["F1 above the others, jam by jam:", _table(["editor", *baselines], gains)]
    kinds = sorted({kind for row in page.rows for kind in row.kinds})
    shares = [[kind, *(f"{row.kinds[kind]:.0%}" if kind in row.kinds else "-" for row in page.rows)] for kind in kinds]
    parts += ["Share of each kind of stretch that is kept:", _table(["kind", *(r.entrant for r in page.rows)], shares)]
    return "\n\n".join(parts) + "\n"


ALIGNED_NOTE = (
    "{count} of them are pairs that a human edited. There, 'music' is what the human used and 'junk' is all else, so "
    "recall and purity say how far an editor uses the same moments as the human, not how good its edit is."
)
"""What the numbers mean for real pairs."""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: Row) -> list[str]:
    one, two = "{:.1f}".format, "{:.2f}".format
    means = {name: row.means[name] or 0.0 for name in MEANS}
    return [
        row.entrant,
        *(str(interval) for interval in (row.recall, row.purity, row.f1)),
        *(one(means[name]) for name in ("junk_s_per_min", "sloppy_s_per_min", "repeat_s_per_min")),
        two(means["order"]),
        f"{one(means['joins_per_min'])} ({one(means['ideal_joins_per_min'])})",
        "-" if row.means["beat_error_ms"] is None else f"{means['beat_error_ms']:.0f}",
        *(two(means[name]) for name in ("cut_f1", "effects_share")),
        f"{row.seconds_per_hour:.0f}",
    ]


def _signed(gain: Interval | None) -> str:
    return "" if gain is None else f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"


def document_of(page: Page, results: Sequence[Result]) -> dict[str, Any]:
    """Collect everything as plain values, the content of the JSON file."""
    return {
        "format": "editorbot.evaluation",
        "version": 1,
        "valid": page.is_valid,
        "jams": page.jams,
        "tracks": page.tracks,
        "hours": round(page.hours, 3),
        "by_alignment": page.by_alignment,
        "warnings": list(page.warnings),
        "editors": [_row_document(row) for row in page.rows],
        "results": [
            {
                "sample": result.jam.sample,
                "artist": result.jam.truth.artist,
                "track": result.jam.truth.track,
                "split": result.jam.split,
                "raw_s": result.jam.truth.duration_s,
                "finished_s": result.jam.truth.finished_s,
                "editor": result.entrant,
                "f1": result.score.f1,
                **asdict(result.score),
                "seconds": round(result.seconds, 3),
            }
            for result in sorted(results, key=lambda one: (one.jam.sample, one.entrant))
        ],
    }


def _row_document(row: Row) -> dict[str, Any]:
    """Write a row with its means as fields of their own."""
    document: dict[str, Any] = {}
    for name, value in asdict(row).items():
        document |= value if name == "means" else {name: value}
    return document


def draw_page(page: Page) -> bytes:
    """Draw a comparison as a PNG: F1 with its intervals, and what each editor keeps of each kind of stretch."""
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
    figure.suptitle(title, fontsize=10, color=_INK if page.is_valid else _INVALID)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()
