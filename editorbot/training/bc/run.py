"""The whole cloning run: data set, hints, epochs, checkpoints, and the weights as they ship."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from editorbot import __version__
from editorbot.corpus.dataset import BcDataset
from editorbot.corpus.splits import (
    SOME_SAME_ARTISTS,
    split_by_artist,
    told_apart,
)
from editorbot.editors.policy_inference.learned import inputs_digest
from editorbot.editors.scoring.learned import SHIPPED, read_score
from editorbot.environment.material import Material
from editorbot.environment.state import Normalizer
from editorbot.errors import MismatchError, NonFiniteError, UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.policy_config import PolicyConfig, told
from editorbot.training.bc.train import BcRun, BcState, BcTraining, train_bc
from editorbot.training.machine import device_line, device_of
from editorbot.training.policy_data import Demonstration, demonstration_dataset, demonstrations_of, normalizer_of
from editorbot.training.policy_returns import advantage_weights, materials_of
from editorbot.training.policy_score_features import score_features_by_name
from editorbot.training.policy_watch import Watch
from editorbot.training.ship_policy import ShippedPolicy, write_policy

OnLine = Callable[[str], None]
WEIGHTINGS = ("none", "advantage")
"""How samples of better edits count."""

VALID_SHARE = 0.1
"""Share of the artists that is kept apart to choose on where no other samples are given."""


@dataclass(frozen=True)
class BcSettings:
    """What to clone from, and where everything goes."""

    data: Path
    """The npz of samples."""
    valid: Path | None = None
    """An npz of other artists; some of the training artists where left out."""
    data_dir: Path | None = None
    """Folder of the pairs, for hints; the one that the npz names where left out."""
    cache: Path = Path("cache")
    """The learn line's cache."""
    save: Path = Path("models/bc")
    """Folder for best.pt, latest.pt and the weights as they ship."""
    log: Path = Path("logs/bc")
    """Folder for TensorBoard."""
    hints: bool = True
    """Ask the learned score for hints."""
    score: Path | None = None
    """Weights of that score; the shipped ones where left out."""
    weighting: str = "none"
    """none, or advantage: samples of edits that are worth more by the reward count more."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 1
    """Threads on a CPU."""
    model: PolicyConfig = field(default_factory=PolicyConfig)
    """The networks."""
    training: BcTraining = field(default_factory=BcTraining)
    """How to train."""
    command: str = ""
    """The command that was typed, for the card."""

    def __post_init__(self) -> None:
        if self.weighting not in WEIGHTINGS:
            raise UsageError(f"weighting must be one of {', '.join(WEIGHTINGS)}, but is {self.weighting!r}")
        if self.threads < 1:
            raise UsageError("threads must be at least 1")


@dataclass(frozen=True)
class DemonstrationSplit:
    """What is cloned, and on what it is watched."""

    train: list[Demonstration]
    valid: list[Demonstration]
    digest: str
    """Of the data set."""
    data_dir: str = ""
    """Folder of the pairs: the one asked for, or the one that the data set names."""
    valid_digest: str = ""
    """Of the data set to choose on; empty where it is a part of the other."""

    @property
    def chosen_on(self) -> str:
        """What the best epoch is chosen on, for the card."""
        if not self.valid:
            return "these too"
        return f"{len(self.valid)} recordings {_apart(self.train, self.valid)}"


def run_bc(settings: BcSettings, *, resume: Path | None = None, on_line: OnLine = lambda line: None) -> ShippedPolicy:
    """Clone to the end; go on from a checkpoint where one is given.

    Raises
    ------
    EditorbotError
        If there is nothing to clone, or the checkpoint is of another run.
    """
    device = device_of(settings.device)
    torch.set_num_threads(settings.threads)
    on_line(device_line(device, settings.threads))
    demonstrations = read_demonstrations(settings, on_line)
    normalizer = normalizer_of(demonstrations.train)
    run = BcRun(
        demonstrations.train,
        normalizer,
        settings.model,
        settings.training,
        device,
        _materials(settings, demonstrations, on_line),
    )
    config = run_config(settings, demonstrations, normalizer)
    keeper = Keeper(settings, demonstrations.digest, config, on_line)
    if resume is not None:
        run.go_to(state_at(resume, config, demonstrations.digest))
        keeper.take_best_beside(resume)
    samples = sum(len(one.actions) for one in demonstrations.train)
    train, valid = len(demonstrations.train), len(demonstrations.valid)
    on_line(f"{samples} samples of {train} recordings; {valid} recordings to choose on")
    try:
        train_bc(run, valid=demonstrations.valid, on_epoch=keeper.keep)
    finally:
        keeper.watch.close()
    return keeper.ship(demonstrations)


def read_demonstrations(settings: BcSettings, on_line: OnLine) -> DemonstrationSplit:
    """Return the recordings of the data set, with hints, and those to choose on.

    Raises
    ------
    EmptyError, VersionError, SplitError
        If there are no samples, they are of another vocabulary, or of test artists.
    """
    data = demonstration_dataset(settings.data, settings.data_dir, what="training")
    folder = Path(data.data_dir)
    train = _with_score_features(data, settings, on_line)
    if settings.weighting == "advantage":
        train = advantage_weights(train, folder, settings.cache, settings.model.action_vocabulary, on_line)
    if settings.valid is not None:
        valid = _with_score_features(demonstration_dataset(settings.valid, None, what="validation"), settings, on_line)
    else:
        train, valid = split_recordings(train, on_line)
    if _apart(train, valid) == SOME_SAME_ARTISTS:
        on_line("warning: some artists are both learned from and chosen on")
    valid_digest = "" if settings.valid is None else _digest(settings.valid)
    return DemonstrationSplit(train, valid, _digest(settings.data), data.data_dir, valid_digest)


def _apart(train: Sequence[Demonstration], valid: Sequence[Demonstration]) -> str:
    return told_apart((one.artist for one in train), (one.artist for one in valid))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _materials(settings: BcSettings, demonstrations: DemonstrationSplit, on_line: OnLine) -> dict[str, Material]:
    """Return what episodes that slip are played on; nothing where none are wanted."""
    if settings.training.teaching.slips <= 0:
        return {}
    return materials_of(demonstrations.train, Path(demonstrations.data_dir), settings.cache, on_line)


def _with_score_features(data: BcDataset, settings: BcSettings, on_line: OnLine) -> list[Demonstration]:
    names, folder = data.recording_names, Path(data.data_dir)
    score_features = (
        score_features_by_name(names, folder, settings.cache, on_line, settings.score) if settings.hints else {}
    )
    if settings.hints and not score_features and len(names):
        on_line(f"no recording of the data set lies in {folder}; the policy learns from features alone")
    return demonstrations_of(data, score_features, vocabulary=settings.model.vocabulary)


def split_recordings(
    recordings: Sequence[Demonstration], on_line: OnLine
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Return recordings to train on and those to choose on, whole artists; all to train on where there is but one."""
    sides = split_by_artist({one.pair or one.name: one.artist for one in recordings}, VALID_SHARE)
    if not sides.valid:
        on_line(
            "warning: all recordings are of one artist; the best epoch is chosen on what is learned from. Name samples "
            "of another with --valid-npz"
        )
    chosen = set(sides.valid)
    train = [one for one in recordings if (one.pair or one.name) not in chosen]
    return train, [one for one in recordings if (one.pair or one.name) in chosen]


