"""The whole training run of the pointer network: pairs made ready, epochs, checkpoints, the decoder, what ships.

After each epoch the run is kept as ``latest.pt``, with optimizer and random states, and the best so far on validation
pairs as ``best.pt``. A run that goes on from ``latest.pt`` ends with the weights that an unbroken run ends with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editorbot import __version__
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.pairs import POINTER_FOLDER
from editorbot.corpus.splits import (
    SOME_SAME_ARTISTS,
    artist_of_sample,
    refuse_held_out_pairs,
    split_by_artist,
    told_apart,
)
from editorbot.editors.pointer_inference.decode import DecodeSettings
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.errors import EmptyError, FormatError, MismatchError, NotFoundError, UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.pointer import PointerNetwork
from editorbot.models.pointer_config import PointerConfig
from editorbot.models.scorer_config import CLASSES
from editorbot.training.machine import device_of
from editorbot.training.pointer.data import PointerDataset, PointerFolders, prepared
from editorbot.training.pointer.losses import PointerTraining
from editorbot.training.pointer.rows import learned_ratio
from editorbot.training.pointer.scores import validate
from editorbot.training.pointer.ship import calibrate, write_pointer
from editorbot.training.pointer.train import EpochReport, TrainingState, train_network

METHOD = "pointer"
"""Method that checkpoints name."""


@dataclass(frozen=True)
class PointerRun:
    """What to train on, how, and where everything goes; the JSON files of configurations have these fields."""

    model: PointerConfig = field(default_factory=PointerConfig)
    """The network."""
    training: PointerTraining = field(default_factory=PointerTraining)
    """How it is trained."""
    decode: DecodeSettings = field(default_factory=DecodeSettings)
    """How plays are found; price and threshold are chosen on the validation pairs."""
    data_dir: str = "training_data"
    """Folder of pairs."""
    valid_dir: str | None = None
    """Folder of the pairs to choose on; where there is none, some artists of data_dir are kept apart."""
    valid_share: float = 0.1
    """Share of the artists (of the pairs, where no artist is known) that are kept apart then."""
    valid_most: int = 40
    """Pairs to choose on, at most."""
    valid_every: int = 1
    """Epochs between two validations."""
    pointer_dir: str | None = None
    """Folder of pointer sequences; that of data_dir where it is not given."""
    cache_dir: str = "cache"
    """Folder for mels and what the analysis tells."""
    save_dir: str = "models/pointer"
    """Folder for checkpoints, the finished weights and their card."""
    log_dir: str | None = None
    """Folder for TensorBoard; logs/NAME of the save_dir where it is not given."""
    workers: int = 1
    """Processes that make pairs ready."""
    threads: int = 1
    """Threads that train on a CPU."""
    device: str = "auto"
    """cpu, cuda, or auto."""

    def __post_init__(self) -> None:
        if not 0 < self.valid_share < 1:
            raise UsageError(f"valid_share must lie between 0 and 1, but is {self.valid_share}")
        if min(self.workers, self.threads, self.valid_most, self.valid_every) < 1:
            raise UsageError("workers, threads, valid_most and valid_every must be at least 1")

    @property
    def log(self) -> Path:
        """Folder for TensorBoard."""
        return Path(self.log_dir) if self.log_dir else Path("logs") / Path(self.save_dir).name

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> PointerRun:
        """Return the run that a configuration tells.

        Raises
        ------
        UsageError
            If a key is unknown, or a value impossible.
        """
        values = dict(data)
        _refuse_unknown(values, cls, "configuration")
        if "model" in values:
            values["model"] = PointerConfig.of_data(values["model"])
        for name, kind in (("training", PointerTraining), ("decode", DecodeSettings)):
            if name in values:
                _refuse_unknown(values[name], kind, name)
                values[name] = _made(kind, values[name], name)
        made: PointerRun = _made(cls, values, "configuration")
        return made


def _refuse_unknown(values: Any, kind: type[Any], where: str) -> None:
    if not isinstance(values, Mapping):
        raise UsageError(f"{where} must be an object with fields, but is {values!r}")
    known = {one.name for one in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise UsageError(f"{where}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def _made(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"{where}: a value has the wrong type ({error})") from error


def read_run(path: Path) -> PointerRun:
    """Read a configuration.

    Raises
    ------
    NotFoundError, FormatError, UsageError
        If there is no such file, it is no JSON, or a key or value in it is impossible.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFoundError(f"the configuration cannot be read: {error.strerror}", path=path) from error
    except ValueError as error:
        raise FormatError(f"the configuration is no JSON: {error}", path=path) from error
    if not isinstance(data, dict):
        raise UsageError(f"the configuration must be an object with fields, but is {data!r}", path=path)
    try:
        return PointerRun.of_data(data)
    except UsageError as error:
        raise UsageError(error.message, path=path) from error


