"""Refines joins: exactly where, how long a crossfade, how risky.

An editor says roughly where clips meet. Here every join is moved by a few
milliseconds to where both sides fit best, gets a crossfade that suits the
material, and a risk of being heard. It happens once, before the edit list is
written; rendering the list later changes nothing any more.

Method
------
1. Lag: the outgoing clip ends up to 8 ms earlier or later, where its waveform
   best matches that of the incoming one. The incoming clip's beat stays put.
2. Slide: where the incoming clip begins with an attack, the join moves in
   front of it (both clips by the same amount), and the crossfade is short.
3. Length: 5 ms at an attack, else 10 ms in noise to 50 ms in held notes.
4. Risk: how far levels in octave bands jump, compared with how the source
   itself goes on.
5. Required ranges: where all this would fade a range to keep, or let a range to
   cut be heard, the join moves away from it, and its crossfade is as long as
   there is room; without room both clips fade for 2 ms instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from editorbot.editlist.edit_list import Clip, EditList, Join, is_contiguous
from editorbot.recording import Recording
from editorbot.render.fades import SHORTEST_FADE_S, is_copy_but_for_fades, with_edges, with_fades
from editorbot.render.join_features import WINDOW_S, attack_offset, best_lag, jump_db, lag_correlations, tonality
from editorbot.render.required_ranges import NO_RANGES, UNBOUNDED, EdgeBounds, RequiredRanges
from editorbot.timebase import s_to_samples

MAX_LAG_S = 0.008
"""Farthest that the outgoing clip's end moves for alignment [seconds]."""

MAX_SLIDE_S = 0.008
"""Farthest that a join moves for an attack [seconds]."""

SIDE_S = 0.1
"""Sound on each side of an edge that is analyzed [seconds]."""

ATTACK_CROSSFADE_S = 0.005
"""Crossfade in front of an attack [seconds]."""

SHORT_CROSSFADE_S, LONG_CROSSFADE_S = 0.010, 0.050
"""Crossfades of noise-like sound and of held notes [seconds]."""

ATTACK_GUARD_S = 0.001
"""Kept free between a crossfade and the attack behind it [seconds]."""

SHORTEST_MOVED_S = 0.1
"""Joins of clips shorter than this stay where they are [seconds]."""

HEARD_JUMP_DB = 15.0
"""A jump in the bands by this much has a risk of 63 %."""


@dataclass(frozen=True)
class _RefinedJoin:
    """One join on its way."""

    outgoing: Clip
    incoming: Clip
    crossfade: int
    jump_db: float


def refine_joins(edit_list: EditList, recording: Recording, ranges: RequiredRanges = NO_RANGES) -> EditList:
    """Align the joins of an edit list and choose their crossfades and risks.

    Parameters
    ----------
    edit_list : EditList
        As an editor made it; its joins' risks are the editor's own.
    recording : Recording
        The source, opened. A few tenths of a second are read around each join.
    ranges : RequiredRanges
        Ranges to keep and to cut.

    Returns
    -------
    refined : EditList
        Every edge of a plain clip at most 16 ms from where it was, and 50 ms
        beside a required range; other clips stay as they are. Crossfades are at
        most half of either clip; where the audio runs on they are 0, and so is
        the risk.
    """
    clips = list(edit_list.clips)
    joins: list[Join] = []
    for number, join in enumerate(edit_list.joins):
        outgoing, incoming = clips[number], clips[number + 1]
        if is_contiguous(outgoing, incoming):
            joins.append(Join(0, 0.0))
            continue
        refined = _within_ranges(_refine(outgoing, incoming, recording), outgoing, incoming, recording, ranges)
        clips[number], clips[number + 1] = refined.outgoing, refined.incoming
        measured = 1.0 - float(np.exp(-refined.jump_db / HEARD_JUMP_DB))
        joins.append(Join(refined.crossfade, max(measured, join.risk)))
    return replace(edit_list, clips=tuple(clips), joins=tuple(_limited(clips, joins)))


def _refine(outgoing: Clip, incoming: Clip, recording: Recording) -> _RefinedJoin:
    """Refine one join that is not contiguous."""
    rate = recording.sample_rate
    moves = _may_move(outgoing, incoming, rate)
    if moves:
        lag = _lag(outgoing, incoming, recording)
        outgoing = with_edges(outgoing, end=outgoing.end + lag)
    before, behind = _outgoing_side(outgoing, recording), _incoming_side(incoming, recording)
    reach = s_to_samples(MAX_SLIDE_S, rate)
    attack = attack_offset(behind, rate, reach)
    if attack is None:
        share = min(tonality(before), tonality(behind))
        length_s = SHORT_CROSSFADE_S + share * (LONG_CROSSFADE_S - SHORT_CROSSFADE_S)
    else:
        length_s = ATTACK_CROSSFADE_S
        if moves:  # in front of the attack, as far as both clips reach
            wanted = attack - round((ATTACK_GUARD_S + ATTACK_CROSSFADE_S / 2) * rate)
            slide = min(max(wanted, -reach, -incoming.start), reach, recording.samples - outgoing.end)
            outgoing = with_edges(outgoing, end=outgoing.end + slide)
            incoming = with_edges(incoming, start=incoming.start + slide)
    jump = _jump_db(before, behind, outgoing, incoming, rate)
    return _RefinedJoin(outgoing, incoming, s_to_samples(length_s, rate), jump)


def _may_move(outgoing: Clip, incoming: Clip, sample_rate: int) -> bool:
    """Whether both clips are plain, and long enough to lose some milliseconds."""
    is_long = min(outgoing.output_samples, incoming.output_samples) >= SHORTEST_MOVED_S * sample_rate
    return is_copy_but_for_fades(outgoing) and is_copy_but_for_fades(incoming) and is_long