class Keeper:
    """Writes down what each epoch came to, and keeps the best of this run.

    Parameters
    ----------
    settings : BcSettings
        Where everything goes.
    data : str
        Digest of the data set.
    config : mapping
        What `run_config` tells of the run.
    on_line : callable
        Told of each epoch.
    """

    def __init__(self, settings: BcSettings, data: str, config: Mapping[str, Any], on_line: OnLine) -> None:
        self.settings, self.data, self.config, self.on_line = settings, data, config, on_line
        self.watch = Watch(settings.log, on_line)
        self.best_path, self.latest_path = settings.save / "best.pt", settings.save / "latest.pt"
        self._best = float("inf")

    def take_best_beside(self, resumed: Path) -> None:
        """Begin with the best epoch that the run had when it was broken off.

        A run that does not go on takes nothing: what lies in its folder may be of other data or settings.

        Raises
        ------
        MismatchError
            If the best.pt beside the checkpoint is of another run.
        """
        path = resumed.parent / "best.pt"
        if not path.is_file():
            return
        best = load_checkpoint(path, method="bc")
        refuse_other_run(best, self.config, self.data, path)
        self._best = badness(best.metrics)
        if path.resolve() != self.best_path.resolve():
            save_checkpoint(best, self.best_path)

    def keep(self, run: BcRun, metrics: dict[str, float]) -> None:
        """Log an epoch, keep best.pt where it is the best so far, and latest.pt."""
        self.watch.log(metrics, run.epoch)
        state = run.state()
        kept = self._checkpoint(run, metrics)
        training = {**asdict_shallow(state), "raw_weights": dict(state.weights)}
        training.pop("weights")
        # The best first: a run that is broken off between the two does its epoch again.
        if badness(metrics) < self._best:
            self._best = badness(metrics)
            save_checkpoint(kept, self.best_path)
        save_checkpoint(replace(kept, training=training), self.latest_path)
        shown = {name: value for name, value in metrics.items() if not name.startswith("train/task")}
        self.on_line(f"epoch {run.epoch}: " + ", ".join(f"{name} {value:.4g}" for name, value in shown.items()))

    def _checkpoint(self, run: BcRun, metrics: dict[str, float]) -> Checkpoint:
        settings = self.settings
        return Checkpoint(
            "bc", self.config, run.calibrated(), seed=settings.training.seed, step=run.epoch, metrics=metrics,
            vocabulary=settings.model.vocabulary, features=inputs_digest(), data=self.data, code_version=__version__,
        )  # fmt: skip

    def ship(self, demonstrations: DemonstrationSplit) -> ShippedPolicy:
        """Write the best weights as they ship.

        Raises
        ------
        NonFiniteError
            If no epoch of this run had a loss that is a number.
        """
        if self._best == float("inf"):
            raise NonFiniteError("no epoch had a loss that is a number, so there is no best one; check the samples")
        found = load_checkpoint(self.best_path, method="bc")
        path = self.settings.save / "policy.safetensors"
        card = {
            "data": f"{len(demonstrations.train)} recordings; chosen on {demonstrations.chosen_on}",
            "data_digest": self.data,
            "seed": self.settings.training.seed,
            "training": plain(self.settings.training),
            "command": self.settings.command,
            "validation": {name: round(value, 4) for name, value in found.metrics.items()},
            "licence": "GPL-3.0-or-later",
            "version": __version__,
        }
        write_policy(found, path, told=card)
        return ShippedPolicy(self.best_path, path, found.metrics)


