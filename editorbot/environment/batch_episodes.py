"""Many episodes at once: their states as arrays, how they begin, and what a step does, compiled.

The same rules as in :mod:`editorbot.environment.dynamics`, which is the readable form; a test plays both side by side.

Conventions
-----------
``i`` is an episode. Positions are beats of the window that the episode is about; ``base`` is the entry of `Recordings`
where that window begins.
"""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped, UInt8
from numba import njit

from editorbot.environment.actions import Operation, Treatment
from editorbot.environment.dynamics import STEPS_PER_BEAT
from editorbot.environment.reward import PLAY


class Episodes(NamedTuple):
    """States of all episodes; a named tuple, because numba takes those."""

    recording: Int64[np.ndarray, " episodes"]
    """Number of the recording."""
    first: Int64[np.ndarray, " episodes"]
    """Beat of the recording where the window begins."""
    beats: Int64[np.ndarray, " episodes"]
    """Beats of the window."""
    target: Float64[np.ndarray, " episodes"]
    """Share to keep."""
    cursor: Int64[np.ndarray, " episodes"]
    """Beat that comes next."""
    frontier: Int64[np.ndarray, " episodes"]
    """Furthest cursor so far."""
    heard: UInt8[np.ndarray, "episodes window"]
    """1 for each beat that is played at least once, deferred or not."""
    kept: Int64[np.ndarray, " episodes"]
    """How many beats those are."""
    output_beats: Float64[np.ndarray, " episodes"]
    """Length of what is played, at its speed [beats]."""
    counts: Int64[np.ndarray, "episodes types"]
    """Steps of each type."""
    steps: Int64[np.ndarray, " episodes"]
    """Steps."""
    last_type: Int64[np.ndarray, " episodes"]
    """Type of the last step, -1 before the first."""
    last_size: Int64[np.ndarray, " episodes"]
    """Beats that its size spanned."""
    plays: Shaped[np.ndarray, "episodes plays"]
    """What is played, in the order in which it was chosen; records, see `reward.PLAY`."""
    play_count: Int64[np.ndarray, " episodes"]
    """Number of plays."""
    last_play: Int64[np.ndarray, " episodes"]
    """The last play that was not deferred, -1 where there is none."""
    is_done: Bool[np.ndarray, " episodes"]
    """Whether the episode is over or truncated."""

    @classmethod
    def empty(cls, episodes: int, window: int, types: int) -> Episodes:
        """Make room for so many episodes of at most `window` beats; none has begun."""

        def numbers(value: int = 0) -> Int64[np.ndarray, " episodes"]:
            return np.full(episodes, value, dtype=np.int64)

        return cls(
            recording=numbers(),
            first=numbers(),
            beats=numbers(),
            target=np.zeros(episodes),
            cursor=numbers(),
            frontier=numbers(),
            heard=np.zeros((episodes, window), dtype=np.uint8),
            kept=numbers(),
            output_beats=np.zeros(episodes),
            counts=np.zeros((episodes, types), dtype=np.int64),
            steps=numbers(),
            last_type=numbers(-1),
            last_size=numbers(),
            # A step makes two plays at most. Pages that are never written to take no memory.
            plays=np.empty((episodes, 2 * STEPS_PER_BEAT * window), dtype=PLAY),
            play_count=numbers(),
            last_play=numbers(-1),
            is_done=np.ones(episodes, dtype=bool),
        )


@njit(cache=True, nogil=True)
@no_type_check
def begin(which, chosen, firsts, beats, targets, episodes):
    """Begin new episodes: numbers of episodes and recordings, first beats and lengths of windows, shares to keep."""
    for k in range(len(which)):
        i = which[k]
        episodes.recording[i], episodes.first[i] = chosen[k], firsts[k]
        episodes.beats[i], episodes.target[i] = beats[k], targets[k]
        episodes.cursor[i] = episodes.frontier[i] = episodes.kept[i] = 0
        episodes.heard[i, :] = 0
        episodes.output_beats[i] = 0.0
        episodes.counts[i, :] = 0
        episodes.steps[i] = episodes.last_size[i] = episodes.play_count[i] = 0
        episodes.last_type[i] = episodes.last_play[i] = -1
        episodes.is_done[i] = False


@njit(cache=True, nogil=True)
@no_type_check
def step_all(low, high, actions, recordings, vocabulary, episodes, terminated, truncated):
    """Carry out one action of each of episodes low to high that is not over; tell which of them it ends."""
    for i in range(low, high):
        terminated[i], truncated[i] = False, False
        if episodes.is_done[i]:
            continue
        _advance(i, actions[i, 0], actions[i, 1], actions[i, 2], recordings, vocabulary, episodes)
        terminated[i] = episodes.cursor[i] >= episodes.beats[i]
        truncated[i] = not terminated[i] and episodes.steps[i] >= STEPS_PER_BEAT * episodes.beats[i]
        episodes.is_done[i] = terminated[i] or truncated[i]


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _advance(i, kind, size, amount, recordings, vocabulary, episodes):
    """The same as `dynamics.advance`."""
    cursor, beats = episodes.cursor[i], episodes.beats[i]
    base = recordings.offset[episodes.recording[i]] + episodes.first[i]
    operation, value = vocabulary.operation[kind], vocabulary.values[kind, amount]
    length = min(recordings.lengths[base + cursor, size], beats - cursor)
    after = cursor + length
    distance = int(value) if int(value) != 0 else length
    if operation == Operation.PLAY or operation == Operation.DEFER:
        _play(i, cursor, after, kind, value, 1, operation == Operation.DEFER, vocabulary, episodes)
    elif operation == Operation.LOOP:
        _play(i, cursor, after, kind, 0.0, int(value), False, vocabulary, episodes)
    elif operation == Operation.BACK:
        after = max(cursor - distance, 0)
    elif operation == Operation.SKIP:
        after = min(cursor + distance, beats)
    elif operation == Operation.REPEAT:
        after = cursor
        last = episodes.last_play[i]
        if last >= 0:
            play = episodes.plays[i, last]
            _play(i, play.first, play.end, play.type, play.value, 1, False, vocabulary, episodes)
    elif operation == Operation.SWAP:
        end = min(after + length, beats)
        if end > after:
            _play(i, after, end, kind, 0.0, 1, False, vocabulary, episodes)
        _play(i, cursor, after, kind, value, 1, False, vocabulary, episodes)
        after = end
    episodes.cursor[i] = after
    episodes.frontier[i] = max(episodes.frontier[i], after)
    episodes.counts[i, kind] += 1
    episodes.steps[i] += 1
    episodes.last_type[i], episodes.last_size[i] = kind, length


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _play(i, first, end, kind, value, times, is_deferred, vocabulary, episodes):
    """Add a play."""
    row = episodes.play_count[i]
    play = episodes.plays[i, row]
    play.first, play.end, play.type, play.times = first, end, kind, times
    play.is_deferred, play.value = is_deferred, value
    episodes.play_count[i] = row + 1
    if not is_deferred:
        episodes.last_play[i] = row
    for beat in range(first, end):
        episodes.kept[i] += 1 - episodes.heard[i, beat]
        episodes.heard[i, beat] = 1
    speed = value if vocabulary.treatment[kind] == Treatment.SPEED else 1.0
    episodes.output_beats[i] += (end - first) * times / speed
