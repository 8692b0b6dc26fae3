"""The results of many jams as one page: table, gains, kinds, and whether the set may be scored on at all.

Intervals are 95 % bootstrap over tracks; gains are taken jam by jam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from editorbot.evaluation.benchmark import CONTROL, CUTTER, Result
from editorbot.evaluation.bootstrap import Interval, bootstrap_mean, paired_difference
from editorbot.evaluation.kinds import shares_by_kind
from editorbot.evaluation.metrics import EditScore

VALID_CONTROL, VALID_CUTTER = (0.50, 0.70), 0.75
"""A set is valid when keep-all's mean F1 lies in the range and the cutter's is at most this (specification, 13)."""

FEWEST_JAMS = 60
"""Fewer jams say too little (specification, section 13)."""

COLUMNS = (
    "editor", "recall", "purity", "F1", "junk s/min", "sloppy s/min", "repeats s/min", "order", "joins/min (truth)",
    "beat error ms", "cuts at 70 ms", "effects", "s per hour",
)  # fmt: skip
"""Heads of the table."""


@dataclass(frozen=True)
class Row:
    """One editor over all jams."""

    entrant: str
    """Name of the row."""
    jams: int
    """How many jams it edited."""
    recall: Interval
    """Share of the finished music that the edits hold."""
    purity: Interval
    """Share of the edits that is finished music heard for the first time."""
    f1: Interval
    """Harmonic mean of the two, jam by jam."""
    junk_s_per_min: float
    """Junk in a minute of edit [seconds]."""
    sloppy_s_per_min: float
    """Sloppy takes in a minute of edit [seconds]."""
    repeat_s_per_min: float
    """Good music heard once too often in a minute of edit [seconds]."""
    order: float
    """Share of joins that go forward in the finished track."""
    joins_per_min: float
    """Joins in a minute of edit."""
    ideal_joins_per_min: float
    """Joins in a minute of the finished track, cut as the truth says."""
    beat_error_ms: float | None
    """Mean distance in beat phase across joins [milliseconds], over the jams that have one."""
    cut_f1: float
    """F1 of the cut points, right within 70 ms."""
    effects_share: float
    """Share of clips that are changed by anything but fades."""
    seconds_per_hour: float
    """Time for analysis and decision of an hour of audio [seconds]."""
    kinds: dict[str, float]
    """Kind of stretch -> share of it that is kept."""
    gains: dict[str, Interval]
    """Baseline -> F1 above it, jam by jam."""


@dataclass(frozen=True)
class Page:
    """Everything that a comparison says."""

    rows: tuple[Row, ...]
    """One an editor."""
    jams: int
    """How many jams."""
    tracks: int
    """How many tracks they are made from."""
    hours: float
    """How long they last [hours]."""
    by_alignment: int
    """How many of them are a user's own pairs."""
    is_valid: bool
    """Whether the set is neither too easy nor too hard."""

    @property
    def validity(self) -> str:
        """Whether the set may be scored on, with the numbers."""
        f1 = {row.entrant: row.f1.mean for row in self.rows}
        low, high = VALID_CONTROL
        said = (
            f"{CONTROL} {f1.get(CONTROL, float('nan')):.3f} ({low:.2f} - {high:.2f}), "
            f"{CUTTER} {f1.get(CUTTER, float('nan')):.3f} (at most {VALID_CUTTER:.2f})"
        )
        return f"the set is {'valid' if self.is_valid else 'not valid'}: {said}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """Lines ``CODE: text`` about how far the numbers may be trusted."""
        lines = [] if self.is_valid else [f"NOT_VALID: {self.validity}"]
        if self.jams < FEWEST_JAMS:
            lines.append(f"FEW_JAMS: {self.jams} jams were scored, and fewer than {FEWEST_JAMS} say little")
        return tuple(lines)


def page_of(results: Sequence[Result], *, baselines: Sequence[str], seed: int = 0) -> Page:
    """Return what results say.

    Parameters
    ----------
    results : sequence of Result
        In any order; the page does not depend on it.
    baselines : sequence of str
        Rows that the others are compared with.
    seed : int
        Seed of the bootstrap.

    Notes
    -----
    A jam that some editor failed on is left out of that editor's row, and of the gains against it.
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

    def values(take: Callable[[EditScore], float]) -> np.ndarray:
        return np.array([take(result.score) for result in mine], dtype=np.float64)

    def interval(take: Callable[[EditScore], float]) -> Interval:
        return bootstrap_mean(values(take), rng=rng, tracks=tracks)

    errors_ms = [result.score.beat_error_ms for result in mine if result.score.beat_error_ms is not None]
    hours = sum(result.jam.truth.duration_s for result in mine) / 3600
    return Row(
        entrant=name,
        jams=len(mine),
        recall=interval(lambda score: score.recall),
        purity=interval(lambda score: score.purity),
        f1=interval(lambda score: score.f1),
        junk_s_per_min=float(values(lambda score: score.junk_s_per_min).mean()),
        sloppy_s_per_min=float(values(lambda score: score.sloppy_s_per_min).mean()),
        repeat_s_per_min=float(values(lambda score: score.repeat_s_per_min).mean()),
        order=float(values(lambda score: score.order).mean()),
        joins_per_min=float(values(lambda score: score.joins_per_min).mean()),
        ideal_joins_per_min=float(values(lambda score: score.ideal_joins_per_min).mean()),
        beat_error_ms=float(np.mean(errors_ms)) if errors_ms else None,
        cut_f1=float(values(lambda score: score.cut_f1).mean()),
        effects_share=float(values(lambda score: score.effects_share).mean()),
        seconds_per_hour=sum(result.seconds for result in mine) / hours,
        kinds=shares_by_kind(share for result in mine for share in result.kinds),
        gains={
            other: _gain(by_name[name], by_name[other], rng)
            for other in dict.fromkeys(baselines)
            if other in by_name and other != name and by_name[name].keys() & by_name[other].keys()
        },
    )


