"""The batch environment plays as the single one does, step by step, and keeps the rules of vector environments."""

import gymnasium
import numpy as np
import pytest

from editorbot.environment.batch_env import BatchEditingEnv
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.settings import COMPONENTS, EnvironmentSettings
from editorbot.environment.state import STATE_SIZE, Normalizer, RunningStatistics
from editorbot.errors import NonFiniteError, UsageError
from tests.environment.games import song_material

MATERIALS = [
    song_material("ABAB", bars=3),
    song_material("AB", bars=5, beats_per_bar=3, target=0.6, seed=1),
    song_material("A", bars=2, seed=2, has_bars=False),
    song_material("A", bars=1, beats_per_bar=2, seed=3),
]
FEW = 4


def normalizer() -> Normalizer:
    statistics = RunningStatistics()
    statistics.update(np.random.default_rng(0).normal(0.1, 3.0, (50, STATE_SIZE)))
    return statistics.normalizer()


def assert_like(single, states, info, row: int):
    """Compare one row with what the single environment sees."""
    observation, told = single
    np.testing.assert_allclose(states[row], observation, rtol=1e-6, atol=1e-6)
    for key in ("recording", "beat", "cursor", "type_mask", "size_mask", "amount_mask"):
        np.testing.assert_array_equal(info[key][row], told[key], err_msg=key)


@pytest.mark.parametrize(
    ("vocabulary", "shape"), [("v1", None), ("v2", normalizer()), ("v3", None), ("v3", normalizer())]
)
def test_it_plays_as_the_single_environment_does(vocabulary, shape):
    settings = EnvironmentSettings(vocabulary, max_loops=3, window_beats=30)
    rng = np.random.default_rng(4)
    batch = BatchEditingEnv(MATERIALS, FEW, settings, shape)
    singles = [EditingEnv(MATERIALS, settings, shape) for _ in range(FEW)]
    states, info = batch.reset(seed=1)

    def begun(row: int):
        place = {"recording": info["recording"][row], "first": info["beat"][row]}
        return singles[row].reset(options=place)

    for row in range(FEW):
        assert_like(begun(row), states, info, row)
    endings = 0
    for _ in range(80):
        actions = batch.sample_actions(rng)
        states, rewards, terminated, truncated, info = batch.step(actions)
        for row, single in enumerate(singles):
            observation, reward, over, cut_off, told = single.step(actions[row])
            assert (terminated[row], truncated[row]) == (over, cut_off)
            assert rewards[row] == pytest.approx(reward, abs=1e-9)
            if not over and not cut_off:
                assert_like((observation, told), states, info, row)
                continue
            endings += 1
            np.testing.assert_allclose(info["final_obs"][row], observation, rtol=1e-6, atol=1e-6)
            components = info["final_info"]["components"]
            assert {name: components[name][row] for name in COMPONENTS} == pytest.approx(told["components"], abs=1e-9)
            assert info["final_info"]["beat"][row] == told["beat"]
            assert info["_final_obs"][row]
            assert_like(begun(row), states, info, row)
    assert endings > 3


def test_steps_beyond_the_limit_truncate_alike():
    settings = EnvironmentSettings(max_loops=1_000)
    batch, single = BatchEditingEnv(MATERIALS[3:], 1, settings), EditingEnv(MATERIALS[3:], settings)
    batch.reset(seed=0)
    single.reset(seed=0)
    for actions in [[0, 0, 0]] + [[18, 0, 0]] * 7:  # KEEP, then REPEAT_PREV for ever
        _, rewards, _, truncated, _ = batch.step(np.array([actions]))
        _, reward, _, is_truncated, _ = single.step(np.array(actions))
        assert truncated[0] == is_truncated
        assert rewards[0] == pytest.approx(reward)
    assert truncated[0]


def test_the_same_seed_plays_the_same_in_any_number_of_threads():
    runs, settings = [], EnvironmentSettings(window_beats=20)
    for threads in (1, 2):
        rng, env = np.random.default_rng(3), BatchEditingEnv(MATERIALS, 5, settings, threads=threads)
        seen = [env.reset(seed=9)[0]]
        for _ in range(40):
            seen.append(env.step(env.sample_actions(rng))[0])
        env.close()
        runs.append(np.stack(seen))
    np.testing.assert_array_equal(*runs)


