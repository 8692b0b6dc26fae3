"""PPO: it solves a trivial game, holds its word to the seed, goes on bit for bit, and plays real episodes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.environment.difference_rewards import DifferenceRewards
from editorbot.environment.masks import BatchMasks
from editorbot.environment.settings import EnvironmentSettings, RewardWeights
from editorbot.environment.state import STATE_SIZE, Normalizer
from editorbot.environment.vec_env import Observations, StepResults, VecEnv
from editorbot.errors import NonFiniteError, UsageError
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_config import BEAT_INPUTS
from editorbot.training.bc.train import linear_schedule
from editorbot.training.policy_watch import Alarms, type_shares
from editorbot.training.ppo.config import PpoTraining
from editorbot.training.ppo.rollout import collect_rollout
from editorbot.training.ppo.train import PpoRun, policy_loss, value_loss
from tests.environment.games import song_material
from tests.training.demonstrations import TINY, demonstrations

QUICK = PpoTraining(
    updates=3, n_envs=8, n_steps=4, batch_size=1000, gradient_accumulation_steps=1, learning_rate=3e-3, value_warmup=0
)


class TrivialVecEnv(VecEnv):
    """Three steps an episode; each CUT pays, and SKIP is closed."""

    def __init__(self) -> None:
        self.count, self.group = 8, 4

    def reset(self, recordings: np.ndarray, rng: np.random.Generator) -> Observations:
        self._recordings, self._step = recordings, 0
        return self._observations()

    def step(self, actions: np.ndarray) -> tuple[Observations, StepResults]:
        self._step += 1
        assert (actions[:, 0] < 2).all()
        done = np.full(self.count, self._step >= 3)
        return self._observations(), StepResults((actions[:, 0] == 1).astype(float), done, {})

    def close(self) -> None:
        """Nothing to let go of."""

    def _observations(self) -> Observations:
        masks = BatchMasks.empty(self.count, 20)
        masks.type[:, :2] = masks.size[:, :2, 0] = masks.amount[:, :2, 0] = True
        states, beat = np.zeros((self.count, STATE_SIZE), np.float32), np.full(self.count, min(self._step, 3))
        return Observations(states, self._recordings, beat, masks)


def updates_of(run: PpoRun) -> list[dict[str, float]]:
    """Run all updates; return their metrics."""
    return [run.run_update() for _ in range(run.config.updates - run.update)]


def fresh() -> EditingAgent:
    torch.manual_seed(0)
    return EditingAgent(TINY)


def recordings(count: int = 2, beats: int = 4) -> list[torch.Tensor]:
    return [torch.zeros(beats, BEAT_INPUTS) for _ in range(count)]


def test_a_trivial_game_is_solved():
    vec_env = TrivialVecEnv()
    config = replace(QUICK, updates=25, learning_rate=2e-2, entropy_coeff=0.0, target_kl=1.0)
    told = updates_of(PpoRun(fresh(), vec_env, recordings(), config))
    assert told[0]["train/episode_reward"] < 2.4
    assert told[-1]["train/episode_reward"] > 2.8
    assert told[-1]["counters/n_cut"] > 0.9


def generators() -> tuple[np.random.Generator, torch.Generator]:
    return np.random.default_rng(0), torch.Generator().manual_seed(0)


def editing_games(group: int = 4) -> tuple[VecEnv, list[torch.Tensor]]:
    materials = [song_material("AB", target=0.5, seed=seed) for seed in range(2)]
    vec_env = VecEnv(materials, 8, EnvironmentSettings(), Normalizer.identity(), group=group)
    rng = np.random.default_rng(0)
    inputs = [torch.from_numpy(rng.normal(size=(one.beats, BEAT_INPUTS)).astype(np.float32)) for one in materials]
    return vec_env, inputs


def run_of(config: PpoTraining, holds: bool = False) -> PpoRun:
    vec_env, inputs = editing_games()
    return PpoRun(fresh(), vec_env, inputs, config, demonstrations=demonstrations(2), holds_to_start=holds)


def test_what_is_played_is_open_finished_and_told_as_it_was_drawn():
    vec_env, inputs = editing_games()
    agent = fresh()
    steps, components = collect_rollout(
        agent, vec_env, inputs, 40, np.random.default_rng(0), torch.Generator().manual_seed(0)
    )
    kinds, sizes, amounts = steps.actions.unbind(-1)
    row = torch.arange(len(steps))
    assert steps.masks.type[row, kinds].all()
    assert steps.masks.size[row, kinds, sizes].all()
    assert steps.masks.amount[row, kinds, amounts].all()
    assert int(steps.is_last.sum()) == int(steps.episode[-1]) + 1
    assert ((steps.rewards != 0) <= steps.is_last).all()
    assert "content" in components
    # The update sees the distribution that the steps were drawn from: all ratios are 1 before it.
    run = PpoRun(agent, vec_env, inputs, QUICK)
    told = run._step(steps, row, steps.rewards, torch.ones(len(steps)), None)
    assert told["approx_kl"] == pytest.approx(0, abs=1e-6)


def checkpoint_of(run: PpoRun) -> Checkpoint:
    """Return what is kept of a run, as it is read back."""
    return copy.deepcopy(Checkpoint("ppo", {}, run.agent.state_dict(), training=run.training_state()))


def test_the_same_seed_gives_the_same_weights_and_a_run_resumes_bit_for_bit():
    config = replace(QUICK, updates=2, n_steps=96)
    first, second = run_of(config, holds=True), run_of(config, holds=True)
    first.run_update()
    second.load(checkpoint_of(first))
    weights = [one.agent.state_dict() for one in (first, second) if updates_of(one)]
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_several_waves_lie_episode_by_episode_as_they_were_played():
    class Told(TrivialVecEnv):
        """Episodes of one to three steps; states tell the wave, the episode and the step."""

        waves = 0

        def reset(self, recordings: np.ndarray, rng: np.random.Generator) -> Observations:
            self.waves += 1
            return super().reset(recordings, rng)

        def step(self, actions: torch.Tensor) -> tuple[Observations, StepResults]:
            observations, step_results = super().step(actions)
            return observations, replace(step_results, is_done=self._step >= 1 + np.arange(self.count) % 3)

        def _observations(self) -> Observations:
            observations = super()._observations()
            told = np.array([[self.waves, episode, self._step] for episode in range(self.count)])
            observations.states[:, :3] = told
            return observations

    steps, _ = collect_rollout(
        fresh(), Told(), recordings(), 40, np.random.default_rng(0), torch.Generator().manual_seed(0)
    )
    lengths = [1 + episode % 3 for episode in range(8)]
    wanted = [
        [wave, episode, step] for wave in (1, 2, 3) for episode, length in enumerate(lengths) for step in range(length)
    ]
    assert steps.states[:, :3].tolist() == wanted
    assert steps.episode.tolist() == [8 * (wave - 1) + episode for wave, episode, _ in wanted]
    assert steps.beat.tolist() == [step for *_, step in wanted]
    assert int(steps.is_last.sum()) == 24


def test_a_gradient_that_is_no_number_stops_before_the_weights_are_lost():
    run = run_of(QUICK)
    steps, _ = collect_rollout(run.agent, run.vec_env, run.inputs, 40, np.random.default_rng(0), run.generator)
    before = {name: value.clone() for name, value in run.agent.state_dict().items()}
    rewards = torch.full_like(steps.rewards, torch.nan)
    with pytest.raises(NonFiniteError, match="update 0"):
        run._step(steps, torch.arange(len(steps)), rewards, rewards, None)
    assert all(torch.equal(value, before[name]) for name, value in run.agent.state_dict().items())


def test_everything_that_is_watched_has_its_name():
    told = run_of(replace(QUICK, updates=1), holds=True).run_update()
    names = {
        "train/entropy", "train/bc_entropy", "train/bc_loss", "approx_kl", "train/episode_reward",
        "counters/n_keep_ratio", "train/policy_loss", "train/value_loss", "train/grad_norm", "reward/content",
        "counters/n_swap_next", "time/data_sample", "time/rollout", "time/update", "time/scheduler",
    }  # fmt: skip
    assert names <= set(told)


def test_parts_of_a_batch_add_up_to_the_whole():
    vec_env, inputs = editing_games()
    steps, _ = collect_rollout(fresh(), vec_env, inputs, 40, *generators())
    rows = torch.arange(len(steps) - len(steps) % 2)
    found = []
    for parts in (1, 2):
        config = replace(QUICK, gradient_accumulation_steps=parts)
        run = PpoRun(fresh(), vec_env, inputs, config)
        run._step(steps, rows, steps.rewards, torch.linspace(-1, 1, len(steps)), None)
        found.append([one.grad.clone() for one in run.agent.parameters() if one.grad is not None])
    for one, other in zip(*found):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=1e-4)


def test_trouble_is_told_once():
    lines: list[str] = []
    alarms = Alarms(lines.append)
    for step in range(30):
        alarms.check({"approx_kl": 0.2, "train/entropy": 1.0}, step)
    assert len(lines) == 1
    assert "approx_kl is 0.2; updates are too aggressive" in lines[0]


def test_impossible_settings_are_refused():
    with pytest.raises(UsageError, match="at least 1"):
        PpoTraining(updates=0)


def test_difference_rewards_train_and_the_same_seed_gives_the_same_weights():
    def trained() -> tuple[dict, dict]:
        config = replace(QUICK, baseline="difference", updates=2, value_warmup=0)
        vec_env, inputs = editing_games()
        materials = [song_material("AB", target=0.5, seed=seed) for seed in range(2)]
        differences = DifferenceRewards(
            materials, RewardWeights(similarity=3.0), EnvironmentSettings().action_vocabulary
        )
        run = PpoRun(fresh(), vec_env, inputs, config, difference_rewards=differences)
        before = copy.deepcopy(run.agent.state_dict())
        updates_of(run)
        return before, run.agent.state_dict()

    (before, after), (_, again) = trained(), trained()
    heads = [name for name in after if name.startswith("policy.")]
    assert any(not torch.equal(before[name], after[name]) for name in heads)
    assert all(torch.equal(after[name], again[name]) for name in after)


def test_the_baseline_difference_needs_difference_rewards():
    vec_env, inputs = editing_games()
    with pytest.raises(UsageError, match="needs the difference rewards"):
        PpoRun(fresh(), vec_env, inputs, replace(QUICK, baseline="difference"))
    with pytest.raises(UsageError, match="rest_weight"):
        PpoTraining(rest_weight=-1.0)


def test_the_surrogate_is_clipped_where_it_would_gain_too_much():
    old, advantages = torch.zeros(4), torch.tensor([1.0, 1.0, -1.0, -1.0])
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5])
    found = policy_loss(ratio.log(), old, advantages, 0.2)
    wanted = [min(r * a, min(max(r, 0.8), 1.2) * a) for r, a in zip(ratio.tolist(), advantages.tolist())]
    assert float(found.policy_loss) == pytest.approx(-np.mean(wanted))
    assert float(found.approx_kl) == pytest.approx(np.mean([r - 1 - np.log(r) for r in ratio.tolist()]))
    assert float(found.clip_fraction) == 1.0


def test_returns_are_clipped_for_the_value():
    assert float(value_loss(torch.tensor([0.0, 1.0]), torch.tensor([5000.0, 1.0]))) == pytest.approx(1000.0**2 / 2)


def test_shares_of_types_and_schedules():
    shares = type_shares(np.array([0, 1, 0, 0]), ("KEEP", "CUT", "LOOP"))
    assert shares == {
        "counters/n_keep": 0.75, "counters/n_cut": 0.25, "counters/n_loop": 0.0, "counters/n_keep_ratio": 0.75,
    }  # fmt: skip
    assert [linear_schedule(1.0, 0.0, step, 5) for step in (0, 2, 4, 9)] == [1.0, 0.5, 0.0, 0.0]
