"""``train reconstruct`` and ``train mel2mel`` from beginning to end: examples, training, the weights that ship."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editorbot.config import plain_data
from editorbot.corpus.cache_files import content_digest
from editorbot.corpus.simulate.folder import find_tracks
from editorbot.corpus.splits import (
    SOME_SAME_ARTISTS,
    ArtistSplit,
    artist_of,
    artist_of_sample,
    artist_overlap,
    refuse_held_out,
    refuse_held_out_pairs,
    refuse_shared_folders,
    split_by_artist,
)
from editorbot.errors import UsageError, printable
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.mel_config import INPUTS_VERSION
from editorbot.polish.mel_weights import FORMAT
from editorbot.training.machine import device_of
from editorbot.training.mel.config import MelSettings, stored_training
from editorbot.training.mel.degrade import degraded_files, files_degraded_again
from editorbot.training.mel.pair_examples import examples_of_pairs
from editorbot.training.mel.train import MelRun
from editorbot.training.run_folder import OnLine, RunFolder, RunHeader, arrays_of, card_of, cpu_weights, silent
from editorbot.weights import write_weights

VALID_SEED_SHIFT = 1_000_003
"""Added to the seed of the validation examples."""

VALID_PAIRS = 0.1
"""Share of the pairs' artists to choose on, without validation tracks."""

SHOWN = ("train/total_loss", "val/total_loss", "val/raw_db", "val/edited_db")
"""Metrics in the line of an epoch."""


def train(settings: MelSettings, *, command: str = "", on_line: OnLine = silent) -> Path:
    """Train and write the weights of the best epoch; return their path.

    Raises
    ------
    UsageError
        If there is nothing to train on, or an artist (a folder of tracks) is on both sides.
    SplitError
        If a track or a pair is of a test artist.
    NonFiniteError
        If a loss is NaN; the best epoch before it is written all the same.
    """
    if not (settings.tracks or settings.data_dir):
        raise UsageError("nothing to learn from; give --data-dir with pairs, or --tracks with finished music")
    if settings.tracks and not (settings.valid_tracks or settings.data_dir):
        raise UsageError("give --valid-tracks: music of artists that are in none of the --tracks")
    torch.set_num_threads(settings.threads)
    device, training = device_of(settings.device), settings.training
    on_line(f"training on {device}, {settings.threads} threads")
    files = example_files(settings, on_line)
    counts = f"{len(files.train)} examples to learn from, {len(files.valid)} to choose on"
    if not files.train or not files.valid:
        raise UsageError(f"{counts}: both sides need some")
    on_line(counts)
    config = {"shape": plain_data(settings.shape), **stored_training(training)}
    config |= {"device": device, "chosen_on": content_digest(files.valid)}
    header = RunHeader(
        settings.method, config, content_digest(files.train), training.seed, features=f"mel inputs {INPUTS_VERSION}"
    )
    folder = RunFolder(
        header, settings.save, log=settings.log, on_line=on_line, automatic=True,
        score_of=lambda metrics: -metrics["val/total_loss"], patience=settings.patience,
    )  # fmt: skip
    found, path = folder.resume(settings.resume), settings.save / f"{settings.method}.safetensors"
    run = MelRun(files.train, files.valid, settings.shape, training, device=device, found=found, on_line=on_line)
    try:
        with folder:
            while run.epoch < training.epochs and not folder.should_stop:
                metrics = run.train_epoch()
                weights, state = cpu_weights(run.network), run.training_state()
                folder.keep(run.epoch, metrics, weights=weights, training=state, shown=SHOWN)
    finally:
        if folder.best_step:
            _write_weights(path, folder.best(), header, settings, files, command)
    before, after = (folder.best().metrics[name] for name in ("val/raw_db", "val/edited_db"))
    on_line(f"distance to the finished tracks {before:.2f} dB before, {after:.2f} dB after (validation)")
    on_line(f"the weights are {printable(str(path))}; edit takes them with --polish-checkpoint")
    return path


