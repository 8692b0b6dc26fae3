"""Sees to it that every moment of the finished track is called music once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from editorbot.corpus.simulate.plan import Part, Take


def music_once(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return parts in which every moment of the finished track is ``music`` once: what comes later stands."""
    out: list[Part] = []
    told: list[tuple[float, float]] = []
    for part in reversed(parts):
        if isinstance(part, Take):
            ends_s = [mark[0] for mark in part.marks[1:]] + [part.end_s]
            marks: list[tuple[float, str]] = []
            for (start_s, kind), end_s in zip(part.marks, ends_s):
                new = _not_in(start_s, end_s, told) if kind == "music" else []
                cuts_s = sorted({start_s, *(bound for one in new for bound in one if bound < end_s)})
                is_new = [any(low <= at < high for low, high in new) for at in cuts_s]
                marks += [(at, kind if kind != "music" or fresh else "repeat") for at, fresh in zip(cuts_s, is_new)]
                told += new
            part = replace(part, marks=tuple(marks))
        out.append(part)
    return tuple(reversed(out))


def _not_in(start_s: float, end_s: float, ranges: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return what of a range lies in no other range."""
    free, at_s = [], start_s
    for low, high in sorted(ranges):
        if low > at_s:
            free.append((at_s, min(low, end_s)))
        at_s = max(at_s, high)
        if at_s >= end_s:
            break
    if at_s < end_s:
        free.append((at_s, end_s))
    return [(low, high) for low, high in free if high - low > 1e-9]
