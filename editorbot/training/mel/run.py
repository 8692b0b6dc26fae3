"""The whole training run of a network of tone: examples, network, what ships.

Examples are kept, and after each epoch ``latest.pt`` (to go on from) and, where
the validation loss is the lowest so far, ``best.pt`` and the safetensors that
``--polish`` takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editorbot import __version__
from editorbot.atomic import write_whole
from editorbot.corpus.cache_files import content_digest
from editorbot.corpus.simulate.folder import find_tracks
from editorbot.corpus.splits import (
    SOME_SAME_ARTISTS,
    Sides,
    artist_of,
    artist_of_sample,
    refuse_held_out,
    refuse_held_out_pairs,
    split_by_artist,
    told_apart,
)
from editorbot.errors import UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.mel_config import INPUTS_VERSION
from editorbot.polish.mel_weights import FORMAT
from editorbot.training.mel.make_examples import make_again, make_ruined
from editorbot.training.mel.pair_examples import examples_of_pairs
from editorbot.training.mel.settings import MelTraining
from editorbot.training.mel.train import MelEpoch, MelState, train_mel

VALID_SEED_SHIFT = 1_000_003
"""Added to the seed of the validation examples."""

VALID_PAIRS = 0.1
"""Share of the pairs' artists that is chosen on where no validation tracks are given."""

FEATURES = f"mel inputs {INPUTS_VERSION}"
"""What a checkpoint says of its inputs."""


@dataclass(frozen=True)
class MelRun:
    """What to train on, and where everything goes."""

    method: str
    """``reconstruct`` or ``mel2mel``."""
    training: MelTraining
    """How to train."""
    data_dir: Path | None = None
    """Folder of pairs."""
    tracks: tuple[Path, ...] = ()
    """Finished tracks to ruin."""
    valid_tracks: tuple[Path, ...] = ()
    """Finished tracks of other artists, to choose on."""
    count: int = 600
    """Ruined stretches to learn from."""
    valid_count: int = 60
    """Ruined stretches to choose on."""
    again: int = 0
    """How often each stretch to learn from is ruined again, in other ways."""
    workers: int = 1
    """Processes that ruin."""
    threads: int = 1
    """Threads that train."""
    cache: Path = Path("cache")
    """Examples once made are kept there."""
    save: Path = Path("models")
    """Folder for checkpoints, weights and card."""
    log: Path = Path("logs")
    """Folder for TensorBoard."""
    resume: Path | None = None
    """Checkpoint to go on from; ``latest.pt`` of the same run is found by itself."""
    command: str = ""
    """The command that was typed, for the card."""


@dataclass(frozen=True)
class MelResult:
    """What a run came to."""

    path: Path
    """The weights of the best epoch; their card lies beside them."""
    metrics: Mapping[str, float]
    """Of that epoch."""


def run_mel(run: MelRun, *, on_line: Callable[[str], None] = lambda line: None) -> MelResult:
    """Make examples, train, and write the weights and their card.

    Raises
    ------
    UsageError
        If there is nothing to train on, or an artist is on both sides.
    SplitError
        If a track or a pair is of a test artist.
    NonFiniteError
        If a loss is no number; ``latest.pt`` and ``best.pt`` are of before.
    """
    torch.set_num_threads(run.threads)
    on_line(f"training on {run.training.device}, {run.threads} threads")
    files = example_files(run, on_line)
    if not files.train or not files.valid:
        raise UsageError(
            f"{len(files.train)} examples to learn from, {len(files.valid)} to choose on: both sides need some"
        )
    on_line(f"{len(files.train)} examples to learn from, {len(files.valid)} to choose on")
    return _trained(run, files, content_digest(files.train), on_line)


@dataclass(frozen=True)
class MelFiles:
    """The files of a run's examples, and who made the music."""

    train: tuple[Path, ...]
    """To learn from."""
    valid: tuple[Path, ...]
    """To choose on."""
    learned: frozenset[str]
    """Artists that are learned from, empty text for those that nobody knows."""
    chosen: frozenset[str]
    """Artists that are chosen on, likewise."""

    @property
    def apart(self) -> str:
        """What is known of the artists that are chosen on, for the card."""
        if set(self.valid) <= set(self.train):
            return "that are learned from too"
        return told_apart(self.learned, self.chosen)


def example_files(run: MelRun, on_line: Callable[[str], None]) -> MelFiles:
    """Return the files of the examples to learn from, and of those to choose on."""
    tracks, valid_tracks = _sounds(run.tracks), _sounds(run.valid_tracks)
    refuse_held_out([*tracks, *valid_tracks])
    both = {path.resolve().parent for path in tracks} & {path.resolve().parent for path in valid_tracks}
    if both:
        raise UsageError(f"{sorted(both)[0]} is on the training and on the validation side; split by artist (folder)")
    kept, seed = run.cache / "mel", run.training.seed
    make: dict[str, Any] = {"workers": run.workers, "on_line": on_line}
    train = make_ruined(tracks, kept, count=run.count, seed=seed, **make) if tracks else []
    train += make_again(train, run.again, seed=seed, on_line=on_line)
    valid = (
        make_ruined(valid_tracks, kept, count=run.valid_count, seed=seed + VALID_SEED_SHIFT, **make)
        if valid_tracks
        else []
    )
    learned, chosen = (frozenset(map(artist_of, side)) for side in (tracks, valid_tracks))
    ruined = MelFiles(tuple(train), tuple(valid), learned, chosen)
    return ruined if run.data_dir is None else _with_pairs(ruined, run.data_dir, run.cache, on_line)


