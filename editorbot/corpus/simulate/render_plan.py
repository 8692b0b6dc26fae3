"""Renders a plan: takes and junk one after another, with soft edges, and the truth about them.

Conventions
-----------
Parts are placed on a timeline of the raw recording. Where two takes overlap, the border
between them is in the middle; where junk overlaps with the edge of a take, the take counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from editorbot.corpus.simulate import junk, voices
from editorbot.corpus.simulate.plan import Junk, Plan, Take
from editorbot.corpus.simulate.signal import Sound, add_into, faded, gain, scaled_to, silence
from editorbot.corpus.simulate.takes import SHORTEST_SEGMENT_S, PerformedTake, perform, with_edges
from editorbot.corpus.simulate.track import Track
from editorbot.corpus.truth import Segment

LONGEST_SEAM_S = 0.06
"""Longest overlap of two takes [seconds]."""


@dataclass(frozen=True)
class RenderedPlan:
    """A jam before it is recorded."""

    sound: Sound
    """The sound."""
    segments: tuple[Segment, ...]
    """What it holds."""


@dataclass(frozen=True)
class _PlacedPart:
    """A part on the timeline."""

    start: int
    end: int
    part: Take | Junk
    performed: PerformedTake | None


def render_plan(
    plan: Plan,
    track: Track,
    others: Sequence[Track],
    recordings: Sequence[Sound],
    seed: int,
    *,
    may_use_programs: bool = True,
) -> RenderedPlan:
    """Render a plan of a track; `seed` draws the people who are there.

    The other tracks, and the recordings of talk, shape=(channels, samples), have the rate of the track.
    """
    people = np.random.default_rng(seed)
    speakers = [voices.draw_speaker(people) for _ in range(int(people.integers(2, 5)))]
    loudness, rate = track.loudness, track.rate
    out = silence(track.sound.shape[0], round(track.duration_s * rate * 3.5) + 60 * rate)
    placed: list[_PlacedPart] = []
    end = music_end = 0
    for part in plan.parts:
        start = max(0, end - round(part.overlap_s * rate))
        performed = None
        if isinstance(part, Take):
            if placed and placed[-1].performed is not None:
                start = max(start, end - round(LONGEST_SEAM_S * rate))
            elif placed:
                start = max(start, music_end)  # junk may be shorter than what it overlaps on both sides
            performed = perform(part, track)
            sound = with_edges(part, performed.sound, rate)
            length = performed.sound.shape[1]
        else:
            before, rng = out[:, max(0, end - rate) : end], np.random.default_rng(part.seed)
            scene = junk.Scene(track, others, speakers, part.duration_s, before, rng, recordings, may_use_programs)
            sound = _junk_sound(part, scene, loudness)
            length = sound.shape[1]
        if start + sound.shape[1] > out.shape[1]:
            out = np.pad(out, ((0, 0), (0, out.shape[1] // 2 + sound.shape[1])))
        add_into(out, sound, start)
        placed.append(_PlacedPart(start, start + length, part, performed))
        end = max(end, start + length)
        music_end = end if performed is not None else music_end
    return RenderedPlan(out[:, :end], _segments(placed, rate))


def _junk_sound(part: Junk, scene: junk.Scene, loudness: float) -> Sound:
    """Make a piece of junk at its level, with its fades."""
    made = junk.SOUNDS[part.sound](scene)
    made = junk.with_people(made, scene) if part.has_others else made
    sound = scaled_to(made, loudness * float(gain(part.level_db)), scene.rate)
    fade = round(part.fade_s * scene.rate)
    return faded(sound, 0 if part.sound == "ring-out" else fade, fade)


# Truth --------------------------------------------------------------------------------------------------------------


def _segments(placed: Sequence[_PlacedPart], rate: int) -> tuple[Segment, ...]:
    """Return what the timeline holds, without gaps."""
    borders = [0.0]
    for before, after in zip(placed, placed[1:]):
        borders.append(_border(before, after) / rate)
    borders.append(max(one.end for one in placed) / rate)
    borders = [float(at) for at in np.maximum.accumulate(borders)]
    segments: list[Segment] = []
    for number, one in enumerate(placed):
        low_s, high_s = borders[number], borders[number + 1]
        end_s = min(high_s, one.end / rate)
        if one.performed is None and end_s - low_s > 1e-9:
            segments.append(Segment(low_s, end_s, one.part.kind if isinstance(one.part, Junk) else "junk"))
        elif one.performed is not None:
            segments += _take_segments(one, low_s, end_s, rate)
        end_s = max(end_s, low_s)
        if high_s - end_s > 1e-9:  # a gap before the next
            segments.append(Segment(end_s, high_s, "silence"))
    return tuple(_without_gaps(segments))


def _border(before: _PlacedPart, after: _PlacedPart) -> float:
    """Return where one part ends and the next begins [samples].

    Of two takes, or two pieces of junk, that is the middle of their overlap. Junk that is heard over the end or the
    start of a take leaves the take whole.
    """
    junk_then_take = before.performed is None and after.performed is not None
    if after.start >= before.end or junk_then_take:
        return float(after.start)
    if before.performed is not None and after.performed is None:
        return float(before.end)
    return (before.end + after.start) / 2


def _take_segments(one: _PlacedPart, low_s: float, high_s: float, rate: int) -> list[Segment]:
    """Return the stretches of a take between two borders, each of one kind and tempo."""
    assert isinstance(one.part, Take)
    assert one.performed is not None
    out_s = one.start / rate + one.performed.knots_out / rate
    source_s = one.performed.knots_source_s
    found = []
    for k in range(len(out_s) - 1):
        start_s, end_s = max(low_s, out_s[k]), min(high_s, out_s[k + 1])
        if end_s - start_s <= 1e-9:
            continue
        speed = float((source_s[k + 1] - source_s[k]) / (out_s[k + 1] - out_s[k]))
        kind = [mark[1] for mark in one.part.marks if mark[0] <= source_s[k] + SHORTEST_SEGMENT_S][-1]
        placed_s = float(source_s[k] + (start_s - out_s[k]) * speed)
        found.append(Segment(float(start_s), float(end_s), kind, max(0.0, placed_s), speed))
    return found


def _without_gaps(segments: list[Segment]) -> list[Segment]:
    """Return segments each of which begins exactly where the one before it ends; slivers are dropped."""
    out: list[Segment] = []
    for segment in segments:
        if out and segment.start_s < out[-1].end_s:
            late_s = out[-1].end_s - segment.start_s
            if segment.end_s - out[-1].end_s <= 1e-9:
                continue
            source_s = None if segment.source_s is None else segment.source_s + late_s * segment.speed
            segment = replace(segment, start_s=out[-1].end_s, source_s=source_s)
        out.append(segment)
    return out