def test_without_autoreset_an_ended_episode_waits():
    env = BatchEditingEnv(MATERIALS, 2, autoreset=False)
    assert env.metadata["autoreset_mode"] == gymnasium.vector.AutoresetMode.DISABLED
    env.reset(seed=0, options={"recording": np.array([3, 0]), "first": 0})
    keep = np.array([[0, 4, 0]] * 2)
    ended, paid = [], []
    for _ in range(3):
        states, rewards, terminated, _, info = env.step(keep)
        ended.append(terminated.tolist())
        paid.append(rewards[0] != 0.0)
    assert ended == [[True, False], [False, False], [False, True]]
    assert paid == [True, False, False]
    assert info["type_mask"][0].sum() == 1
    _, info = env.reset(options={"recording": 1, "reset_mask": np.array([True, False])})
    assert info["recording"].tolist() == [1, 0]
    assert info["cursor"].tolist() == [0, 48]
    assert env.step(keep)[0].shape == states.shape


def test_recordings_and_places_can_be_chosen():
    env = BatchEditingEnv(MATERIALS, 4, EnvironmentSettings(window_beats=20))
    _, info = env.reset(seed=0, options={"recording": 1, "first": np.array([0, 3, 5, 9])})
    assert info["beat"].tolist() == [0, 3, 5, 9]
    assert info["recording"].tolist() == [1] * 4


def test_each_step_hands_out_arrays_of_its_own_unless_told_otherwise():
    for copy in (True, False):
        env = BatchEditingEnv(MATERIALS, 2, copy=copy)
        first, info = env.reset(seed=0)
        mask = info["type_mask"]
        second, _, _, _, info = env.step(np.array([[0, 0, 0]] * 2))
        assert np.shares_memory(first, second) == (not copy)
        assert np.shares_memory(mask, info["type_mask"]) == (not copy)


def test_it_keeps_the_rules_of_vector_environments():
    env = BatchEditingEnv(MATERIALS, 3, normalizer=normalizer())
    states, _ = env.reset(seed=0)
    assert env.observation_space.contains(states)
    assert env.action_space.contains(env.sample_actions(np.random.default_rng(0)))
    wrapped = gymnasium.wrappers.vector.RecordEpisodeStatistics(env)
    wrapped.reset(seed=0)
    rng, told = np.random.default_rng(0), 0
    for _ in range(60):
        *_, info = wrapped.step(env.sample_actions(rng))
        told += "episode" in info
    assert told


def test_allowed_actions_are_sampled_uniformly():
    env = BatchEditingEnv(MATERIALS[:1], 4_000)
    _, info = env.reset(seed=0)
    actions = env.sample_actions(np.random.default_rng(0))
    kinds = np.bincount(actions[:, 0], minlength=20)
    is_allowed = info["type_mask"][0]
    assert (kinds[~is_allowed] == 0).all()
    assert kinds[is_allowed].min() > 0.7 * 4_000 / is_allowed.sum()
    rows = np.arange(4_000)
    assert info["size_mask"][rows, actions[:, 0], actions[:, 1]].all()
    assert info["amount_mask"][rows, actions[:, 0], actions[:, 2]].all()


@pytest.mark.parametrize(
    ("actions", "what"),
    [(np.array([[0, 0, 0], [0, 5, 0]]), r"\[0, 5, 0\] of episode 1"), (np.zeros((2, 2), dtype=int), r"shape \(2, 3\)")],
)
def test_actions_outside_the_space_are_refused(actions, what):
    env = BatchEditingEnv(MATERIALS, 2)
    env.reset(seed=0)
    with pytest.raises(UsageError, match=what):
        env.step(actions)
    single = EditingEnv(MATERIALS)
    single.reset(seed=0)
    with pytest.raises(UsageError, match="outside the space"):
        single.step(np.array([20, 0, 0]))


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"speed": 1}, "no option 'speed'"),
        ({"recording": 9}, "count from 0 to 3"),
        ({"recording": 3, "first": 5}, "cannot begin"),
        ({"reset_mask": np.ones(3)}, "2 truth values"),
    ],
)
def test_impossible_resets_are_refused(options, what):
    with pytest.raises(UsageError, match=what):
        BatchEditingEnv(MATERIALS, 2).reset(options=options)


def test_wrong_beginnings_are_refused():
    with pytest.raises(UsageError, match="num_envs"):
        BatchEditingEnv(MATERIALS, 0)
    with pytest.raises(UsageError, match="at least one recording"):
        BatchEditingEnv([], 1)
    broken = song_material("AB")
    broken.padded[7, 0] = np.inf
    with pytest.raises(NonFiniteError, match=r"song\.wav.*onset_strength is inf at beat 4"):
        BatchEditingEnv([broken], 1)
