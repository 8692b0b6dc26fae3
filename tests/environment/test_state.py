"""The numbers of a state, by name and by hand, and their normalizer."""

import numpy as np
import pytest

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.environment.actions import V3, Action
from editorbot.environment.dynamics import first_state, play_out
from editorbot.environment.material import PRIOR_KEEP_RATIO, material_of
from editorbot.environment.state import (
    PARTS,
    STATE_NAMES,
    STATE_SIZE,
    SUMMARY_NAMES,
    Normalizer,
    RunningStatistics,
    StateRepresentation,
    raw_state,
    summary_of,
)
from editorbot.errors import MismatchError, NonFiniteError, UsageError
from tests.editors.factories import song_analysis
from tests.environment.games import song_material

BAR = 1


def step(name: str, size: int = BAR, amount: int = 0) -> Action:
    return Action(V3.index(name), size, amount)


def test_a_state_has_861_named_numbers():
    assert STATE_SIZE == len(STATE_NAMES) == len(set(STATE_NAMES)) == 7 * 121 + 14
    assert STATE_NAMES[0] == f"beat-3.{FEATURE_NAMES[0]}"
    assert STATE_NAMES[PARTS["beat+0"]] == tuple(f"beat+0.{name}" for name in FEATURE_NAMES)
    assert STATE_NAMES[PARTS["summary"]] == SUMMARY_NAMES


def test_beats_around_the_cursor_are_seen():
    analysis = song_analysis("AB")
    material = material_of(analysis)
    state = play_out([step("KEEP")] * 3, material.lengths.tolist(), V3)
    raw = raw_state(state, material, V3)
    for offset in range(-3, 4):
        np.testing.assert_array_equal(raw[PARTS[f"beat{offset:+d}"]], analysis.features[12 + offset])


def test_the_summary_tells_the_episode_so_far():
    material = song_material("AB", target=0.25)
    steps = [step("KEEP"), step("CUT"), step("LOOP", BAR, 3), step("GAIN", 0), step("JUMP_BACK", 0, 2)]
    state = play_out(steps, material.lengths.tolist(), V3)
    told = summary_of(state, material, V3)._asdict()
    assert told == pytest.approx(
        {
            "position": 12 / 64,
            "used_share": 13 / 64,
            "output_over_target": (4 + 12 + 1) / 16,
            "kept_share": 9 / 13,
            "target_keep_ratio": 0.25,
            "target_remaining": 0.25 - 17 / 64,
            "cut_share": 4 / 13,
            "loops_over_budget": 1 / 2,
            "jumps_share": 1 / 5,
            "effects_share": 1 / 5,
            "types_share": 5 / 20,
            "last_type": 5 / 20,
            "last_size": 1 / 16,
            "bar_phase": 0.0,
        }
    )


def test_before_the_first_step_shares_are_zero():
    material = song_material("AB")
    told = summary_of(first_state(64, V3), material, V3)._asdict()
    assert told["target_keep_ratio"] == told["target_remaining"] == PRIOR_KEEP_RATIO
    assert sum(value for name, value in told.items() if not name.startswith("target_")) == 0.0


def test_welford_gives_the_mean_and_spread_of_all_at_once():
    rng = np.random.default_rng(0)
    states = rng.normal(1e4, 3.0, (300, 6)) * np.array([1, 1e-3, 10, 1, 1, 0])
    statistics = RunningStatistics(6)
    for part in np.split(states, [1, 1, 50, 299]):
        statistics.update(part)
    np.testing.assert_allclose(statistics.mean, states.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.std[:5], states.std(axis=0)[:5], rtol=1e-6)
    assert statistics.std[5] == 1.0, "what never varies is only centred"


def test_normalized_states_have_mean_0_and_std_1_within_5():
    rng = np.random.default_rng(1)
    states = rng.normal(5e3, 200.0, (400, STATE_SIZE)).astype(np.float32)
    statistics = RunningStatistics()
    statistics.update(states)
    seen = statistics.normalizer().apply(states)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=0.02)
    np.testing.assert_allclose(seen.std(axis=0), 1.0, atol=0.02)
    assert np.abs(statistics.normalizer().apply(states * 100)).max() == 5.0


def test_the_same_normalizer_serves_labels_and_rollouts():
    material = song_material("AB")
    statistics = RunningStatistics()
    statistics.update(np.random.default_rng(0).normal(size=(9, STATE_SIZE)))
    normalizer = statistics.normalizer()
    state = first_state(64, V3)
    seen = StateRepresentation(V3, normalizer).observe(state, material)
    np.testing.assert_array_equal(seen, normalizer.apply(raw_state(state, material, V3)))
    normalizer.check_same(statistics.normalizer())


def test_another_normalizer_or_order_is_refused_naming_both():
    ours = Normalizer.identity()
    theirs = Normalizer((0.0,) * (STATE_SIZE - 1) + (0.5,), ours.std)
    with pytest.raises(MismatchError, match=f"{ours.digest} differs from {theirs.digest}"):
        ours.check_same(theirs)
    swapped = Normalizer(ours.mean, ours.std, (STATE_NAMES[1], STATE_NAMES[0], *STATE_NAMES[2:]))
    with pytest.raises(MismatchError, match=f"number 0 is {STATE_NAMES[0]} here and {STATE_NAMES[1]} there"):
        ours.check_same(swapped)


def test_impossible_normalizers_are_refused():
    with pytest.raises(MismatchError, match="2 means"):
        Normalizer((0.0, 1.0), (1.0,), ("one",))
    for mean, std in ((np.nan, 1.0), (0.0, 0.0)):
        with pytest.raises(NonFiniteError):
            Normalizer((mean,), (std,), ("one",))


def test_windows_are_as_the_recording_around_them():
    material = song_material("ABAB", target=0.5)
    window = material.window(30, 40)
    assert (window.first, window.beats, window.window(5, 20).first) == (30, 40, 35)
    assert material.window(0, 10_000) is material
    np.testing.assert_array_equal(window.lengths[:20], material.lengths[30:50])
    assert window.lengths[-1].tolist() == [1] * 5
    np.testing.assert_array_equal(window.tables.place, material.tables.place[30:71])
    kept, durations = material.human_kept[30:70], material.tables.duration_s[30:70]
    assert window.target == pytest.approx((kept * durations).sum() / durations.sum())


@pytest.mark.parametrize("target", [0.0, 1.5, -0.1])
def test_impossible_targets_are_refused(target):
    with pytest.raises(UsageError, match="target_keep_ratio"):
        material_of(song_analysis("AB"), target_keep_ratio=target)


def test_without_a_score_music_is_worth_more_than_silence():
    analysis = song_analysis("A B")
    worth = material_of(analysis).tables.worth
    assert worth[:32].min() > 0.9
    assert worth[32:64].max() < 0.1


@pytest.mark.parametrize("name", ["worth", "human_kept"])
def test_what_is_not_one_finite_number_a_beat_is_refused(name):
    analysis = song_analysis("AB")
    with pytest.raises(MismatchError, match=rf"{name} has shape \(63,\), but the recording has 64 beats"):
        material_of(analysis, **{name: np.ones(63)})
    broken = np.ones(64)
    broken[10] = np.nan
    with pytest.raises(NonFiniteError, match=rf"song\.wav: {name} is nan at beat 10 \(0:05"):
        material_of(analysis, **{name: broken})