def _with_pairs(ruined: MelFiles, data_dir: Path, cache: Path, on_line: Callable[[str], None]) -> MelFiles:
    """Return the examples of pairs beside those of ruined tracks; some are chosen on where no track is."""
    refuse_held_out_pairs(data_dir)
    pairs = examples_of_pairs(data_dir, cache, cache / "mel", on_line=on_line)
    artists = {sample: artist_of_sample(data_dir, sample) for sample in pairs}
    sides = Sides(tuple(pairs), ()) if ruined.valid else split_by_artist(artists, VALID_PAIRS)
    valid = sides.valid
    if pairs and not (ruined.valid or valid):
        on_line("warning: all pairs are of one artist; the network is chosen on what it learns from")
        valid = sides.train
    files = MelFiles(
        train=(*ruined.train, *(pairs[sample] for sample in sides.train)),
        valid=(*ruined.valid, *(pairs[sample] for sample in valid)),
        learned=ruined.learned | {artists[sample] for sample in sides.train},
        chosen=ruined.chosen | {artists[sample] for sample in valid},
    )
    if files.apart == SOME_SAME_ARTISTS:
        on_line("warning: some artists are both learned from and chosen on")
    return files


def _sounds(named: tuple[Path, ...]) -> list[Path]:
    """Return the tracks named, folders looked through; MIDI files are no sound yet and left out."""
    return [path for path in find_tracks(named) if path.suffix.lower() not in (".mid", ".midi")] if named else []


def _trained(run: MelRun, files: MelFiles, data: str, on_line: Callable[[str], None]) -> MelResult:
    from torch.utils.tensorboard.writer import SummaryWriter

    told = {"shape": asdict(run.training.shape), **{k: v for k, v in asdict(run.training).items() if k != "shape"}}
    told["chosen_on"] = content_digest(files.valid)
    state, best = _state_at(run, told, data)
    run.log.mkdir(parents=True, exist_ok=True)
    writer = SummaryWriter(str(run.log))
    path = run.save / f"{run.method}.safetensors"
    kept: dict[str, Mapping[str, float]] = {"best": best}

    def on_epoch(report: MelEpoch, state: MelState) -> None:
        for name, value in report.metrics.items():
            writer.add_scalar(name, value, report.epoch)
        loss = report.metrics["val/total_loss"]
        checkpoint = Checkpoint(
            run.method, told, state.network, seed=run.training.seed, step=state.epoch, metrics=report.metrics,
            features=FEATURES, data=data, code_version=__version__,
            training={**state.as_data(), "best": dict(kept["best"])},
        )  # fmt: skip
        if loss < kept["best"].get("val/total_loss", np.inf):
            kept["best"] = dict(report.metrics)
            checkpoint.training["best"] = dict(report.metrics)  # type: ignore[index]
            save_checkpoint(checkpoint, run.save / "best.pt")
            write_mel_net(state.network, run, path, told=_card(run, files, data, report))
        save_checkpoint(checkpoint, run.save / "latest.pt")
        shown = ("train/total_loss", "val/total_loss", "val/raw_db", "val/edited_db")
        on_line(f"epoch {report.epoch}: " + ", ".join(f"{name} {report.metrics[name]:.4g}" for name in shown))

    try:
        train_mel(files.train, files.valid, run.training, state=state, on_epoch=on_epoch, on_line=on_line)
    finally:
        writer.close()
    return MelResult(path, kept["best"])


def _state_at(run: MelRun, told: dict[str, Any], data: str) -> tuple[MelState | None, Mapping[str, float]]:
    """Return where to go on, and what the best epoch came to; None where a run begins.

    Raises
    ------
    UsageError
        If the checkpoint named is of another network or other settings.
    """
    path = run.resume or run.save / "latest.pt"
    if run.resume is None and not path.is_file():
        return None, {}
    found = load_checkpoint(path, method=run.method, features=FEATURES)
    same = _plain(dict(found.config)) == _plain(told) and found.data == data
    if not same and run.resume is not None:
        raise UsageError(f"{path} is of other settings or data; resume with those that it was begun with")
    if not same:
        return None, {}
    training = found.training
    return MelState(found.step, dict(found.weights), training["optimizer"], training["history"]), training["best"]


def _plain(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, default=list)


def write_mel_net(weights: Mapping[str, torch.Tensor], run: MelRun, path: Path, *, told: Mapping[str, Any]) -> None:
    """Write weights as safetensors, halved to 16 bits, and their card as JSON beside them.

    Parameters
    ----------
    weights : mapping
        Parameters by name.
    run : MelRun
        What they come from.
    path : Path
        Ends in ``.safetensors``.
    told : mapping
        What a reader of the card should know: data, seed, command, scores, licence.
    """
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(value.numpy().astype(np.float16)) for name, value in weights.items()}
    card = {
        "format": FORMAT,
        "method": run.method,
        "inputs_version": INPUTS_VERSION,
        "shape": asdict(run.training.shape),
        **told,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(path, save(tensors))


def _card(run: MelRun, files: MelFiles, data: str, report: MelEpoch) -> dict[str, Any]:
    """Return what a reader of the weights should know."""
    names = ("val/total_loss", "val/raw_db", "val/edited_db")
    sources = [f"tracks of {len({p.parent for p in find_tracks(run.tracks)})} artists, ruined" if run.tracks else "",
               "pairs" if run.data_dir else ""]  # fmt: skip
    return {
        "data": f"{len(files.train)} stretches of {' and '.join(filter(None, sources))}; chosen on {len(files.valid)} "
        f"{files.apart}",
        "data_digest": data,
        "seed": run.training.seed,
        "epoch": report.epoch,
        "training": {k: v for k, v in asdict(run.training).items() if k not in ("shape", "device")},
        "command": run.command,
        "validation": {name: round(report.metrics[name], 4) for name in names},
        "licence": "GPL-3.0-or-later",
        "version": __version__,
    }
