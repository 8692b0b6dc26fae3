"""Metrics with answers known by construction, and against a naive sum millisecond by millisecond."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from editorbot.corpus.truth import EqualGroup, Segment, Truth
from editorbot.editlist.edit_list import Clip, EditList, Effect, Join, Source
from editorbot.evaluation.metrics import kept_by_kind, score_edit
from tests.evaluation.evaluated import edit_of as edit_of_ranges

RATE = 1_000


def edit_of(*clips: Clip, duration_s: float = 100.0) -> EditList:
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, round(duration_s * RATE))
    return EditList(source, clips, tuple(Join() for _ in clips[1:]))


def clip(start_s: float, end_s: float, **changes) -> Clip:
    return Clip(round(start_s * RATE), round(end_s * RATE), **changes)


# talk 0-10, false start 10-20 (song 0-10), dead air 20-25, song 25-65 (0-40), sloppy 65-75 (40-50), song 75-100 (40-65)
JAM = Truth(
    100.0,
    65.0,
    (
        Segment(0.0, 10.0, "talk"),
        Segment(10.0, 20.0, "repeat", 0.0),
        Segment(20.0, 25.0, "silence"),
        Segment(25.0, 65.0, "music", 0.0),
        Segment(65.0, 75.0, "sloppy", 40.0),
        Segment(75.0, 100.0, "music", 40.0),
    ),
    beats_s=tuple(np.arange(0.0, 65.0, 0.5)),
)


def test_the_perfect_edit():
    score = score_edit(edit_of(clip(25, 65), clip(75, 100)), JAM)
    assert (score.recall, score.purity, score.f1, score.order) == pytest.approx((1, 1, 1, 1))
    assert score.junk_s_per_min == score.sloppy_s_per_min == score.repeat_s_per_min == 0
    assert score.joins_per_min == pytest.approx(score.ideal_joins_per_min) == pytest.approx(60 / 65)
    assert score.beat_error_ms == pytest.approx(0)
    assert score.effects_share == 0


def test_keeping_everything():
    score = score_edit(edit_of(clip(0, 100)), JAM)
    assert score.recall == pytest.approx(1)
    assert score.purity == pytest.approx(0.65)
    assert score.junk_s_per_min == pytest.approx(15 * 0.6)
    assert score.sloppy_s_per_min == pytest.approx(10 * 0.6)
    assert score.repeat_s_per_min == pytest.approx(10 * 0.6)


def test_an_equal_repeat_serves_as_well():
    score = score_edit(edit_of(clip(10, 20), clip(35, 65), clip(75, 100)), JAM)
    assert (score.recall, score.purity) == pytest.approx((1, 1))


def test_a_sloppy_take_does_not_serve():
    score = score_edit(edit_of(clip(25, 75), clip(85, 100)), JAM)
    assert (score.recall, score.purity) == pytest.approx((55 / 65, 55 / 65))


@pytest.mark.parametrize(
    "changes",
    [
        {"reverse": True},
        {"effects": (Effect("DISTORTION", 0.2),)},
        {"speed": 1.02},
        {"speed": 0.98},
        {"pitch_semitones": 1.0},
        {"pitch_semitones": -0.2},
    ],
)
def test_changed_music_is_lost_music(changes):
    score = score_edit(edit_of(clip(25, 65), clip(75, 100, **changes)), JAM)
    assert score.recall == pytest.approx(40 / 65)
    assert score.purity < 0.7
    assert score.effects_share == 0.5
    assert score.repeat_s_per_min == pytest.approx(0)


@pytest.mark.parametrize(
    "changes",
    [{"speed": 1.009}, {"pitch_semitones": 0.1}, {"gain_db": 3.0}, {"effects": (Effect("EQ_LOW", 3.0),)}],
)
def test_small_changes_cost_nothing(changes):
    score = score_edit(edit_of(clip(25, 65, **changes), clip(75, 100)), JAM)
    assert (score.recall, score.purity) == pytest.approx((1, 1))
    assert score.effects_share == 0.5


def test_a_change_that_the_truth_has_is_no_loss():
    truth = Truth(10.0, 10.0, (Segment(0.0, 10.0, "music", 0.0, allows=("reverse", "speed")),))
    score = score_edit(edit_of(clip(0, 10, reverse=True, speed=1.5), duration_s=10), truth)
    assert (score.recall, score.purity) == pytest.approx((1, 1))


def test_a_speed_that_restores_the_finished_one_is_no_loss():
    truth = Truth(10.0, 10.5, (Segment(0.0, 10.0, "music", 0.0, speed=1.05),))
    score = score_edit(edit_of(clip(0, 10, speed=1 / 1.05), duration_s=10), truth)
    assert (score.recall, score.purity) == pytest.approx((1, 1))


def test_composed_repeats_are_different_music():
    truth = Truth(20.0, 20.0, (Segment(0.0, 20.0, "music", 0.0),))
    assert score_edit(edit_of(clip(0, 10), clip(0, 10), duration_s=20), truth).recall == pytest.approx(0.5)


def test_equal_stretches_stand_for_one_another_as_often_as_there_are():
    truth = Truth(20.0, 20.0, (Segment(0.0, 20.0, "music", 0.0),), equal=(EqualGroup((0.0, 10.0), 10.0),))
    twice = score_edit(edit_of(clip(0, 10), clip(0, 10), duration_s=20), truth)
    assert (twice.recall, twice.purity, twice.order) == pytest.approx((1, 1, 1))
    thrice = score_edit(edit_of(clip(0, 10), clip(0, 10), clip(10, 20), duration_s=20), truth)
    assert (thrice.recall, thrice.purity) == pytest.approx((1, 2 / 3))


def test_silence_of_the_finished_track_counts_neither_way():
    truth = Truth(20.0, 20.0, (Segment(0.0, 20.0, "music", 0.0),), silent_s=((8.0, 12.0),))
    for edit in (edit_of(clip(0, 20), duration_s=20), edit_of(clip(0, 9), clip(11, 20), duration_s=20)):
        score = score_edit(edit, truth)
        assert (score.recall, score.purity) == pytest.approx((1, 1))


def test_a_join_inside_one_silent_run_is_on_the_beat():
    beats_s = tuple(np.arange(0.0, 20.0, 0.5))
    truth = Truth(20.0, 20.0, (Segment(0.0, 20.0, "music", 0.0),), beats_s=beats_s, silent_s=((8.0, 12.0),))
    assert score_edit(edit_of(clip(0, 8.1), clip(11.3, 20), duration_s=20), truth).beat_error_ms == 0


def test_joins_that_step_back_are_out_of_order():
    assert score_edit(edit_of(clip(75, 100), clip(25, 65)), JAM).order == 0
    assert score_edit(edit_of(clip(25, 35), clip(45, 55), clip(36, 44)), JAM).order == 0.5
    assert score_edit(edit_of(clip(0, 5), clip(21, 24)), JAM).order == 1


def test_a_late_cut_repeats_something_but_keeps_the_order():
    score = score_edit(edit_of(clip(25, 45), clip(40, 65)), JAM)
    assert score.order == 1
    assert score.repeat_s_per_min == pytest.approx(5 / 45 * 60)


@pytest.mark.parametrize(("shift_s", "error_ms"), [(0.0, 0), (0.06, 60), (-0.1, 100), (0.25, 250), (0.4, 100)])
def test_the_beat_error_is_the_distance_in_phase(shift_s, error_ms):
    score = score_edit(edit_of(clip(25, 45), clip(50 + shift_s, 65)), JAM)
    assert score.beat_error_ms == pytest.approx(error_ms, abs=1e-6)


def test_there_is_no_beat_error_without_beats_or_joins_in_music():
    assert score_edit(edit_of(clip(25, 65)), JAM).beat_error_ms is None
    assert score_edit(edit_of(clip(25, 65), clip(0, 5)), JAM).beat_error_ms is None
    bare = Truth(100.0, 65.0, JAM.segments)
    assert score_edit(edit_of(clip(25, 45), clip(50, 65)), bare).beat_error_ms is None


def test_what_no_segment_covers_is_junk():
    truth = Truth(10.0, 5.0, (Segment(2.0, 7.0, "music", 0.0),))
    score = score_edit(edit_of(clip(0, 10), duration_s=10), truth)
    assert score.purity == pytest.approx(0.5)
    assert score.junk_s_per_min == pytest.approx(30)


def test_an_edit_of_junk_alone_is_worth_nothing():
    score = score_edit(edit_of(clip(0, 10)), JAM)
    assert (score.recall, score.purity, score.f1) == (0, 0, 0)


@dataclass
class Naive:
    """Sums over milliseconds."""

    recall: float
    purity: float
    junk_s: float


def naive_score(edit: EditList, truth: Truth) -> Naive:
    """Walk through the edit one source millisecond at a time (all times are whole milliseconds here)."""

    def canonical(at_ms: int) -> int:
        for group in truth.equal:
            for start_s in group.starts_s:
                if round(start_s * 1000) <= at_ms < round((start_s + group.length_s) * 1000):
                    return at_ms - round(start_s * 1000) + round(group.starts_s[0] * 1000)
        return at_ms

    def silent(at_ms: int) -> bool:
        return any(round(a * 1000) <= at_ms < round(b * 1000) for a, b in truth.silent_s)

    capacity = Counter(canonical(ms) for ms in range(round(truth.finished_s * 1000)) if not silent(ms))
    count: Counter[int] = Counter()
    total = pure = junk = 0.0
    for one in edit.clips:
        order = range(one.start, one.end)
        for raw_ms in reversed(order) if one.reverse else order:
            weight = 1 / one.speed
            found = [s for s in truth.segments if s.start_s * 1000 <= raw_ms + 0.5 < s.end_s * 1000]
            if not found or found[0].source_s is None:
                total, junk = total + weight, junk + weight
                continue
            source_ms = math.floor(found[0].source_s * 1000 + raw_ms + 0.5 - found[0].start_s * 1000)
            if silent(source_ms):
                continue
            total += weight
            if found[0].worth == "good" and not one.reverse and abs(one.speed - 1) <= 0.01:
                place = canonical(source_ms)
                count[place] += 1
                pure += weight * (count[place] <= capacity[place])
    held = sum(min(number, capacity[place]) for place, number in count.items())
    return Naive(held / sum(capacity.values()), pure / total if total else 0.0, junk / 1000)


def random_truth(rng: np.random.Generator) -> Truth:
    segments, at_ms = [], 0
    for _ in range(12):
        at_ms += int(rng.integers(0, 2)) * int(rng.integers(1, 300))
        length_ms = int(rng.integers(50, 900))
        kind = str(rng.choice(["music", "music", "repeat", "sloppy", "talk"]))
        source_s = None if kind == "talk" else int(rng.integers(0, 2500)) / 1000
        segments.append(Segment(at_ms / 1000, (at_ms + length_ms) / 1000, kind, source_s))
        at_ms += length_ms
    groups = (EqualGroup((0.2, 1.5), 0.3), EqualGroup((0.6, 0.9, 2.1), 0.2))
    return Truth(at_ms / 1000, 3.0, tuple(segments), equal=groups, silent_s=((0.7, 0.85), (2.8, 2.9)))


@pytest.mark.parametrize("seed", range(12))
def test_sums_agree_with_naive_ones(seed):
    rng = np.random.default_rng(seed)
    truth = random_truth(rng)
    length = round(truth.duration_s * RATE)
    clips = []
    for _ in range(8):
        start = int(rng.integers(0, length - 60))
        end = min(length, start + int(rng.integers(50, 1500)))
        clips.append(
            Clip(start, end, reverse=bool(rng.random() < 0.2), speed=float(rng.choice([1.0, 1.0, 1.005, 1.5])))
        )
    edit = edit_of(*clips, duration_s=truth.duration_s)
    score, naive = score_edit(edit, truth), naive_score(edit, truth)
    assert score.recall == pytest.approx(naive.recall, abs=1e-6)
    assert score.purity == pytest.approx(naive.purity, abs=1e-6)
    assert score.junk_s_per_min == pytest.approx(naive.junk_s / score.edit_s * 60, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_kept_shares_agree_with_counting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = np.unique(rng.integers(1, 59, 8))
    kinds = rng.choice(["talk", "noise", "tuning"], len(bounds) - 1)
    pieces = [Segment(float(a), float(b), str(k)) for a, b, k in zip(bounds, bounds[1:], kinds) if rng.random() < 0.7]
    truth = Truth(60.0, 10.0, tuple(pieces))
    starts = rng.integers(0, 50, 4)
    ranges = [(float(start), float(start + rng.integers(1, 10))) for start in starts]
    kept = {kind.kind: (kind.there_s, kind.kept_s) for kind in kept_by_kind(edit_of_ranges(*ranges), truth)}
    naive: dict[str, list[float]] = {}
    for second in range(60):
        kind = next((p.kind for p in pieces if p.start_s <= second < p.end_s), "junk")
        counts = naive.setdefault(kind, [0.0, 0.0])
        counts[0] += 1
        counts[1] += any(start <= second < end for start, end in ranges)
    assert kept == {kind: (pytest.approx(counts[0]), pytest.approx(counts[1])) for kind, counts in naive.items()}
