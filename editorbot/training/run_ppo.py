"""The whole PPO run: recordings, cloning first or not, updates, checkpoints, and the weights as they ship."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from editorbot import __version__
from editorbot.corpus.dataset import read_dataset
from editorbot.corpus.splits import refuse_held_out_pairs
from editorbot.editors.acting.network import beat_inputs
from editorbot.editors.acting.weights import inputs_digest
from editorbot.environment.actions import Vocabulary
from editorbot.environment.gym_env import EditingEnv
from editorbot.environment.material import Material, material_of
from editorbot.environment.settings import EnvironmentSettings
from editorbot.environment.state import Normalizer, RunningStatistics
from editorbot.errors import EditorbotError, EmptyError, FormatError, MismatchError, NotFoundError, UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_shape import HINT_NAMES, PolicyConfig, told
from editorbot.training.machine import device_line, device_of
from editorbot.training.policy_data import TaughtRecording, normalizer_of, taught_recordings
from editorbot.training.policy_hints import Hints, heard, hints_by_name, pairs_by_name
from editorbot.training.policy_returns import CHANCE, materials_of
from editorbot.training.policy_watch import Watch
from editorbot.training.rollouts import EditingGames, Recordings
from editorbot.training.run_bc import plain
from editorbot.training.ship_policy import ShippedPolicy, write_policy
from editorbot.training.step_credit import StepCredit
from editorbot.training.train_bc import BcRun, BcTraining, train_bc
from editorbot.training.train_ppo import PpoRun, PpoState, PpoTraining, train_ppo

OnLine = Callable[[str], None]
REWARD_MEMORY = 10
"""The best update is the one with the best mean reward of so many updates."""


@dataclass(frozen=True)
class PpoSettings:
    """What to play on, from where to begin, and where everything goes."""

    data_dir: Path = Path("training_data")
    """Folder of the pairs."""
    cache: Path = Path("cache")
    """The learn line's cache."""
    save: Path = Path("models")
    """Folder for best.pt, latest.pt and the weights as they ship."""
    log: Path = Path("logs/ppo")
    """Folder for TensorBoard."""
    bc_mixed: Path | None = None
    """Samples that stay mixed in."""
    bc_pretrain: Path | None = None
    """Samples that are cloned first."""
    checkpoint: Path | None = None
    """A cloned or trained policy to begin with."""
    hints: bool = True
    """Ask the learned score for hints."""
    score: Path | None = None
    """Weights of that score; the shipped ones where left out."""
    subprocess: bool = False
    """Play each episode in a process of its own."""
    group: int = 4
    """Episodes of a wave on one recording."""
    keep_every: int = 10
    """Updates between checkpoints."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 1
    """Threads on a CPU."""
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    """How episodes are played and paid."""
    model: PolicyConfig = field(default_factory=PolicyConfig)
    """The networks, where no checkpoint tells them."""
    cloning: BcTraining = field(default_factory=BcTraining)
    """How samples are cloned first."""
    training: PpoTraining = field(default_factory=PpoTraining)
    """How to train."""

    def __post_init__(self) -> None:
        if self.group < 1:
            raise UsageError(f"group must be at least 1, but is {self.group}")
        if self.training.n_envs % self.group:
            raise UsageError(f"n_envs must be a multiple of {self.group}, but is {self.training.n_envs}")
        if self.threads < 1 or self.keep_every < 1:
            raise UsageError("threads and keep_every must be at least 1")


@dataclass(frozen=True)
class Stage:
    """Everything that a run plays on."""

    names: tuple[str, ...]
    """Recordings."""
    materials: tuple[Material, ...]
    """To play on."""
    hints: tuple[np.ndarray, ...]
    """Of their beats."""
    taught: list[TaughtRecording]
    """Human edits to mix in."""

    @property
    def digest(self) -> str:
        """Digest of the names."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()[:16]

    def recordings(self, normalizer: Normalizer) -> Recordings:
        """Return what the encoder reads."""
        inputs = [
            beat_inputs(material.padded[3:-3], hints, normalizer) for material, hints in zip(self.materials, self.hints)
        ]
        return Recordings(tuple(torch.from_numpy(one) for one in inputs))


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
    stage = stage_of(settings, on_line)
    start = _start(settings, stage, resume, device, on_line)
    games = EditingGames(
        stage.materials,
        settings.training.n_envs,
        settings.environment,
        start.normalizer,
        group=settings.group,
        subprocess=settings.subprocess,
    )
    run = PpoRun(
        start.agent,
        games,
        stage.recordings(start.normalizer),
        settings.training,
        taught=stage.taught,
        normalizer=start.normalizer,
        holds_to_start=start.is_taught,
        credit=StepCredit(stage.materials, settings.environment.reward, settings.environment.words),
        device=device,
    )
    if start.state is not None:
        run.go_to(start.state)
    keeper = _Keeper(settings, start.agent.config, start.normalizer, stage, on_line)
    try:
        train_ppo(run, on_update=keeper.keep)
    finally:
        games.close()
        keeper.watch.close()
    return keeper.ship()


