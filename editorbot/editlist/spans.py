"""Where crossfades reach: the arithmetic that rendering and exports share.

A crossfade is centred on its join. Its first half lies in front of the join,
where the incoming clip is heard early; its second half lies behind it, where
the outgoing clip rings on. Both take that sound from the source beyond the
clip's own end, so a crossfade never changes the length of the output.

Conventions
-----------
Lengths are output samples.
"""

from __future__ import annotations

from dataclasses import dataclass

from editorbot.editlist.edit_list import Clip, EditList, is_contiguous


@dataclass(frozen=True)
class CrossfadeSpan:
    """How far a crossfade reaches around its join."""

    before: int
    """Part in front of the join [output samples]."""
    after: int
    """Part behind the join [output samples]."""

    @property
    def samples(self) -> int:
        """Whole length [output samples]."""
        return self.before + self.after


NO_CROSSFADE = CrossfadeSpan(0, 0)
"""At the ends of the track, and where the audio runs on."""


def lead_in_samples(clip: Clip, source_samples: int) -> int:
    """Return how much sound the source holds in front of a clip [output samples]."""
    beyond = source_samples - clip.end if clip.reverse else clip.start
    return int(beyond / clip.speed)


def lead_out_samples(clip: Clip, source_samples: int) -> int:
    """Return how much sound the source holds behind a clip [output samples]."""
    beyond = clip.start if clip.reverse else source_samples - clip.end
    return int(beyond / clip.speed)


def crossfade_spans(edit_list: EditList) -> tuple[CrossfadeSpan, ...]:
    """Return how far the crossfade of every join really reaches, in order.

    It is the length that the edit list asks for, but no half is longer than
    half of either clip, nor than what the source holds beyond the clips' ends,
    and nothing is crossfaded where the audio runs on.
    """
    return tuple(_span(edit_list, number) for number in range(len(edit_list.joins)))


def _span(edit_list: EditList, join: int) -> CrossfadeSpan:
    outgoing, incoming = edit_list.clips[join], edit_list.clips[join + 1]
    wanted = edit_list.joins[join].crossfade
    if wanted == 0 or is_contiguous(outgoing, incoming):
        return NO_CROSSFADE
    room = min(outgoing.output_samples, incoming.output_samples) // 2
    total = edit_list.source.samples
    before = min(wanted // 2, room, lead_in_samples(incoming, total))
    after = min(wanted - wanted // 2, room, lead_out_samples(outgoing, total))
    return CrossfadeSpan(before, after)
