"""Steps, masks and observations of many episodes at once, compiled.

The same rules as in :mod:`editorbot.environment.dynamics`, :mod:`~editorbot.environment.masks` and
:mod:`~editorbot.environment.state`, which are the readable form; a test plays both side by side. Numbers of
operations and treatments are those of :mod:`editorbot.environment.actions`.

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

from editorbot.environment.actions import AMOUNTS, SIZES, Operation, Treatment
from editorbot.environment.dynamics import STEPS_PER_BEAT
from editorbot.environment.material import LEAST_TARGET
from editorbot.environment.reward_kernels import (
    CUTS_PER_LOOP,
    DEFERRED,
    END,
    FIRST,
    FREE_LOOPS,
    ROW_COLUMNS,
    TIMES,
    TYPE,
    Outcome,
    components_of,
)
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.environment.state import BEATS_SEEN, CLIP, FEATURES

PLAY, CUT, LOOP, DEFER, BACK, SKIP, REPEAT, SWAP, BRIDGE = (int(each) for each in Operation)
SPEED, UNTREATED = int(Treatment.SPEED), int(Treatment.NONE)
SEEN = BEATS_SEEN * FEATURES
UPPER, LOWER = np.float32(CLIP), np.float32(-CLIP)


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


class MaskRoom(NamedTuple):
    """Where masks are written."""

    type: Bool[np.ndarray, "episodes types"]
    """As in `Masks`, also the next two."""
    size: Bool[np.ndarray, "episodes types 5"]
    amount: Bool[np.ndarray, "episodes types 5"]


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


@njit(cache=True, nogil=True)
@no_type_check
def step_all(low, high, actions, recordings, words, weights, episodes, rewards, terminated, truncated, components):
    """Carry out one action of each of episodes low to high that is under way; judge those that end by it.

    `components` is filled for those alone; `rewards` are 0 for all others.
    """
    scratch = np.empty(episodes.heard.shape[1])
    for i in range(low, high):
        rewards[i], terminated[i], truncated[i] = 0.0, False, False
        if episodes.is_done[i]:
            continue
        _advance(i, actions[i, 0], actions[i, 1], actions[i, 2], recordings, words, episodes)
        terminated[i] = episodes.cursor[i] >= episodes.beats[i]
        truncated[i] = not terminated[i] and episodes.steps[i] >= STEPS_PER_BEAT * episodes.beats[i]
        if terminated[i] or truncated[i]:
            episodes.is_done[i] = True
            _judge(i, recordings, words, episodes, scratch, components)
            for k in range(len(weights)):
                rewards[i] += weights[k] * components[i, k]


@njit(cache=True, nogil=True)
@no_type_check
def _judge(i, recordings, words, episodes, scratch, components):
    recording = episodes.recording[i]
    base = recordings.offset[recording] + episodes.first[i]
    outcome = Outcome(episodes.target[i], recordings.is_known[recording], base, episodes.beats[i])
    components_of(
        episodes.plays[i],
        episodes.values[i],
        episodes.play_count[i],
        episodes.counts[i],
        words,
        recordings.tables,
        outcome,
        recordings.human_kept,
        scratch,
        components[i],
    )


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _advance(i, kind, size, amount, recordings, words, episodes):
    """The same as `dynamics.advance`."""
    cursor, beats = episodes.cursor[i], episodes.beats[i]
    base = recordings.offset[episodes.recording[i]] + episodes.first[i]
    operation, value = words.operation[kind], words.values[kind, amount]
    length = min(recordings.lengths[base + cursor, size], beats - cursor)
    after = cursor + length
    distance = int(value) if int(value) != 0 else length
    if operation in (PLAY, DEFER):
        _play(i, cursor, after, kind, value, 1, operation == DEFER, words, episodes)
    elif operation == LOOP:
        _play(i, cursor, after, kind, 0.0, int(value), False, words, episodes)
    elif operation == BACK:
        after = max(cursor - distance, 0)
    elif operation == SKIP:
        after = min(cursor + distance, beats)
    elif operation == REPEAT:
        after = cursor
        last = episodes.last_play[i]
        if last >= 0:
            row = episodes.plays[i, last]
            _play(i, row[FIRST], row[END], row[TYPE], episodes.values[i, last], 1, False, words, episodes)
    elif operation == SWAP:
        end = min(after + length, beats)
        if end > after:
            _play(i, after, end, kind, 0.0, 1, False, words, episodes)
        _play(i, cursor, after, kind, value, 1, False, words, episodes)
        after = end
    episodes.cursor[i] = after
    episodes.frontier[i] = max(episodes.frontier[i], after)
    episodes.counts[i, kind] += 1
    episodes.steps[i] += 1
    episodes.last_type[i], episodes.last_size[i] = kind, length


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _play(i, first, end, kind, value, times, is_deferred, words, episodes):
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
    speed = value if words.treatment[kind] == SPEED else 1.0
    episodes.output_beats[i] += (end - first) * times / speed


@njit(cache=True, nogil=True)
@no_type_check
def mask_all(low, high, recordings, words, max_loops, episodes, room):
    """Write what is open to episodes low to high; the same as `masks.masks_at`."""
    spans = np.zeros(SIZES, dtype=np.int64)
    is_first = np.zeros(SIZES, dtype=np.bool_)
    types, sizes, amounts = room.type, room.size, room.amount
    operations, values, open_amounts, counts = words.operation, words.values, words.open_amounts, episodes.counts
    kinds = len(operations)
    for i in range(low, high):
        cursor = episodes.cursor[i]
        left = episodes.beats[i] - cursor
        if left <= 0:
            types[i], sizes[i], amounts[i] = False, False, False
            types[i, 0] = sizes[i, 0, 0] = amounts[i, 0, 0] = True
            continue
        at = recordings.offset[episodes.recording[i]] + episodes.first[i] + cursor
        for size in range(SIZES):
            spans[size] = min(recordings.lengths[at, size], left)
            is_first[size] = True
            for earlier in range(size):
                is_first[size] = is_first[size] and spans[earlier] != spans[size]
        loops = 0
        for kind in range(kinds):
            loops += counts[i, kind] if operations[kind] in (LOOP, REPEAT) else 0
        is_heard, is_played = episodes.play_count[i] > 0, episodes.last_play[i] >= 0
        for kind in range(kinds):
            operation = operations[kind]
            most = _most(operation, left, is_heard, is_played, loops < max_loops)
            first_alone = operation in (BACK, SKIP, REPEAT)
            any_size, any_amount = False, False
            for size in range(SIZES):
                is_open = size == 0 and most > 0 if first_alone else is_first[size] and spans[size] <= most
                sizes[i, kind, size] = is_open
                any_size = any_size or is_open
            for amount in range(AMOUNTS):
                is_open = open_amounts[kind, amount]
                if operation in (BACK, SKIP):
                    way = int(values[kind, amount]) if int(values[kind, amount]) != 0 else spans[0]
                    is_open = is_open and way <= (cursor if operation == BACK else left - (0 if is_heard else 1))
                amounts[i, kind, amount] = is_open
                any_amount = any_amount or is_open
            types[i, kind] = any_size and any_amount
            if not types[i, kind]:
                for k in range(SIZES):
                    sizes[i, kind, k] = amounts[i, kind, k] = False


@njit(cache=True, nogil=True)
@no_type_check
def _most(operation, left, is_heard, is_played, may_loop):
    """Return how many beats a type may take, 0 where it is closed."""
    if operation == SWAP:
        return left // 2
    if operation == BRIDGE:
        return left - 1 if is_played else 0
    if operation == CUT and not is_heard:
        return left - 1
    if operation == LOOP and not may_loop:
        return 0
    if operation == REPEAT and not (may_loop and is_played):
        return 0
    return left


@njit(cache=True, nogil=True)
@no_type_check
def observe(which, recordings, words, episodes, mean, scale, is_normalized, out):
    """Write what is seen in some episodes; the same as `state.raw_state`, normalized or not."""
    for k in range(len(which)):
        i = which[k]
        cursor = episodes.cursor[i]
        start = (recordings.offset[episodes.recording[i]] + episodes.first[i] + cursor) * FEATURES
        # The window's neighbors reach no further than this.
        there = SEEN if cursor < episodes.beats[i] else SEEN - FEATURES
        row = out[i]
        if is_normalized:
            _normalize(recordings.features[start : start + there], mean, scale, row)
        else:
            row[:there] = recordings.features[start : start + there]
        row[there:] = 0.0
        _summarize(i, recordings, words, episodes, row)
        if is_normalized:
            _normalize(row[there:], mean[there:], scale[there:], row[there:])


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
@no_type_check
def _normalize(raw, mean, scale, out):
    for k in range(len(raw)):
        out[k] = min(max((raw[k] - mean[k]) * scale[k], LOWER), UPPER)


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _summarize(i, recordings, words, episodes, row):
    """The same as `state.summary`."""
    types = len(words.operation)
    jumps, effects, cuts, loops, used = 0, 0, 0, 0, 0
    for kind in range(types):
        count, operation = episodes.counts[i, kind], words.operation[kind]
        used += count > 0
        jumps += count if operation in (BACK, SKIP) else 0
        effects += count if words.treatment[kind] != UNTREATED else 0
        cuts += count if operation == CUT else 0
        loops += count if operation in (LOOP, REPEAT) else 0
    beats, target, steps = episodes.beats[i], episodes.target[i], max(episodes.steps[i], 1)
    frontier, output = episodes.frontier[i], episodes.output_beats[i]
    kept = episodes.kept[i] / frontier if frontier > 0 else 0.0
    row[SEEN] = episodes.cursor[i] / beats
    row[SEEN + 1] = frontier / beats
    row[SEEN + 2] = output / (target * beats)
    row[SEEN + 3] = kept
    row[SEEN + 4] = target
    row[SEEN + 5] = target - output / beats
    row[SEEN + 6] = 1.0 - kept if frontier > 0 else 0.0
    row[SEEN + 7] = loops / (FREE_LOOPS + cuts // CUTS_PER_LOOP)
    row[SEEN + 8] = jumps / steps
    row[SEEN + 9] = effects / steps
    row[SEEN + 10] = used / types
    row[SEEN + 11] = (episodes.last_type[i] + 1) / types
    row[SEEN + 12] = episodes.last_size[i] / LONGEST_SPAN
    at = recordings.offset[episodes.recording[i]] + episodes.first[i] + episodes.cursor[i]
    row[SEEN + 13] = recordings.bar_phase[at] if episodes.cursor[i] < beats else 0.0


@njit(cache=True, nogil=True)
@no_type_check
def draw_open(masks, chances, out):
    """Fill in actions, shape=(episodes, 3), drawn evenly: a type, a size of it, an amount of it.

    `chances` are numbers in [0, 1), of the same shape.
    """
    for i in range(len(out)):
        kind = _pick(masks.type[i], chances[i, 0])
        out[i, 0] = kind
        out[i, 1] = _pick(masks.size[i, kind], chances[i, 1])
        out[i, 2] = _pick(masks.amount[i, kind], chances[i, 2])


@njit(cache=True, nogil=True)
@no_type_check
def _pick(mask, chance):
    number = 0
    for k in range(len(mask)):
        number += mask[k]
    left = int(chance * number)
    for k in range(len(mask)):
        if mask[k]:
            if left == 0:
                return k
            left -= 1
    return 0