def _within_ranges(
    refined: _RefinedJoin, outgoing: Clip, incoming: Clip, recording: Recording, ranges: RequiredRanges
) -> _RefinedJoin:
    """Refine a join anew where it reaches over a required range; both clips are as the editor made them."""
    leaving = ranges.around_start(outgoing) if outgoing.reverse else ranges.around_end(outgoing)
    entering = ranges.around_end(incoming) if incoming.reverse else ranges.around_start(incoming)
    if _holds(leaving, refined.outgoing, refined.outgoing.last_edge, refined.crossfade) and _holds(
        entering, refined.incoming, refined.incoming.first_edge, refined.crossfade
    ):
        return refined
    length, rate = refined.crossfade, recording.sample_rate
    moves = is_copy_but_for_fades(outgoing) and is_copy_but_for_fades(incoming)
    if moves:
        shortest = min(outgoing.source_samples, incoming.source_samples)
        length = min(length, leaving.width, entering.width, shortest // 4)
    else:
        rooms = leaving.room(outgoing.last_edge) / outgoing.speed, entering.room(incoming.first_edge) / incoming.speed
        length = min(length, 2 * int(min(rooms)))
    if length < SHORTEST_FADE_S * rate:
        fade = s_to_samples(SHORTEST_FADE_S, rate)
        outgoing, incoming, length = with_fades(outgoing, fade_out=fade), with_fades(incoming, fade_in=fade), 0
    elif moves:
        outgoing, incoming = _moved_inside(outgoing, incoming, recording, leaving, entering, length)
    return replace(refined, outgoing=outgoing, incoming=incoming, crossfade=length)


def _moved_inside(
    outgoing: Clip, incoming: Clip, recording: Recording, leaving: EdgeBounds, entering: EdgeBounds, crossfade: int
) -> tuple[Clip, Clip]:
    """Move the join of two clips inside the bounds, aligned as far as these leave room."""
    before, after = crossfade // 2, crossfade - crossfade // 2
    outgoing = with_edges(outgoing, end=leaving.nearest(outgoing.end, before, after))
    incoming = with_edges(incoming, start=entering.nearest(incoming.start, before, after))
    earliest = max(leaving.low + before - outgoing.end, -outgoing.source_samples // 4)
    latest = leaving.high - after - outgoing.end
    lag = _lag(outgoing, incoming, recording, earliest, latest)
    return with_edges(outgoing, end=outgoing.end + lag), incoming


def _holds(bounds: EdgeBounds, clip: Clip, edge: int, crossfade: int) -> bool:
    """Whether a crossfade around an edge of a clip stays inside bounds."""
    before, after = (math.ceil(half * clip.speed) for half in (crossfade // 2, crossfade - crossfade // 2))
    return bounds.holds(edge, after, before) if clip.reverse else bounds.holds(edge, before, after)


def _lag(
    outgoing: Clip, incoming: Clip, recording: Recording, earliest: int = -UNBOUNDED, latest: int = UNBOUNDED
) -> int:
    """By how much the outgoing clip should end later, for the waveforms to match, within bounds [samples]."""
    rate = recording.sample_rate
    window, max_lag = max(1, s_to_samples(WINDOW_S, rate)), s_to_samples(MAX_LAG_S, rate)
    sides = _outgoing_side(outgoing, recording), _incoming_side(incoming, recording)
    correlations = lag_correlations(*sides, window, max_lag)
    lags = np.arange(-max_lag, max_lag + 1)
    correlations = np.where((lags >= earliest) & (lags <= latest), correlations, -1.0)
    return min(best_lag(correlations), recording.samples - outgoing.end)


def _jump_db(
    before: Float64[np.ndarray, "samples channels"],
    behind: Float64[np.ndarray, "samples channels"],
    outgoing: Clip,
    incoming: Clip,
    sample_rate: int,
) -> float:
    """Measure how far the sound jumps [dB].

    A change that the source makes itself is no jump: so the incoming sound is
    compared with what came before, and with what would have come next, and
    the smaller difference counts.
    """
    middle = len(before) // 2
    entering = behind[middle:] * 10 ** (incoming.gain_db / 20)
    leaving = before * 10 ** (outgoing.gain_db / 20)
    across = jump_db(leaving[:middle], entering, sample_rate)
    instead = jump_db(leaving[middle:], entering, sample_rate)
    return min(across, instead)


def _outgoing_side(clip: Clip, recording: Recording) -> Float64[np.ndarray, "samples channels"]:
    """Read the sound around the end of a clip, in the direction of play."""
    return _side(clip.last_edge, clip.reverse, recording)


def _incoming_side(clip: Clip, recording: Recording) -> Float64[np.ndarray, "samples channels"]:
    """Read the sound around the start of a clip, in the direction of play."""
    return _side(clip.first_edge, clip.reverse, recording)


def _side(edge: int, reverse: bool, recording: Recording) -> Float64[np.ndarray, "samples channels"]:
    """Read the sound around an edge, silence where the recording ends."""
    reach = s_to_samples(SIDE_S, recording.sample_rate)
    start, end = max(0, edge - reach), min(recording.samples, edge + reach)
    sound = recording.read(start, end)
    sound = np.pad(sound, ((start - (edge - reach), edge + reach - end), (0, 0)))
    return sound[::-1] if reverse else sound


def _limited(clips: list[Clip], joins: list[Join]) -> list[Join]:
    """Limit crossfades to half of either clip, and remove them where the audio now runs on."""
    limited = []
    for before, after, join in zip(clips, clips[1:], joins):
        room = min(before.output_samples, after.output_samples) // 2
        runs_on = is_contiguous(before, after)
        limited.append(Join(0, 0.0) if runs_on else replace(join, crossfade=min(join.crossfade, room)))
    return limited
