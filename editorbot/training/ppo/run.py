"""The whole PPO run: cloning first or not, updates, checkpoints, and the weights as they ship."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editorbot import __version__
from editorbot.config import plain_data
from editorbot.editors.policy_inference.learned import inputs_digest
from editorbot.editors.scoring.learned import SHIPPED, read_score
from editorbot.environment.state import Normalizer
from editorbot.errors import MismatchError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_config import told
from editorbot.training.bc.demonstrations import demonstration_dataset, demonstrations_of, normalizer_of
from editorbot.training.bc.train import BcRun
from editorbot.training.machine import device_line, device_of
from editorbot.training.policy_watch import Watch
from editorbot.training.ppo.advantages import DifferenceRewards
from editorbot.training.ppo.checkpoint import agent_of, load_policy, normalizer_in
from editorbot.training.ppo.config import PpoSettings
from editorbot.training.ppo.data import OnLine, TrainingData, normalizer_by_play, training_data_of, truth_keep_share
from editorbot.training.ppo.rollout import VecEnv
from editorbot.training.ppo.train import PpoRun, PpoState, train_ppo
from editorbot.training.ship_policy import ShippedPolicy, write_policy

REWARD_MEMORY = 10
"""The best update is the one with the best mean reward of so many updates."""


def run_ppo(settings: PpoSettings, *, resume: Path | None = None, on_line: OnLine = lambda line: None) -> ShippedPolicy:
    """Train to the end; go on from a run's latest.pt where one is given.

    Raises
    ------
    EditorbotError
        If there is nothing to play on, or a checkpoint is of something else.
    """
    device = device_of(settings.device)
    torch.set_num_threads(settings.threads)
    on_line(device_line(device, settings.threads))
    training_data = training_data_of(settings, on_line)
    start = _start(settings, training_data, resume, device, on_line)
    vec_env = VecEnv(
        training_data.materials,
        settings.training.n_envs,
        settings.environment,
        start.normalizer,
        group=settings.group,
        subprocess=settings.subprocess,
    )
    run = PpoRun(
        start.agent,
        vec_env,
        training_data.encoder_inputs(start.normalizer),
        settings.training,
        demonstrations=training_data.demonstrations,
        normalizer=start.normalizer,
        holds_to_start=start.is_taught,
        difference_rewards=DifferenceRewards(
            training_data.materials, settings.environment.reward, settings.environment.action_vocabulary
        ),
        device=device,
    )
    if start.state is not None:
        run.go_to(start.state)
    keeper = _Keeper(settings, start, training_data, on_line)
    try:
        train_ppo(run, on_update=keeper.keep)
    finally:
        vec_env.close()
        keeper.watch.close()
    return keeper.ship()


@dataclass
class _Record:
    """How good a run has been so far."""

    rewards: list[float] = field(default_factory=list)
    """Mean rewards of the last REWARD_MEMORY updates."""
    best: float = -math.inf
    """Best mean of so many that was kept."""

    def add(self, reward: float) -> None:
        """Take an update's mean reward."""
        self.rewards = [*self.rewards, reward][-REWARD_MEMORY:]

    def is_best(self) -> bool:
        """Tell whether the last updates are the best so far, and remember them as such."""
        mean = float(np.mean(self.rewards))
        is_better = mean > self.best
        self.best = max(self.best, mean)
        return is_better


@dataclass(frozen=True)
class _Start:
    """Where a run begins."""

    agent: EditingAgent
    normalizer: Normalizer
    is_taught: bool
    state: PpoState | None = None
    record: _Record = field(default_factory=_Record)


def _start(
    settings: PpoSettings, training_data: TrainingData, resume: Path | None, device: str, on_line: OnLine
) -> _Start:
    """Return the policy that a run begins with: resumed, of a checkpoint, cloned first, or fresh."""
    if resume is not None:
        return _resumed(resume, settings, training_data)
    if settings.checkpoint is not None:
        found = load_policy(settings.checkpoint, settings.model.vocabulary)
        on_line(f"beginning with {settings.checkpoint} ({found.method}, step {found.step})")
        return _Start(agent_of(found), normalizer_in(found, settings.checkpoint), True)
    torch.manual_seed(settings.training.seed)
    if settings.bc_pretrain is None:
        normalizer = (
            normalizer_of(training_data.demonstrations)
            if training_data.demonstrations
            else normalizer_by_play(training_data, settings)
        )
        return _Start(EditingAgent(settings.model), normalizer, False)
    data = demonstration_dataset(settings.bc_pretrain, None, what="training")
    score_features = dict(zip(training_data.names, training_data.score_features))
    demonstrations = demonstrations_of(data, score_features, vocabulary=settings.model.vocabulary)
    normalizer = normalizer_of(demonstrations)
    played_on = dict(zip(training_data.names, training_data.materials))
    cloning = BcRun(demonstrations, normalizer, settings.model, settings.cloning, device, played_on)

    while cloning.epoch < settings.cloning.epochs:
        metrics = cloning.train_epoch()
        on_line(f"cloning, epoch {cloning.epoch}: train/bc_loss {metrics['train/bc_loss']:.3f}")
    agent = EditingAgent(settings.model)
    agent.load_state_dict(cloning.calibrated())
    return _Start(agent, normalizer, True)