def badness(metrics: Mapping[str, float]) -> float:
    """Return by what the best epoch is chosen: the loss on other recordings, else on these."""
    return metrics.get("val/bc_loss", metrics.get("train/bc_loss", float("inf")))


def plain(config: Any) -> dict[str, Any]:
    """Return a configuration as JSON types."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(config), default=str))
    return data


def asdict_shallow(state: BcState) -> dict[str, Any]:
    """Return the fields of a state, tensors as they are."""
    return dict(state.__dict__)


def run_config(settings: BcSettings, demonstrations: DemonstrationSplit, normalizer: Normalizer) -> dict[str, Any]:
    """Return all that two runs have in common where one goes on as the other, but for the data, as JSON types."""
    inputs = {
        "hints": settings.hints,
        "score": (read_score(settings.score or SHIPPED).digest or "") if settings.hints else "",
        "heard": sum(bool(one.score_features.any()) for one in (*demonstrations.train, *demonstrations.valid)),
        "weighting": settings.weighting,
        "valid_npz": demonstrations.valid_digest,
    }
    return {
        "model": told(settings.model),
        "training": plain(settings.training),
        "inputs": inputs,
        "normalizer": {"mean": list(normalizer.mean), "std": list(normalizer.std)},
    }


def refuse_other_run(found: Checkpoint, config: Mapping[str, Any], data: str, path: Path) -> None:
    """Refuse a checkpoint of a run that was asked otherwise.

    Raises
    ------
    MismatchError
        If its networks, training, inputs, normalizer or data are others; the first that differs is named.
    """
    for name in ("model", "training", "inputs"):
        theirs, mine = found.config.get(name, {}), config[name]
        other = sorted(key for key in mine if key not in theirs or theirs[key] != mine[key])
        if other:
            asked = f"{mine[other[0]]!r} is asked; go on as it began"
            message = f"it was trained with {name}.{other[0]} {theirs.get(other[0])!r}, but {asked}"
            raise MismatchError(message, path=path)
    stored, mine = found.config.get("normalizer", {}), config["normalizer"]
    _normalizer(stored).check_same(_normalizer(mine))
    if found.data != data:
        raise MismatchError(f"it was trained on the data set {found.data}, but this is {data}", path=path)


def _normalizer(stored: Mapping[str, Any]) -> Normalizer:
    return Normalizer(tuple(stored.get("mean", ())), tuple(stored.get("std", ())))


def state_at(path: Path, config: Mapping[str, Any], data: str) -> BcState:
    """Return where a run stood.

    Raises
    ------
    MismatchError
        If it was another run, or the checkpoint is not one to go on from.
    """
    vocabulary = config["model"]["vocabulary"]
    found = load_checkpoint(path, method="bc", vocabulary=vocabulary, features=inputs_digest())
    refuse_other_run(found, config, data, path)
    if not found.training:
        raise MismatchError("it holds no state to go on from; resume from latest.pt", path=path)
    training = dict(found.training)
    return BcState(weights=training.pop("raw_weights"), **training)
