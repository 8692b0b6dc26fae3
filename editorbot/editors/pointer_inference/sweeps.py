"""Finds the cheapest paths through a recording's places, in sweeps that are linear in their number.

Each place has two costs: of starting a play there, and of reaching it with a play that is a beat long. Playing on and
jumping forward depend only on earlier places, so one sweep from the first place to the last finds both. The cost of a
jump depends on its bucket, and each bucket is a sliding window of places: its cheapest place is kept in a monotonic
queue, so a sweep takes O(places x buckets). Jumps back are added after a sweep in the same way, and another sweep
follows until nothing gets cheaper; as each jump back has its price, two or three suffice.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

SMALLEST_GAIN = 1e-9
"""A smaller difference of costs is rounding."""


@njit(cache=True)
@no_type_check
def cheapest_ways(places, play, skip, leave, arrive, bucket, least, edges, max_delta, back_cost, short_cost):
    """Find the cheapest ways to start a play at each place and to reach it with one that is long enough.

    Parameters
    ----------
    places, play, skip, leave, arrive, bucket, least : np.ndarray
        See `decode.Costs`.
    edges : np.ndarray, shape=(buckets + 1,), int64
        `PointerConfig.bucket_edges`.
    max_delta : int
        Jumps up to this have no bucket; their cost is the last column of `bucket` [frames].
    back_cost, short_cost : float
        See `decode.DecodeSettings`.

    Returns
    -------
    reach_cost : np.ndarray, shape=(places,), float64
        Cost of reaching each place with a play that is long enough, including what was skipped.
    start_from : np.ndarray, shape=(places,), int64
        Place from which the play was jumped to, -1 for the edit's start.
    reach_from : np.ndarray, shape=(places,), int64
        Place at which a play started that is long enough from here on, -1 if it was so one place before.
    """
    count = len(places)
    back = np.full(count, np.inf)
    back_from = np.full(count, -1, np.int64)
    start_cost, start_from = np.full(count, np.inf), np.full(count, -1, np.int64)
    reach_cost, reach_from = np.full(count, np.inf), np.full(count, -1, np.int64)
    ready = _by_least(least)
    for _ in range(count + 1):
        _sweep(
            places, play, skip, leave, arrive, bucket, edges, max_delta, short_cost, ready, back, back_from,
            start_cost, start_from, reach_cost, reach_from,
        )  # fmt: skip
        if not _jump_back(
            places, leave, arrive, bucket, edges, max_delta, back_cost, start_cost, reach_cost, back, back_from
        ):
            break
    return reach_cost, start_from, reach_from


@njit(cache=True)
@no_type_check
def _by_least(least):
    """List for each place the starts whose plays become long enough there: the first one, and each one's successor."""
    count = len(least)
    first, following = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
    for start in range(count - 1, -1, -1):
        if least[start] > start:
            following[start] = first[least[start]]
            first[least[start]] = start
    return first, following


@njit(cache=True)
@no_type_check
def _sweep(
    places, play, skip, leave, arrive, bucket, edges, max_delta, short_cost, ready, back, back_from,
    start_cost, start_from, reach_cost, reach_from,
):  # fmt: skip
    """Compute all costs from the first place to the last."""
    count, buckets = len(places), len(edges) - 1
    first, following = ready
    queue = np.empty((buckets + 1, count), np.int64)
    value = np.empty((buckets + 1, count))
    head, tail = np.zeros(buckets + 1, np.int64), np.zeros(buckets + 1, np.int64)
    entered = np.zeros(buckets + 1, np.int64)
    for p in range(count):
        reach_cost[p], reach_from[p] = np.inf, -1
        if p > 0:
            step = play[p] - play[p - 1]
            reach_cost[p] = reach_cost[p - 1] + step
            if start_cost[p - 1] + step + short_cost < reach_cost[p]:
                reach_cost[p], reach_from[p] = start_cost[p - 1] + step + short_cost, p - 1
        start = first[p]
        while start >= 0:
            cost = start_cost[start] + play[p] - play[start]
            if cost < reach_cost[p]:
                reach_cost[p], reach_from[p] = cost, start
            start = following[start]
        if p == count - 1:
            start_cost[p] = np.inf
            break
        start_cost[p], start_from[p] = skip[p] + arrive[p], -1
        if back[p] < start_cost[p]:
            start_cost[p], start_from[p] = back[p], back_from[p]
        for k in range(buckets + 1):
            nearest = edges[k] if k < buckets else 1
            farthest = edges[k + 1] - 1 if k < buckets - 1 else (max_delta if k == buckets else places[-1])
            column = k + buckets if k < buckets else 2 * buckets
            while entered[k] < p and places[p] - places[entered[k]] >= nearest:
                q = entered[k]
                cost = reach_cost[q] + leave[q] + bucket[q, column] - skip[q]
                while tail[k] > head[k] and value[k, tail[k] - 1] >= cost:
                    tail[k] -= 1
                queue[k, tail[k]], value[k, tail[k]] = q, cost
                tail[k] += 1
                entered[k] += 1
            while head[k] < tail[k] and places[p] - places[queue[k, head[k]]] > farthest:
                head[k] += 1
            if head[k] < tail[k]:
                cost = value[k, head[k]] + arrive[p] + skip[p]
                if cost < start_cost[p]:
                    start_cost[p], start_from[p] = cost, queue[k, head[k]]


@njit(cache=True)
@no_type_check
def _jump_back(places, leave, arrive, bucket, edges, max_delta, back_cost, start_cost, reach_cost, back, back_from):
    """Take every jump back that makes a start cheaper; return whether there was one."""
    count, buckets = len(places), len(edges) - 1
    queue, value = np.empty(count, np.int64), np.empty(count)
    is_better = False
    for k in range(buckets + 1):
        nearest = edges[k] if k < buckets else 1
        farthest = edges[k + 1] - 1 if k < buckets - 1 else (max_delta if k == buckets else places[-1])
        column = k if k < buckets else 2 * buckets
        head, tail, entered = 0, 0, count - 1
        for q in range(count - 2, -1, -1):
            while entered > q and places[entered] - places[q] >= nearest:
                cost = reach_cost[entered] + leave[entered] + bucket[entered, column]
                while tail > head and value[tail - 1] >= cost:
                    tail -= 1
                queue[tail], value[tail] = entered, cost
                tail += 1
                entered -= 1
            while head < tail and places[queue[head]] - places[q] > farthest:
                head += 1
            if head < tail:
                cost = value[head] + arrive[q] + back_cost
                if cost < min(start_cost[q], back[q]) - SMALLEST_GAIN:
                    back[q], back_from[q] = cost, queue[head]
                    is_better = True
    return is_better
