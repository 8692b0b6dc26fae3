"""Makes an edit of a wanted length: the shortest path through the recording.

A path plays sections of the recording one after the other. Every join costs as much as it is audible
(`analysis.seams`); playing something again costs, and so does leaving out the beginning or the end. With a worth for
every beat, skipping good music and playing bad music cost as well. Dynamic programming finds the cheapest path of
every length at once.

References
----------
.. [1] Wenner, Bazin, Sorkine-Hornung, Kim and Gross, "Scalable Music: Automatic
   Music Retargeting and Synthesis", Computer Graphics Forum 32, 2013.
.. [2] Rubin, Berthouzoz, Mysore, Li and Agrawala, "Content-Based Tools for
   Editing Audio Stories", UIST 2013.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int64

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, EditList, MadeBy
from editorbot.editlist.operations import edit_list_of
from editorbot.editors.base import EditRequest
from editorbot.editors.clips import beat_records
from editorbot.editors.join_graph import JoinGraph
from editorbot.editors.length_table import START, Hops, LengthTable, fill_table
from editorbot.editors.timeline import Timeline, timeline_of
from editorbot.errors import TargetError
from editorbot.timebase import clock

SHORTEST_SECTION_BARS = 4
"""Shortest section if there is a beat [bars]."""
SHORTEST_SECTION_S = 8.0
"""Shortest section if there is none, about four bars [seconds]."""

MISS_PRICE = 0.3
"""Price of missing the target by a whole bar."""

MAX_STATES = 60_000_000
"""Largest table [states]; each takes a byte, seldom two."""
MAX_STEPS = 3_000_000_000
"""Largest number of hops that are evaluated, about 4 seconds of work."""
TAIL_S = 600.0
"""Length of the part that is solved again with a finer table if a coarse one missed the target [seconds]."""


def shortest_path_edit(
    analysis: Analysis,
    request: EditRequest,
    worth: Float[np.ndarray, " beats"] | None = None,
    *,
    made_by: MadeBy | None = None,
) -> EditList:
    """Make the edit of the wanted length with the least audible joins.

    Parameters
    ----------
    analysis : Analysis
        What is known about the recording.
    request : EditRequest
        Length and ranges. Without a length the worth decides how long the path is.
    worth : np.ndarray, shape=(beats,), optional
        How much each beat is worth keeping, in [0, 1]; 0.5 is neutral.
    made_by : MadeBy, optional
        The editor; ``retarget`` by default.

    Returns
    -------
    edit_list : EditList
        Ranges to keep are whole and ranges to cut are out, to the sample. The length is within a bar of the target,
        or a warning ``TARGET_MISSED`` says by how much it is not, and why.

    Raises
    ------
    TargetError
        If a range to keep starts beyond the end, or the ranges to cut leave nothing.

    Notes
    -----
    Sections are four bars or longer (8 s if there is no beat); if the request cannot be met so, half that, and so on.
    Joins go back only if the target is longer than what may be played, or cannot be met otherwise.
    """
    timeline = timeline_of(analysis, request)
    target_s = request.target_length_s(analysis.duration_s)
    if target_s is None and worth is None:
        raise TargetError("a path needs a length or the worth of the beats; give a target", path=analysis.source.path)
    skip_s = None if target_s is None else timeline.playable_s - target_s
    graph = JoinGraph(analysis, timeline, worth, skip_s)
    bar_s = SHORTEST_SECTION_S / SHORTEST_SECTION_BARS
    if analysis.has_beat:
        bar_s = analysis.beats_per_bar * float(np.median(np.diff(analysis.beat_bounds_s)))
    path = _Search(timeline, graph, bar_s).best_path(target_s)
    risks = graph.risks(path.ends[:-1], path.starts[1:])
    return edit_list_of(
        analysis.source,
        tuple(_clips(timeline, path, risks)),
        made_by=replace(made_by or MadeBy("retarget"), seed=request.seed),
        risks=risks.tolist(),
        beats=[] if worth is None else beat_records(analysis, worth),
        warnings=_missed(timeline, path, target_s, bar_s),
    )


@dataclass(frozen=True)
class _Path:
    """Sections of a timeline in playing order."""

    starts: Int[np.ndarray, " sections"]
    """Bound where each section starts."""
    ends: Int[np.ndarray, " sections"]
    """Bound where each section ends."""
    cost: float
    """What the path costs, without the miss."""
    length_s: float
    """Length of the output [seconds]."""

    def miss_s(self, target_s: float) -> float:
        """Compute how far the length is from the target [seconds]."""
        return abs(self.length_s - target_s)


@dataclass(frozen=True)
class _Search:
    """The search for paths through one recording."""

    timeline: Timeline
    graph: JoinGraph
    bar_s: float
    """Median length of a bar, 2 s if no beat is known [seconds]; a path may miss the target by so much."""

    def best_path(self, target_s: float | None) -> _Path:
        """Find the first path that meets the target, with shorter sections and repeats if needed; else the nearest."""
        if target_s is not None:
            target_s = max(target_s, self.timeline.required_s)
        best: _Path | None = None
        for section_s, repeats in self._attempts(target_s):
            path = self._solve(self.graph.hops(section_s, repeats=repeats), target_s)
            if path is None:
                continue
            if target_s is None or path.miss_s(target_s) <= self.bar_s:
                return path
            if best is None or path.miss_s(target_s) < best.miss_s(target_s) - 1e-6:
                best = path
        best = best or self._of_any_length(self.graph.hops(0.0, repeats=False))
        if best is None:
            raise AssertionError("a path that plays all that may be played always exists")
        return best

    def _attempts(self, target_s: float | None) -> Iterator[tuple[float, bool]]:
        """Yield section lengths and whether joins may go back, the strictest first."""
        shortest_s = min(max(SHORTEST_SECTION_BARS * self.bar_s, 4.0), 16.0)
        longer = target_s is not None and target_s > self.timeline.playable_s
        sections_s = [shortest_s / 2**halvings for halvings in range(3)]
        if target_s is not None:
            sections_s = [one for one in sections_s if one <= max(target_s, self.bar_s)]
        for section_s in [*sections_s, self.bar_s / 2, 0.0]:
            yield section_s, longer
        if not longer and target_s is not None:
            yield shortest_s / 2, True
            yield 0.0, True

    def _solve(self, hops: Hops, target_s: float | None) -> _Path | None:
        """Find the best path over some hops, None if there is none at all."""
        if target_s is None:
            return self._of_any_length(hops)
        path = self._of_length(hops, target_s)
        if path is None or path.miss_s(target_s) <= self.bar_s:
            return path
        return self._with_finer_tail(hops, path, target_s)

    def _table(self, hops: Hops, grid: Int64[np.ndarray, " bounds"], longest: int, **rounding: Any) -> LengthTable:
        prices = self.graph.prices
        play_cost, end_cost = prices.play.astype(np.float32), prices.end.astype(np.float32)
        return fill_table(hops, grid=grid, play_cost=play_cost, end_cost=end_cost, longest=longest, **rounding)

    def _of_any_length(self, hops: Hops) -> _Path | None:
        """Find the cheapest path of any length, by a table of one length only."""
        table = self._table(hops, np.zeros(len(self.timeline.bounds), dtype=np.int64), 0)
        return self._read(table, 0) if np.isfinite(table.end_cost[0]) else None

    def _of_length(self, hops: Hops, target_s: float) -> _Path | None:
        """Find the best path about as long as the target; the miss adds to the cost."""
        quantum_s = self._quantum_s(hops, target_s)
        wanted, slack = round(target_s / quantum_s), math.ceil(self.bar_s / quantum_s) + 8
        # Bounds in quanta, shifted so that steady beats are far from where rounding changes.
        times_s = self.timeline.times_s
        shift = min(self._piece_s / quantum_s, 1.0) / 2
        exact = (times_s - times_s[len(times_s) // 2]) / quantum_s + shift
        quanta = np.floor(exact).astype(np.int64)
        residual = (quanta - exact + shift).astype(np.float32)
        largest_drift = max(self.bar_s / quantum_s, 1.0) / 2
        table = self._table(hops, quanta - quanta[0], wanted + slack, residual=residual, largest_drift=largest_drift)
        lengths = np.flatnonzero(np.isfinite(table.end_cost))
        if len(lengths) == 0:
            return None
        near = lengths[np.abs(lengths - wanted) <= slack]
        if len(near) == 0:
            near = lengths[[np.abs(lengths - wanted).argmin()]]
        paths = [self._read(table, int(length)) for length in near]
        return min(paths, key=lambda path: self._price_with_miss(path, target_s))

    def _price_with_miss(self, path: _Path, target_s: float) -> tuple[float, float]:
        """Compute what a path and its miss cost; misses of more than a bar sort after all others."""
        bars = path.miss_s(target_s) / self.bar_s
        return (0.0 if bars <= 1 else bars), path.cost + MISS_PRICE * bars

    @property
    def _piece_s(self) -> float:
        """Median length of a piece [seconds]."""
        return float(np.median(np.diff(self.timeline.times_s)))

    def _quantum_s(self, hops: Hops, target_s: float) -> float:
        """Choose the finest unit of length that keeps the table within its limits [seconds]."""
        quantum_s, bars_s, bounds = self._piece_s, self.bar_s, len(self.timeline.bounds)
        while True:
            lengths = (target_s + 2 * self.bar_s) / quantum_s + 16
            if lengths * bounds <= MAX_STATES and lengths * (len(hops) + bounds) <= MAX_STEPS:
                return quantum_s
            quantum_s, bars_s = bars_s, 2 * bars_s

    def _read(self, table: LengthTable, length: int) -> _Path:
        """Read the cheapest path of one length off a table."""
        taken = table.hops_to(length)
        starts = table.hops.arrive[taken].astype(np.int64)
        ends = np.append(table.hops.leave[taken[1:]], table.end_bound[length]).astype(np.int64)
        return self._path(starts, ends, float(table.end_cost[length]))

    def _path(self, starts: Int[np.ndarray, " sections"], ends: Int[np.ndarray, " sections"], cost: float) -> _Path:
        samples = int((self.timeline.bounds[ends] - self.timeline.bounds[starts]).sum())
        return _Path(starts, ends, cost, samples / self.timeline.sample_rate)

    def _with_finer_tail(self, hops: Hops, path: _Path, target_s: float) -> _Path:
        """Solve the last minutes of a path again in units of a beat, so that the whole meets the target."""
        lengths_s = self.timeline.times_s[path.ends] - self.timeline.times_s[path.starts]
        before_s = np.concatenate([[0.0], np.cumsum(lengths_s)[:-1]])
        number = int(np.flatnonzero(before_s <= max(target_s - TAIL_S, 0.0))[-1])
        keep = (hops.leave != START) | (hops.arrive == path.starts[number])
        cost = np.where(hops.leave == START, np.float32(0.0), hops.cost)
        tail_hops = Hops(hops.leave[keep], hops.arrive[keep], hops.land[keep], cost[keep].astype(np.float32))
        tail = self._of_length(tail_hops, target_s - float(before_s[number]))
        if tail is None:
            return path
        starts = np.concatenate([path.starts[:number], tail.starts])
        ends = np.concatenate([path.ends[:number], tail.ends])
        whole = self._path(starts, ends, path.cost)
        return whole if whole.miss_s(target_s) < path.miss_s(target_s) else path


def _clips(timeline: Timeline, path: _Path, risks: Float[np.ndarray, " joins"]) -> Iterator[Clip]:
    """Yield a clip for each section."""
    played = np.zeros(len(timeline.playable), dtype=bool)
    entering = np.concatenate([[0.0], risks])
    leaving = np.append(risks, 0.0)
    for number, (start, end) in enumerate(zip(path.starts.tolist(), path.ends.tolist())):
        again = bool(played[start:end].all())
        yield Clip(
            int(timeline.bounds[start]),
            int(timeline.bounds[end]),
            action="LOOP" if again else "KEEP",
            confidence=float(1.0 - (entering[number] + leaving[number]) / 2),
            reason=_reason(timeline, path, number, float(entering[number]), again),
        )
        played[start:end] = True


def _reason(timeline: Timeline, path: _Path, number: int, risk: float, again: bool) -> str:
    """Say why a section is played."""
    start, end = int(path.starts[number]), int(path.ends[number])
    parts = []
    if number == 0:
        parts.append("the beginning" if start == 0 else f"the track starts at {clock(timeline.times_s[start])}")
    else:
        left = clock(timeline.times_s[path.ends[number - 1]])
        similarity = "nearly the same" if risk < 0.15 else "similar" if risk < 0.4 else "different, but fits best"
        parts.append(f"the music at {left} is {similarity}, so it goes on here")
    if again:
        parts.append("played again, to reach the length")
    if timeline.required[start:end].any():
        parts.append("contains a range that has to be kept")
    if end == len(timeline.playable):
        parts.append("up to the end")
    return "; ".join(parts)


def _missed(timeline: Timeline, path: _Path, target_s: float | None, bar_s: float) -> tuple[str, ...]:
    """Warn if the target was missed by more than a bar, or by more than half of a target shorter than two bars."""
    if target_s is None or path.miss_s(target_s) <= min(bar_s, target_s / 2):
        return ()
    why = "no joins that fit were found"
    if target_s < 2 * bar_s:
        why = f"nothing shorter than a bar is played, {bar_s:.1f} s"
    if timeline.required_s > target_s + bar_s:
        why = f"the ranges to keep alone last {clock(timeline.required_s)}"
    elif len(timeline.playable) < 8:
        why = "the recording is too short to be joined to itself"
    return (f"TARGET_MISSED: {clock(target_s)} was asked for, but the track lasts {clock(path.length_s)}: {why}",)
