"""Many episodes at once, compiled: where they stand, and how they begin.

The rules are those of :mod:`editorbot.environment.dynamics`, :mod:`~editorbot.environment.masks` and
:mod:`~editorbot.environment.state`, which are the readable form; each has its compiled twin beside it under the same
name, :mod:`~editorbot.environment.batch_dynamics` and so on. A test plays both side by side. Numbers of operations and
treatments are those of :mod:`editorbot.environment.actions`.

Conventions
-----------
``i`` is an episode. Positions are beats of the window that the episode is about; ``base`` is the entry of
`Recordings` where that window begins.
"""

from __future__ import annotations

from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, UInt8
from numba import njit

from editorbot.environment.actions import Operation, Treatment
from editorbot.environment.dynamics import STEPS_PER_BEAT
from editorbot.environment.material import LEAST_TARGET
from editorbot.environment.reward_kernels import ROW_COLUMNS

PLAY, CUT, LOOP, DEFER, BACK, SKIP, REPEAT, SWAP, BRIDGE = (int(each) for each in Operation)
SPEED, UNTREATED = int(Treatment.SPEED), int(Treatment.NONE)


class Episodes(NamedTuple):
    """Where all episodes stand."""

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
    """The furthest that the cursor came."""
    heard: UInt8[np.ndarray, "episodes window"]
    """1 for each beat that is heard at least once, held back or not."""
    kept: Int64[np.ndarray, " episodes"]
    """How many beats are."""
    output_beats: Float64[np.ndarray, " episodes"]
    """Length of what is heard, at its speed [beats]."""
    counts: Int64[np.ndarray, "episodes types"]
    """Steps of each type."""
    steps: Int64[np.ndarray, " episodes"]
    """Steps."""
    last_type: Int64[np.ndarray, " episodes"]
    """Type of the last step, -1 before the first."""
    last_size: Int64[np.ndarray, " episodes"]
    """Beats that its size spanned."""
    plays: Int32[np.ndarray, "episodes plays 5"]
    """What is heard, in the order in which it was chosen; columns as in `reward_kernels`."""
    values: Float64[np.ndarray, "episodes plays"]
    """Value of each play's amount."""
    play_count: Int64[np.ndarray, " episodes"]
    """How many plays there are."""
    last_play: Int64[np.ndarray, " episodes"]
    """The last play that was not held back, -1 where there is none."""
    is_done: Bool[np.ndarray, " episodes"]
    """Whether the episode is over or truncated."""


def room_for(episodes: int, window: int, types: int) -> Episodes:
    """Return room for so many episodes of at most `window` beats; none has begun."""
    # A step makes two plays at most. Pages that are never written to take no memory.
    plays = 2 * STEPS_PER_BEAT * window

    def numbers(value: int = 0) -> Int64[np.ndarray, " episodes"]:
        return np.full(episodes, value, dtype=np.int64)

    return Episodes(
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
        plays=np.empty((episodes, plays, ROW_COLUMNS), dtype=np.int32),
        values=np.empty((episodes, plays)),
        play_count=numbers(),
        last_play=numbers(-1),
        is_done=np.ones(episodes, dtype=bool),
    )


@njit(cache=True, nogil=True)
@no_type_check
def begin(which, chosen, firsts, window, recordings, episodes):
    """Begin new episodes: numbers of episodes, of recordings, and the beats where their windows begin."""
    for k in range(len(which)):
        i, recording, first = which[k], chosen[k], firsts[k]
        episodes.recording[i], episodes.first[i] = recording, first
        episodes.beats[i] = min(window, recordings.beats[recording] - first)
        episodes.target[i] = _target(recordings, recording, first, episodes.beats[i])
        episodes.cursor[i] = episodes.frontier[i] = episodes.kept[i] = 0
        episodes.heard[i, :] = 0
        episodes.output_beats[i] = 0.0
        episodes.counts[i, :] = 0
        episodes.steps[i] = episodes.last_size[i] = episodes.play_count[i] = 0
        episodes.last_type[i] = episodes.last_play[i] = -1
        episodes.is_done[i] = False


@njit(cache=True, nogil=True)
@no_type_check
def _target(recordings, recording, first, beats):
    """Return what is to be kept of a window; see `material.window_target`."""
    base = recordings.offset[recording] + first
    if not recordings.is_known[recording] or recordings.human_kept[base] < 0:
        return recordings.target[recording]
    if beats == recordings.beats[recording]:
        return recordings.target[recording]
    kept_s, whole_s = 0.0, 0.0
    for beat in range(base, base + beats):
        kept_s += recordings.human_kept[beat] * recordings.tables.duration_s[beat]
        whole_s += recordings.tables.duration_s[beat]
    return min(max(kept_s / whole_s, LEAST_TARGET), 1.0)
