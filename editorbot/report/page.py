"""The page's tables and figures, made from the edit list and the analysis alone.

The template formats times and escapes texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from editorbot.analysis.analysis import Analysis
from editorbot.editlist.edit_list import Clip, EditList, Join, is_contiguous
from editorbot.editlist.operations import cut_ranges, output_starts, played_ranges, total_samples
from editorbot.timebase import clock

MEDIUM_RISK, HIGH_RISK = 0.33, 0.66
"""Risks from which a join counts as medium and as high."""

SHORTEST_CUT_S = 0.05
"""Shorter cuts come from aligning joins and are not listed [seconds]."""


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
    """One number in the page's head."""

    name: str
    """What it is."""
    value: str
    """The number with its unit."""
    note: str = ""
    """What it was before, or what else belongs to it."""


@dataclass(frozen=True)
class PlacedClip:
    """One clip and its place in the track."""

    number: int
    """Its number, from 1."""
    clip: Clip
    """The clip."""
    at_s: float
    """Where it starts in the track [seconds]."""
    until_s: float
    """Where it ends in the track [seconds]."""
    changes: str
    """How its sound is changed; empty where it is copied."""


@dataclass(frozen=True)
class PlacedJoin:
    """One join and its place in the track."""

    number: int
    """Its number, from 1."""
    join: Join
    """The join."""
    before: Clip
    """The outgoing clip."""
    after: Clip
    """The incoming clip."""
    at_s: float
    """Where it is in the track [seconds]."""
    jump: str
    """What happens: how much is left out, or how far it goes back."""
    level: str
    """Its risk in a word: none, low, medium or high."""


@dataclass(frozen=True)
class Cut:
    """One stretch of the recording that is not played."""

    start_s: float
    """Where it starts [seconds]."""
    end_s: float
    """Where it ends [seconds]."""
    content: str
    """The kinds of sound in it, with their shares."""


def figures(
    edit_list: EditList,
    analysis: Analysis,
    before: LoudnessLike | None,
    after: LoudnessLike | None,
    tightness: str | None = None,
) -> tuple[Figure, ...]:
    """The numbers in the page's head."""
    rate = edit_list.source.sample_rate
    kept = total_samples(played_ranges(edit_list)) / edit_list.source.samples
    seamless = sum(is_contiguous(a, b) for a, b in zip(edit_list.clips, edit_list.clips[1:]))
    lufs = [None if one is None else one.integrated_lufs for one in (before, after)]
    peaks_db = [None if one is None else one.true_peak_db for one in (before, after)]
    return (
        Figure("Length", clock(edit_list.output_samples / rate), f"was {clock(edit_list.source.samples / rate)}"),
        Figure("Kept", f"{100 * kept:.1f} %", "of the recording"),
        Figure("Joins", str(len(edit_list.joins)), f"{seamless} where the audio runs on" if seamless else ""),
        _level_figure("Loudness", "LUFS", *lufs),
        _level_figure("True peak", "dBTP", *peaks_db),
        Figure("Tempo", f"{analysis.tempo_bpm:.1f} BPM" if analysis.has_beat else "no steady beat"),
        Figure("Key", "unclear" if analysis.key == "unknown" else analysis.key),
        *([] if tightness is None else [Figure("Tightness", tightness)]),
    )


def _level_figure(name: str, unit: str, before: float | None, after: float | None) -> Figure:
    if before is None and after is None:
        return Figure(name, "not measured")
    if after is None:
        return Figure(name, _level(before, unit), "of the recording")
    return Figure(name, _level(after, unit), f"was {_level(before, unit)}" if before is not None else "")


def _level(value: float | None, unit: str) -> str:
    return "silent" if value is None or math.isinf(value) else f"{value:.1f} {unit}".replace("-", "\u2212")


def placed_clips(edit_list: EditList) -> tuple[PlacedClip, ...]:
    """The clips in playing order."""
    rate = edit_list.source.sample_rate
    return tuple(
        PlacedClip(number, clip, at / rate, (at + clip.output_samples) / rate, changes_of(clip, rate))
        for number, (clip, at) in enumerate(zip(edit_list.clips, output_starts(edit_list)), start=1)
    )


def changes_of(clip: Clip, sample_rate: int) -> str:
    """Say how a clip's sound is changed, empty where it is copied."""
    changes = (
        (clip.gain_db != 0, f"{clip.gain_db:+.1f} dB"),
        (clip.speed != 1, f"speed x {clip.speed:g}"),
        (clip.pitch_semitones != 0, f"{clip.pitch_semitones:+g} semitones"),
        (clip.reverse, "reversed"),
        (clip.fade_in > 0, f"fade in {_fade_text(clip.fade_in / sample_rate)}"),
        (clip.fade_out > 0, f"fade out {_fade_text(clip.fade_out / sample_rate)}"),
    )
    return ", ".join([text for is_so, text in changes if is_so] + [f"{e.type} {e.value:+g}" for e in clip.effects])


def _fade_text(length_s: float) -> str:
    """A fade's length; short ones, which only avoid a click, in milliseconds."""
    return f"{length_s:.2f} s" if length_s >= 0.1 else f"{1000 * length_s:.0f} ms"


def placed_joins(edit_list: EditList) -> tuple[PlacedJoin, ...]:
    """The joins, the riskiest first."""
    rate = edit_list.source.sample_rate
    pairs = zip(edit_list.joins, edit_list.clips, edit_list.clips[1:], output_starts(edit_list)[1:])
    joins = [
        PlacedJoin(number, join, before, after, at / rate, _jump(before, after, rate), _risk_level(join, before, after))
        for number, (join, before, after, at) in enumerate(pairs, start=1)
    ]
    return tuple(sorted(joins, key=lambda one: (one.level == "none", -one.join.risk, one.number)))


def _jump(before: Clip, after: Clip, sample_rate: int) -> str:
    if is_contiguous(before, after):
        return "runs on"
    skipped_s = (after.first_edge - before.last_edge) / sample_rate
    if abs(skipped_s) < 1 / 200:
        return "same place"
    return f"leaves out {skipped_s:.2f} s" if skipped_s > 0 else f"goes back {-skipped_s:.2f} s"


def _risk_level(join: Join, before: Clip, after: Clip) -> str:
    if is_contiguous(before, after):
        return "none"
    return "high" if join.risk >= HIGH_RISK else "medium" if join.risk >= MEDIUM_RISK else "low"


def cuts(edit_list: EditList, analysis: Analysis) -> tuple[Cut, ...]:
    """What is not played, in order, without the slivers that come from aligning joins."""
    rate = edit_list.source.sample_rate
    spans_s = [(start / rate, end / rate) for start, end in cut_ranges(edit_list)]
    return tuple(
        Cut(start_s, end_s, content_of(analysis, start_s, end_s))
        for start_s, end_s in spans_s
        if end_s - start_s >= SHORTEST_CUT_S
    )


def content_of(analysis: Analysis, start_s: float, end_s: float) -> str:
    """The kinds of sound in a stretch with their shares, the largest first; shares under 5 % are left out."""
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
