"""States of many episodes at once, compiled; the same as in :mod:`editorbot.environment.state`.

Conventions
-----------
As in :mod:`~editorbot.environment.batch_episodes`.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np
from numba import njit

from editorbot.environment.batch_episodes import BACK, CUT, LOOP, REPEAT, SKIP, UNTREATED
from editorbot.environment.reward_kernels import CUTS_PER_LOOP, FREE_LOOPS
from editorbot.environment.spans import LONGEST_SPAN
from editorbot.environment.state import BEATS_SEEN, CLIP, FEATURES

SEEN = BEATS_SEEN * FEATURES
UPPER, LOWER = np.float32(CLIP), np.float32(-CLIP)


@njit(cache=True, nogil=True)
@no_type_check
def observe(which, recordings, vocabulary, episodes, mean, scale, is_normalized, out):
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
        _summarize(i, recordings, vocabulary, episodes, row)
        if is_normalized:
            _normalize(row[there:], mean[there:], scale[there:], row[there:])


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})
@no_type_check
def _normalize(raw, mean, scale, out):
    for k in range(len(raw)):
        out[k] = min(max((raw[k] - mean[k]) * scale[k], LOWER), UPPER)


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _summarize(i, recordings, vocabulary, episodes, row):
    """The same as `state.summary`."""
    types = len(vocabulary.operation)
    jumps, effects, cuts, loops, used = 0, 0, 0, 0, 0
    for kind in range(types):
        count, operation = episodes.counts[i, kind], vocabulary.operation[kind]
        used += count > 0
        jumps += count if operation in (BACK, SKIP) else 0
        effects += count if vocabulary.treatment[kind] != UNTREATED else 0
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