@dataclass(frozen=True)
class PointerResult:
    """What a run came to."""

    path: Path
    """The weights; their card lies beside them."""
    metrics: Mapping[str, float]
    """How they do on the validation pairs."""


class PointerNetworkTrainer:
    """Trains, keeps and ships a pointer network.

    Parameters
    ----------
    run : PointerRun
        What to train on, and how.
    on_line : callable
        Told how it goes.
    command : str
        The command that was typed, for the card.
    """

    def __init__(
        self, run: PointerRun, on_line: Callable[[str], None] = lambda line: None, *, command: str = ""
    ) -> None:
        self.run, self.on_line, self.command = run, on_line, command
        self.save = Path(run.save_dir)

    def train(self, resume: Path | None = None) -> PointerResult:
        """Train to the end; go on from a checkpoint where one is given.

        Raises
        ------
        EditorbotError
            If there is nothing to train on, or the checkpoint is of another configuration or other pairs.
        """
        device = device_of(self.run.device)
        torch.set_num_threads(self.run.threads)
        told = f"the CPU with {self.run.threads} threads" if device == "cpu" else f"{device} in bf16"
        self.on_line(f"training on {told}")
        train, valid = self._pairs()
        self.on_line(f"{len(train)} pairs to train on, {len(valid)} to choose on")
        if _apart(train, valid) == SOME_SAME_ARTISTS:
            self.on_line("warning: some artists are both learned from and chosen on")
        shape = replace(self.run.model, ratio=round(ratio_of(train), 4))
        self.on_line(f"an edit is usually {shape.ratio:.2f} as long as its recording")
        data = train.digest
        kept = _Kept(self._told(shape, valid), data)
        state = None if resume is None else _state_at(resume, kept)
        best = -1.0 if resume is None else self._take_best_beside(resume, kept)
        self._train(train, valid, shape, kept, device, state, best)
        return self._ship(train, valid, shape, data)

    def _pairs(self) -> tuple[PointerDataset, PointerDataset]:
        """Return the pairs to train on and those to choose on."""
        run = self.run
        train = self._prepared(Path(run.data_dir), Path(run.pointer_dir) if run.pointer_dir else None)
        if run.valid_dir is not None:
            valid = self._prepared(Path(run.valid_dir), None)
            return train, PointerDataset(valid.folders, valid.samples[: run.valid_most], run.model)
        return split_pairs(train, run.valid_share, run.valid_most)

    def _prepared(self, data: Path, pointers: Path | None) -> PointerDataset:
        refuse_held_out_pairs(data)
        folders = PointerFolders(
            data, pointers or data / POINTER_FOLDER, CacheFolder(Path(self.run.cache_dir)), AnalysisCache.of_user()
        )
        return prepared(folders, self.run.model, workers=self.run.workers, on_problem=lambda e: self.on_line(str(e)))

    def _told(self, shape: PointerConfig, valid: PointerDataset) -> dict[str, Any]:
        """Return what a checkpoint says of network and training."""
        told = {"model": asdict(shape), "training": asdict(self.run.training), "decode": asdict(self.run.decode)}
        plain: dict[str, Any] = json.loads(json.dumps(told))
        return plain | {"chosen_on": valid.digest}

    def _take_best_beside(self, resumed: Path, kept: _Kept) -> float:
        """Keep the best epoch that the run had when it was broken off, and return how good it was; -1 without one.

        Raises
        ------
        MismatchError
            If the best.pt beside the checkpoint is of another run.
        """
        path = resumed.parent / "best.pt"
        if not path.is_file():
            return -1.0
        found = load_checkpoint(path, method=METHOD)
        _refuse_other_run(found, kept, path)
        if path.resolve() != (self.save / "best.pt").resolve():
            save_checkpoint(found, self.save / "best.pt")
        return goodness(found.metrics)

    def _train(
        self,
        train: PointerDataset,
        valid: PointerDataset,
        shape: PointerConfig,
        told: _Kept,
        device: str,
        state: TrainingState | None,
        best: float,
    ) -> None:
        """Go over the epochs; keep latest.pt and best.pt."""
        from torch.utils.tensorboard.writer import SummaryWriter

        run = self.run
        run.log.mkdir(parents=True, exist_ok=True)
        writer = SummaryWriter(str(run.log))

        def on_epoch(network: PointerNetwork, report: EpochReport, now: TrainingState) -> None:
            nonlocal best
            metrics = dict(report.metrics)
            if (report.epoch + 1) % run.valid_every == 0 or report.epoch + 1 == run.training.epochs:
                metrics |= validate(network, valid, run.decode)
            for name, value in metrics.items():
                writer.add_scalar(name, value, report.epoch)
            kept = Checkpoint(
                METHOD, told.config, network.state_dict(), seed=run.training.seed, step=report.epoch + 1,
                metrics=metrics, vocabulary=",".join(CLASSES), features=str(INPUTS_VERSION), data=told.data,
                code_version=__version__, training=now.as_data(),
            )  # fmt: skip
            # The best first: a run that is broken off between the two does its epoch again.
            if goodness(metrics) > best:
                best = goodness(metrics)
                save_checkpoint(replace(kept, training={}), self.save / "best.pt")
            save_checkpoint(kept, self.save / "latest.pt")
            self.on_line(f"epoch {report.epoch}: " + ", ".join(f"{k} {v:.4g}" for k, v in metrics.items()))

        train_network(train, run.training, shape, device=device, state=state, on_epoch=on_epoch)
        writer.close()

    def _ship(self, train: PointerDataset, valid: PointerDataset, shape: PointerConfig, data: str) -> PointerResult:
        """Choose the decoder's prices for the best weights, and write them with their card."""
        found = load_checkpoint(self.save / "best.pt", method=METHOD)
        network = PointerNetwork(shape)
        network.load_state_dict(dict(found.weights))
        network.eval()
        settings, metrics = calibrate(network, valid, self.run.decode)
        path = self.save / "pointer.safetensors"
        card = {
            "data": f"{len(train)} pairs; weights and prices chosen on {len(valid)} pairs {_apart(train, valid)}",
            "data_digest": data,
            "seed": self.run.training.seed,
            "training": asdict(self.run.training),
            "command": self.command,
            "validation": {name: round(value, 4) for name, value in metrics.items()},
            "licence": "GPL-3.0-or-later",
            "version": __version__,
        }
        write_pointer(network, settings, path, told=card)
        kept = replace(found, config={**found.config, "decode": json.loads(json.dumps(asdict(settings)))})
        save_checkpoint(kept, self.save / "best.pt")
        return PointerResult(path, metrics)


