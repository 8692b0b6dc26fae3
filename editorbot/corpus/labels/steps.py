"""From deeds to steps of the factored action space, in the words of :mod:`editorbot.environment.actions`.

A stretch longer than any size takes several steps, the longest that fit first; of sizes of equal
length the first in index order is meant, as in the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from editorbot.corpus.labels.plays import Deed, deeds_of, plays_of
from editorbot.editlist.edit_list import EditList
from editorbot.environment.actions import V3, Action, Amount, Size, Vocabulary

_NEVER_SPLIT = ("LOOP", "SWAP_NEXT")
"""Types whose deeds have a size's own length already."""
_CUT_TYPES = ("CUT", "SKIP")


@dataclass(frozen=True)
class Step:
    """One step of the human's edit."""

    beat: int
    """Beat at the cursor before it."""
    action: Action
    """What was done."""
    is_good: bool
    """Whether the beat at the cursor is kept by it."""


def steps_of_edit(
    edit_list: EditList, beats: Int64[np.ndarray, " beats"], lengths: Int64[np.ndarray, "beats 5"], level_db: float
) -> list[Step]:
    """Return the steps that give a human's edit.

    Parameters
    ----------
    edit_list : EditList
        The edit.
    beats : np.ndarray, shape=(beats,) [source samples]
        The beats of its source.
    lengths : np.ndarray, shape=(beats, 5)
        What each size spans from each beat on, see `editorbot.environment.spans`.
    level_db : float
        Gain that lies over the whole edit and counts as none [dB].
    """
    plays = plays_of(edit_list, beats, level_db)
    return steps_of(deeds_of(plays, len(beats), lambda beat: lengths[beat].tolist()), lengths)


def steps_of(deeds: Sequence[Deed], lengths: Int64[np.ndarray, "beats 5"], vocabulary: Vocabulary = V3) -> list[Step]:
    """Return deeds as steps; `lengths` as in `steps_of_edit`."""
    steps: list[Step] = []
    for deed in deeds:
        if deed.type == "JUMP_BACK":
            steps += _jumps(deed, vocabulary)
        elif deed.type == "REPEAT_PREV":
            if deed.first < len(lengths):
                steps.append(Step(deed.first, Action(vocabulary.index(deed.type), 0, 0), True))
        else:
            steps += _spans(deed, lengths, vocabulary)
    return steps


def _spans(deed: Deed, lengths: Int64[np.ndarray, "beats 5"], vocabulary: Vocabulary) -> list[Step]:
    """Return a deed about a stretch as one step a size that fits."""
    row, type_ = vocabulary.rows[vocabulary.index(deed.type)], vocabulary.index(deed.type)
    amount = vocabulary.nearest_amount(deed.type, deed.value) if row.uses_amount else Amount(0)
    steps, at = [], deed.first
    while at < deed.end:
        size = _largest(lengths[at], deed.end - at)
        steps.append(Step(at, Action(type_, int(size), int(amount)), deed.type not in _CUT_TYPES))
        at += int(lengths[at, size])
        if deed.type in _NEVER_SPLIT:
            break
    return steps


def _largest(lengths: Int64[np.ndarray, " sizes"], room: int) -> Size:
    """Return the size that spans most of what is left, the first of equally long ones."""
    fitting = np.where(lengths <= room, lengths, 0)
    return Size(int(np.argmax(fitting)))


def _jumps(deed: Deed, vocabulary: Vocabulary) -> list[Step]:
    """Return a way back as jumps of eight, four beats and one: the distances that the masks open."""
    type_ = vocabulary.index("JUMP_BACK")
    values = vocabulary.rows[type_].values
    steps, at = [], deed.first
    while at > deed.end:
        by, amount = max((int(value) or 1, -k) for k, value in enumerate(values) if (int(value) or 1) <= at - deed.end)
        steps.append(Step(at, Action(type_, 0, -amount), True))
        at -= by
    return steps
