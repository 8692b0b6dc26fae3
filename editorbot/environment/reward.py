"""Reward of a finished episode.

The reward is Monte Carlo: every step but the last has reward 0. It is a weighted sum of named components, each in
[0, 1]; penalties have negative weights. No component reads audio or compares all pairs of beats: joins are judged
where they are, by what the analysis knows of both sides. One compiled pass over the plays serves the single and the
batch environment; the tests hold a naive twin of every formula.

Formulas: :class:`editorbot.environment.settings.RewardComponents`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Shaped
from numba import njit

from editorbot.analysis import seams
from editorbot.environment.actions import Operation, Treatment, Vocabulary
from editorbot.environment.dynamics import EpisodeState
from editorbot.environment.material import Material
from editorbot.environment.settings import COMPONENTS, RewardComponents, RewardWeights

PLAY = np.dtype(
    [("first", "i4"), ("end", "i4"), ("type", "i4"), ("times", "i4"), ("is_deferred", "i4"), ("value", "f8")],
    align=True,
)
"""Record of a play: see :class:`editorbot.environment.dynamics.Play`, and whether it comes at the end."""

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


@dataclass(frozen=True)
class EpisodeReward:
    """Reward of an episode."""

    total: float
    """Weighted sum of the components."""
    components: Mapping[str, float]
    """Each component, unweighted, in [0, 1]."""


def reward_of(
    state: EpisodeState, material: Material, vocabulary: Vocabulary, weights: RewardWeights | None = None
) -> EpisodeReward:
    """Compute the reward of an episode, over or not.

    Parameters
    ----------
    state : EpisodeState
        Where it ended.
    material : Material
        The recording, or the window of it, that was played on.
    vocabulary : Vocabulary
        The types.
    weights : RewardWeights, optional
        The default's where left out.

    Notes
    -----
    Time O(beats + beats played + joins).
    """
    plays, counts = plays_of(state), np.array(state.counts, dtype=np.int64)
    episode = EpisodeFacts(material.target, material.target_keep_ratio is not None, 0, material.beats)
    components = reward_components(
        plays, counts, vocabulary.arrays, material.tables, episode, material.known_human_kept, np.zeros(material.beats)
    )
    total = float((weights or RewardWeights()).vector @ np.array(components))
    return EpisodeReward(total, MappingProxyType(dict(zip(COMPONENTS, components))))


def plays_of(state: EpisodeState) -> Shaped[np.ndarray, " plays"]:
    """Plays of an episode as records."""
    plays = [(play, 0) for play in state.plays] + [(play, 1) for play in state.deferred]
    rows = [(play.first, play.end, play.type, play.times, deferred, play.value) for play, deferred in plays]
    return np.array(rows, dtype=PLAY)


class EpisodeFacts(NamedTuple):
    """Target and place of an episode."""

    target: float
    """Share to keep."""
    is_known: bool
    """Whether the target is the pair's own."""
    first: int
    """Beat of the tables where the episode began."""
    beats: int
    """Beats of the episode."""


class PlaySums(NamedTuple):
    """Sums over everything that an edit plays."""

    output_s: float
    """Length."""
    harmed_s: float
    """Length times harm."""
    content_s: float
    """Worth of what is played for the first time, less its harm."""
    similar_s: float
    """The same with the human's own edit for worth."""
    off_tempo_s: float
    """Length times change of speed, in units of SPEED_UNIT and at most 1."""
    beats: int
    """Beats."""
    run_beats: float
    """Beats times how full their run without a join is."""
    joins: int
    """Joins; the next are sums over them."""
    cost: float
    """Cost."""
    flow: float
    """Flow."""
    place: float
    """How good a place the two sides are, mean of both."""
    backward: float
    """``(1 + cost) / 2`` of those that go back."""
    clicks: float
    """Clicks."""


@njit(cache=True, nogil=True)
@no_type_check
def judge_all(low, high, recordings, vocabulary, weights, episodes, terminated, truncated, rewards, components):
    """Fill in components and rewards of those of episodes low to high that have just ended."""
    heard = np.empty(episodes.heard.shape[1])
    for i in range(low, high):
        if not (terminated[i] or truncated[i]):
            continue
        recording = episodes.recording[i]
        first = recordings.offset[recording] + episodes.first[i]
        found = reward_components(
            episodes.plays[i, : episodes.play_count[i]],
            episodes.counts[i],
            vocabulary,
            recordings.tables,
            EpisodeFacts(episodes.target[i], recordings.is_known[recording], first, episodes.beats[i]),
            recordings.human_kept,
            heard,
        )
        for k in range(len(found)):
            components[i, k] = found[k]
            rewards[i] += weights[k] * found[k]