def goodness(metrics: Mapping[str, float]) -> float:
    """Return by what the best epoch is chosen: the music that is held, and a little the cuts; -1 where not measured."""
    if "val_f1" in metrics:
        return metrics["val_f1"] + 0.2 * metrics["val_cut_f1"]
    return metrics.get("val_delta_accuracy", -1.0)


@dataclass(frozen=True)
class _Kept:
    """What two runs have in common where one goes on as the other."""

    config: Mapping[str, Any]
    """Network, training, and what the best epoch is chosen on."""
    data: str
    """Digest of the pairs."""


def _state_at(path: Path, kept: _Kept) -> TrainingState:
    """Return where a run stood."""
    found = load_checkpoint(path, method=METHOD, vocabulary=",".join(CLASSES), features=str(INPUTS_VERSION))
    _refuse_other_run(found, kept, path)
    return TrainingState.of_data(found.training, found.weights, found.step)


def _refuse_other_run(found: Checkpoint, kept: _Kept, path: Path) -> None:
    """Refuse a checkpoint of another configuration or of other pairs; the first thing that differs is named."""
    for part in ("model", "training"):
        theirs, mine = found.config.get(part, {}), kept.config[part]
        other = sorted(name for name in mine if theirs.get(name) != mine[name])
        if other:
            name = other[0]
            raise MismatchError(
                f"it was trained with {part}.{name} {theirs.get(name)}, but the configuration says "
                f"{mine[name]}; go on with the configuration it was begun with",
                path=path,
            )
    if found.data != kept.data:
        raise MismatchError(
            "it was trained on other pairs, or they have changed; go on with the same data_dir", path=path
        )
    if found.config.get("chosen_on") != kept.config["chosen_on"]:
        raise MismatchError(
            "its best epoch was chosen on other pairs, or they have changed; go on with the same valid_dir", path=path
        )


def ratio_of(pairs: PointerDataset) -> float:
    """Return the usual length of an edit over that of its recording, from the pairs."""
    lengths = [pairs.lengths(number) for number in range(len(pairs))]
    return learned_ratio(np.array(lengths, np.float64))


def split_pairs(pairs: PointerDataset, share: float, most: int) -> tuple[PointerDataset, PointerDataset]:
    """Return pairs to train on and pairs to choose on, whole artists.

    Raises
    ------
    EmptyError
        If there is but one pair or artist.
    """
    sides = split_by_artist(dict(zip(pairs.samples, artists_of(pairs))), share)
    if not sides.valid:
        raise EmptyError(
            "all pairs are of one artist, and some must be kept apart to choose on; name a valid_dir",
            path=pairs.folders.data,
        )
    train, valid = (PointerDataset(pairs.folders, side, pairs.config) for side in (sides.train, sides.valid[:most]))
    return train, valid


def artists_of(pairs: PointerDataset) -> list[str]:
    """Return the artist of each pair, empty text where no truth names one."""
    return [artist_of_sample(pairs.folders.data, sample) for sample in pairs.samples]


def _apart(train: PointerDataset, valid: PointerDataset) -> str:
    return told_apart(artists_of(train), artists_of(valid))