def _write_weights(
    path: Path, best: Checkpoint, header: RunHeader, settings: MelSettings, files: MelFiles, command: str
) -> None:
    """Write the best weights, as 16-bit floats, and their card."""
    tensors = {name: value.astype(np.float16) for name, value in arrays_of(best.weights).items()}
    names = ("val/total_loss", "val/raw_db", "val/edited_db")
    card = card_of(
        header, data=files.in_words(settings), training=stored_training(settings.training), command=command,
        epoch=best.step - 1, validation={name: round(best.metrics[name], 4) for name in names},
    )  # fmt: skip
    kind = {"format": FORMAT, "method": settings.method, "inputs_version": INPUTS_VERSION}
    write_weights(path, tensors, {**kind, "shape": plain_data(settings.shape), **card})


@dataclass(frozen=True)
class MelFiles:
    """The files of a run's examples, and their artists."""

    train: tuple[Path, ...]
    """To learn from."""
    valid: tuple[Path, ...]
    """To choose on."""
    train_artists: frozenset[str]
    """Artists to learn from; empty text for unknown ones."""
    valid_artists: frozenset[str]
    """Artists to choose on, likewise."""

    @property
    def apart(self) -> str:
        """What is known of the artists to choose on, for the card."""
        if set(self.valid) <= set(self.train):
            return "that are learned from too"
        return artist_overlap(self.train_artists, self.valid_artists)

    def in_words(self, settings: MelSettings) -> str:
        """Say what was learned from and chosen on, for the card."""
        folders = {path.parent for path in find_tracks(settings.tracks)} if settings.tracks else set()
        sources = f"tracks of {len(folders)} artists, degraded" if folders else "", "pairs" if settings.data_dir else ""
        return f"{len(self.train)} stretches of {' and '.join(filter(None, sources))}; chosen on {len(self.valid)} " + (
            self.apart
        )


def example_files(settings: MelSettings, on_line: OnLine) -> MelFiles:
    """Make the examples of a run, or find them in the cache."""
    tracks, valid_tracks = _sounds(settings.tracks), _sounds(settings.valid_tracks)
    refuse_held_out([*tracks, *valid_tracks])
    refuse_shared_folders(tracks, valid_tracks)
    cache, seed = settings.cache_dir / "mel", settings.training.seed
    how: dict[str, Any] = {"workers": settings.workers, "on_line": on_line}
    train = degraded_files(tracks, cache, count=settings.count, seed=seed, **how) if tracks else []
    train += files_degraded_again(train, settings.again, seed=seed, on_line=on_line)
    count, valid_seed = settings.valid_count, seed + VALID_SEED_SHIFT
    valid = degraded_files(valid_tracks, cache, count=count, seed=valid_seed, **how) if valid_tracks else []
    artists = (frozenset(map(artist_of, side)) for side in (tracks, valid_tracks))
    degraded = MelFiles(tuple(train), tuple(valid), *artists)
    return degraded if settings.data_dir is None else _with_pairs(degraded, settings, settings.data_dir, on_line)


def _sounds(named: tuple[Path, ...]) -> list[Path]:
    """Find the tracks named, also in folders; MIDI files are left out, as they are no sound yet."""
    return [path for path in find_tracks(named) if path.suffix.lower() not in (".mid", ".midi")] if named else []


def _with_pairs(degraded: MelFiles, settings: MelSettings, data_dir: Path, on_line: OnLine) -> MelFiles:
    """Add the examples of pairs; without validation tracks, those of some artists are chosen on."""
    refuse_held_out_pairs(data_dir)
    pairs = examples_of_pairs(data_dir, settings.cache_dir, settings.cache_dir / "mel", on_line=on_line)
    artists = {sample: artist_of_sample(data_dir, sample) for sample in pairs}
    sides = ArtistSplit(tuple(pairs), ()) if degraded.valid else split_by_artist(artists, VALID_PAIRS)
    valid = sides.valid
    if pairs and not (degraded.valid or valid):
        on_line("warning: all pairs are of one artist; the best epoch is chosen on what is learned from")
        valid = sides.train
    files = MelFiles(
        train=(*degraded.train, *(pairs[sample] for sample in sides.train)),
        valid=(*degraded.valid, *(pairs[sample] for sample in valid)),
        train_artists=degraded.train_artists | {artists[sample] for sample in sides.train},
        valid_artists=degraded.valid_artists | {artists[sample] for sample in valid},
    )
    if files.apart == SOME_SAME_ARTISTS:
        on_line("warning: some artists are both learned from and chosen on")
    return files
