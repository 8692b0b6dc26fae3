"""Lays the user's ranges on clips: what has to be out is cut out of them, what has to be in is put between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from editorbot.editlist.edit_list import Clip
from editorbot.editlist.operations import Range, subtract


def with_ranges(
    clips: Sequence[Clip], wanted: Sequence[Range], unwanted: Sequence[Range], *, reason: str = "asked for"
) -> list[Clip]:
    """Return clips with what is wanted in and without what is unwanted [source samples].

    A wanted range is played unchanged: a changed clip that touches it keeps its other parts. What is missing goes
    before the first clip that begins later in the recording.
    """
    plain: Sequence[Range] = tuple(wanted)
    result: list[Clip] = []
    for clip in clips:
        removed = tuple(unwanted) if clip.is_copy else (*unwanted, *plain)
        pieces = subtract([(clip.start, clip.end)], removed)
        result += [clip if piece == (clip.start, clip.end) else _piece(clip, piece) for piece in pieces]
    missing = subtract(plain, [(clip.start, clip.end) for clip in result if clip.is_copy])
    for start, end in subtract(missing, unwanted):
        at = next((number for number, clip in enumerate(result) if clip.start >= end), len(result))
        result.insert(at, Clip(start, end, reason=reason))
    return result


def _piece(clip: Clip, piece: Range) -> Clip:
    """Return a part of a clip; fades belong to the whole and are left out."""
    return replace(clip, start=piece[0], end=piece[1], fade_in=0, fade_out=0)
