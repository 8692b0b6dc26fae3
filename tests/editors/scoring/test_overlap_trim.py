"""Where a play is left, on recordings whose steps are drawn."""

import numpy as np
import pytest

from editorbot.analysis.spectrum import STEP_COLUMNS
from editorbot.editors.scoring.overlap_trim import NO_BARS, Bars, bars_of, trim_overlaps
from editorbot.editors.scoring.overlap_trim_places import ScoredSteps, places_of
from editorbot.editors.scoring.scorecard import read_cards
from editorbot.timebase import STEP_S
from tests.editors.step_grids import jam_analysis

STOP = 30
"""Steps between the takes."""


def _song(rng, steps):
    """Return steps that are a little like their neighbors."""
    rows = rng.standard_normal((steps, 20))
    rows = rows + 0.6 * np.roll(rows, 1, axis=0)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _steps(rng, *parts, noise=0.05):
    """Return a recording of takes with stops between them; what the band plays is worth keeping."""
    rows, is_song = [], []
    for part in parts:
        rows += [part + noise * rng.standard_normal(part.shape), np.zeros((STOP, part.shape[1]))]
        is_song += [np.ones(len(part), bool), np.zeros(STOP, bool)]
    vectors, song = np.concatenate(rows), np.concatenate(is_song)
    return ScoredSteps.of_chances(vectors.astype(np.float32), np.where(song, 0.7, 0.05), song)


def _spans_s(*steps):
    return [(a * STEP_S, b * STEP_S) for a, b in steps]


@pytest.mark.parametrize("back", [12, 25, 60])
def test_a_take_is_left_where_the_band_goes_back_to(back):
    rng = np.random.default_rng(back)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[150 - back :])
    second = 150 + STOP
    left = trim_overlaps(_spans_s((0, 150), (second, second + 200)), steps, steps.is_song)
    assert left[0] == (0, pytest.approx((150 - back) * STEP_S, abs=0.5 * STEP_S))
    assert left[1] == (second * STEP_S, (second + 200) * STEP_S)


def test_a_take_that_was_left_too_early_is_played_on():
    rng = np.random.default_rng(5)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[130:])
    second = 150 + STOP
    left = trim_overlaps(_spans_s((0, 122), (second, second + 200)), steps, steps.is_song)
    assert left[0][1] == pytest.approx(130 * STEP_S, abs=0.5 * STEP_S)


def test_what_is_not_worth_keeping_is_not_taken_on():
    rng = np.random.default_rng(5)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[130:])
    steps.odds[122:150] = -4.0
    second = 150 + STOP
    assert trim_overlaps(_spans_s((0, 122), (second, second + 200)), steps, steps.is_song)[0][1] == 122 * STEP_S


@pytest.mark.parametrize(
    ("bar_steps", "later_steps"),
    [(182, 2), (177, 0), (180.1, 0), (186, 0)],  # silence before, already there, and too far
)
def test_where_both_takes_run_on_the_join_moves_to_the_bar(bar_steps, later_steps):
    rng = np.random.default_rng(7)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[125:])
    bars = Bars(np.array([bar_steps * STEP_S]), 0.5)
    first, second = trim_overlaps(_spans_s((0, 150), (180, 380)), steps, steps.is_song, bars=bars)
    assert first[1] == pytest.approx((125 + later_steps) * STEP_S, abs=0.5 * STEP_S)
    assert second == (pytest.approx((180 + later_steps) * STEP_S), 380 * STEP_S)


def test_a_bar_before_a_join_inside_the_music_draws_it_there():
    rng = np.random.default_rng(9)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[100:])
    bars = Bars(np.array([197 * STEP_S]), 0.5)
    first, second = trim_overlaps(_spans_s((0, 150), (200, 400)), steps, steps.is_song, bars=bars)
    assert first[1] == pytest.approx(117 * STEP_S, abs=0.5 * STEP_S)
    assert second[0] == pytest.approx(197 * STEP_S)


def test_what_is_pinned_is_not_given_up():
    rng = np.random.default_rng(4)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[125:])
    spans_s = _spans_s((0, 150), (180, 380))
    assert trim_overlaps(spans_s, steps, steps.is_song, pinned_s=_spans_s((130, 135))) == spans_s
    assert trim_overlaps(spans_s, steps, steps.is_song, pinned_s=_spans_s((100, 120), (200, 210)))[0][1] < 126 * STEP_S


