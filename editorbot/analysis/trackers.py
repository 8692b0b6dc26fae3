"""The beat trackers by name, behind one call; each is loaded only when it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, get_args

from editorbot.analysis import BeatTracker
from editorbot.analysis.beat_grid import BeatGrid, ReadMono
from editorbot.analysis.spectrum import FrameTracks
from editorbot.errors import UsageError

Tracker: TypeAlias = Callable[[FrameTracks, float, ReadMono], BeatGrid]
"""Frames, duration [s] and the sound in, beats out."""


def choose_tracker(name: str) -> Tracker:
    """Make the tracker of a name ready.

    Raises
    ------
    UsageError
        If there is no such tracker.
    MissingExtraError
        If the package beat-this is wanted and not installed, or its weights cannot be fetched.
    """
    if name == "embedded":
        from editorbot.analysis.beats import track_beats  # it loads numba

        return lambda frames, duration_s, read_mono: track_beats(frames, duration_s)
    if name == "beat-this":
        from editorbot.analysis.beat_this import BeatThisTracker

        return BeatThisTracker()
    raise UsageError(f"beat tracker {name!r} is unknown; choose one of {', '.join(get_args(BeatTracker))}")


def check_tracker(name: BeatTracker) -> None:
    """Refuse a beat tracker that is not installed, before a batch of recordings begins."""
    if name != "embedded":
        choose_tracker(name)
