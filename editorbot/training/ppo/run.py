"""``train ppo`` from beginning to end: recordings, cloning first or not, updates, and the policy that ships."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from editorbot.analysis.trackers import check_tracker
from editorbot.config import plain_data
from editorbot.editors.policy_inference.learned import inputs_digest
from editorbot.editors.scoring.learned import SHIPPED, read_score
from editorbot.environment.difference_rewards import DifferenceRewards
from editorbot.environment.gym_env import random_play_normalizer
from editorbot.environment.state import Normalizer
from editorbot.environment.vec_env import VecEnv
from editorbot.errors import printable
from editorbot.models.checkpoint import load_checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.training.bc.demonstrations import demonstration_dataset, demonstrations_of, normalizer_of
from editorbot.training.bc.train import BcRun
from editorbot.training.machine import device_line, device_of
from editorbot.training.policy_checkpoint import read_policy, write_policy
from editorbot.training.policy_watch import Alarms
from editorbot.training.ppo.config import PpoSettings
from editorbot.training.ppo.data import PlayedRecordings, played_recordings
from editorbot.training.ppo.train import PpoRun
from editorbot.training.run_folder import OnLine, RunFolder, RunHeader, card_of, cpu_weights, line_of, silent

REWARD_MEMORY = 10
"""The best update is the one with the best mean reward of so many updates."""

REWARD = "train/episode_reward"
SHOWN = (REWARD, "train/entropy", "approx_kl", "train/bc_loss", "counters/n_keep_ratio", "time/steps_per_second")
"""Metrics in the line of an update."""


def train(settings: PpoSettings, *, command: str = "", on_line: OnLine = silent) -> Path:
    """Train to the end and write the policy; return its path.

    Raises
    ------
    EditorbotError
        If there is nothing to play on, or a checkpoint is of something else.
    """
    check_tracker(settings.beat_tracker)
    device, config = device_of(settings.device), settings.learning
    torch.set_num_threads(settings.threads)
    on_line(device_line(device, settings.threads))
    played = played_recordings(settings, on_line)
    header = _header(settings, played)
    folder = RunFolder(
        header, settings.save, log=settings.log, on_line=on_line, score_of=lambda metrics: metrics[REWARD]
    )
    found = folder.resume(settings.resume)
    if found is None:
        agent, normalizer, is_cloned = _beginning(settings, played, device, on_line)
    else:
        agent, normalizer = read_policy(found, settings.save)
        is_cloned = bool(found.training["reference"])
    networks = {"model": plain_data(agent.config), "normalizer": normalizer.data}
    folder.header = replace(header, config={**header.config, **networks})
    game = (played.materials, config.n_envs, settings.environment, normalizer)
    vec_env = VecEnv(*game, group=settings.group, subprocess=settings.subprocess)
    run = PpoRun(
        agent, vec_env, played.encoder_inputs(normalizer), config, demonstrations=played.demonstrations,
        normalizer=normalizer, holds_to_start=is_cloned, device=device,
        difference_rewards=DifferenceRewards(played.materials, settings.reward, settings.model.action_vocabulary),
    )  # fmt: skip
    rewards: list[float] = []
    if found is not None:
        run.load(found)
        rewards, folder.best_score = found.training["record"]["rewards"], found.training["record"]["best"]
    alarms = Alarms(on_line)
    with closing(vec_env), folder:
        while run.update < config.updates:
            metrics = run.run_update() | played.truth_keep_ratio
            folder.log_metrics(run.update, metrics)
            alarms.check(metrics, run.update)
            rewards = [*rewards, metrics[REWARD]][-REWARD_MEMORY:]
            if run.update % settings.keep_every == 0 or run.update == config.updates:
                score = float(np.mean(rewards))
                record = {"rewards": rewards, "best": max(folder.best_score, score)}
                training = run.training_state() | {"record": record}
                folder.save_step(run.update, metrics, weights=cpu_weights(run.agent), training=training, score=score)
            on_line(line_of(f"update {run.update}", metrics, SHOWN))
    best, path = folder.best(), settings.save / "policy.safetensors"
    measured = {name: round(value, 4) for name, value in best.metrics.items()}
    data = f"{len(played.names)} recordings played on"
    write_policy(best, path, card_of(header, data=data, training=config, command=command, measured=measured))
    where = f"the policy is {printable(str(path))}, the checkpoint {folder.best_path}"
    on_line(f"reward {best.metrics[REWARD]:.3f}; {where}")
    return path


def _header(settings: PpoSettings, played: PlayedRecordings) -> RunHeader:
    """Describe the run; networks and normalizer are those that it begins with."""
    score = (read_score(settings.score or SHIPPED).digest or "none") if settings.score_features else "not asked"
    environment = {**plain_data(settings.environment), "group": settings.group, "score": score}
    environment |= {"beat_tracker": settings.beat_tracker} if settings.beat_tracker != "embedded" else {}
    config = {"training": plain_data(settings.learning), "environment": environment}
    return RunHeader(
        "ppo", config, played.digest, settings.training.seed, vocabulary=settings.model.vocabulary,
        features=inputs_digest(), compared=("training", "environment"),
    )  # fmt: skip


def _beginning(
    settings: PpoSettings, played: PlayedRecordings, device: str, on_line: OnLine
) -> tuple[EditingAgent, Normalizer, bool]:
    """Make the policy that a run begins with: of a checkpoint, cloned or fresh; tell whether to hold the run near."""
    vocabulary = settings.model.vocabulary
    if (path := settings.checkpoint) is not None:
        found = load_checkpoint(path, method=("bc", "ppo"), vocabulary=vocabulary, features=inputs_digest())
        on_line(f"beginning with {path} ({found.method}, step {found.step})")
        return *read_policy(found, path), True
    torch.manual_seed(settings.training.seed)
    agent = EditingAgent(settings.model)
    if settings.bc_pretrain_npz is None:
        if played.demonstrations:
            return agent, normalizer_of(played.demonstrations), False
        return agent, random_play_normalizer(played.materials, settings.environment, seed=settings.training.seed), False
    data = demonstration_dataset(settings.bc_pretrain_npz, None, what="training")
    demonstrations = demonstrations_of(data, dict(zip(played.names, played.score_features)), vocabulary=vocabulary)
    normalizer, materials = normalizer_of(demonstrations), dict(zip(played.names, played.materials))
    cloning = BcRun(demonstrations, normalizer, settings.model, settings.cloning, device, materials)
    while cloning.epoch < settings.bc_pretrain_epochs:
        on_line(line_of(f"cloning, epoch {cloning.epoch + 1}", cloning.train_epoch(), ["train/bc_loss"]))
    agent.load_state_dict(cloning.calibrated())
    return agent, normalizer, True
