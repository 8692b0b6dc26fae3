"""The edit of a simulated pair, from its truth: exact, and known without looking for it.

A rehearsal that was made from finished music is no copy of it sample by sample (its tempo drifts, it stands in a
room), so what was made is better read than measured.
"""

from __future__ import annotations

from pathlib import Path

from editorbot import __version__
from editorbot.corpus.labels.human_edit import MADE_BY
from editorbot.corpus.truth import Truth, read_truth, truth_path
from editorbot.editlist.edit_list import Clip, EditList, MadeBy, Source
from editorbot.editlist.operations import edit_list_of
from editorbot.errors import MismatchError, NotFoundError
from editorbot.timebase import s_to_samples

_GAP_S, _LONGER_S = 0.05, 0.5


def known_truth(data_dir: Path, sample: str) -> Truth | None:
    """Return what is known of a pair, None where nothing is.

    Raises
    ------
    UnreadableError, FormatError, VersionError
        If its file is there, but cannot be read.
    """
    try:
        return read_truth(truth_path(data_dir, sample))
    except NotFoundError:
        return None


def known_edit(truth: Truth, source: Source) -> EditList:
    """Return the takes that the finished track was made of, in the order of the track.

    Raises
    ------
    MismatchError
        If the truth is about a recording of another length, or nothing of it is kept.
    """
    duration_s = source.samples / source.sample_rate
    if abs(truth.duration_s - duration_s) > _LONGER_S:
        message = (
            f"its truth is about {truth.duration_s:.1f} s, but it lasts {duration_s:.1f} s; simulate the pair anew"
        )
        raise MismatchError(message, path=source.path)
    takes = sorted((part for part in truth.segments if part.kind == "music"), key=lambda part: part.source_s or 0.0)
    clips: list[Clip] = []
    for part in takes:
        start, end = (
            min(s_to_samples(at_s, source.sample_rate), source.samples) for at_s in (part.start_s, part.end_s)
        )
        if end <= start:
            continue
        gap = start - clips[-1].end if clips else -1
        if 0 <= gap < _GAP_S * source.sample_rate:
            clips[-1] = Clip(clips[-1].start, end)
        else:
            clips.append(Clip(start, end))
    if not clips:
        raise MismatchError("its truth says that nothing of it is kept", path=source.path)
    return edit_list_of(source, clips, made_by=MadeBy(MADE_BY, version=__version__))