def _gain(mine: dict[str, Result], others: dict[str, Result], rng: np.random.Generator) -> Interval:
    """Return how much higher F1 is, on the jams that both edited."""
    samples = [sample for sample in mine if sample in others]
    values, against = ([one[sample].score.f1 for sample in samples] for one in (mine, others))
    tracks = [mine[sample].jam.track for sample in samples]
    return paired_difference(np.array(values), np.array(against), rng=rng, tracks=tracks)


def markdown_of(page: Page) -> str:
    """Return the page as Markdown: what was scored, the table, the gains, the kinds."""
    parts = [
        f"{page.jams} jams of {page.tracks} tracks, {page.hours:.1f} hours; {page.validity}. "
        "Brackets: 95 % bootstrap over tracks. `retarget` is told the true length, no other editor is.",
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
    "{count} of them are pairs that a human edited. There, 'music' is what the human took and 'junk' is all else, so "
    "recall and purity say how far an editor takes the same moments as the human did, not how good its edit is."
)
"""What is measured on real pairs."""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: Row) -> list[str]:
    return [
        row.entrant,
        str(row.recall),
        str(row.purity),
        str(row.f1),
        f"{row.junk_s_per_min:.1f}",
        f"{row.sloppy_s_per_min:.1f}",
        f"{row.repeat_s_per_min:.1f}",
        f"{row.order:.2f}",
        f"{row.joins_per_min:.1f} ({row.ideal_joins_per_min:.1f})",
        "-" if row.beat_error_ms is None else f"{row.beat_error_ms:.0f}",
        f"{row.cut_f1:.2f}",
        f"{row.effects_share:.2f}",
        f"{row.seconds_per_hour:.0f}",
    ]


def _signed(gain: Interval | None) -> str:
    return "" if gain is None else f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"


def document_of(page: Page, results: Sequence[Result]) -> dict[str, Any]:
    """Return everything as plain values, the content of the JSON file."""
    return {
        "format": "editorbot.evaluation",
        "version": 1,
        "valid": page.is_valid,
        "jams": page.jams,
        "tracks": page.tracks,
        "hours": round(page.hours, 3),
        "by_alignment": page.by_alignment,
        "warnings": list(page.warnings),
        "editors": [asdict(row) for row in page.rows],
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