def stage_of(settings: PpoSettings, on_line: OnLine) -> Stage:
    """Return what is played on: the recordings of the samples, or all of the folder where there are none.

    Raises
    ------
    EmptyError, NotFoundError, SplitError
        If there are none, or they are of test artists.
    """
    samples = settings.bc_mixed or settings.bc_pretrain
    if samples is None:
        return _stage_of_folder(settings, on_line)
    data = read_dataset(samples)
    folder = settings.data_dir if settings.data_dir.is_dir() else Path(data.data_dir)
    if not folder.is_dir():
        raise NotFoundError(
            f"there is no such folder, nor {settings.data_dir}; name the pairs' --data-dir", path=folder
        )
    refuse_held_out_pairs(folder)
    hints = _hints(data.recording_names, folder, settings, on_line)
    taught = taught_recordings(data, hints, vocabulary=settings.model.vocabulary)
    materials = materials_of(taught, folder, settings.cache, on_line)
    played = [one for one in taught if one.name in materials]
    if not played:
        raise EmptyError("no recording of the samples lies in the folder of pairs", path=folder)
    on_line(f"{len(played)} recordings to play on, {sum(len(one.actions) for one in taught)} samples")
    return Stage(
        tuple(one.name for one in played),
        tuple(materials[one.name] for one in played),
        tuple(one.hints for one in played),
        taught if settings.bc_mixed is not None else [],
    )


def _hints(names: Iterable[str], folder: Path, settings: PpoSettings, on_line: OnLine) -> dict[str, Hints]:
    """Return the hints of recordings in a folder; none where none are wanted."""
    return hints_by_name(names, folder, settings.cache, on_line, settings.score) if settings.hints else {}


def _stage_of_folder(settings: PpoSettings, on_line: OnLine) -> Stage:
    """Return all recordings of a folder, without any human's edit."""
    pairs = pairs_by_name(settings.data_dir)
    if not pairs:
        raise EmptyError("there is no pair to play on; it needs input/NAME_raw.wav", path=settings.data_dir)
    refuse_held_out_pairs(settings.data_dir)
    heard_by = _hints(pairs, settings.data_dir, settings, on_line)
    names, materials, hints = [], [], []
    for name, pair in pairs.items():
        if settings.hints and name not in heard_by:
            continue  # it could not be read, which was told
        try:
            analysis = heard(pair, settings.cache)
            known = heard_by.get(name, np.zeros((len(analysis.beats_s), len(HINT_NAMES)), np.float32))
            worth = known[:, CHANCE].astype(np.float64) if settings.hints else None
            materials.append(material_of(analysis, worth=worth))
        except EditorbotError as error:
            on_line(str(error))
            continue
        names.append(name)
        hints.append(known)
    if not names:
        raise EmptyError("none of the recordings could be used", path=settings.data_dir)
    return Stage(tuple(names), tuple(materials), tuple(hints), [])


@dataclass(frozen=True)
class _Start:
    """Where a run begins."""

    agent: EditingAgent
    normalizer: Normalizer
    is_taught: bool
    state: PpoState | None = None


