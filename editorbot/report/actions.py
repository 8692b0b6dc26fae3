"""The lane of actions: what an editor of actions did, along the recording, readable without colors too.

A type has the color of its family and, within the family, its own pattern.
Consecutive actions of one type are one block. A block whose place is already
taken, because the editor went back, goes to the next row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from editorbot.editlist.edit_list import ActionSpan
from editorbot.timebase import clock

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "keep": ("KEEP",),
    "leave": ("CUT", "CROSSFADE"),
    "again": ("LOOP", "REPEAT_PREV"),
    "move": ("SKIP", "JUMP_BACK", "REORDER", "SWAP_NEXT"),
    "level": ("GAIN", "FADE_IN", "FADE_OUT"),
    "time": ("SPEED_UP", "SPEED_DOWN", "REVERSE", "PITCH_UP", "PITCH_DOWN", "DOUBLE_TIME", "HALF_TIME"),
    "tone": ("EQ_LOW", "EQ_HIGH", "DISTORTION", "REVERB"),
}
"""Types of one color; their order sets the pattern."""

PATTERNS: tuple[str, ...] = (
    "",
    "M-1,9L9,-1M-1,1L1,-1M7,9L9,7",
    "M-1,-1L9,9M7,-1L9,1M-1,7L1,9",
    "M4,0V8",
    "M0,4H8",
    "M4,0V8M0,4H8",
    "M-1,-1L9,9M-1,9L9,-1",
)
"""Lines on a tile of 8 x 8, one pattern each: none, both slopes, upright, level, crosses of both kinds."""

OTHER = "other"
"""Family of all other types."""

MOST_ROWS = 4
"""Rows of blocks; the last one takes what would need more."""

LEAST_WIDTH = 0.35
"""Width of a narrow block, so that it can be seen [percent]."""

SEPARATED_WIDTH = 0.8
"""Width from which consecutive actions are separated by lines [percent]."""


@dataclass(frozen=True)
class Block:
    """Consecutive actions of one type, in percent of the lane's width."""

    left: float
    """Where they start, in [0, 100]."""
    width: float
    """How wide they are, in [0, 100]."""
    row: int
    """Their row, from 0."""
    key: int
    """Number of their key, from 1."""
    title: str
    """Tooltip."""
    parted: tuple[float, ...]
    """Borders between actions that are both wide enough to show it, in [0, 100]."""


@dataclass(frozen=True)
class ActionKey:
    """How one type is drawn, and how often it was taken."""

    number: int
    """From 1."""
    type: str
    """Its name."""
    family: str
    """Sets its color."""
    pattern: str
    """Its lines, SVG path data."""
    count: int
    """How many of the actions were of this type."""
    share: str
    """The same as a share of all actions."""


@dataclass(frozen=True)
class ActionLane:
    """The actions of one edit."""

    keys: tuple[ActionKey, ...]
    """The types that occur, the most frequent first."""
    blocks: tuple[Block, ...]
    """The actions, plays and cuts first, so that rare ones are drawn above them."""
    rows: int
    """Rows that they fill, at least 1."""
    count: int
    """How many actions there are."""


def action_lane(actions: Sequence[ActionSpan], samples: int, sample_rate: int) -> ActionLane | None:
    """Lay out the actions of an edit over its recording.

    Parameters
    ----------
    actions : sequence of ActionSpan
        In the order in which they were taken.
    samples : int
        Length of the recording.
    sample_rate : int
        Of the recording [Hz].

    Returns
    -------
    lane : ActionLane or None
        None where there are no actions.
    """
    if not actions:
        return None
    keys = _keys(actions)
    numbers = {key.type: key.number for key in keys}
    ends = [0] * MOST_ROWS
    blocks = []
    for group in _groups(actions):
        start, end = min(action.start for action in group), max(action.end for action in group)
        row = next((row for row, taken_to in enumerate(ends) if start >= taken_to), MOST_ROWS - 1)
        ends[row] = max(ends[row], end)
        blocks.append(_block(group, start, end, row, numbers[group[0].type], samples, sample_rate))
    blocks.sort(key=lambda block: (block.row, keys[block.key - 1].type not in ("KEEP", "CUT")))
    return ActionLane(keys, tuple(blocks), 1 + blocks[-1].row, len(actions))


def _keys(actions: Sequence[ActionSpan]) -> tuple[ActionKey, ...]:
    counts = Counter(action.type for action in actions).most_common()
    return tuple(
        ActionKey(number, name, *_look(name), count, _share(count, len(actions)))
        for number, (name, count) in enumerate(counts, start=1)
    )


def _look(name: str) -> tuple[str, str]:
    """A type's family and pattern."""
    for family, names in FAMILIES.items():
        if name in names:
            return family, PATTERNS[1 if family == "leave" else names.index(name)]
    return OTHER, ""


def _share(count: int, total: int) -> str:
    return "< 1 %" if 200 * count < total else f"{100 * count / total:.0f} %"


def _groups(actions: Sequence[ActionSpan]) -> list[list[ActionSpan]]:
    """Group consecutive actions of one type that touch."""
    groups: list[list[ActionSpan]] = []
    for action in actions:
        last = groups[-1][-1] if groups else None
        if last is not None and last.type == action.type and last.start <= action.end and action.start <= last.end:
            groups[-1].append(action)
        else:
            groups.append([action])
    return groups


def _block(
    group: Sequence[ActionSpan], start: int, end: int, row: int, key: int, samples: int, sample_rate: int
) -> Block:
    """Lay out a group of actions."""
    width = max(100 * (end - start) / samples, LEAST_WIDTH)
    times = f" x {len(group)}" if len(group) > 1 else ""
    edges = sorted({start, end} | {action.start for action in group} | {action.end for action in group})
    least = SEPARATED_WIDTH / 100 * samples
    parted = [b for a, b, c in zip(edges, edges[1:], edges[2:]) if b - a >= least and c - b >= least]
    return Block(
        left=min(100 * start / samples, 100 - width),
        width=width,
        row=row,
        key=key,
        title=f"{group[0].type}{times}: {clock(start / sample_rate)} to {clock(end / sample_rate)}",
        parted=tuple(100 * at / samples for at in parted),
    )
