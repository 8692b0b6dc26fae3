"""Shares of the types of actions in an episode, beside the usual shares of edits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from editorbot.environment.actions import Action, Amount, Operation, Size, Vocabulary

COLLAPSE = 0.9
"""If one type has a larger share than this, the policy has collapsed."""


@dataclass(frozen=True)
class Band:
    """A group of types, and the share of actions that it usually has."""

    name: str
    low: float
    high: float


BANDS = (Band("keep and cut", 0.60, 0.70), Band("loops and effects", 0.15, 0.25), Band("navigation", 0.05, 0.15))
"""Bands, in the order of `band_of`."""


def band_of(kind: int, vocabulary: Vocabulary) -> int:
    """Find the number of the band that a type belongs to."""
    row = vocabulary.rows[kind]
    if row.operation in (Operation.BACK, Operation.SKIP, Operation.DEFER, Operation.SWAP, Operation.BRIDGE):
        return 2
    return 0 if row.operation == Operation.CUT or (row.operation == Operation.PLAY and not row.changes_sound) else 1


def share_lines(actions: Sequence[Action], vocabulary: Vocabulary) -> list[str]:
    """List the shares of bands, types, sizes and amounts as lines."""
    total = max(len(actions), 1)
    by_band = Counter(band_of(action.type, vocabulary) for action in actions)
    bands = ", ".join(
        f"{band.name} {by_band[number] / total:.0%} (usually {band.low:.0%}-{band.high:.0%})"
        for number, band in enumerate(BANDS)
    )
    types = Counter(vocabulary.names[action.type] for action in actions)
    lines = [
        f"{len(actions)} steps: {bands}",
        f"types: {_shares(types.elements(), total)}",
        f"sizes: {_shares((Size(action.size).name for action in actions), total)}",
    ]
    measured = [action for action in actions if vocabulary.rows[action.type].uses_amount]
    if measured:
        lines.append(f"amounts: {_shares((Amount(action.amount).name for action in measured), len(measured))}")
    return lines


def collapse_warning(actions: Sequence[Action], vocabulary: Vocabulary) -> str | None:
    """Write a warning if nearly all actions are of one type, else None."""
    if not actions:
        return None
    name, count = Counter(vocabulary.names[action.type] for action in actions).most_common(1)[0]
    if count <= COLLAPSE * len(actions) or len(actions) < 10:
        return None
    return f"COLLAPSE: {count / len(actions):.0%} of the policy's steps are {name}; train it with more entropy"


def _shares(names: Iterable[str], total: int) -> str:
    return ", ".join(f"{name} {count / total:.0%}" for name, count in Counter(names).most_common())
