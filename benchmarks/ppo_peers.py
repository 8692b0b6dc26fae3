"""PPO as this project trains it, beside sb3-contrib's MaskablePPO: steps a second, and what both learn.

    python -m benchmarks.ppo_peers [--runs 3] [--seeds 5] [--steps 61440] [--rates]

Rate: whole updates (rollout and learning) of so many steps of the whole environment, by MLPs of the same size, on one
thread, in turn in one process; the fastest of the runs counts, by processor time. Return: the cutting game, which
MaskablePPO's masks can express (see `ppo_games`), with what both share set as SB3 has it by default; every seed of
every learner plays as many steps. Needs the extra `bench`. Writes ``results/ppo_peers.json``, and by `ppo_page` the
page.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.ppo_games import (
    Game,
    Masks,
    MlpAgent,
    NarrowedVecEnv,
    PeerEnv,
    by_dimension,
    cutting_game,
    drawn,
    play,
    truthful,
    whole_game,
    with_masks,
)
from benchmarks.ppo_page import page
from editorbot.environment.actions import AMOUNTS, SIZES, V3
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.state import STATE_SIZE
from editorbot.models.policy import ActionDistribution, ActionMasks, EditingAgent
from editorbot.models.policy_config import BEAT_INPUTS, SMALL
from editorbot.training.bc.train import rate_share
from editorbot.training.ppo.config import PpoTraining
from editorbot.training.ppo.train import PpoRun

HIDDEN = 64
"""Width of both hidden layers of policy and value network, SB3's default."""

SIDE_BY_SIDE = 16
"""Episodes side by side."""

LIKE_OURS = PpoTraining(gradient_accumulation_steps=1, value_warmup=0, target_kl=1e9)
"""Rollouts and learning as the project has them by default, every pass to its end."""

LIKE_SB3 = replace(LIKE_OURS, batch_size=64, ppo_epochs=10)
"""Learning as SB3 has it by default, on rollouts of the same length."""

SHARED = PpoTraining(
    learning_rate=3e-4, entropy_coeff=0.0, clip_ratio=0.2, target_kl=1e9, value_loss_coeff=0.5, batch_size=64,
    gradient_accumulation_steps=1, ppo_epochs=10, gamma=1.0, gae_lambda=0.95, n_envs=SIDE_BY_SIDE, n_steps=128,
    value_warmup=0, grad_clip=0.5,
)  # fmt: skip
"""What both learners are given for the return: SB3's defaults but for gamma, as all is paid at an episode's end."""


@dataclass(frozen=True)
class Update:
    """One update's cost."""

    steps: int
    """Steps played and learned from."""
    wall_s: float
    """How long it took [seconds]."""
    cpu_s: float
    """Processor time [seconds]."""


@dataclass(frozen=True)
class Curve:
    """What one learner's run came to."""

    steps: list[int]
    """Steps played by the end of each update."""
    rewards: list[float]
    """Mean reward of the episodes that ended in it."""
    greedy: float
    """Mean reward over the recordings, the likeliest action each time, after training."""


Choose = Callable[[np.ndarray, Masks], np.ndarray]


class Ours:
    """The project's learner."""

    def __init__(self, game: Game, config: PpoTraining, *, has_encoder: bool = False) -> None:
        torch.manual_seed(config.seed)
        self._agent = EditingAgent(SMALL) if has_encoder else MlpAgent(HIDDEN)
        columns = BEAT_INPUTS if has_encoder else 0
        inputs = [torch.zeros(material.beats, columns) for material in game.materials]
        self._run = PpoRun(self._agent, NarrowedVecEnv(game, config.n_envs), inputs, config)
        self.reward = math.nan

    def update(self) -> int:
        """Play and learn once; return the steps."""
        told = self._run.run_update()
        self.reward = told["train/episode_reward"]
        return round(told["time/steps_per_second"] * (told["time/rollout"] + told["time/update"]))

    @torch.no_grad()
    def choose(self, state: np.ndarray, masks: Masks) -> np.ndarray:
        """Return the likeliest action."""
        logits = self._agent.policy(torch.from_numpy(state)[None], ActionMasks(*with_masks(masks)))
        return ActionDistribution(logits).mode()[0].numpy()


