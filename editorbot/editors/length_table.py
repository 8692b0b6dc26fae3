"""Cheapest paths of every length: one table over position and output length.

State ``(l, p)`` means: the path has played ``l`` quanta and is at piece ``p``, and its section is long enough to be
left. From there it plays the piece (for the piece's own price) or takes a hop: a join to another place together with
the shortest section that may be played there. So a section is never too short, and the table need not remember how
long it is.

Lengths are rounded to quanta at the bounds. The rounding errors of a path are added up, and hops that would let the
sum grow too large are refused; otherwise the cheapest path would be the one with the most favorable rounding.

Time O(lengths x (bounds + hops)); memory one or two bytes a state: only the choices are stored for all lengths, the
costs in a ring of the last few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int32, Int64, UInt
from numba import njit

START = -1
"""In place of the bound that a hop leaves: the path starts with this hop."""


@dataclass(frozen=True)
class Hops:
    """All joins that a path may take, sorted by where the shortest section after them ends."""

    leave: Int32[np.ndarray, " hops"]
    """Bound that is left, START for the start of the path."""
    arrive: Int32[np.ndarray, " hops"]
    """Bound where playing goes on."""
    land: Int32[np.ndarray, " hops"]
    """Bound where the shortest section ends, nondecreasing."""
    cost: Float32[np.ndarray, " hops"]
    """Cost of the join and of the section."""

    def __len__(self) -> int:
        return len(self.cost)


@dataclass(frozen=True)
class LengthTable:
    """The choices of the cheapest path to every state, and the cheapest end for every length."""

    choice: UInt[np.ndarray, "lengths bounds"]
    """0: not reached; 1: the piece before was played; 2 + k: the kth hop that lands here."""
    end_cost: Float32[np.ndarray, " lengths"]
    """Cost of the cheapest whole path of each length; infinite if there is none."""
    end_bound: Int32[np.ndarray, " lengths"]
    """Where that path ends; -1 if there is none."""
    hops: Hops
    """The joins."""
    piece_quanta: Int32[np.ndarray, " pieces"]
    """Length of each piece [quanta]."""
    hop_quanta: Int32[np.ndarray, " hops"]
    """Length of each hop's shortest section [quanta]."""

    def hops_to(self, length: int) -> Int64[np.ndarray, " joins"]:
        """List the hops of the cheapest path of a length, in order; the first one starts it."""
        first = _first_hops(self.hops.land, self.choice.shape[1])
        return _backtrack(
            self.choice,
            length,
            int(self.end_bound[length]),
            self.piece_quanta,
            first,
            self.hops.leave,
            self.hop_quanta,
        )[::-1]


def fill_table(
    hops: Hops,
    *,
    grid: Int64[np.ndarray, " bounds"],
    play_cost: Float32[np.ndarray, " pieces"],
    end_cost: Float32[np.ndarray, " bounds"],
    longest: int,
    residual: Float32[np.ndarray, " bounds"] | None = None,
    largest_drift: float = np.inf,
) -> LengthTable:
    """Find the cheapest path of every length.

    Parameters
    ----------
    hops : Hops
        The joins, including those that start a path.
    grid : np.ndarray, shape=(pieces + 1,)
        Bounds in quanta, nondecreasing. A piece may be 0 quanta long.
    play_cost : np.ndarray, shape=(pieces,)
        Cost of playing each piece; infinite if it must not be played.
    end_cost : np.ndarray, shape=(pieces + 1,)
        Cost of ending the path at each bound; infinite if it must not end there.
    longest : int
        Largest length [quanta].
    residual : np.ndarray, shape=(pieces + 1,), optional
        Rounding error of each bound [quanta]; 0 by default.
    largest_drift : float
        Largest rounding error of a path at any hop [quanta].

    Returns
    -------
    table : LengthTable
        Lengths 0 to `longest`.

    Notes
    -----
    A hop backwards is at least one quantum long, so every state is final when it is read.
    """
    piece_quanta = np.diff(grid).astype(np.int32)
    hop_quanta = (grid[hops.land] - grid[hops.arrive]).astype(np.int32)
    backwards = (hops.leave != START) & (hops.leave >= hops.land)
    hop_quanta[backwards] = np.maximum(hop_quanta[backwards], 1)
    first = _first_hops(hops.land, len(grid))
    widest = int(np.diff(first).max(initial=0))
    choice = np.zeros((longest + 1, len(grid)), dtype=np.uint8 if widest < 254 else np.uint16)
    ring = 1 + max(int(piece_quanta.max(initial=0)), int(hop_quanta.max(initial=0)))
    ends = np.empty(longest + 1, dtype=np.float32)
    bounds = np.empty(longest + 1, dtype=np.int32)
    costs = np.full((ring, len(grid)), np.inf, dtype=np.float32)
    residual = np.zeros(len(grid), dtype=np.float32) if residual is None else residual
    drift = np.where(hops.leave == START, np.float32(0), residual[hops.leave]) - residual[hops.arrive]
    _fill(
        choice,
        costs,
        np.zeros_like(costs),
        ends,
        bounds,
        piece_quanta,
        play_cost,
        end_cost,
        first,
        hops.leave,
        hop_quanta,
        hops.cost,
        drift,
        np.float32(largest_drift),
    )
    return LengthTable(choice, ends, bounds, hops, piece_quanta, hop_quanta)


