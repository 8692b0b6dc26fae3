"""Steps of many episodes at once, compiled; the same rules as in :mod:`editorbot.environment.dynamics`.

Conventions
-----------
As in :mod:`~editorbot.environment.batch_episodes`.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from editorbot.environment.batch_episodes import BACK, DEFER, LOOP, PLAY, REPEAT, SKIP, SPEED, SWAP
from editorbot.environment.dynamics import STEPS_PER_BEAT
from editorbot.environment.reward_kernels import DEFERRED, END, FIRST, TIMES, TYPE, Outcome, components_of


@njit(cache=True, nogil=True)
@no_type_check
def step_all(low, high, actions, recordings, vocabulary, weights, episodes, rewards, terminated, truncated, components):
    """Carry out one action of each of episodes low to high that is under way; judge those that end by it.

    `components` is filled for those alone; `rewards` are 0 for all others.
    """
    scratch = np.empty(episodes.heard.shape[1])
    for i in range(low, high):
        rewards[i], terminated[i], truncated[i] = 0.0, False, False
        if episodes.is_done[i]:
            continue
        _advance(i, actions[i, 0], actions[i, 1], actions[i, 2], recordings, vocabulary, episodes)
        terminated[i] = episodes.cursor[i] >= episodes.beats[i]
        truncated[i] = not terminated[i] and episodes.steps[i] >= STEPS_PER_BEAT * episodes.beats[i]
        if terminated[i] or truncated[i]:
            episodes.is_done[i] = True
            _judge(i, recordings, vocabulary, episodes, scratch, components)
            for k in range(len(weights)):
                rewards[i] += weights[k] * components[i, k]


@njit(cache=True, nogil=True)
@no_type_check
def _judge(i, recordings, vocabulary, episodes, scratch, components):
    recording = episodes.recording[i]
    base = recordings.offset[recording] + episodes.first[i]
    outcome = Outcome(episodes.target[i], recordings.is_known[recording], base, episodes.beats[i])
    components_of(
        episodes.plays[i],
        episodes.values[i],
        episodes.play_count[i],
        episodes.counts[i],
        vocabulary,
        recordings.tables,
        outcome,
        recordings.human_kept,
        scratch,
        components[i],
    )


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
    if operation in (PLAY, DEFER):
        _play(i, cursor, after, kind, value, 1, operation == DEFER, vocabulary, episodes)
    elif operation == LOOP:
        _play(i, cursor, after, kind, 0.0, int(value), False, vocabulary, episodes)
    elif operation == BACK:
        after = max(cursor - distance, 0)
    elif operation == SKIP:
        after = min(cursor + distance, beats)
    elif operation == REPEAT:
        after = cursor
        last = episodes.last_play[i]
        if last >= 0:
            row = episodes.plays[i, last]
            _play(i, row[FIRST], row[END], row[TYPE], episodes.values[i, last], 1, False, vocabulary, episodes)
    elif operation == SWAP:
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
    """Note what is heard."""
    row = episodes.play_count[i]
    play = episodes.plays[i, row]
    play[FIRST], play[END], play[TYPE], play[TIMES], play[DEFERRED] = first, end, kind, times, is_deferred
    episodes.values[i, row] = value
    episodes.play_count[i] = row + 1
    if not is_deferred:
        episodes.last_play[i] = row
    for beat in range(first, end):
        episodes.kept[i] += 1 - episodes.heard[i, beat]
        episodes.heard[i, beat] = 1
    speed = value if vocabulary.treatment[kind] == SPEED else 1.0
    episodes.output_beats[i] += (end - first) * times / speed