class Peer:
    """sb3-contrib's learner."""

    def __init__(self, game: Game, config: PpoTraining) -> None:
        from sb3_contrib import MaskablePPO
        from stable_baselines3.common.vec_env import DummyVecEnv

        self._paid: list[float] = []
        envs = DummyVecEnv([lambda: PeerEnv(game, self._paid)] * config.n_envs)
        self._model = MaskablePPO(
            "MlpPolicy",
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
            policy_kwargs={"net_arch": {"pi": [HIDDEN] * 2, "vf": [HIDDEN] * 2}, "activation_fn": nn.ReLU},
            seed=config.seed,
            device="cpu",
        )
        self._config, self._done = config, 0
        self.reward = math.nan

    def update(self) -> int:
        """Play and learn once; return the steps."""
        self._paid.clear()
        rate = self._config.learning_rate * rate_share(self._done, self._config.updates)
        self._model.lr_schedule = lambda _: rate  # the same rise and fall as ours
        steps = self._config.n_envs * self._config.n_steps
        self._model.learn(steps, reset_num_timesteps=False)
        self._done += 1
        self.reward = statistics.mean(self._paid) if self._paid else math.nan
        return steps

    def choose(self, state: np.ndarray, masks: Masks) -> np.ndarray:
        """Return the likeliest action."""
        action, _ = self._model.predict(state, deterministic=True, action_masks=by_dimension(masks))
        return np.asarray(action)


Learner = Ours | Peer


