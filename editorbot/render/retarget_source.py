"""The same edit on another file of the same take: one track of a multitrack recording."""

from __future__ import annotations

from dataclasses import replace

from editorbot.editlist.edit_list import EditList
from editorbot.errors import MismatchError
from editorbot.recording.recording import Recording
from editorbot.timebase import clock


def retarget_source(edit_list: EditList, other: Recording) -> EditList:
    """Return the edit list about another recording, sample for sample the same edit.

    Nothing is settled anew: tracks of one take must be cut at the same samples
    to stay together.

    Parameters
    ----------
    edit_list : EditList
        Made for one file of the take.
    other : Recording
        Another one; its channels may differ, its sample rate may not.

    Returns
    -------
    retargeted : EditList
        With a LENGTH warning where the files differ in length, though the edit fits.

    Raises
    ------
    MismatchError
        If the sample rates differ, or `other` ends before the last clip does.
    """
    source = edit_list.source
    if other.sample_rate != source.sample_rate:
        raise MismatchError(
            f"has {other.sample_rate} Hz, but the edit list was made at {source.sample_rate} Hz; "
            f"convert it to {source.sample_rate} Hz first",
            path=other.path,
        )
    needed = max(clip.end for clip in edit_list.clips)
    if other.samples < needed:
        raise MismatchError(
            f"is {clock(other.samples / other.sample_rate)} long, but the edit plays up to "
            f"{clock(needed / source.sample_rate)}; give a file of the same take",
            path=other.path,
        )
    beats = tuple(beat for beat in edit_list.beats if beat.at < other.samples)
    retargeted = replace(edit_list, source=other.source, beats=beats)
    if other.samples == source.samples:
        return retargeted
    return retargeted.with_warnings(
        f"LENGTH: {abs(other.samples - source.samples)} samples "
        f"{'longer' if other.samples > source.samples else 'shorter'} than the file that the edit was made for"
    )