def _first_hops(land: Int32[np.ndarray, " hops"], bounds: int) -> Int64[np.ndarray, " bounds_plus_1"]:
    """Find the index of the first hop that lands at each bound, and append the number of hops."""
    return np.searchsorted(land, np.arange(bounds + 1)).astype(np.int64)


@njit(cache=True)
@no_type_check
def _fill(
    choice,
    costs,
    drifts,
    ends,
    end_bounds,
    piece_quanta,
    play_cost,
    end_cost,
    first,
    leave,
    hop_quanta,
    hop_cost,
    hop_drift,
    largest_drift,
):
    """Fill choices and ends, length by length; `costs` and `drifts` are rings of the last lengths."""
    lengths, bounds = choice.shape
    ring = costs.shape[0]
    for length in range(lengths):
        row = length % ring
        best_end = np.float32(np.inf)
        best_bound = -1
        for bound in range(bounds):
            best = np.float32(np.inf)
            drift = np.float32(0)
            how = 0
            if bound > 0 and length >= piece_quanta[bound - 1]:
                back = row - piece_quanta[bound - 1]
                if back < 0:
                    back += ring
                cost = costs[back, bound - 1] + play_cost[bound - 1]
                if cost < best:
                    best = cost
                    drift = drifts[back, bound - 1]
                    how = 1
            for hop in range(first[bound], first[bound + 1]):
                quanta = hop_quanta[hop]
                if quanta > length:
                    continue
                if leave[hop] < 0:
                    if quanta == length and hop_cost[hop] < best:
                        best = hop_cost[hop]
                        drift = hop_drift[hop]
                        how = 2 + hop - first[bound]
                    continue
                back = row - quanta
                if back < 0:
                    back += ring
                cost = costs[back, leave[hop]] + hop_cost[hop]
                if cost < best:
                    drifted = drifts[back, leave[hop]] + hop_drift[hop]
                    if abs(drifted) <= largest_drift:
                        best = cost
                        drift = drifted
                        how = 2 + hop - first[bound]
            costs[row, bound] = best
            drifts[row, bound] = drift
            choice[length, bound] = how
            if best + end_cost[bound] < best_end:
                best_end = best + end_cost[bound]
                best_bound = bound
        ends[length] = best_end
        end_bounds[length] = best_bound


@njit(cache=True)
@no_type_check
def _backtrack(choice, length, bound, piece_quanta, first, leave, hop_quanta):
    """Read the hops of a path off the table, last one first."""
    taken = []
    while True:
        how = choice[length, bound]
        if how == 1:
            length -= piece_quanta[bound - 1]
            bound -= 1
            continue
        hop = first[bound] + np.int64(how) - 2
        taken.append(hop)
        if leave[hop] < 0:
            break
        length -= hop_quanta[hop]
        bound = leave[hop]
    return np.array(taken, dtype=np.int64)
