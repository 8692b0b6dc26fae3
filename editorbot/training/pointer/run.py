"""``train pointer`` from beginning to end: pairs, epochs, the decoder's costs, the weights that ship."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.trackers import check_tracker
from editorbot.config import plain_data
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.pairs import POINTER_FOLDER
from editorbot.corpus.splits import (
    SOME_SAME_ARTISTS,
    artist_of_sample,
    artist_overlap,
    refuse_held_out_pairs,
    split_by_artist,
)
from editorbot.editors.pointer_inference.decode import DecodeSettings
from editorbot.editors.pointer_inference.learned import FORMAT
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.errors import EmptyError, printable
from editorbot.models.checkpoint import save_checkpoint
from editorbot.models.pointer import PointerNetwork
from editorbot.models.pointer_config import DEFAULT_RATIO, PointerConfig
from editorbot.models.scorer_config import CLASSES
from editorbot.training.machine import device_line, device_of
from editorbot.training.pointer.config import PointerSettings
from editorbot.training.pointer.data import PointerDataset, PointerFolders, prepared
from editorbot.training.pointer.train import PointerNetworkTrainer
from editorbot.training.pointer.validation import calibrate, validate, validation_score
from editorbot.training.run_folder import OnLine, RunFolder, RunHeader, arrays_of, card_of, silent
from editorbot.weights import write_weights


def train(settings: PointerSettings, *, command: str = "", on_line: OnLine = silent) -> Path:
    """Train and write the pointer network; return the path of its weights.

    Raises
    ------
    EditorbotError
        If there is nothing to train on, or the checkpoint to resume is of other settings or other pairs.
    """
    check_tracker(settings.beat_tracker)
    device = device_of(settings.device)
    torch.set_num_threads(settings.threads)
    on_line(device_line(device, settings.threads))
    pairs, valid = _pairs(settings, on_line)
    on_line(f"{len(pairs)} pairs to train on, {len(valid)} to choose on")
    apart = artist_overlap(artists_of(pairs), artists_of(valid))
    if apart == SOME_SAME_ARTISTS:
        on_line("warning: some artists are both learned from and chosen on")
    shape = _with_ratio(settings.model, pairs)
    on_line(f"an edit is usually {shape.ratio:.2f} as long as its recording")
    header = _header(settings, shape, pairs, valid)
    folder = RunFolder(
        header, settings.save, log=settings.log, on_line=on_line, score_of=validation_score, patience=settings.patience
    )
    found = folder.resume(settings.resume)
    with torch.random.fork_rng(), folder:
        trainer = PointerNetworkTrainer(pairs, settings.training, shape, device)
        if found is not None:
            trainer.load(found)
        while trainer.epoch < settings.training.epochs and not folder.should_stop:
            metrics = trainer.train_epoch()
            if trainer.epoch % settings.valid_every == 0 or trainer.epoch == settings.training.epochs:
                metrics |= validate(trainer.network, valid, settings.decode)
            weights = trainer.network.state_dict()
            folder.keep(trainer.epoch, metrics, weights=weights, training=trainer.training_state())
    best = folder.best()
    network = PointerNetwork(shape)
    network.load_state_dict(dict(best.weights))
    decode, metrics = calibrate(network.eval(), valid, settings.decode)
    save_checkpoint(replace(best, config={**best.config, "decode": plain_data(decode)}), folder.best_path)
    path = settings.save / "pointer.safetensors"
    data = f"{len(pairs)} pairs; weights and prices chosen on {len(valid)} pairs {apart}"
    measured = {name: round(value, 4) for name, value in metrics.items()}
    more = {"beat_tracker": settings.beat_tracker, "validation": measured}
    card = card_of(header, data=data, training=settings.training, command=command, **more)
    write_pointer(network, decode, path, card=card)
    on_line(", ".join(f"{k} {v:.3f}" for k, v in metrics.items()) + f"; the weights are {printable(str(path))}")
    return path


def _header(settings: PointerSettings, shape: PointerConfig, pairs: PointerDataset, valid: PointerDataset) -> RunHeader:
    """Describe the run; the decoder's costs may change from one part of a run to the next."""
    parts = {"model": shape, "training": settings.training, "decode": settings.decode}
    config = {name: plain_data(part) for name, part in parts.items()} | {"chosen_on": valid.digest}
    return RunHeader(
        "pointer", config, pairs.digest, settings.training.seed, vocabulary=",".join(CLASSES),
        features=str(INPUTS_VERSION), compared=("model", "training", "chosen_on"),
    )  # fmt: skip


def _pairs(settings: PointerSettings, on_line: OnLine) -> tuple[PointerDataset, PointerDataset]:
    """Prepare the pairs to train on and those to validate on."""

    def prepare(data: Path, pointers: Path) -> PointerDataset:
        refuse_held_out_pairs(data)
        cache, tracker = CacheFolder(settings.cache_dir), settings.beat_tracker
        folders = PointerFolders(data, pointers, cache, AnalysisCache.of_user(), tracker)
        return prepared(folders, settings.model, workers=settings.workers, on_problem=lambda e: on_line(str(e)))

    pairs = prepare(settings.data_dir, settings.pointers)
    if settings.valid_dir is not None:
        valid = prepare(settings.valid_dir, settings.valid_dir / POINTER_FOLDER)
        return pairs, valid.of(valid.samples[: settings.valid_most])
    return split_pairs(pairs, settings.valid_share, settings.valid_most)


def split_pairs(pairs: PointerDataset, share: float, most: int) -> tuple[PointerDataset, PointerDataset]:
    """Split pairs into those to train on and those to validate on, whole artists, at least two."""
    sides = split_by_artist(dict(zip(pairs.samples, artists_of(pairs))), share)
    if not sides.valid:
        raise EmptyError(
            "all pairs are of one artist, and some must be kept apart to choose on; name a valid_dir",
            path=pairs.folders.data,
        )
    return pairs.of(sides.train), pairs.of(sides.valid[:most])


def artists_of(pairs: PointerDataset) -> list[str]:
    """Look up the artist of each pair, empty text where no truth names one."""
    return [artist_of_sample(pairs.folders.data, sample) for sample in pairs.samples]


def _with_ratio(model: PointerConfig, pairs: PointerDataset) -> PointerConfig:
    """Set the usual length of an edit over that of its recording from the pairs, unless another was given."""
    if model.ratio != DEFAULT_RATIO:
        return model
    lengths = np.array([pairs.lengths(number) for number in range(len(pairs))], np.float64)
    return replace(model, ratio=round(float(np.median(lengths[:, 1] / lengths[:, 0])), 4))


def write_pointer(network: PointerNetwork, decode: DecodeSettings, path: Path, *, card: dict[str, Any]) -> None:
    """Write a network and its decoder's costs as they ship."""
    shape = {"inputs_version": INPUTS_VERSION, "classes": list(CLASSES), "config": asdict(network.config)}
    write_weights(path, arrays_of(network.state_dict()), {"format": FORMAT, **shape, "decode": asdict(decode), **card})