def wide(config: PpoTraining) -> PpoTraining:
    """Return the same rollout from four times as many episodes side by side."""
    return replace(config, n_envs=4 * config.n_envs, n_steps=config.n_steps // 4)


RATE_ROWS: dict[str, Callable[[Game, PpoTraining], Learner]] = {
    "MaskablePPO, DummyVecEnv of 16": Peer,
    "MaskablePPO, DummyVecEnv of 64": lambda game, config: Peer(game, wide(config)),
    "editorbot, the same MLP, 16 side by side": Ours,
    "editorbot, the same MLP, 64 side by side": lambda game, config: Ours(game, wide(config)),
    "editorbot, with its encoder (preset small), 16 side by side": lambda game, config: Ours(
        game, config, has_encoder=True
    ),
}
PEER_ROW, WIDE_PEER_ROW, OUR_ROW, WIDE_ROW, ENCODER_ROW = RATE_ROWS

RETURN_ROWS: dict[str, Callable[[Game, PpoTraining], Learner]] = {
    "MaskablePPO": Peer,
    "editorbot, baseline mean (its default)": Ours,
    "editorbot, baseline gae": lambda game, config: Ours(game, replace(config, baseline="gae")),
}


def timed(learner: Learner) -> Update:
    """Return what an update cost."""
    wall, cpu = time.perf_counter(), time.process_time()
    steps = learner.update()
    return Update(steps, time.perf_counter() - wall, time.process_time() - cpu)


def measure_rates(config: PpoTraining, runs: int, names: Sequence[str]) -> dict[str, list[Update]]:
    """Return the cost of updates of some rows, in turn."""
    game = whole_game()
    learners = {name: RATE_ROWS[name](game, config) for name in names}
    for learner in learners.values():
        learner.update()  # compiles, and fills caches
    found: dict[str, list[Update]] = {name: [] for name in learners}
    for _ in range(runs):
        for name, learner in learners.items():
            found[name].append(timed(learner))
            print(f"{name}: {found[name][-1].steps / found[name][-1].cpu_s:,.0f} steps a CPU second", flush=True)
    return found


def gradients_alone_s(config: PpoTraining, runs: int, layer: type[nn.Linear]) -> float:
    """Return the processor time of nothing but an update's gradients of MaskablePPO's MLPs, a step played [seconds]."""
    inputs = torch.randn(config.batch_size, STATE_SIZE)
    networks = [
        nn.Sequential(layer(STATE_SIZE, HIDDEN), nn.ReLU(), layer(HIDDEN, HIDDEN), nn.ReLU(), layer(HIDDEN, n))
        for n in (V3.types + SIZES + AMOUNTS, 1)
    ]
    took = []
    for _ in range(runs + 1):
        began = time.process_time()
        for _ in range(config.ppo_epochs):
            torch.stack([network(inputs).sum() for network in networks]).sum().backward()  # type: ignore[no-untyped-call]
        took.append((time.process_time() - began) / config.batch_size)
    return statistics.median(took[1:])


def train(make: Callable[[Game, PpoTraining], Learner], game: Game, config: PpoTraining, steps: int) -> Curve:
    """Train a learner until it has played so many steps."""
    learner, played, rewards = make(game, config), [0], []
    while played[-1] < steps:
        played.append(played[-1] + learner.update())
        rewards.append(learner.reward)
    return Curve(played[1:], rewards, greedy_return(game, learner.choose))


def greedy_return(game: Game, choose: Choose) -> float:
    """Return the mean reward over the recordings."""
    env = EditingEnv(game.materials, normalizer=game.normalizer)
    return statistics.mean(play(env, number, game.narrowed, choose) for number in range(len(game.materials)))


def references(game: Game) -> dict[str, float]:
    """Return what players who learn nothing earn."""
    rng = np.random.default_rng(0)
    env = EditingEnv(game.materials, normalizer=game.normalizer)
    numbers = range(len(game.materials))
    return {
        "the truth: song kept, junk cut, a beat at a time": statistics.mean(
            play(env, number, game.narrowed, truthful(game.materials[number])) for number in numbers
        ),
        "keep all": greedy_return(game, lambda state, masks: np.array([0, int(np.flatnonzero(masks[1][0])[-1]), 0])),
        "draws evenly": statistics.mean(
            play(env, number, game.narrowed, lambda state, masks: drawn(masks, rng)) for number in [*numbers] * 8
        ),
    }


def told_of_rates(runs: int) -> dict[str, Any]:
    """Return what the page says of rates."""
    import sb3_contrib
    import stable_baselines3

    began, load = time.perf_counter(), os.getloadavg()[0]
    rates = {
        "ours": measure_rates(LIKE_OURS, runs, list(RATE_ROWS)),
        "sb3": measure_rates(LIKE_SB3, runs, (PEER_ROW, WIDE_PEER_ROW, OUR_ROW, WIDE_ROW)),
    }
    return {
        "runs": runs,
        "rates": {kind: as_data(rows) for kind, rows in rates.items()},
        "gradients_alone_s": {
            each.__name__: gradients_alone_s(LIKE_OURS, 5 * runs, each) for each in (nn.Linear, nn.Linear)
        },
        "hidden": HIDDEN,
        "cores": f"{os.cpu_count()} cores, {platform.machine()}",
        "versions": f"sb3-contrib {sb3_contrib.__version__}, stable-baselines3 {stable_baselines3.__version__}",
        "rate_load": f"{load:.1f} to {os.getloadavg()[0]:.1f}",
        "rate_minutes": (time.perf_counter() - began) / 60,
    }


def told_of_returns(seeds: int, steps: int) -> dict[str, Any]:
    """Return what the page says of returns."""
    game = cutting_game()
    curves: dict[str, list[Curve]] = {name: [] for name in RETURN_ROWS}
    updates = -(-steps // (SHARED.n_envs * SHARED.n_steps))
    for seed in range(seeds):
        for name, make in RETURN_ROWS.items():
            curves[name].append(train(make, game, replace(SHARED, seed=seed, updates=updates), steps))
            print(f"seed {seed}, {name}: {curves[name][-1].greedy:.3f}", flush=True)
    return {
        "seeds": seeds,
        "steps": steps,
        "curves": as_data(curves),
        "references": references(game),
    }


def as_data(rows: Mapping[str, Sequence[Update | Curve]]) -> dict[str, list[dict[str, Any]]]:
    """Return records as JSON holds them."""
    return {name: [vars(one) for one in each] for name, each in rows.items()}


def main() -> None:
    """Measure, and write page and data."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="Updates of each row of the rates.")
    parser.add_argument("--seeds", type=int, default=5, help="Seeds of each learner.")
    parser.add_argument("--steps", type=int, default=61_440, help="Steps that each seed plays.")
    parser.add_argument("--rates", action="store_true", help="Measure rates alone; returns stay as they were found.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "ppo_peers.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path: Path = given.out.with_suffix(".json")
    data = json.loads(path.read_text("utf-8")) if given.rates else told_of_returns(given.seeds, given.steps)
    data |= told_of_rates(given.runs)
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    given.out.write_text(page(data), encoding="utf-8")


if __name__ == "__main__":
    main()
