"""The reward's arithmetic over one finished episode, compiled.

Formulas stand in :mod:`editorbot.environment.reward`, one a component; here
they are worked out in one pass over what was heard. Rows are plays: columns
FIRST, END, TYPE, TIMES, DEFERRED of an integer table, and one value each.
"""

from __future__ import annotations

import math
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numba import njit

from editorbot.analysis import seams

FIRST, END, TYPE, TIMES, DEFERRED = range(5)
"""Columns of a play."""
ROW_COLUMNS = 5

REACH_BEATS = seams.REACH_BEATS
_DECAY = np.exp(-np.arange(REACH_BEATS) / seams.DECAY_BEATS)
SEAM_WEIGHTS = _DECAY / _DECAY.sum()
"""Weights of the beats beside a join, nearest first."""
PHASE_PRICE, PHRASE_PRICE = seams.PHASE_PRICE, seams.PHRASE_PRICE
TEMPO_UNIT, TEMPO_PRICE = seams.TEMPO_UNIT, seams.TEMPO_PRICE
UNSURE_PRICE, SEAM_AFTER_SILENCE = seams.UNSURE_PRICE, seams.SEAM_AFTER_SILENCE

REVERSED_JOIN = 0.7
"""Cost of a join beside a reversed play."""
ENERGY_UNIT_DB = 6.0
"""Energy step across a join at which the flow falls to 1 / e [dB]."""
CLICK_UNIT_DB = 18.0
"""Energy step that counts as one click [dB]."""
CLICKS_PER_MINUTE = 6.0
"""Clicks a minute at which nothing of the audio quality is left."""
RUN_BEATS = 16.0
"""A stretch without a join that is this long counts fully [beats]."""
RATIO_WIDTH = 0.1
"""Distance of the cut share from its target at which the reward falls to exp(-1/2)."""
RATIO_SLACK, RATIO_SPAN = 0.1, 0.3
"""Distance from a known target that costs nothing, and beyond it the one that costs all."""
PRIOR_LOW, PRIOR_HIGH, PRIOR_SPAN = 0.2, 0.7, 0.2
"""Shares to keep that cost nothing where the target is the prior, and the distance from them that costs all."""
FREE_LOOPS, CUTS_PER_LOOP, LOOPS_SPAN = 2, 3, 4.0
"""Loops that are free, cuts that free one more, and loops beyond that cost all."""
FREE_JUMPS = 0.275
"""Share of jumps among the steps that is free."""
FEW_TYPES = 4
"""Fewer types than these are few."""
MANY_TYPES = 6
"""So many types earn the whole diversity bonus."""
SPEED_UNIT = 0.1
"""Change of speed that costs all tempo consistency [octaves]."""

COMPONENTS = (
    "keep_ratio_penalty", "loop_penalty", "jump_penalty", "few_types_penalty",
    "cut_ratio", "section_coherence", "phrase_alignment", "edit_structure", "audio_quality", "flow", "diversity",
    "reordering", "tempo_consistency", "phrase_completeness", "transition_quality", "content", "similarity",
)  # fmt: skip
"""Names of the components, in order; each lies in [0, 1]."""
(
    KEEP_RATIO_PENALTY, LOOP_PENALTY, JUMP_PENALTY, FEW_TYPES_PENALTY,
    CUT_RATIO, SECTION_COHERENCE, PHRASE_ALIGNMENT, EDIT_STRUCTURE, AUDIO_QUALITY, FLOW, DIVERSITY,
    REORDERING, TEMPO_CONSISTENCY, PHRASE_COMPLETENESS, TRANSITION_QUALITY, CONTENT, SIMILARITY,
) = range(len(COMPONENTS))  # fmt: skip


class PackedVocabulary(NamedTuple):
    """A vocabulary as arrays."""

    operation: Int64[np.ndarray, " types"]
    """What each type does."""
    treatment: Int64[np.ndarray, " types"]
    """What each type does to the sound."""
    values: Float64[np.ndarray, "types 5"]
    """Value of each amount."""
    open_amounts: Bool[np.ndarray, "types 5"]
    """Amounts that mean something of their own."""


