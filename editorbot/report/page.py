"""What the page says, in words and numbers, made from the edit list and the analysis alone.

Conventions
-----------
Everything here is text to show or a share of the picture's width in percent.
Names are one printable line each; the template escapes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, EditList, is_contiguous
from editorbot.editlist.operations import cut_ranges, output_starts, played_ranges, total_samples
from editorbot.errors import printable
from editorbot.timebase import clock

MEDIUM_RISK, HIGH_RISK = 0.33, 0.66
"""Risks from which a join counts as medium and as high."""

SHORTEST_CUT_S = 0.05
"""Cuts shorter than this come from aligning joins and are counted together [seconds]."""


@runtime_checkable
class LoudnessLike(Protocol):
    """How loud a sound is; `editorbot.polish` measures it."""

    @property
    def integrated_lufs(self) -> float:
        """Gated loudness [LUFS], minus infinity in silence."""

    @property
    def true_peak_db(self) -> float:
        """Highest point between samples [dBTP], minus infinity in silence."""


@dataclass(frozen=True)
class Figure:
    """One number of the page's head."""

    name: str
    """What it is."""
    value: str
    """The number with its unit."""
    note: str = ""
    """What it was before, or what else belongs to it."""


@dataclass(frozen=True)
class ClipRow:
    """One clip."""

    number: int
    """Its number, from 1."""
    at: str
    """Where it starts in the track."""
    at_s: float
    """The same [seconds]."""
    until_s: float
    """Where it ends in the track [seconds]."""
    start: str
    """Where it starts in the recording."""
    end: str
    """Where it ends in the recording."""
    length: str
    """Its length in the track."""
    action: str
    """What made it."""
    changes: str
    """What is done to its sound; empty where it is copied."""
    confidence: str
    """How sure the editor was."""
    reason: str
    """Why it is there."""


@dataclass(frozen=True)
class JoinRow:
    """One join."""

    number: int
    """Its number, from 1."""
    at: str
    """Where it is in the track."""
    at_s: float
    """The same [seconds]."""
    left: str
    """Where the outgoing clip stops, in the recording."""
    entered: str
    """Where the incoming clip begins, in the recording."""
    jump: str
    """What happens: how much is left out, or how far it goes back."""
    crossfade: str
    """Length of the crossfade."""
    risk: float
    """How likely it is to be heard, in [0, 1]."""
    level: str
    """The same in a word: none, low, medium or high."""
    reason: str
    """Why the clip behind it is there."""


@dataclass(frozen=True)
class CutRow:
    """One stretch of the recording that is not played."""

    start: str
    """Where it starts."""
    end: str
    """Where it ends."""
    length: str
    """How long it is."""
    length_s: float
    """The same [seconds]."""
    held: str
    """What it held mostly."""


def figures(
    edit_list: EditList,
    analysis: Analysis,
    before: LoudnessLike | None,
    after: LoudnessLike | None,
    tightness: str | None = None,
) -> tuple[Figure, ...]:
    """Return the numbers of the page's head."""
    rate = edit_list.source.sample_rate
    kept = total_samples(played_ranges(edit_list)) / edit_list.source.samples
    seamless = sum(is_contiguous(a, b) for a, b in zip(edit_list.clips, edit_list.clips[1:]))
    joins = Figure("Joins", str(len(edit_list.joins)), f"{seamless} where the audio runs on" if seamless else "")
    return (
        Figure("Length", clock(edit_list.output_samples / rate), f"was {clock(edit_list.source.samples / rate)}"),
        Figure("Kept", f"{100 * kept:.1f} %", "of the recording"),
        joins,
        _level_figure("Loudness", "LUFS", _lufs(before), _lufs(after)),
        _level_figure("True peak", "dBTP", _peak_db(before), _peak_db(after)),
        Figure("Tempo", f"{analysis.tempo_bpm:.1f} BPM" if analysis.has_beat else "no steady beat"),
        Figure("Key", "unclear" if analysis.key == "unknown" else analysis.key),
        *([] if tightness is None else [Figure("Tightness", tightness)]),
    )


def _lufs(one: LoudnessLike | None) -> float | None:
    return None if one is None else one.integrated_lufs


def _peak_db(one: LoudnessLike | None) -> float | None:
    return None if one is None else one.true_peak_db


def _level_figure(name: str, unit: str, before: float | None, after: float | None) -> Figure:
    if before is None and after is None:
        return Figure(name, "not measured")
    if after is None:
        return Figure(name, _level(before, unit), "of the recording")
    return Figure(name, _level(after, unit), f"was {_level(before, unit)}" if before is not None else "")


def _level(value: float | None, unit: str) -> str:
    return "silent" if value is None or math.isinf(value) else f"{value:.1f} {unit}".replace("-", "\u2212")


