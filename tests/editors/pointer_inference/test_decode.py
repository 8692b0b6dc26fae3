"""Decoding of the pointer network: the cheapest path against all paths, and what it makes of clear scores."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.greedy_decoding import greedy_plays, greedy_step
from editorbot.editors.pointer_inference.decode import (
    DecodeSettings,
    Plays,
    best_plays,
    costs_of,
    log_going_on,
    score_odds_of,
    with_edges,
)
from editorbot.errors import UsageError
from editorbot.models.pointer_config import (
    STEP_VALUES,
    PointerConfig,
    PointerInputs,
    RowScores,
    with_chances,
)
from editorbot.models.scorer_config import StepInputs
from editorbot.timebase import FRAME_S

CONFIG = PointerConfig(max_delta=4, jump_buckets=3, longest_jump=200)
BEATS_S = np.arange(0, 300, 10) * FRAME_S


def _scores(frames, kept, *, sure=6.0):
    """Return scores of a network that knows which frames are kept."""
    delta = np.full((frames + 1, 9), -sure)
    use_jump, stop = np.full(frames + 1, -sure), np.full(frames + 1, -sure)
    jump = np.full((frames + 1, 6), -sure)
    arrive = np.full(frames, -sure)
    nexts = np.flatnonzero(kept)
    for row in range(frames + 1):
        after = nexts[nexts >= row]
        if not len(after):
            stop[row] = sure
            continue
        distance = int(after[0]) - row
        if distance <= 4:
            delta[row, 4 + distance] = 0.0
        else:
            use_jump[row] = sure
            jump[row, int(CONFIG.bucket_of(np.array([distance]))[0])] = 0.0
    arrive[nexts[np.diff(nexts, prepend=-9) > 1]] = sure
    log = lambda x: x - np.logaddexp.reduce(x, axis=1)[:, None]  # noqa: E731
    leave = np.full(frames, -sure)
    leave[nexts[np.diff(nexts, append=frames + 9) > 1]] = sure
    return RowScores(log(delta), log(jump), use_jump, stop, arrive, leave, np.full((frames, 6), 1 / 6))


def _kept(*spans, frames=200):
    kept = np.zeros(frames, bool)
    for first, end in spans:
        kept[first:end] = True
    return kept


@pytest.mark.parametrize("spans", [[(0, 200)], [(20, 200)], [(30, 90), (120, 180)], [(0, 50), (150, 200)]])
def test_clear_scores_give_back_what_is_kept(spans):
    scores = _scores(200, _kept(*spans))
    plays = best_plays(costs_of(scores, CONFIG, DecodeSettings(), BEATS_S), CONFIG, DecodeSettings())
    assert list(zip(plays.starts.tolist(), plays.ends.tolist())) == spans
    assert plays.pointers.tolist() == np.flatnonzero(_kept(*spans)).tolist()
    greedy = greedy_plays(greedy_step(scores, CONFIG), 200)
    assert greedy.pointers.tolist() == plays.pointers.tolist()


def test_a_doubtful_frame_makes_no_stutter():
    kept = _kept((20, 180))
    kept[[60, 61, 100]] = False
    scores = _scores(200, kept)
    plays = best_plays(costs_of(scores, CONFIG, DecodeSettings(), BEATS_S), CONFIG, DecodeSettings())
    assert list(zip(plays.starts.tolist(), plays.ends.tolist())) == [(20, 180)]
    assert len(greedy_plays(greedy_step(scores, CONFIG), 200).starts) > 1


def test_a_jump_back_of_the_network_is_taken():
    scores = _scores(200, _kept((0, 200)))
    scores.use_jump[100] = 8.0
    scores.delta[100] = -8.0
    scores.jump[100] = -8.0
    scores.jump[100, int(CONFIG.bucket_of(np.array([-60]))[0])] = 0.0
    scores.arrive[40] = 8.0
    step = greedy_step(scores, CONFIG)
    assert step(99) == (40, False)
    # For ever, since the network has no memory of having been there: the length ends it.
    assert len(greedy_plays(step, 200, longest=500).pointers) == 500


def test_edges_move_to_the_frames_that_the_network_takes_for_edges():
    scores = _scores(200, _kept((23, 87), (140, 200)))
    found = Plays(np.array([20, 150]), np.array([90, 200]), 1.0)
    moved = with_edges(found, scores, DecodeSettings(edge_reach=12))
    assert list(zip(moved.starts.tolist(), moved.ends.tolist())) == [(23, 87), (140, 200)]
    near = with_edges(found, scores, DecodeSettings(edge_reach=5))
    assert list(zip(near.starts.tolist(), near.ends.tolist())) == [(23, 87), (150, 200)]
    dear = with_edges(found, scores, DecodeSettings(edge_reach=12, edge_price=5.0))
    assert list(zip(dear.starts.tolist(), dear.ends.tolist())) == [(20, 90), (150, 200)]


def test_edges_of_the_recording_and_short_plays_stay():
    scores = _scores(200, _kept((50, 60), (190, 195)))
    found = Plays(np.array([0, 48]), np.array([200, 54]), 1.0)
    moved = with_edges(found, scores, DecodeSettings(edge_reach=30))
    assert moved.starts.tolist() == [0, 50]
    assert moved.ends.tolist() == [200, 54]  # 60 would be farther than a third of the play


def _naive(costs, settings):
    """Return the cost of the best of all paths with up to three plays."""
    count, best = len(costs.places), np.inf
    for plays in range(1, 4):
        ends = itertools.product(itertools.combinations(range(count), 2), repeat=plays)
        for path in ends:
            total = costs.skip[path[0][0]] + costs.arrive[path[0][0]]
            for number, (start, end) in enumerate(path):
                if end < costs.least[start] and end != start + 1:
                    total += settings.short_cost  # comes to the next place, and plays on from there
                elif end < costs.least[start] or costs.least[start] == start:
                    total += settings.short_cost
                total += costs.play[end] - costs.play[start]
                if number + 1 < len(path):
                    to = path[number + 1][0]
                    distance = int(costs.places[to] - costs.places[end])
                    if distance == 0:
                        total = np.inf
                        break
                    which = 6 if abs(distance) <= 4 else int(CONFIG.bucket_of(np.array([distance]))[0])
                    more = costs.skip[to] - costs.skip[end] if distance > 0 else settings.back_cost
                    total += costs.leave[end] + costs.bucket[end, which] + costs.arrive[to] + more
            total += costs.skip[-1] - costs.skip[path[-1][1]]
            best = min(best, total)
    return best


@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_cheapest_of_all(seed):
    rng = np.random.default_rng(seed)
    log = lambda x: x - np.logaddexp.reduce(x, axis=1)[:, None]  # noqa: E731
    scores = RowScores(
        log(rng.normal(0, 2, (61, 9))), log(rng.normal(0, 1, (61, 6))), rng.normal(0, 3, 61), rng.normal(-4, 1, 61),
        rng.normal(0, 2, 60), np.zeros(60), np.full((60, 6), 1 / 6),
    )  # fmt: skip
    settings = DecodeSettings(jump_cost=0.3, back_cost=0.2, short_cost=0.4, off_beat_cost=0.1)
    costs = costs_of(scores, CONFIG, settings, np.array([0, 12, 25, 37, 48]) * FRAME_S)
    picked = np.unique(np.linspace(0, len(costs.places) - 1, 6).astype(int))
    few = replace(
        costs,
        **{name: getattr(costs, name)[picked] for name in ("places", "play", "skip", "leave", "arrive", "bucket")},
        least=np.minimum(np.arange(6) + 2, 5),
    )
    plays = best_plays(few, CONFIG, settings)
    assert len(plays.starts) <= 3
    assert plays.cost == pytest.approx(_naive(few, settings))


def test_going_on_is_one_less_everything_else():
    scores = _scores(50, _kept((10, 30), frames=50), sure=2.0)
    odds = log_going_on(scores, CONFIG)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    for row in (0, 8, 15, 29, 40):
        chance = np.exp(scores.delta[row, 3:6]).sum()
        chance *= (1 - sigmoid(scores.use_jump[row])) * (1 - sigmoid(scores.stop[row]))
        assert sigmoid(odds[row]) == pytest.approx(chance)


def test_the_score_has_its_say():
    scores = _scores(200, np.ones(200, bool), sure=4.0)
    steps = StepInputs(np.zeros((25, STEP_VALUES), np.float32), np.zeros((25, 6), np.int32), np.zeros((25, 6), "f4"))
    chances = np.full((25, 6), 0.001, np.float32)
    chances[:, 0] = np.where(np.arange(25) < 10, 0.001, 0.999)
    inputs = PointerInputs(np.zeros((128, 200), np.float32), with_chances(steps, chances))
    config = replace(CONFIG, step_inputs=True, score_inputs=True)
    odds = score_odds_of(inputs, config)
    assert odds.shape == (200,)
    assert odds[[0, 79]] == pytest.approx(np.log(0.001 / 0.999))
    assert odds[[80, 199]] == pytest.approx(np.log(0.999 / 0.001), rel=1e-3)
    for weight, first in ((0.0, 0), (0.8, 80)):
        settings = DecodeSettings(score_weight=weight, frame_weight=0.5)
        plays = best_plays(costs_of(scores, CONFIG, settings, BEATS_S, score_odds=odds), CONFIG, settings)
        assert (plays.starts.tolist(), plays.ends.tolist()) == ([first], [200])
    assert score_odds_of(inputs, CONFIG) is None
    with pytest.raises(UsageError, match="score_weight"):
        DecodeSettings(score_weight=1.5)


def test_a_silent_network_still_gives_an_edit():
    scores = _scores(200, np.zeros(200, bool))
    plays = best_plays(costs_of(scores, CONFIG, DecodeSettings(), BEATS_S), CONFIG, DecodeSettings())
    assert len(plays.pointers) == 10  # a beat, the shortest play
    assert len(greedy_plays(greedy_step(scores, CONFIG), 200).starts) == 1
    with pytest.raises(UsageError):
        DecodeSettings(jump_cost=-1.0)
