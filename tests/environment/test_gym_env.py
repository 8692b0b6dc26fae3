"""The single environment keeps Gymnasium's rules, and hands out what its description says."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from editorbot.environment.actions import V3, ActionType
from editorbot.environment.gym_env import EditingEnv, subprocess_envs
from editorbot.environment.settings import COMPONENTS, EnvironmentSettings, RewardWeights
from editorbot.environment.state import PARTS, STATE_SIZE, Normalizer, RunningStatistics
from editorbot.errors import NonFiniteError, TooShortError, UsageError
from tests.environment.games import song_material

KEEP_LONG = np.array([ActionType.KEEP, 4, 0])


def play(env: EditingEnv, seed: int) -> list[tuple]:
    rng = np.random.default_rng(seed)
    steps, over = [env.reset(seed=seed)], False
    while not over:
        action = env.masks().sample(rng)
        steps.append(env.step(np.array([action.type, action.size, action.amount])))
        over = steps[-1][2] or steps[-1][3]
    return steps


@pytest.mark.parametrize("vocabulary", ["v1", "v2", "v3"])
@pytest.mark.filterwarnings("ignore:.*Box observation space m.*:UserWarning")
def test_gymnasium_accepts_it(vocabulary):
    env = EditingEnv([song_material("AB")], EnvironmentSettings(vocabulary), Normalizer.identity())
    check_env(env, skip_render_check=True)


def test_an_episode_is_paid_at_its_end_alone():
    steps = play(EditingEnv([song_material("AB", target=0.5)]), 3)
    assert all(step[1] == 0.0 for step in steps[1:-1])
    components = steps[-1][4]["components"]
    assert tuple(components) == COMPONENTS
    weights = RewardWeights().vector
    assert steps[-1][1] == pytest.approx(float(weights @ np.array(list(components.values()))))
    assert all("components" not in step[-1] for step in steps[:-1])


def test_the_same_seed_plays_the_same():
    materials = [song_material("AB"), song_material("ABAB", seed=1)]
    first, second = (play(EditingEnv(materials), 5) for _ in range(2))
    assert len(first) == len(second)
    for ours, theirs in zip(first, second):
        np.testing.assert_array_equal(ours[0], theirs[0])


def test_long_recordings_are_played_in_windows():
    env = EditingEnv([song_material("ABAB")], EnvironmentSettings(window_beats=48))
    firsts = {env.reset(seed=seed)[1]["beat"] for seed in range(20)}
    assert max(firsts) <= 128 - 48
    assert len(firsts) > 5
    _, info = env.reset(options={"recording": 0, "first": 70})
    assert info["beat"] == 70
    *_, info = env.step(KEEP_LONG)
    assert info["beat"] == 70 + info["cursor"]
    assert env.state is not None
    assert env.state.beats == 48


def test_a_window_sees_the_neighboring_beats():
    material = song_material("ABAB")
    env = EditingEnv([material], EnvironmentSettings(window_beats=48))
    observation, _ = env.reset(options={"first": 70})
    np.testing.assert_array_equal(observation[PARTS["beat-3"]], material.padded[70])
    np.testing.assert_array_equal(observation[PARTS["beat+3"]], material.padded[76])


def test_observations_beyond_the_ends_are_zeros():
    env = EditingEnv([song_material("AB")])
    observation, _ = env.reset()
    assert not observation[PARTS["beat-1"]].any()
    assert observation[PARTS["beat+0"]].any()
    over = False
    while not over:
        observation, _, over, _, _ = env.step(KEEP_LONG)
    assert not observation[PARTS["beat+0"]].any()
    assert observation[PARTS["beat-1"]].any()
    assert len(observation) == STATE_SIZE


def test_a_normalizer_bounds_what_is_seen():
    materials = [song_material("AB")]
    statistics = RunningStatistics()
    statistics.update(np.stack([step[0] for step in play(EditingEnv(materials), 0)]))
    steps = play(EditingEnv(materials, normalizer=statistics.normalizer()), 0)
    seen = np.stack([step[0] for step in steps])
    assert np.abs(seen).max() <= 5.0
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=0.5)


def test_features_that_are_not_finite_are_named():
    material = song_material("AB")
    material.padded[3 + 12, 41] = np.nan
    with pytest.raises(NonFiniteError, match=r"chroma.*nan at beat 12 \(0:06"):
        EditingEnv([material])


def test_a_recording_of_one_beat_is_too_short():
    with pytest.raises(TooShortError, match="1 beats"):
        song_material("A", bars=1, beats_per_bar=1)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [({"vocabulary": "v9"}, "v9"), ({"max_loops": -1}, "max_loops"), ({"window_beats": 1}, "window_beats")],
)
def test_impossible_settings_are_refused(settings, rule):
    with pytest.raises(UsageError, match=rule):
        EnvironmentSettings(**settings)


def test_wrong_use_is_told():
    with pytest.raises(UsageError, match="at least one recording"):
        EditingEnv([])
    env = EditingEnv([song_material("AB")])
    with pytest.raises(UsageError, match="call reset first"):
        env.step(KEEP_LONG)
    with pytest.raises(UsageError, match="masks before"):
        env.masks()
    with pytest.raises(UsageError, match="no option 'speed'"):
        env.reset(options={"speed": 1})


def test_processes_play_as_one_does():
    materials = [song_material("AB", target=0.5)]
    envs = subprocess_envs(materials, 2, EnvironmentSettings(window_beats=40))
    try:
        assert envs.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.SAME_STEP
        alone = EditingEnv(materials, EnvironmentSettings(window_beats=40))
        states, info = envs.reset(seed=[7, 8])
        state, _ = alone.reset(seed=8)
        np.testing.assert_array_equal(states[1], state)
        assert info["type_mask"].shape == (2, V3.types)
        over = False
        while not over:
            states, rewards, overs, _, info = envs.step(np.stack([KEEP_LONG, KEEP_LONG]))
            state, reward, over, _, _ = alone.step(KEEP_LONG)
            assert rewards[1] == reward
            assert overs[1] == over
        assert "content" in info["final_info"]["components"]
    finally:
        envs.close()
