"""PPO as this project trains it, beside sb3-contrib's MaskablePPO: steps a second, and what both learn.

    python -m benchmarks.ppo_peers [--runs 3] [--seeds 3] [--steps 20480] [--rates]

Both train the product's network (preset small): the encoder over each whole recording, then policy and value layers of
the same width. Rate: whole updates (rollout and learning) on the whole environment, on one thread, in turn in one
process; the fastest of the runs counts, by processor time. Return: the cutting game, which MaskablePPO's masks can
express (see `ppo_games`), with the same settings. Needs the extra `bench`. Writes ``results/ppo_peers.json`` and the
page beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.ppo_games import (
    Choose,
    Game,
    Masks,
    NarrowedVecEnv,
    PeerEnv,
    by_dimension,
    cutting_game,
    drawn,
    play,
    seen,
    truthful,
    whole_game,
)
from editorbot.environment.gym_env import EditingEnv
from editorbot.models.encoder import HybridNATTENEncoder
from editorbot.models.policy import ActionDistribution, ActionMasks, EditingAgent, policy_inputs
from editorbot.models.policy_config import SMALL
from editorbot.training.bc.train import rate_share
from editorbot.training.ppo.config import PpoTraining
from editorbot.training.ppo.rollout import encoder_inputs
from editorbot.training.ppo.train import PpoRun

WIDTH = 2 * SMALL.policy_hidden_dim
"""Width of both hidden layers of policy and value network."""

RATES = PpoTraining(gradient_accumulation_steps=1, value_warmup=0, target_kl=1e9)
"""The project's default: 16 episodes side by side, rollouts of 8,192 steps, 4 passes, batches of 2,048; every pass to
its end."""

RETURNS = PpoTraining(
    learning_rate=3e-4, entropy_coeff=0.0, clip_ratio=0.2, target_kl=1e9, value_loss_coeff=0.5, batch_size=256,
    gradient_accumulation_steps=1, ppo_epochs=4, gamma=1.0, gae_lambda=0.95, n_envs=16, n_steps=128, value_warmup=0,
    grad_clip=0.5,
)  # fmt: skip
"""What both learners are given for the return: SB3's defaults, but gamma = 1, as all is paid at an episode's end, and
fewer and larger batches."""

STUDENT_T = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Half width of a 95 % interval of so many numbers' mean, in standard errors."""


class Ours:
    """The project's learner."""

    def __init__(self, game: Game, config: PpoTraining) -> None:
        torch.manual_seed(config.seed)
        self._agent, self._inputs = EditingAgent(SMALL), game.encoder_inputs
        self._run = PpoRun(self._agent, NarrowedVecEnv(game, config.n_envs), self._inputs, config)
        self.reward = math.nan

    def update(self) -> int:
        """Play and learn once; return the steps."""
        metrics = self._run.run_update()
        self.reward = metrics["train/episode_reward"]
        return round(metrics["time/steps_per_second"] * (metrics["time/rollout"] + metrics["time/update"]))

    @torch.no_grad()
    def choose(self, state: np.ndarray, info: dict[str, Any], masks: Masks) -> np.ndarray:
        """Return the likeliest action."""
        joined, lengths, first_row, position = encoder_inputs(self._inputs, torch.tensor([info["recording"]]))
        tensors = ActionMasks(*(torch.from_numpy(part)[None] for part in masks))
        output = self._agent(
            joined, lengths, first_row + info["beat"], position, torch.from_numpy(state)[None], tensors
        )
        return ActionDistribution(output.logits).mode()[0].numpy()


class Peer:
    """sb3-contrib's learner."""

    def __init__(self, game: Game, config: PpoTraining) -> None:
        from sb3_contrib import MaskablePPO
        from stable_baselines3.common.vec_env import DummyVecEnv

        self._rewards: list[float] = []
        envs = DummyVecEnv([lambda: PeerEnv(game, self._rewards)] * config.n_envs)
        self._model = MaskablePPO(
            "MultiInputPolicy",
            envs,
            learning_rate=config.learning_rate,
            n_steps=config.n_steps,
            batch_size=config.batch_size,
            n_epochs=config.ppo_epochs,
            gamma=config.gamma,
            gae_lambda=config.gae_lambda,
            clip_range=config.clip_ratio,
            ent_coef=config.entropy_coeff / 3,  # ours counts a third of the entropy
            vf_coef=config.value_loss_coeff,
            max_grad_norm=config.grad_clip,
            policy_kwargs={
                "features_extractor_class": extractor_of(game.encoder_inputs),
                "net_arch": {"pi": [WIDTH] * 2, "vf": [WIDTH] * 2},
                "activation_fn": nn.ReLU,
            },
            seed=config.seed,
            device="cpu",
        )
        self._config, self._done = config, 0
        self.reward = math.nan

    def update(self) -> int:
        """Play and learn once; return the steps."""
        self._rewards.clear()
        rate = self._config.learning_rate * rate_share(self._done, self._config.updates)
        self._model.lr_schedule = lambda _: rate  # the same rise and fall as ours
        steps = self._config.n_envs * self._config.n_steps
        self._model.learn(steps, reset_num_timesteps=False)
        self._done += 1
        self.reward = statistics.mean(self._rewards) if self._rewards else math.nan
        return steps

    def choose(self, state: np.ndarray, info: dict[str, Any], masks: Masks) -> np.ndarray:
        """Return the likeliest action."""
        action, _ = self._model.predict(seen(state, info), deterministic=True, action_masks=by_dimension(masks))
        return np.asarray(action)