@njit(cache=True, nogil=True)
@no_type_check
def reward_components(plays, type_counts, vocabulary, tables, episode, human_kept, heard):
    """Compute every component of a finished episode.

    Parameters
    ----------
    plays : record array, shape=(plays,)
        Plays in the order in which they were made, see PLAY.
    type_counts : int array, shape=(types,)
        Steps of each type.
    vocabulary : VocabularyArrays
        The vocabulary.
    tables : Tables
        The recording's.
    episode : EpisodeFacts
        Target and place of the episode.
    human_kept : float array, shape=(table beats,)
        Share of each beat that the human's edit plays; negative where it is not known.
    heard : float array, shape=(beats or more,)
        Room to work in; overwritten.

    Returns
    -------
    components : RewardComponents
    """
    first, beats, target = episode.first, episode.beats, episode.target
    heard[:beats] = 0.0
    sums = _sum_plays(plays, vocabulary, tables, first, human_kept, heard)
    steps, cuts, loops, jumps, types = 0, 0, 0, 0, 0
    for kind in range(len(type_counts)):
        number, operation = type_counts[kind], vocabulary.operation[kind]
        steps += number
        types += number > 0
        if operation == Operation.CUT:
            cuts += number
        elif operation == Operation.LOOP or operation == Operation.REPEAT:
            loops += number
        elif operation == Operation.BACK or operation == Operation.SKIP:
            jumps += number
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
    ratio = sums.output_s / total_s
    if episode.is_known:
        keep_ratio_penalty = min(max(abs(ratio - target) - RATIO_SLACK, 0.0) / RATIO_SPAN, 1.0)
    else:
        keep_ratio_penalty = min(max(PRIOR_LOW - ratio, ratio - PRIOR_HIGH, 0.0) / PRIOR_SPAN, 1.0)
    loop_penalty = min(max(loops - (FREE_LOOPS + cuts // CUTS_PER_LOOP), 0) / LOOPS_SPAN, 1.0)
    jump_penalty = max(jumps / max(steps, 1) - FREE_JUMPS, 0.0) / (1 - FREE_JUMPS)
    few_types_penalty = max(FEW_TYPES - types, 0) / FEW_TYPES
    if sums.output_s <= 0:
        penalties = (keep_ratio_penalty, loop_penalty, jump_penalty, few_types_penalty)
        return RewardComponents(*penalties, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    output_s, joins = sums.output_s, sums.joins
    phrase_alignment, flow, reordering, transition_quality, similarity = 0.5, 1.0, 1.0, 1.0, 0.0
    if joins > 0:
        phrase_alignment, flow = sums.place / joins, sums.flow / joins
        reordering, transition_quality = 1 - sums.backward / joins, 1 - sums.cost / joins
    if knows_human and human_s > 0:
        similarity = 2 * sums.similar_s / (output_s + human_s)
    off_target = (kept_s / total_s - target) / RATIO_WIDTH
    clicks = min(sums.clicks / (output_s / 60) / CLICKS_PER_MINUTE, 1.0)
    coherent_s, _ = _kept_of_groups(tables.section, heard, tables.duration_s, first, beats)
    _, complete_s = _kept_of_groups(tables.phrase, heard, tables.duration_s, first, beats)
    return RewardComponents(
        keep_ratio_penalty=keep_ratio_penalty,
        loop_penalty=loop_penalty,
        jump_penalty=jump_penalty,
        few_types_penalty=few_types_penalty,
        cut_ratio=math.exp(-off_target * off_target / 2),
        section_coherence=coherent_s / total_s,
        phrase_alignment=phrase_alignment,
        edit_structure=sums.run_beats / sums.beats,
        audio_quality=(1 - sums.harmed_s / output_s) * (1 - clicks),
        flow=flow,
        diversity=min(max(types - 1, 0) / (MANY_TYPES - 1), 1.0),
        reordering=reordering,
        tempo_consistency=1 - sums.off_tempo_s / output_s,
        phrase_completeness=complete_s / kept_s,
        transition_quality=transition_quality,
        content=2 * sums.content_s / (output_s + song_s),
        similarity=similarity,
    )


@njit(cache=True, nogil=True)
@no_type_check
def _sum_plays(plays, vocabulary, tables, first, human_kept, heard):
    """Go over the plays in the order in which they are heard; write to `heard` how unharmed each beat is at first."""
    output_s, harmed_s, content_s, similar_s, off_tempo_s = 0.0, 0.0, 0.0, 0.0, 0.0
    costs, flow, place, backward, clicks, run_beats = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    joins, beats, run = 0, 0, 0
    leave, was_reversed = -1, False
    for deferred in range(2):
        for row in range(len(plays)):
            play = plays[row]
            if play.is_deferred != deferred:
                continue
            treatment = vocabulary.treatment[play.type]
            speed = play.value if treatment == Treatment.SPEED else 1.0
            harm, is_reversed = harm_of(treatment, play.value), treatment == Treatment.REVERSE
            for _ in range(play.times):
                if leave >= 0 and (leave != play.first or is_reversed or was_reversed):
                    old, new = first + leave, first + play.first
                    cost = REVERSED_JOIN if is_reversed or was_reversed else join_cost(tables, old, new)
                    step_db = abs(tables.energy_db[old - 1] - tables.energy_db[new])
                    joins += 1
                    costs += cost
                    flow += math.exp(-step_db / ENERGY_UNIT_DB)
                    place += (tables.place[old] + tables.place[new]) / 2
                    backward += (1 + cost) / 2 if play.first < leave else 0.0
                    clicks += min(step_db / CLICK_UNIT_DB, 1.0)
                    run_beats += run * min(run / RUN_BEATS, 1.0)
                    run = 0
                for beat in range(play.first, play.end):
                    length_s = tables.duration_s[first + beat] / speed
                    output_s += length_s
                    harmed_s += length_s * harm
                    if heard[beat] == 0.0:
                        content_s += length_s * (1 - harm) * tables.worth[first + beat]
                        if human_kept[first + beat] > 0:
                            similar_s += length_s * (1 - harm) * human_kept[first + beat]
                        heard[beat] = max(1.0 - harm, 1e-6)
                    if treatment == Treatment.SPEED:
                        off_tempo_s += length_s * min(abs(math.log2(speed)) / SPEED_UNIT, 1.0)
                run += play.end - play.first
                beats += play.end - play.first
                leave, was_reversed = play.end, is_reversed
    run_beats += run * min(run / RUN_BEATS, 1.0)
    return PlaySums(
        output_s, harmed_s, content_s, similar_s, off_tempo_s, beats, run_beats, joins, costs, flow, place, backward,
        clicks,
    )  # fmt: skip


@njit(cache=True, nogil=True)
@no_type_check
def _kept_of_groups(group, heard, duration_s, first, beats):
    """Sum ``|2 kept - whole|`` and ``kept^2 / whole`` over groups of beats [seconds]."""
    coherent_s, complete_s, whole_s, kept_s = 0.0, 0.0, 0.0, 0.0
    for beat in range(beats):
        length_s = duration_s[first + beat]
        whole_s += length_s
        if heard[beat] > 0:
            kept_s += length_s
        if beat + 1 == beats or group[first + beat + 1] != group[first + beat]:
            coherent_s += abs(2 * kept_s - whole_s)
            complete_s += kept_s * kept_s / whole_s
            whole_s, kept_s = 0.0, 0.0
    return coherent_s, complete_s


@njit(cache=True, nogil=True)
@no_type_check
def harm_of(treatment, value):
    """How much a treatment hurts the sound, in [0, 1]: what nobody asked for counts whole."""
    if treatment == Treatment.REVERSE:
        return 1.0
    if treatment == Treatment.DISTORTION:
        return min(0.5 + value, 1.0)
    if treatment == Treatment.SPEED:
        return min(abs(math.log2(value)) / 0.15, 1.0)  # 12 % counts whole
    if treatment == Treatment.PITCH:
        return min(abs(value) / 2, 1.0)
    if treatment == Treatment.REVERB:
        return 0.6 * value
    if treatment == Treatment.FADE_IN or treatment == Treatment.FADE_OUT:
        return 0.3
    if treatment == Treatment.GAIN or treatment == Treatment.EQ_LOW or treatment == Treatment.EQ_HIGH:
        return abs(value) / 20.0
    return 0.0


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def _squared_distance(one, other):
    """Squared distance; the order of the sum is free, so that it runs in parallel lanes."""
    total = np.float32(0.0)
    for dim in range(len(one)):
        difference = one[dim] - other[dim]
        total += difference * difference
    return total


@njit(cache=True, nogil=True, inline="always")
@no_type_check
def join_cost(tables, leave, arrive):
    """Cost of one join; the same as `Seams.costs`."""
    if leave == arrive:
        return 0.0
    before, after = 0.0, 0.0
    old, new = leave + REACH_BEATS, arrive + REACH_BEATS
    vectors = tables.vectors
    for offset in range(REACH_BEATS):
        before += SEAM_WEIGHTS[offset] * _squared_distance(vectors[old - 1 - offset], vectors[new - 1 - offset])
        after += SEAM_WEIGHTS[offset] * _squared_distance(vectors[old + offset], vectors[new + offset])
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
    phrase_beats = abs(tables.phrase_offset[leave] - tables.phrase_offset[arrive])
    phrase = PHRASE_PRICE * min(phrase_beats / (2 * bar), 1.0)
    return 1 - math.exp(-(seam + phase + phrase + tempo + unsure))
