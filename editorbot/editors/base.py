"""The interface of all editors: an :class:`Editor` turns an analysis and an :class:`EditRequest` into an edit list.

An editor touches no audio: `render.joins` refines positions by correlation and chooses crossfades later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import ActionSpan, EditList
from editorbot.editlist.operations import Range, range_from_s, total_samples, union
from editorbot.errors import TargetError, UsageError
from editorbot.timebase import clock

Tightness = Literal["gentle", "normal"]
"""How readily an editor cuts: `gentle` cuts talk, noise, silence and noodling, never the band's music."""


@dataclass(frozen=True)
class EditRequest:
    """What the user asked of an editor."""

    target_s: float | None = None
    """Wanted length of the output [seconds]; None lets the editor choose."""
    keep_ratio: float | None = None
    """Wanted length as a share of the recording, in (0, 1]; not together with target_s."""
    must_keep_s: tuple[tuple[float, float], ...] = ()
    """Ranges that have to be in the output [seconds]."""
    must_cut_s: tuple[tuple[float, float], ...] = ()
    """Ranges that must not be in the output [seconds]."""
    tightness: Tightness = "normal"
    """How readily music is cut."""
    seed: int = 0
    """Seed of the editor's random numbers, if it uses any."""
    temperature: float = 0.0
    """Temperature of an editor that samples its actions: 0 always takes the likeliest."""
    vocabulary: str | None = None
    """Vocabulary that an editor of actions must use; None for the one it was trained with."""

    def __post_init__(self) -> None:
        if self.target_s is not None and self.keep_ratio is not None:
            raise TargetError("a target length and a keep ratio were both given; give one of them")
        if self.target_s is not None and not self.target_s > 0:
            raise TargetError(f"the target length must be positive, but is {self.target_s} s")
        if self.keep_ratio is not None and not 0 < self.keep_ratio <= 1:
            raise TargetError(f"the keep ratio must be in (0, 1], but is {self.keep_ratio}")
        if self.tightness not in get_args(Tightness):
            known = " or ".join(get_args(Tightness))
            raise UsageError(f"the tightness must be {known}, but is {self.tightness!r}")
        if not 0 <= self.temperature < 100:
            raise UsageError(f"the temperature must be at least 0 and below 100, but is {self.temperature}")
        if self.seed < 0:
            raise UsageError(f"the seed must not be negative, but is {self.seed}")
        for start_s, end_s in self.must_keep_s + self.must_cut_s:
            if not 0 <= start_s < end_s:
                raise TargetError(f"the range {clock(start_s)}-{clock(end_s)} must end after it starts")
        for keep in self.must_keep_s:
            for cut in self.must_cut_s:
                if max(keep[0], cut[0]) < min(keep[1], cut[1]):
                    raise TargetError(f"{clock(cut[0])}-{clock(cut[1])} must be both kept and cut; give it once")

    def target_length_s(self, duration_s: float) -> float | None:
        """Compute the wanted length [seconds] for a recording of `duration_s`, None if the editor chooses it."""
        if self.keep_ratio is not None:
            return self.keep_ratio * duration_s
        return self.target_s

    @property
    def has_ranges(self) -> bool:
        """Whether ranges to keep or to cut were given."""
        return bool(self.must_keep_s or self.must_cut_s)


@dataclass(frozen=True)
class RequestedRanges:
    """The user's ranges in source samples, sorted and joined."""

    keep: tuple[Range, ...]
    """What has to be in the output."""
    cut: tuple[Range, ...]
    """What must not be in the output."""


def requested_ranges(analysis: Analysis, request: EditRequest) -> RequestedRanges:
    """Convert the user's ranges to source samples; what is to be cut beyond the end is ignored.

    Raises
    ------
    TargetError
        If a range to keep starts beyond the end, or the ranges to cut leave nothing.
    """
    source = analysis.source
    for start_s, end_s in request.must_keep_s:
        if start_s >= analysis.duration_s:
            span, last = f"{clock(start_s)}-{clock(end_s)}", clock(analysis.duration_s)
            message = f"{span} is to be kept, but the recording ends at {last}; give a range inside it"
            raise TargetError(message, path=source.path)
    keep, cut = (
        union(range_from_s(*span, source) for span in ranges_s)
        for ranges_s in (request.must_keep_s, request.must_cut_s)
    )
    if total_samples(cut) >= source.samples:
        raise TargetError("the ranges to cut cover the whole recording; leave some of it", path=source.path)
    return RequestedRanges(keep, cut)


class Editor(ABC):
    """One way of editing."""

    name: ClassVar[str]
    """The name that ``--editor`` takes."""
    ignores: ClassVar[tuple[str, ...]] = ("temperature", "vocabulary")
    """Fields of a request that change nothing about its edits; the user is warned who sets one."""

    uses_stems: bool = False
    """Whether its weights were trained with the stem features filled; otherwise they stay 0."""

    @abstractmethod
    def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
        """Decide what is played, in which order.

        Parameters
        ----------
        analysis : Analysis
            What is known about the recording.
        request : EditRequest
            What the user asked for.

        Returns
        -------
        edit_list : EditList
            At least one clip; joins carry the editor's own risk and no crossfade yet.

        Raises
        ------
        TargetError
            If the request cannot be met with this recording.
        """

    def remarks(self, analysis: Analysis, request: EditRequest) -> tuple[str, ...]:
        """Describe how the edit of a request came about, in lines to be printed; nothing by default."""
        return ()

    def actions(self, analysis: Analysis, request: EditRequest) -> tuple[ActionSpan, ...]:
        """List the actions that the edit of a request consists of, in order.

        None by default, nor if an editor of actions had to change its edit in other ways to meet the request.
        """
        return ()