def test_a_play_of_which_nearly_all_comes_again_is_left_out():
    rng = np.random.default_rng(6)
    song = _song(rng, 400)
    steps = _steps(rng, song[:80], song[80:120], song[85:])
    spans_s = _spans_s((0, 80), (110, 150), (180, 380))
    assert trim_overlaps(spans_s, steps, steps.is_song, shortest_s=2.0) == [spans_s[0], spans_s[2]]
    assert len(trim_overlaps(spans_s, steps, steps.is_song, shortest_s=0.5)) == 3


def test_where_nothing_runs_on_no_bar_moves_a_join():
    rng = np.random.default_rng(8)
    steps = _steps(rng, _song(rng, 150), _song(rng, 300))
    spans_s = _spans_s((0, 150), (180, 480))
    assert trim_overlaps(spans_s, steps, steps.is_song, bars=Bars(np.array([181.5 * STEP_S]), 0.5)) == spans_s


def test_other_music_after_a_stop_changes_nothing():
    rng = np.random.default_rng(1)
    steps = _steps(rng, _song(rng, 150), _song(rng, 300), _song(rng, 90))
    spans_s = _spans_s((0, 150), (180, 480), (510, 600))
    assert trim_overlaps(spans_s, steps, steps.is_song) == spans_s


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [(0, 150)],
        [(180, 380), (0, 150)],  # back in the recording: a rearrangement
        [(0, 4), (180, 380)],  # too short to say
        [(148, 150), (180, 182)],
    ],
)
def test_what_cannot_be_laid_side_by_side_is_left_alone(spans):
    rng = np.random.default_rng(2)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[125:])
    assert trim_overlaps(_spans_s(*spans), steps, steps.is_song) == _spans_s(*spans)


def test_a_recording_of_silence_changes_nothing():
    steps = ScoredSteps.of_chances(np.zeros((100, 20), np.float32), np.zeros(100), np.zeros(100, bool))
    spans_s = _spans_s((0, 40), (60, 100))
    assert trim_overlaps(spans_s, steps, steps.is_song) == spans_s


def test_places_tell_the_card_all_it_asks_for():
    rng = np.random.default_rng(3)
    song = _song(rng, 400)
    places = places_of(0.0, 150 * STEP_S, 180 * STEP_S, _steps(rng, song[:150], song[125:]))
    assert {row.cue for row in read_cards("overlap_trim")["overlap_trim"].rows} <= places.cues.keys()
    assert places.end in places.at
    assert all(np.isfinite(values).all() and len(values) == len(places.at) for values in places.cues.values())
    alike = dict(zip(places.at.tolist(), places.cues["after_short"].tolist()))
    assert max(alike, key=lambda at: alike[at]) == 125
    assert alike[125] > 0.9 > 0.5 > alike[150]


@pytest.mark.parametrize("kept_between", [True, False])
def test_nothing_is_left_earlier_where_nothing_is_cut_between_two_plays(kept_between):
    rng = np.random.default_rng(25)
    song = _song(rng, 400)
    steps = _steps(rng, song[:150], song[125:])
    spans_s, keep = _spans_s((0, 150), (150 + STOP, 380 + STOP)), steps.is_song.copy()
    keep[150 : 150 + STOP] = kept_between
    assert (trim_overlaps(spans_s, steps, keep) == spans_s) == kept_between


def test_plays_that_touch_are_left_as_they_are():
    rng = np.random.default_rng(3)
    song = _song(rng, 300)
    steps = _steps(rng, np.concatenate([song[:150], song[120:]]))
    spans_s = _spans_s((0, 150), (150, 300))
    assert trim_overlaps(spans_s, steps, steps.is_song) == spans_s


STEPS = np.zeros((64, len(STEP_COLUMNS)), np.float32)  # 12 s, with a bar every two


@pytest.mark.parametrize(
    ("at_s", "later_s"),
    [(4.0, 0.0), (3.98, 0.0), (3.5, 0.5), (4.55, -0.55), (3.3, 0.0), (5.0, 0.0), (0.0, 0.0), (30.0, 0.0)],
)
def test_the_nearest_bar_counts_within_a_beat_and_a_little(at_s, later_s):
    assert bars_of(jam_analysis([("music", STEPS)])).later_s(at_s) == pytest.approx(later_s)


def test_without_a_beat_there_is_no_bar():
    assert bars_of(jam_analysis([("music", STEPS)], has_beat=False)) is NO_BARS
    assert NO_BARS.later_s(4.0) == 0