class Outcome(NamedTuple):
    """What is known of an episode beside its plays."""

    target: float
    """Share to keep."""
    is_known: bool
    """Whether the target is the pair's own."""
    first: int
    """Beat of the tables where the episode began."""
    beats: int
    """Beats of the episode."""


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _apart(one, other):
    """Return the squared distance; the order of the sum is free, so that it runs in parallel lanes."""
    total = np.float32(0.0)
    for dim in range(len(one)):
        difference = one[dim] - other[dim]
        total += difference * difference
    return total


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def join_cost(tables, leave, arrive):
    """Return the cost of one join; the same as `Seams.costs`."""
    if leave == arrive:
        return 0.0
    before, after = 0.0, 0.0
    old, new = leave + REACH_BEATS, arrive + REACH_BEATS
    vectors = tables.vectors
    for offset in range(REACH_BEATS):
        before += SEAM_WEIGHTS[offset] * _apart(vectors[old - 1 - offset], vectors[new - 1 - offset])
        after += SEAM_WEIGHTS[offset] * _apart(vectors[old + offset], vectors[new + offset])
    before, after = math.sqrt(before), math.sqrt(after)
    seam = min(before, after) / 2 + (before + after) / 4
    quiet = tables.quiet_before[leave] * tables.begins[arrive]
    seam = min(seam, (1 - quiet) * seam + quiet * SEAM_AFTER_SILENCE)
    tempo = min(abs(tables.tempo_before[leave] - tables.tempo_after[arrive]) / TEMPO_UNIT, 1.0) * TEMPO_PRICE
    unsure = UNSURE_PRICE * max(tables.unsure[leave], tables.unsure[arrive])
    bar = tables.beats_per_bar[leave]
    off = abs(tables.phase[leave] - tables.phase[arrive]) % bar
    off = min(off, bar - off)
    phase = PHASE_PRICE / 2 + PHASE_PRICE * off / bar if off > 0 else 0.0
    away = abs(tables.phrase_offset[leave] - tables.phrase_offset[arrive])
    phrase = PHRASE_PRICE * min(away / (2 * bar), 1.0)
    return 1 - math.exp(-(seam + phase + phrase + tempo + unsure))


@njit(cache=True, nogil=True)
@no_type_check
def harm_of(treatment, value):
    """Return how much a treatment hurts the sound, in [0, 1]: what nobody asked for counts whole."""
    if treatment == 5:
        return 1.0  # reversed
    if treatment == 9:
        return min(0.5 + value, 1.0)  # distortion
    if treatment == 4:
        return min(abs(math.log2(value)) / 0.15, 1.0)  # speed: 12 % counts whole
    if treatment == 6:
        return min(abs(value) / 2, 1.0)  # pitch
    if treatment == 10:
        return 0.6 * value  # reverb
    if treatment == 1 or treatment == 2:
        return 0.3  # fades
    if treatment == 3 or treatment == 7 or treatment == 8:
        return abs(value) / 20.0  # gain and tone
    return 0.0


@njit(cache=True, nogil=True)
@no_type_check
def components_of(rows, values, count, type_counts, vocabulary, tables, outcome, human_kept, heard, out):
    """Work out every component of a finished episode.

    Parameters
    ----------
    rows : int array, shape=(plays, 5)
        Plays in the order in which they were made; the first `count` are meant.
    values : float array, shape=(plays,)
        Value of each play's amount.
    count : int
        Plays.
    type_counts : int array, shape=(types,)
        Steps of each type.
    vocabulary : PackedVocabulary
        The vocabulary.
    tables : Tables
        The recording's.
    outcome : Outcome
        Target and place of the episode.
    human_kept : float array, shape=(table beats,)
        Share of each beat that the human's edit plays; negative where it is not known.
    heard : float array, shape=(table beats or more,)
        Room to work in; overwritten.
    out : float array, shape=(components,)
        Filled with the components.
    """
    first, beats = outcome.first, outcome.beats
    heard[:beats] = 0.0
    out[:] = 0.0
    _penalize_steps(type_counts, vocabulary, out)
    sums = np.zeros(13)
    leave, previous_reversed = -1, False
    run = 0
    for held_back in range(2):
        for row in range(count):
            if rows[row, DEFERRED] != held_back:
                continue
            start, end = rows[row, FIRST], rows[row, END]
            treatment = vocabulary.treatment[rows[row, TYPE]]
            value = values[row]
            speed = value if treatment == 4 else 1.0
            harm = harm_of(treatment, value)
            is_reversed = treatment == 5
            for _ in range(rows[row, TIMES]):
                if leave >= 0 and (leave != start or is_reversed or previous_reversed):
                    _add_join(tables, first, leave, start, is_reversed or previous_reversed, sums)
                    sums[8] += run * min(run / RUN_BEATS, 1.0)
                    run = 0
                for beat in range(start, end):
                    length_s = tables.duration_s[first + beat] / speed
                    sums[0] += length_s
                    sums[1] += length_s * harm
                    if heard[beat] == 0.0:
                        sums[2] += length_s * (1 - harm) * tables.worth[first + beat]
                        if human_kept[first + beat] > 0:
                            sums[11] += length_s * (1 - harm) * human_kept[first + beat]
                        heard[beat] = max(1.0 - harm, 1e-6)
                    if treatment == 4:
                        sums[3] += length_s * min(abs(math.log2(speed)) / SPEED_UNIT, 1.0)
                run += end - start
                sums[9] += end - start
                leave, previous_reversed = end, is_reversed
    sums[8] += run * min(run / RUN_BEATS, 1.0)
    _judge(sums, heard, human_kept, tables, outcome, out)