def _start(settings: PpoSettings, stage: Stage, resume: Path | None, device: str, on_line: OnLine) -> _Start:
    """Return the policy that a run begins with: resumed, of a checkpoint, cloned first, or fresh."""
    if resume is not None:
        return _resumed(resume, settings, stage)
    if settings.checkpoint is not None:
        found = load_policy(settings.checkpoint, settings.model.vocabulary)
        on_line(f"beginning with {settings.checkpoint} ({found.method}, step {found.step})")
        return _Start(agent_of(found), normalizer_in(found, settings.checkpoint), True)
    torch.manual_seed(settings.training.seed)
    if settings.bc_pretrain is None:
        normalizer = normalizer_of(stage.taught) if stage.taught else normalizer_by_play(stage, settings)
        return _Start(EditingAgent(settings.model), normalizer, False)
    data = read_dataset(settings.bc_pretrain)
    hints = dict(zip(stage.names, stage.hints))
    taught = taught_recordings(data, hints, vocabulary=settings.model.vocabulary)
    normalizer = normalizer_of(taught)
    played_on = dict(zip(stage.names, stage.materials))
    cloning = BcRun(taught, normalizer, settings.model, settings.cloning, device, played_on)

    def on_epoch(run: BcRun, metrics: dict[str, float]) -> None:
        on_line(f"cloning, epoch {run.epoch}: train/bc_loss {metrics['train/bc_loss']:.3f}")

    train_bc(cloning, on_epoch=on_epoch)
    agent = EditingAgent(settings.model)
    agent.load_state_dict(cloning.calibrated())
    return _Start(agent, normalizer, True)


def normalizer_by_play(stage: Stage, settings: PpoSettings, episodes: int = 16) -> Normalizer:
    """Return the normalizer of states that random play meets, where no human's states are known."""
    rng = np.random.default_rng(settings.training.seed)
    env = EditingEnv(stage.materials, settings.environment)
    statistics = RunningStatistics()
    for number in range(episodes):
        state, info = env.reset(seed=int(rng.integers(2**31)), options={"recording": number % len(stage.materials)})
        seen, is_over = [state], False
        while not is_over:
            kind = int(rng.choice(np.flatnonzero(info["type_mask"])))
            size = int(rng.choice(np.flatnonzero(info["size_mask"][kind])))
            amount = int(rng.choice(np.flatnonzero(info["amount_mask"][kind])))
            state, _, ended, truncated, info = env.step(np.array([kind, size, amount]))
            seen.append(state)
            is_over = ended or truncated
        statistics.update(np.stack(seen))
    return statistics.normalizer()


def load_policy(path: Path, vocabulary: str | None = None) -> Checkpoint:
    """Read a checkpoint of cloning or of PPO.

    Raises
    ------
    EditorbotError
        If it is neither, or of other inputs or another vocabulary; both are named.
    """
    return load_checkpoint(path, method=("bc", "ppo"), vocabulary=vocabulary, features=inputs_digest())


def agent_of(found: Checkpoint) -> EditingAgent:
    """Return the networks of a checkpoint."""
    agent = EditingAgent(PolicyConfig.of_data(found.config["model"]))
    agent.load_state_dict(dict(found.weights))
    return agent


def normalizer_in(found: Checkpoint, path: Path) -> Normalizer:
    """Return the normalizer of a checkpoint.

    Raises
    ------
    FormatError
        If it has none.
    """
    stored = found.config.get("normalizer")
    if not isinstance(stored, Mapping) or not {"mean", "std"} <= set(stored):
        raise FormatError("it holds no normalizer; train it again", path=path)
    return Normalizer(tuple(stored["mean"]), tuple(stored["std"]))


def _resumed(path: Path, settings: PpoSettings, stage: Stage) -> _Start:
    """Return where a run stood.

    Raises
    ------
    MismatchError
        If it was another run.
    """
    found = load_checkpoint(path, method="ppo", vocabulary=settings.model.vocabulary, features=inputs_digest())
    mine, theirs = plain(settings.training), found.config.get("training", {})
    other = sorted(key for key in mine if theirs.get(key) != mine[key])
    if other:
        asked = f"{mine[other[0]]!r} is asked; go on as it began"
        raise MismatchError(f"it was trained with {other[0]} {theirs.get(other[0])!r}, but {asked}", path=path)
    if found.data != stage.digest:
        raise MismatchError(f"it was trained on the recordings {found.data}, but these are {stage.digest}", path=path)
    if not found.training:
        raise MismatchError("it holds no state to go on from; resume from latest.pt", path=path)
    training = dict(found.training)
    state = PpoState(weights=found.weights, **training)
    return _Start(agent_of(found), normalizer_in(found, path), bool(state.reference), state)


