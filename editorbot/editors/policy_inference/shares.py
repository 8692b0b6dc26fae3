"""What kinds of steps an episode is made of, beside the bands that edits usually lie in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from editorbot.environment.actions import Action, Amount, Operation, Size, Vocabulary

COLLAPSE = 0.9
"""One type with a larger share than this is a collapse."""


@dataclass(frozen=True)
class Band:
    """Some types, and the share of steps that they usually have."""

    name: str
    low: float
    high: float


BANDS = (Band("keep and cut", 0.60, 0.70), Band("loops and effects", 0.15, 0.25), Band("navigation", 0.05, 0.15))
"""Bands, in the order of `band_of`."""


def band_of(kind: int, vocabulary: Vocabulary) -> int:
    """Return the number of the band that a type belongs to."""
    row = vocabulary.rows[kind]
    if row.operation in (Operation.BACK, Operation.SKIP, Operation.DEFER, Operation.SWAP, Operation.BRIDGE):
        return 2
    return 0 if row.operation == Operation.CUT or (row.operation == Operation.PLAY and not row.changes_sound) else 1


def share_lines(actions: Sequence[Action], vocabulary: Vocabulary) -> list[str]:
    """Return the shares of types, sizes and amounts as lines, and a warning where one type is nearly all."""
    total = max(len(actions), 1)
    by_band = Counter(band_of(action.type, vocabulary) for action in actions)
    bands = ", ".join(
        f"{band.name} {by_band[number] / total:.0%} (usually {band.low:.0%}-{band.high:.0%})"
        for number, band in enumerate(BANDS)
    )
    types = Counter(vocabulary.names[action.type] for action in actions)
    lines = [
        f"{len(actions)} steps: {bands}",
        f"types: {_told(types.elements(), total)}",
        f"sizes: {_told((Size(action.size).name for action in actions), total)}",
    ]
    measured = [action for action in actions if vocabulary.rows[action.type].uses_amount]
    if measured:
        lines.append(f"amounts: {_told((Amount(action.amount).name for action in measured), len(measured))}")
    return lines


def collapse_line(actions: Sequence[Action], vocabulary: Vocabulary) -> str | None:
    """Return the warning that one type is nearly all, None where it is not."""
    if not actions:
        return None
    name, count = Counter(vocabulary.names[action.type] for action in actions).most_common(1)[0]
    if count <= COLLAPSE * len(actions) or len(actions) < 10:
        return None
    return f"COLLAPSE: {count / len(actions):.0%} of the policy's steps are {name}; train it with more entropy"


def _told(names: Iterable[str], total: int) -> str:
    return ", ".join(f"{name} {count / total:.0%}" for name, count in Counter(names).most_common())