@njit(cache=True, nogil=True)
@no_type_check
def _penalize_steps(type_counts, vocabulary, out):
    steps, cuts, loops, jumps, types = 0, 0, 0, 0, 0
    for index in range(len(type_counts)):
        number, operation = type_counts[index], vocabulary.operation[index]
        steps += number
        types += number > 0
        if operation == 1:
            cuts += number
        elif operation == 2 or operation == 6:
            loops += number
        elif operation == 4 or operation == 5:
            jumps += number
    over = loops - (FREE_LOOPS + cuts // CUTS_PER_LOOP)
    out[LOOP_PENALTY] = min(max(over, 0) / LOOPS_SPAN, 1.0)
    share = jumps / max(steps, 1)
    out[JUMP_PENALTY] = max(share - FREE_JUMPS, 0.0) / (1 - FREE_JUMPS)
    out[FEW_TYPES_PENALTY] = max(FEW_TYPES - types, 0) / FEW_TYPES
    out[DIVERSITY] = min(max(types - 1, 0) / (MANY_TYPES - 1), 1.0)


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _add_join(tables, first, leave, arrive, beside_reversed, sums):
    """Add up what joins are judged by: 4 number, 5 cost, 6 flow, 7 places, 10 backward, 12 clicks."""
    old, new = first + leave, first + arrive
    cost = REVERSED_JOIN if beside_reversed else join_cost(tables, old, new)
    step_db = abs(tables.energy_db[old - 1] - tables.energy_db[new])
    sums[4] += 1
    sums[5] += cost
    sums[6] += math.exp(-step_db / ENERGY_UNIT_DB)
    sums[7] += (tables.place[old] + tables.place[new]) / 2
    if arrive < leave:
        sums[10] += (1 + cost) / 2
    sums[12] += min(step_db / CLICK_UNIT_DB, 1.0)


@njit(cache=True, nogil=True)
@no_type_check
def _judge(sums, heard, human_kept, tables, outcome, out):
    first, beats, target = outcome.first, outcome.beats, outcome.target
    total_s, kept_s, song_s, human_s = 0.0, 0.0, 0.0, 0.0
    knows_human = human_kept[first] >= 0
    for beat in range(beats):
        length_s = tables.duration_s[first + beat]
        total_s += length_s
        song_s += length_s * tables.worth[first + beat]
        if knows_human:
            human_s += length_s * human_kept[first + beat]
        if heard[beat] > 0:
            kept_s += length_s
    output_s = sums[0]
    ratio = output_s / total_s
    if outcome.is_known:
        out[KEEP_RATIO_PENALTY] = min(max(abs(ratio - target) - RATIO_SLACK, 0.0) / RATIO_SPAN, 1.0)
    else:
        out[KEEP_RATIO_PENALTY] = min(max(PRIOR_LOW - ratio, ratio - PRIOR_HIGH, 0.0) / PRIOR_SPAN, 1.0)
    if output_s <= 0:
        out[DIVERSITY] = 0.0
        return
    away = (kept_s / total_s - target) / RATIO_WIDTH
    out[CUT_RATIO] = math.exp(-away * away / 2)
    out[SECTION_COHERENCE] = _coherence(tables.section, heard, tables.duration_s, first, beats, total_s)
    out[PHRASE_COMPLETENESS] = _completeness(tables.phrase, heard, tables.duration_s, first, beats, kept_s)
    joins = sums[4]
    minutes = output_s / 60
    out[PHRASE_ALIGNMENT] = sums[7] / joins if joins > 0 else 0.5
    out[EDIT_STRUCTURE] = sums[8] / sums[9]
    clicks = min(sums[12] / minutes / CLICKS_PER_MINUTE, 1.0)
    out[AUDIO_QUALITY] = (1 - sums[1] / output_s) * (1 - clicks)
    out[FLOW] = sums[6] / joins if joins > 0 else 1.0
    out[TRANSITION_QUALITY] = 1 - sums[5] / joins if joins > 0 else 1.0
    out[REORDERING] = 1 - sums[10] / joins if joins > 0 else 1.0
    out[TEMPO_CONSISTENCY] = 1 - sums[3] / output_s
    out[CONTENT] = 2 * sums[2] / (output_s + song_s)
    if knows_human and human_s > 0:
        out[SIMILARITY] = 2 * sums[11] / (output_s + human_s)


@njit(cache=True, nogil=True)
@no_type_check
def _coherence(group, heard, duration_s, first, beats, total_s):
    """Return the mean over sections, by length, of how far each is kept or left out as a whole."""
    coherent, inside_s, kept_s = 0.0, 0.0, 0.0
    for beat in range(beats):
        length_s = duration_s[first + beat]
        inside_s += length_s
        if heard[beat] > 0:
            kept_s += length_s
        if beat + 1 == beats or group[first + beat + 1] != group[first + beat]:
            coherent += abs(2 * kept_s - inside_s)
            inside_s, kept_s = 0.0, 0.0
    return coherent / total_s


@njit(cache=True, nogil=True)
@no_type_check
def _completeness(group, heard, duration_s, first, beats, all_kept_s):
    """Return the mean over what is kept of how much of its phrase is kept."""
    complete, inside_s, kept_s = 0.0, 0.0, 0.0
    for beat in range(beats):
        length_s = duration_s[first + beat]
        inside_s += length_s
        if heard[beat] > 0:
            kept_s += length_s
        if beat + 1 == beats or group[first + beat + 1] != group[first + beat]:
            complete += kept_s * kept_s / inside_s
            inside_s, kept_s = 0.0, 0.0
    return complete / all_kept_s