class _Keeper:
    """Writes down what each update came to, and keeps the best."""

    def __init__(
        self, settings: PpoSettings, model: PolicyConfig, normalizer: Normalizer, stage: Stage, on_line: OnLine
    ) -> None:
        self.settings, self.model, self.normalizer, self.stage = settings, model, normalizer, stage
        self.on_line = on_line
        self.watch = Watch(settings.log, on_line)
        self.best_path, self.latest_path = settings.save / "best.pt", settings.save / "latest.pt"
        self._rewards: list[float] = []
        self._best = -float("inf")
        self._truth = truth_keep_share(stage.taught, model.words)

    def keep(self, run: PpoRun, metrics: dict[str, float]) -> None:
        """Log an update; keep latest.pt now and then, and best.pt where the mean reward is best."""
        if self._truth is not None:
            metrics = metrics | {"counters/truth_keep_ratio": self._truth}
        self.watch.log(metrics, run.update)
        self._rewards.append(metrics["train/episode_reward"])
        mean = float(np.mean(self._rewards[-REWARD_MEMORY:]))
        is_end = run.update >= run.config.updates
        if run.update % self.settings.keep_every == 0 or is_end:
            state = run.state()
            kept = self._checkpoint(run, metrics)
            save_checkpoint(replace(kept, training=_plain_state(state)), self.latest_path)
            if mean > self._best:
                self._best = mean
                save_checkpoint(kept, self.best_path)
        names = ("train/episode_reward", "train/entropy", "approx_kl", "train/bc_loss", "counters/n_keep_ratio")
        shown = ", ".join(f"{name} {metrics[name]:.3g}" for name in names if name in metrics)
        self.on_line(f"update {run.update}: {shown}, {metrics['time/steps_per_second']:.0f} steps/s")

    def _checkpoint(self, run: PpoRun, metrics: Mapping[str, float]) -> Checkpoint:
        config = {
            "model": told(self.model),
            "training": plain(run.config),
            "normalizer": {"mean": list(self.normalizer.mean), "std": list(self.normalizer.std)},
        }
        weights = {name: value.detach().cpu().clone() for name, value in run.agent.state_dict().items()}
        return Checkpoint(
            "ppo", config, weights, seed=run.config.seed, step=run.update, metrics=dict(metrics),
            vocabulary=self.model.vocabulary, features=inputs_digest(), data=self.stage.digest,
            code_version=__version__,
        )  # fmt: skip

    def ship(self) -> ShippedPolicy:
        """Write the best weights as they ship."""
        found = load_checkpoint(self.best_path, method="ppo")
        path = self.settings.save / "policy.safetensors"
        card = {
            "data": f"{len(self.stage.names)} recordings played on",
            "data_digest": self.stage.digest,
            "seed": self.settings.training.seed,
            "training": plain(self.settings.training),
            "command": "make train-policy",
            "measured": {name: round(value, 4) for name, value in found.metrics.items()},
            "licence": "GPL-3.0-or-later",
            "version": __version__,
        }
        write_policy(found, path, told=card)
        return ShippedPolicy(self.best_path, path, found.metrics)


def _plain_state(state: PpoState) -> dict[str, object]:
    """Return a state's fields but the weights, which the checkpoint holds anyway."""
    data = dict(state.__dict__)
    data.pop("weights")
    return data


def truth_keep_share(taught: Sequence[TaughtRecording], words: Vocabulary) -> float | None:
    """Return the share of KEEP among the humans' own steps, None without any."""
    if not taught:
        return None
    kinds = np.concatenate([one.actions[:, 0] for one in taught])
    return float((kinds == words.index("KEEP")).mean())
