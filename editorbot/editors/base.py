"""The door that every way of editing stands behind.

An editor reads an :class:`~editorbot.analysis.analysis.Analysis` and what the
user asked for, and returns an edit list. It touches no audio: positions are
refined by correlation and crossfades chosen later, in `render.joins`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.action_span import ActionSpan
from editorbot.editlist.edit_list import EditList
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
    """Seed of whatever randomness the editor has."""
    temperature: float = 0.0
    """How freely an editor that draws may draw: 0 always takes what is likeliest."""
    vocabulary: str | None = None
    """Types of action that an editor of actions must speak; None for those that it was taught."""

    def __post_init__(self) -> None:
        if self.target_s is not None and self.keep_ratio is not None:
            raise TargetError("a target length and a keep ratio were both given; give one of them")
        if self.target_s is not None and not self.target_s > 0:
            raise TargetError(f"the target length must be positive, but is {self.target_s} s")
        if self.keep_ratio is not None and not 0 < self.keep_ratio <= 1:
            raise TargetError(f"the keep ratio must lie in (0, 1], but is {self.keep_ratio}")
        if self.tightness not in get_args(Tightness):
            known = " or ".join(get_args(Tightness))
            raise UsageError(f"the tightness must be {known}, but is {self.tightness!r}")
        if not 0 <= self.temperature < 100:
            raise UsageError(f"the temperature must lie between 0 and 100, but is {self.temperature}")
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
        """Return the wanted length [seconds] for a recording of `duration_s`, None where the editor chooses."""
        if self.keep_ratio is not None:
            return self.keep_ratio * duration_s
        return self.target_s


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

    def told(self, analysis: Analysis, request: EditRequest) -> tuple[str, ...]:
        """Return what is worth telling of how the edit of a request came about, a line each; nothing by default."""
        return ()

    def actions(self, analysis: Analysis, request: EditRequest) -> tuple[ActionSpan, ...]:
        """Return the actions that the edit of a request is made of, in their order; none by default.

        There are none either where an editor of actions had to bend its edit to a wish in another way.
        """
        return ()