def clip_rows(edit_list: EditList) -> tuple[ClipRow, ...]:
    """Return the clips in playing order."""
    rate = edit_list.source.sample_rate
    return tuple(
        ClipRow(
            number=number,
            at=clock(at / rate),
            at_s=at / rate,
            until_s=(at + clip.output_samples) / rate,
            start=clock(clip.start / rate),
            end=clock(clip.end / rate),
            length=clock(clip.output_samples / rate),
            action=clip.action,
            changes=changes_of(clip, rate),
            confidence=f"{100 * clip.confidence:.0f} %",
            reason=printable(clip.reason),
        )
        for number, (clip, at) in enumerate(zip(edit_list.clips, output_starts(edit_list)), start=1)
    )


def changes_of(clip: Clip, sample_rate: int) -> str:
    """Return what is done to a clip's sound, empty where it is copied."""
    said = (
        (clip.gain_db != 0, f"{clip.gain_db:+.1f} dB"),
        (clip.speed != 1, f"speed x {clip.speed:g}"),
        (clip.pitch_semitones != 0, f"{clip.pitch_semitones:+g} semitones"),
        (clip.reverse, "reversed"),
        (clip.fade_in > 0, f"fade in {_fade_text(clip.fade_in / sample_rate)}"),
        (clip.fade_out > 0, f"fade out {_fade_text(clip.fade_out / sample_rate)}"),
    )
    return ", ".join([text for is_so, text in said if is_so] + [f"{e.type} {e.value:+g}" for e in clip.effects])


def _fade_text(length_s: float) -> str:
    """Return a fade's length; short ones, which only avoid a click, in milliseconds."""
    return f"{length_s:.2f} s" if length_s >= 0.1 else f"{1000 * length_s:.0f} ms"


def join_rows(edit_list: EditList) -> tuple[JoinRow, ...]:
    """Return the joins, the riskiest first."""
    rate = edit_list.source.sample_rate
    pairs = zip(edit_list.joins, edit_list.clips, edit_list.clips[1:], output_starts(edit_list)[1:])
    rows = [
        JoinRow(
            number=number,
            at=clock(at / rate),
            at_s=at / rate,
            left=clock(_heard_last(before) / rate),
            entered=clock(_heard_first(after) / rate),
            jump=_jump(before, after, rate),
            crossfade=f"{1000 * join.crossfade / rate:.1f} ms" if join.crossfade else "none",
            risk=join.risk,
            level=_risk_level(join.risk, is_contiguous(before, after)),
            reason=printable(after.reason),
        )
        for number, (join, before, after, at) in enumerate(pairs, start=1)
    ]
    return tuple(sorted(rows, key=lambda row: (row.level == "none", -row.risk, row.number)))


def _jump(before: Clip, after: Clip, sample_rate: int) -> str:
    if is_contiguous(before, after):
        return "runs on"
    skipped_s = (_heard_first(after) - _heard_last(before)) / sample_rate
    if abs(skipped_s) < 1 / 200:
        return "same place"
    return f"leaves out {skipped_s:.2f} s" if skipped_s > 0 else f"goes back {-skipped_s:.2f} s"


def _heard_first(clip: Clip) -> int:
    """Return the border of a clip that is heard first [source samples]."""
    return clip.end if clip.reverse else clip.start


def _heard_last(clip: Clip) -> int:
    return clip.start if clip.reverse else clip.end


def _risk_level(risk: float, contiguous: bool) -> str:
    if contiguous:
        return "none"
    return "high" if risk >= HIGH_RISK else "medium" if risk >= MEDIUM_RISK else "low"


def cut_rows(edit_list: EditList, analysis: Analysis) -> tuple[CutRow, ...]:
    """Return what is not played, in order, without slivers that come from aligning joins."""
    rate = edit_list.source.sample_rate
    spans_s = [(start / rate, end / rate) for start, end in cut_ranges(edit_list)]
    return tuple(
        CutRow(clock(start_s), clock(end_s), clock(end_s - start_s), end_s - start_s, held_in(analysis, start_s, end_s))
        for start_s, end_s in spans_s
        if end_s - start_s >= SHORTEST_CUT_S
    )


def held_in(analysis: Analysis, start_s: float, end_s: float) -> str:
    """Return the kinds of sound in a stretch with their shares, the largest first; shares under 5 % are left out."""
    shares: dict[str, float] = {}
    for span in analysis.activity:
        inside_s = min(span.end_s, end_s) - max(span.start_s, start_s)
        if inside_s > 0:
            shares[span.kind] = shares.get(span.kind, 0.0) + inside_s / (end_s - start_s)
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    heard = [(kind, share) for kind, share in ranked if share >= 0.05]
    if len(heard) == 1:
        return heard[0][0]
    return ", ".join(f"{kind} {100 * share:.0f} %" for kind, share in heard)