def _resumed(path: Path, settings: PpoSettings, training_data: TrainingData) -> _Start:
    """Return where a run stood.

    Raises
    ------
    MismatchError
        If it was another run.
    """
    found = load_checkpoint(path, method="ppo", vocabulary=settings.model.vocabulary, features=inputs_digest())
    for part, mine in _asked(settings).items():
        theirs = found.config.get(part, {})
        other = sorted(key for key in mine if theirs.get(key) != mine[key])
        if other:
            asked = f"{mine[other[0]]!r} is asked; go on as it began"
            raise MismatchError(f"it was trained with {other[0]} {theirs.get(other[0])!r}, but {asked}", path=path)
    if found.data != training_data.digest:
        raise MismatchError(
            f"it was trained on the recordings {found.data}, but these are {training_data.digest}", path=path
        )
    if not found.training:
        raise MismatchError("it holds no state to go on from; resume from latest.pt", path=path)
    training = dict(found.training)
    record = _Record(**training.pop("record"))
    state = PpoState(weights=found.weights, **training)
    return _Start(agent_of(found), normalizer_in(found, path), bool(state.reference), state, record)


def _asked(settings: PpoSettings) -> dict[str, dict[str, Any]]:
    """Return what must stay as it is for as long as a run goes on, JSON types."""
    score = (read_score(settings.score or SHIPPED).digest or "none") if settings.hints else "not asked"
    played = {**plain_data(settings.environment), "group": settings.group, "score": score}
    return {"training": plain_data(settings.training), "environment": played}


class _Keeper:
    """Writes down what each update came to, and keeps the best."""

    def __init__(self, settings: PpoSettings, start: _Start, training_data: TrainingData, on_line: OnLine) -> None:
        self.settings, self.training_data, self.on_line = settings, training_data, on_line
        self.model, self.normalizer, self.record = start.agent.config, start.normalizer, start.record
        self.watch = Watch(settings.log, on_line)
        self.best_path, self.latest_path = settings.save / "best.pt", settings.save / "latest.pt"
        self._truth = truth_keep_share(training_data.demonstrations, self.model.action_vocabulary)

    def keep(self, run: PpoRun, metrics: dict[str, float]) -> None:
        """Log an update; keep latest.pt now and then, and best.pt where the mean reward is best."""
        if self._truth is not None:
            metrics = metrics | {"counters/truth_keep_ratio": self._truth}
        self.watch.log(metrics, run.update)
        self.record.add(metrics["train/episode_reward"])
        is_end = run.update >= run.config.updates
        if run.update % self.settings.keep_every == 0 or is_end:
            self._save(run, metrics)
        names = ("train/episode_reward", "train/entropy", "approx_kl", "train/bc_loss", "counters/n_keep_ratio")
        shown = ", ".join(f"{name} {metrics[name]:.3g}" for name in names if name in metrics)
        self.on_line(f"update {run.update}: {shown}, {metrics['time/steps_per_second']:.0f} steps/s")

    def _save(self, run: PpoRun, metrics: Mapping[str, float]) -> None:
        """Write best.pt where this is the best so far, then latest.pt, which knows of it."""
        kept = self._checkpoint(run, metrics)
        if self.record.is_best():
            save_checkpoint(kept, self.best_path)
        training = _plain_state(run.state()) | {"record": dict(vars(self.record))}
        save_checkpoint(replace(kept, training=training), self.latest_path)

    def _checkpoint(self, run: PpoRun, metrics: Mapping[str, float]) -> Checkpoint:
        config = {
            "model": told(self.model),
            **_asked(self.settings),
            "normalizer": {"mean": list(self.normalizer.mean), "std": list(self.normalizer.std)},
        }
        weights = {name: value.detach().cpu().clone() for name, value in run.agent.state_dict().items()}
        return Checkpoint(
            "ppo", config, weights, seed=run.config.seed, step=run.update, metrics=dict(metrics),
            vocabulary=self.model.vocabulary, features=inputs_digest(), data=self.training_data.digest,
            code_version=__version__,
        )  # fmt: skip

    def ship(self) -> ShippedPolicy:
        """Write the best weights as they ship."""
        found = load_checkpoint(self.best_path, method="ppo")
        path = self.settings.save / "policy.safetensors"
        card = {
            "data": f"{len(self.training_data.names)} recordings played on",
            "data_digest": self.training_data.digest,
            "seed": self.settings.training.seed,
            "training": plain_data(self.settings.training),
            "command": self.settings.command,
            "measured": {name: round(value, 4) for name, value in found.metrics.items()},
            "licence": "GPL-3.0-or-later",
            "version": __version__,
        }
        write_policy(found, path, card)
        return ShippedPolicy(self.best_path, path, found.metrics)


def _plain_state(state: PpoState) -> dict[str, object]:
    """Return a state's fields but the weights, which the checkpoint holds anyway."""
    data = dict(state.__dict__)
    data.pop("weights")
    return data
