"""Finds the joins that a path may take, and computes what each of them costs.

Joins come from three sources: the search of `analysis.seams` (the best place to leave in every part of the recording,
for every place to arrive), the edges of what should be left out (ranges to cut, stretches of low worth, talk and
silence), and the beginning. All are priced in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.seams import Seams, nearest_leaves, seams_of
from editorbot.editors.length_table import START, Hops
from editorbot.editors.timeline import Timeline

STRATA = 48
"""Parts of the recording in each of which the best place to leave is searched."""

JOIN_PRICE = 0.05
"""Price of any join, however smooth: fewer are better."""
LARGEST_RISK = 0.995
"""Joins of a larger risk cost the same."""
OFFSET_PRICE = 0.5
"""Price of a join that shifts the music by half a beat, if there is a beat."""
REPEAT_PRICE = 0.1
"""Price of playing something again."""
LOOP_PRICE = 0.6
"""Further price of playing it again at once; it falls to 0 at LOOP_S."""
LOOP_S = 32.0
"""A repeat after this time is no longer a loop [seconds]: sixteen bars at 120 BPM."""
LATE_START_PRICE = 6.0
"""Price of starting anywhere but at the beginning."""
EARLY_END_PRICE = 6.0
"""Price of ending anywhere but at the end."""
QUIET_DISCOUNT = 0.85
"""Discount on these two prices for silence on the other side."""
OFF_PHRASE_PRICE = 0.2
"""Price of starting or ending inside a phrase."""
WORTH_PRICE = 0.5
"""Price of skipping a second of the best music, or of playing one of the worst."""

EDGE_PARTNERS = 12
"""Number of later edges to which each edge is joined."""


@dataclass(frozen=True)
class Prices:
    """What playing, skipping, starting and ending cost, for the pieces and bounds of a timeline."""

    play: Float[np.ndarray, " pieces"]
    """Cost of playing each piece, infinite if it must not be played."""
    skip: Float[np.ndarray, " pieces"]
    """Cost of skipping each piece."""
    start: Float[np.ndarray, " bounds"]
    """Cost of starting at each bound, infinite if something before it has to be played."""
    end: Float[np.ndarray, " bounds"]
    """Cost of ending at each bound, infinite if something after it has to be played."""


def prices_of(timeline: Timeline, seams: Seams, worth: Float[np.ndarray, " beats"] | None) -> Prices:
    """Compute the prices of everything but joins."""
    pieces_s = np.diff(timeline.times_s)
    of_piece = np.ones(len(pieces_s)) if worth is None else np.clip(worth, 0.0, 1.0)[timeline.beat]
    price = 0.0 if worth is None else WORTH_PRICE
    play = np.where(timeline.playable, price * pieces_s * (1.0 - of_piece), np.inf)
    skip = np.where(timeline.playable, price * pieces_s * of_piece, 0.0)
    skipped = timeline.before(skip)
    required = timeline.before(timeline.required.astype(np.float64))
    off_phrase = OFF_PHRASE_PRICE * (seams.phrase_offset[timeline.boundary] > 0)
    # Starting after, or ending before, something silent or worthless costs little.
    quiet_after = np.append(seams.quiet_before[1:], 1.0)
    missed_before = np.append(0.0, of_piece) * (1 - QUIET_DISCOUNT * seams.quiet_before[timeline.boundary])
    missed_after = np.append(of_piece, 0.0) * (1 - QUIET_DISCOUNT * quiet_after[timeline.boundary])
    start = LATE_START_PRICE * missed_before + off_phrase
    end = EARLY_END_PRICE * missed_after + off_phrase
    start[int(timeline.playable.argmax())] = 0.0
    end[len(pieces_s) - int(timeline.playable[::-1].argmax())] = 0.0
    start = np.where(required > 0, np.inf, start + skipped)
    end = np.where(required < required[-1], np.inf, end + skipped[-1] - skipped)
    return Prices(play, skip, start, end)


def risk_price(risks: Float[np.ndarray, " joins"]) -> Float[np.ndarray, " joins"]:
    """Compute what joins of some risk cost.

    With ``x = -ln(1 - risk)``, the difference of the music on the two sides: ``x ** 1.5`` up to one, so that two smooth
    joins beat a rough one, and its tangent ``1.5 x - 0.5`` beyond, where any join is audible.
    """
    differences = -np.log1p(-np.minimum(risks, LARGEST_RISK))
    return np.where(differences < 1, differences**1.5, 1.5 * differences - 0.5)


class JoinGraph:
    """The joins of one recording under one request; searched once, priced for several section lengths."""

    def __init__(
        self,
        analysis: Analysis,
        timeline: Timeline,
        worth: Float[np.ndarray, " beats"] | None,
        skip_s: float | None = None,
    ) -> None:
        self._skip_s = skip_s
        self._timeline = timeline
        self._seams = seams_of(analysis)
        self._has_beat = analysis.has_beat
        self._prices = prices_of(timeline, self._seams, worth)
        self._edges = _edges(analysis, timeline, worth)
        self._pairs = self._candidates()

    @property
    def prices(self) -> Prices:
        """What playing, skipping, starting and ending cost."""
        return self._prices

    def risks(self, leave: Int[np.ndarray, " joins"], arrive: Int[np.ndarray, " joins"]) -> Float[np.ndarray, " joins"]:
        """Estimate how audible joins between bounds of the timeline are, in [0, 1]."""
        boundary, offset = self._timeline.boundary, self._timeline.offset_beats
        risks = self._seams.costs(boundary[leave], boundary[arrive])
        if self._has_beat:
            apart = np.abs(offset[leave] - offset[arrive]) % 1.0
            risks = risks + 2 * OFFSET_PRICE * np.minimum(apart, 1.0 - apart)
        return np.minimum(risks, 1.0)

    def hops(self, shortest_s: float, *, repeats: bool) -> Hops:
        """List the joins that leave room for sections of `shortest_s`, with the cost of join and section.

        Parameters
        ----------
        shortest_s : float [seconds]
            Shortest section; one that has to be played between two ranges to cut may be shorter.
        repeats : bool
            Whether joins may go back.
        """
        timeline = self._timeline
        lands = self._landings(shortest_s)
        leave, arrive = self._pairs
        fits = lands[arrive] >= 0
        if not repeats:
            fits &= arrive > leave
        leave, arrive = leave[fits], arrive[fits]
        cost = self._join_costs(leave, arrive)
        starts = np.flatnonzero((lands >= 0) & np.isfinite(self._prices.start) & timeline.joinable)
        leave = np.concatenate([np.full(len(starts), START), leave])
        arrive = np.concatenate([starts, arrive])
        cost = np.concatenate([self._prices.start[starts], cost])
        played = timeline.before(np.where(timeline.playable, self._prices.play, 0.0))
        cost = cost + played[lands[arrive]] - played[arrive]
        order = np.lexsort((leave, arrive, lands[arrive]))
        return Hops(
            leave[order].astype(np.int32),
            arrive[order].astype(np.int32),
            lands[arrive][order].astype(np.int32),
            cost[order].astype(np.float32),
        )

    def _join_costs(
        self, leave: Int[np.ndarray, " joins"], arrive: Int[np.ndarray, " joins"]
    ) -> Float[np.ndarray, " joins"]:
        """Compute what joins cost: risk, repetition, and the worth of what they skip."""
        times_s = self._timeline.times_s
        skipped = self._timeline.before(self._prices.skip)
        back_s = times_s[leave] - times_s[arrive]
        loop = REPEAT_PRICE + LOOP_PRICE * np.maximum(0.0, 1.0 - back_s / LOOP_S)
        cost = JOIN_PRICE + risk_price(self.risks(leave, arrive))
        return cost + np.where(back_s > 0, loop, np.maximum(skipped[arrive] - skipped[leave], 0.0))

    def _landings(self, shortest_s: float) -> Int[np.ndarray, " bounds"]:
        """Find, for each bound, where the shortest section that starts there ends; -1 if none fits."""
        timeline = self._timeline
        times_s = timeline.times_s
        lands = np.searchsorted(times_s, times_s + shortest_s - 1e-6)
        lands = np.maximum(lands, np.arange(len(times_s)) + 1)
        ends = timeline.run_ends
        required = timeline.before(timeline.required.astype(np.float64))
        first_of_run = np.append(timeline.playable, False) & ~np.concatenate([[False], timeline.playable])
        short_run = first_of_run & (ends < lands) & (required[ends] > required)
        return np.where(short_run, ends, np.where(lands <= ends, lands, -1))

    def _candidates(self) -> tuple[Int[np.ndarray, " joins"], Int[np.ndarray, " joins"]]:
        """List all pairs of bounds that may be joined, each once."""
        found = (self._searched(), self._at_edges(), self._at_distance())
        pairs = np.unique(np.concatenate([np.stack([arrive, leave], axis=1) for leave, arrive in found]), axis=0)
        arrive, leave = pairs[:, 0], pairs[:, 1]
        required = self._timeline.before(self._timeline.required.astype(np.float64))
        joinable = self._timeline.joinable
        playable_before = np.concatenate([[False], self._timeline.playable])
        playable_after = np.append(self._timeline.playable, False)
        good = joinable[leave] & joinable[arrive] & playable_before[leave] & playable_after[arrive]
        good &= (leave != arrive) & (leave > 0)
        good &= (arrive < leave) | (required[arrive] == required[leave])  # nothing required may be skipped
        return leave[good], arrive[good]

    def _searched(self) -> tuple[Int[np.ndarray, " joins"], Int[np.ndarray, " joins"]]:
        """Find pairs by the search over the seams."""
        timeline = self._timeline
        on_beat = np.flatnonzero(timeline.offset_beats == 0)
        bound_of = np.full(self._seams.beats + 1, -1, dtype=np.int64)
        bound_of[timeline.boundary[on_beat]] = on_beat
        usable = timeline.joinable & np.append(timeline.playable, False)
        arrivals = np.flatnonzero((bound_of[:-1] >= 0) & usable[bound_of[:-1]])
        bar = self._seams.beats_per_bar
        found = nearest_leaves(self._seams, arrivals, strata=min(STRATA, len(bound_of)), min_jump_beats=bar)
        rows, columns = np.nonzero(found >= 0)
        leave = bound_of[found[rows, columns]]
        arrive = bound_of[arrivals[rows]]
        return leave[leave >= 0], arrive[leave >= 0]

    def _at_distance(self) -> tuple[Int[np.ndarray, " joins"], Int[np.ndarray, " joins"]]:
        """Find pairs that are `skip_s` apart, give or take a bar: one such join alone gives the length."""
        timeline = self._timeline
        empty = np.zeros(0, dtype=np.int64)
        if self._skip_s is None:
            return empty, empty
        bar = self._seams.beats_per_bar
        arrivals = np.flatnonzero(timeline.offset_beats == 0)
        leave_s = timeline.times_s[arrivals] - self._skip_s
        arrivals = arrivals[(leave_s >= 0) & (leave_s <= timeline.times_s[-1])]
        nearest = np.searchsorted(timeline.times_s, timeline.times_s[arrivals] - self._skip_s)
        leaves = np.clip(nearest[:, None] + np.arange(-bar, bar + 1), 0, len(timeline.bounds) - 1)
        phase = self._seams.phase[timeline.boundary]
        rows, columns = np.nonzero(phase[leaves] == phase[arrivals][:, None])
        return leaves[rows, columns], arrivals[rows]

    def _at_edges(self) -> tuple[Int[np.ndarray, " joins"], Int[np.ndarray, " joins"]]:
        """Find pairs of bounds within a bar of two edges, the first before its edge, the second after."""
        bounds = len(self._timeline.bounds)
        bar = self._seams.beats_per_bar
        leaves: list[Int[np.ndarray, " joins"]] = []
        arrivals: list[Int[np.ndarray, " joins"]] = []
        for number, edge in enumerate(self._edges):
            before = np.arange(max(edge - bar, 1), edge + 1)
            for partner in self._edges[number + 1 : number + 1 + EDGE_PARTNERS]:
                after = np.arange(partner, min(partner + bar + 1, bounds - 1))
                pairs = np.stack(np.meshgrid(before, after, indexing="ij")).reshape(2, -1)
                phase = self._seams.phase[self._timeline.boundary[pairs]]
                same = (phase[0] == phase[1]) | ((pairs[0] == edge) & (pairs[1] == partner))
                leaves.append(pairs[0][same])
                arrivals.append(pairs[1][same])
        empty = np.zeros(0, dtype=np.int64)
        return np.concatenate([empty, *leaves]), np.concatenate([empty, *arrivals])


def _edges(
    analysis: Analysis, timeline: Timeline, worth: Float[np.ndarray, " beats"] | None
) -> Int[np.ndarray, " edges"]:
    """Find the bounds at which something begins or ends that may have to be left out."""
    edges = [_changes(timeline.playable), _changes(timeline.required)]
    if worth is not None:
        edges.append(_changes((worth >= 0.5)[timeline.beat]))
    starts_s = np.array([span.start_s for span in analysis.activity])
    edges.append(np.clip(np.searchsorted(timeline.times_s, starts_s), 0, len(timeline.bounds) - 1))
    return np.unique(np.concatenate(edges))


def _changes(flags: Bool[np.ndarray, " pieces"]) -> Int[np.ndarray, " edges"]:
    """Find the bounds at which a flag of the pieces changes."""
    return 1 + np.flatnonzero(flags[1:] != flags[:-1])
