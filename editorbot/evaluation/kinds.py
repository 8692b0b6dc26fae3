"""How much of each kind of stretch an edit keeps: where an editor goes wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from editorbot.corpus.truth import Truth
from editorbot.editlist.edit_list import EditList
from editorbot.editlist.operations import union


@dataclass(frozen=True)
class KindShare:
    """What became of all stretches of one kind in one jam."""

    kind: str
    """One of `truth.KINDS`."""
    there_s: float
    """How long they last in the raw recording [seconds]."""
    kept_s: float
    """How much of that is in the edit, however often [seconds]."""


def kept_by_kind(edit_list: EditList, truth: Truth) -> tuple[KindShare, ...]:
    """Return what an edit keeps of each kind, by name.

    Notes
    -----
    What no segment of the truth covers is of the kind ``junk``.

    Examples
    --------
    >>> from editorbot.corpus.truth import Segment
    >>> from editorbot.editlist.edit_list import Clip, Source
    >>> truth = Truth(20.0, 10.0, (Segment(0.0, 10.0, "talk"), Segment(10.0, 20.0, "music", 0.0)))
    >>> source = Source("jam.wav", "sha256:" + "0" * 64, 100, 1, 2000)
    >>> [share.kept_s for share in kept_by_kind(EditList(source, (Clip(500, 2000),), ()), truth)]
    [10.0, 5.0]
    """
    rate = edit_list.source.sample_rate
    kept = [(start / rate, end / rate) for start, end in union((clip.start, clip.end) for clip in edit_list.clips)]
    there: dict[str, float] = {}
    held: dict[str, float] = {}
    for segment in truth.segments:
        there[segment.kind] = there.get(segment.kind, 0.0) + segment.duration_s
        held[segment.kind] = held.get(segment.kind, 0.0) + _overlap_s(kept, segment.start_s, segment.end_s)
    bare_s = truth.duration_s - sum(there.values())
    if bare_s > 0.01:
        bare_kept_s = sum(end - start for start, end in kept) - sum(held.values())
        there["junk"] = there.get("junk", 0.0) + bare_s
        held["junk"] = held.get("junk", 0.0) + min(max(0.0, bare_kept_s), bare_s)
    return tuple(KindShare(kind, there[kind], held[kind]) for kind in sorted(there))


def _overlap_s(ranges: Iterable[tuple[float, float]], start_s: float, end_s: float) -> float:
    """Return how much of a range lies in others [seconds]."""
    return sum(max(0.0, min(high, end_s) - max(low, start_s)) for low, high in ranges)


def shares_by_kind(shares: Iterable[KindShare]) -> dict[str, float]:
    """Return the kept share of each kind over many jams, by seconds."""
    there: dict[str, float] = {}
    kept: dict[str, float] = {}
    for share in shares:
        there[share.kind] = there.get(share.kind, 0.0) + share.there_s
        kept[share.kind] = kept.get(share.kind, 0.0) + share.kept_s
    return {kind: kept[kind] / there[kind] for kind in sorted(there) if there[kind] > 0}