def extractor_of(inputs: Sequence[Tensor]) -> type[nn.Module]:
    """Return the product's encoder as a features extractor of stable-baselines3.

    While playing, when weights do not change, each recording is encoded once, as in our rollouts.
    """
    from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

    class Extractor(BaseFeaturesExtractor):
        def __init__(self, space: Any) -> None:
            super().__init__(space, SMALL.inputs)
            self.encoder = HybridNATTENEncoder(replace(SMALL, dropout=0.0))
            self._known: dict[tuple[int, ...], Any] = {}

        def forward(self, observations: Mapping[str, Tensor]) -> Tensor:
            recording, beat = (observations[name].long()[:, 0] for name in ("recording", "beat"))
            joined, lengths, first_row, position = encoder_inputs(inputs, recording)
            key = tuple(recording.unique().tolist())
            if torch.is_grad_enabled():
                self._known.clear()
                encoded = self.encoder(joined, lengths)
            else:
                if key not in self._known:
                    self._known[key] = self.encoder(joined, lengths)
                encoded = self._known[key]
            rows = torch.clamp(first_row + beat, max=len(joined) - 1)  # an episode that is over may be behind the last
            return policy_inputs(encoded, rows, position, observations["state"])

    return Extractor


Learner = Ours | Peer


def wide(config: PpoTraining) -> PpoTraining:
    """Return the same rollout from four times as many episodes side by side."""
    return replace(config, n_envs=4 * config.n_envs, n_steps=config.n_steps // 4)


RATE_ROWS: dict[str, Callable[[Game, PpoTraining], Learner]] = {
    "MaskablePPO, DummyVecEnv of 16": Peer,
    "MaskablePPO, DummyVecEnv of 64": lambda game, config: Peer(game, wide(config)),
    "editorbot, 16 side by side": Ours,
    "editorbot, 64 side by side": lambda game, config: Ours(game, wide(config)),
}

RETURN_ROWS: dict[str, Callable[[Game, PpoTraining], Learner]] = {
    "MaskablePPO": Peer,
    "editorbot, baseline mean (its default)": Ours,
    "editorbot, baseline gae": lambda game, config: Ours(game, replace(config, baseline="gae")),
}


def measure_rates(runs: int) -> dict[str, Any]:
    """Measure the steps a second of updates, each learner in turn."""
    import sb3_contrib
    import stable_baselines3

    game, load = whole_game(), os.getloadavg()[0]
    learners = {name: make(game, RATES) for name, make in RATE_ROWS.items()}
    for learner in learners.values():
        learner.update()  # compiles, and fills caches
    rates: dict[str, list[float]] = {name: [] for name in learners}
    for _ in range(runs):
        for name, learner in learners.items():
            began_s = time.process_time()
            rates[name].append(learner.update() / (time.process_time() - began_s))
            print(f"{name}: {rates[name][-1]:,.0f} steps a CPU second", flush=True)
    return {
        "runs": runs,
        "rates": rates,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, load {load:.1f} to {os.getloadavg()[0]:.1f}",
        "versions": f"sb3-contrib {sb3_contrib.__version__}, stable-baselines3 {stable_baselines3.__version__}",
    }


def measure_returns(seeds: int, steps: int) -> dict[str, Any]:
    """Train every learner with every seed; return rewards along the way, and of the likeliest actions in the end."""
    game = cutting_game()
    curves: dict[str, list[dict[str, Any]]] = {name: [] for name in RETURN_ROWS}
    updates = -(-steps // (RETURNS.n_envs * RETURNS.n_steps))
    for seed in range(seeds):
        for name, make in RETURN_ROWS.items():
            learner, played, rewards = make(game, replace(RETURNS, seed=seed, updates=updates)), 0, []
            while played < steps:
                played += learner.update()
                rewards.append(learner.reward)
            curves[name].append({"rewards": rewards, "greedy": greedy_return(game, learner.choose)})
            print(f"seed {seed}, {name}: {curves[name][-1]['greedy']:.3f}", flush=True)
    return {"seeds": seeds, "steps": steps, "curves": curves, "references": references(game)}


def greedy_return(game: Game, choose: Choose) -> float:
    """Return the mean reward over the recordings."""
    env = EditingEnv(game.materials, normalizer=game.normalizer)
    return statistics.mean(play(env, number, game.narrowed, choose) for number in range(len(game.materials)))


def references(game: Game) -> dict[str, float]:
    """Return the rewards of players that learn nothing."""
    rng, env = np.random.default_rng(0), EditingEnv(game.materials, normalizer=game.normalizer)
    numbers = range(len(game.materials))
    truths = [play(env, number, game.narrowed, truthful(game.materials[number])) for number in numbers]
    longest = greedy_return(game, lambda state, info, masks: np.array([0, int(np.flatnonzero(masks[1][0])[-1]), 0]))
    uniform = [greedy_return(game, lambda state, info, masks: drawn(masks, rng)) for _ in range(8)]
    return {
        "the truth: song kept, junk cut, a beat at a time": statistics.mean(truths),
        "keep all": longest,
        "uniform over the allowed actions": statistics.mean(uniform),
    }


PAGE = """# PPO beside sb3-contrib's MaskablePPO

`python -m benchmarks.ppo_peers`: {runs} updates of each row in turn, {seeds} seeds; {versions}. {machine}; one thread.

Both train the product's network, preset small: the encoder reads each whole recording, policy and value layers are
{width} wide. Ours has the larger heads: sizes and amounts for each type (220 outputs beside 30), and an exact entropy
over all of them.

## Steps a second, rollout and learning together

The whole environment, recordings of 512 beats, rollouts of 8,192 steps, 4 passes, batches of 2,048. Of each row the
fastest update counts. MaskablePPO gets the sizes and amounts that are allowed for any type, so it takes masked actions
now and then; the environment carries those out as far as they go, and the rate does not change by it.

| learner | steps a CPU second | beside MaskablePPO |
|---|---|---|
{rates}

## Return

The cutting game: KEEP and CUT in five sizes, the reward as it is; eight recordings of 112 beats, about half of them
song. Both get the same masks and settings: learning rate 3e-4, 4 passes, batches of 256, clip 0.2, no entropy bonus,
lambda 0.95, gamma 1, rollouts of 2,048 steps. Ours plays episodes to their end, so its rollouts are a little longer.
Nothing was tuned for either. Mean and 95 % interval over the seeds, {steps:,} steps each.

| learner | likeliest actions, after training | last quarter of training, sampled | each seed, likeliest |
|---|---|---|---|
{returns}
{references}

95 % intervals of the differences of means, less MaskablePPO:

{compared}
"""


def interval(values: Sequence[float]) -> float:
    """Half width of the 95 % interval of a mean."""
    return STUDENT_T[len(values)] * statistics.stdev(values) / math.sqrt(len(values))


def greedy(run: Mapping[str, Any]) -> float:
    """Reward of the likeliest actions after training."""
    return float(run["greedy"])


def late(run: Mapping[str, Any]) -> float:
    """Mean reward of the last quarter of training."""
    return statistics.mean(run["rewards"][-max(len(run["rewards"]) // 4, 1) :])


def difference(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Difference of two means with its 95 % interval, with as few degrees of freedom as one of them has."""
    mean = statistics.mean(ours) - statistics.mean(theirs)
    half = STUDENT_T[len(ours)] * math.sqrt((statistics.variance(ours) + statistics.variance(theirs)) / len(ours))
    return (
        f"{mean:+.3f} ± {half:.3f}, {'above' if mean > half else 'below' if mean < -half else 'no difference is shown'}"
    )


def page(data: Mapping[str, Any]) -> str:
    """Return the results as a page."""
    curves, rates = data["curves"], {name: max(values) for name, values in data["rates"].items()}
    peer, *_ = rates.values()
    theirs, *_ = curves.values()

    def cell(values: Sequence[float]) -> str:
        return f"{statistics.mean(values):.3f} ± {interval(values):.3f}"

    returns = [
        f"| {name} | {cell([*map(greedy, runs)])} | {cell([*map(late, runs)])} | "
        f"{', '.join(f'{greedy(run):.2f}' for run in runs)} |"
        for name, runs in curves.items()
    ]
    compared = [
        f"* {name}: " + "; ".join(
            f"{what} {difference([*map(of, runs)], [*map(of, theirs)])}"
            for what, of in (("after training", greedy), ("last quarter", late))
        )
        for name, runs in list(curves.items())[1:]
    ]  # fmt: skip
    return PAGE.format(
        **{name: data[name] for name in ("runs", "seeds", "steps", "versions", "machine")},
        width=WIDTH,
        rates="\n".join(f"| {name} | {rate:,.0f} | {rate / peer:.2f} x |" for name, rate in rates.items()),
        returns="\n".join(returns),
        references="\n".join(f"| {name} | {value:.3f} | | |" for name, value in data["references"].items()),
        compared="\n".join(compared),
    )


def main() -> None:
    """Measure, and write page and data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="Updates of each row of the rates.")
    parser.add_argument("--seeds", type=int, default=3, help="Seeds of each learner.")
    parser.add_argument("--steps", type=int, default=20_480, help="Steps that each seed plays.")
    parser.add_argument("--rates", action="store_true", help="Measure rates alone; returns stay as they were found.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ppo_peers.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path: Path = given.out.with_suffix(".json")
    data = json.loads(path.read_text("utf-8")) if given.rates else measure_returns(given.seeds, given.steps)
    data |= measure_rates(given.runs)
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    given.out.write_text(page(data), encoding="utf-8")


if __name__ == "__main__":
    main()
