"""``train ppo`` from beginning to end: recordings, cloning first or not, updates, and the policy that ships."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from editorbot.analysis.trackers import check_tracker
from editorbot.config import plain_data
from editorbot.corpus.splits import refuse_held_out_pairs
from editorbot.editors.policy_inference.learned import inputs_digest
from editorbot.editors.policy_inference.network import beat_inputs
from editorbot.editors.scoring.learned import SHIPPED, read_score
from editorbot.environment.difference_rewards import DifferenceRewards
from editorbot.environment.gym_env import random_play_normalizer
from editorbot.environment.material import REACH, Material, material_of
from editorbot.environment.state import Normalizer
from editorbot.environment.vec_env import VecEnv
from editorbot.errors import EditorbotError, EmptyError, NotFoundError, printable
from editorbot.models.checkpoint import load_checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.training.bc.demonstrations import (
    CHANCE,
    Demonstration,
    demonstration_dataset,
    demonstrations_at,
    demonstrations_of,
    materials_of,
    normalizer_of,
)
from editorbot.training.bc.train import BcRun
from editorbot.training.machine import device_line, device_of
from editorbot.training.policy_checkpoint import read_policy, write_policy
from editorbot.training.policy_score_features import analysis_of, pairs_by_name, score_features_by_name
from editorbot.training.policy_watch import Alarms
from editorbot.training.ppo.config import PpoSettings
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


@dataclass(frozen=True)
class PlayedRecordings:
    """Recordings to play on; everything but the demonstrations in the same order."""

    names: tuple[str, ...]
    """Their names."""
    materials: tuple[Material, ...]
    """What the environment reads of them."""
    score_features: tuple[np.ndarray, ...]
    """See SCORE_FEATURE_NAMES, shape=(beats, SCORE_FEATURES); zeros if there are none."""
    demonstrations: list[Demonstration]
    """Human edits to mix in."""

    @cached_property
    def digest(self) -> str:
        """Digest of names, features and worth of the beats, and score features."""
        total = hashlib.sha256()
        for name, material, score_features in zip(self.names, self.materials, self.score_features):
            total.update(name.encode())
            for part in (material.padded, material.tables.worth, score_features):
                total.update(np.ascontiguousarray(part).tobytes())
        return total.hexdigest()[:16]

    @property
    def truth_keep_ratio(self) -> dict[str, float]:
        """Share of KEEP in the humans' own steps as a metric; KEEP is the first type of every vocabulary."""
        types = [one.actions[:, 0] for one in self.demonstrations]
        return {"counters/truth_keep_ratio": float((np.concatenate(types) == 0).mean())} if types else {}

    def encoder_inputs(self, normalizer: Normalizer) -> list[torch.Tensor]:
        """What the encoder reads of each recording, shape=(beats, BEAT_INPUTS)."""
        features = (material.padded[REACH:-REACH] for material in self.materials)
        return [torch.from_numpy(beat_inputs(*each, normalizer)) for each in zip(features, self.score_features)]


def played_recordings(settings: PpoSettings, on_line: OnLine) -> PlayedRecordings:
    """Read the recordings of the samples, or all of the folder without samples.

    Raises
    ------
    EmptyError, NotFoundError, SplitError
        If there are none, or they are of test artists.
    """
    samples = settings.bc_mixed_npz or settings.bc_pretrain_npz
    if samples is None:
        return _all_recordings(settings, on_line)
    given = settings.data_dir if settings.data_dir.is_dir() else None
    demonstrations, folder = demonstrations_at(samples, given, settings, on_line, what="training")
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no such folder, nor {settings.data_dir}; name the pairs' --data-dir", path=folder
        )
    materials = materials_of(demonstrations, folder, settings.cache_dir, on_line, settings.beat_tracker)
    played = [one for one in demonstrations if one.name in materials]
    if not played:
        raise EmptyError("no recording of the samples is in the folder of pairs", path=folder)
    on_line(f"{len(played)} recordings to play on, {sum(len(one.actions) for one in demonstrations)} samples")
    mixed = demonstrations if settings.bc_mixed_npz is not None else []
    names, score_features = zip(*((one.name, one.score_features) for one in played))
    return PlayedRecordings(names, tuple(materials[name] for name in names), score_features, mixed)


def _all_recordings(settings: PpoSettings, on_line: OnLine) -> PlayedRecordings:
    """Read all recordings of a folder, without any human's edit."""
    folder, pairs = settings.data_dir, pairs_by_name(settings.data_dir)
    if not pairs:
        raise EmptyError("there is no pair to play on; it needs input/NAME_raw.wav", path=folder)
    refuse_held_out_pairs(folder)
    known = {}
    if settings.score_features:
        known = score_features_by_name(
            pairs, folder, settings.cache_dir, on_line, settings.score, settings.beat_tracker
        )
        pairs = {name: pair for name, pair in pairs.items() if name in known}  # the others cannot be read
    found = []
    for name, pair in pairs.items():
        try:
            analysis = analysis_of(pair, settings.cache_dir, settings.beat_tracker)
            none = np.zeros((len(analysis.beats_s), SCORE_FEATURES), np.float32)
            worth = known[name][:, CHANCE].astype(np.float64) if name in known else None
            found.append((name, material_of(analysis, worth=worth), known.get(name, none)))
        except EditorbotError as error:
            on_line(str(error))
    if not found:
        raise EmptyError("none of the recordings could be used", path=folder)
    names, materials, score_features = zip(*found)
    return PlayedRecordings(names, materials, score_features, [])
