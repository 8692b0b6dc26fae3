"""``train scored`` from beginning to end: jams, an ensemble of networks, calibration, the weights that ship.

Each network resumes from its own folder, ``member_N``, so that a run that is started again with the same settings ends
with the weights that an unbroken run ends with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from editorbot.analysis.trackers import check_tracker
from editorbot.config import plain_data
from editorbot.corpus.cache_files import content_digest
from editorbot.corpus.simulate.folder import JamRequest, find_tracks
from editorbot.corpus.splits import (
    artist_of,
    artist_of_sample,
    artist_overlap,
    refuse_held_out,
    refuse_held_out_pairs,
    refuse_shared_folders,
)
from editorbot.corpus.truth import TRUTH_FOLDER
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.editors.scoring.learned import FORMAT
from editorbot.editors.scoring.network import SHAPE
from editorbot.errors import UsageError, printable
from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES
from editorbot.training.run_folder import OnLine, RunFolder, RunHeader, arrays_of, card_of, silent
from editorbot.training.scored.calibration import Calibration, calibrate, chances_of
from editorbot.training.scored.config import ScoredSettings
from editorbot.training.scored.examples import Example, ExampleFiles, read_example
from editorbot.training.scored.jams import examples_of_pairs, make_examples
from editorbot.training.scored.train import ScoredRun
from editorbot.weights import write_weights

FEATURES = f"score inputs {INPUTS_VERSION}"
"""What a checkpoint says of its inputs."""

VALID_SEED_SHIFT = 1_000_003
"""Added to the seed of the validation jams."""

VALIDATE_EVERY = 5
"""Epochs from one validation to the next."""


def train(settings: ScoredSettings, *, command: str = "", on_line: OnLine = silent) -> Path:
    """Train and write the learned score; return its path.

    Raises
    ------
    UsageError
        If there is nothing to train or validate on, or an artist (a folder of tracks) is on both sides.
    SplitError
        If a track or a pair is of a test artist.
    """
    if not (settings.tracks or settings.data_dir):
        raise UsageError("nothing to train on; give --tracks with finished music, or --data-dir with pairs")
    if not settings.valid_tracks:
        raise UsageError("give --valid-tracks: music of artists that are in none of the --tracks")
    check_tracker(settings.beat_tracker)
    torch.set_num_threads(settings.workers)
    on_line(f"training on the CPU with {settings.workers} threads; the network is too small to gain from a GPU")
    train_files, valid_files = _example_files(settings, on_line)
    examples, valid = ExampleFiles(train_files), [read_example(path) for path in valid_files]
    if not examples or not valid:
        raise UsageError(f"{len(examples)} training and {len(valid)} validation jams could be made; both need some")
    on_line(f"{len(examples)} training jams, {len(valid)} validation jams")
    header = RunHeader(
        "scored", plain_data({**asdict(settings.training), **asdict(SHAPE)}), content_digest(train_files),
        settings.training.seed, vocabulary=",".join(CLASSES), features=FEATURES,
    )  # fmt: skip
    networks = [_train_member(settings, header, number, examples, valid, on_line) for number in range(settings.members)]
    mean = [np.mean([chances_of(network, one) for network in networks], axis=0) for one in valid]
    calibration = calibrate(mean, valid)
    path = settings.save / "scored.safetensors"
    card = card_of(
        header, data=_data_in_words(settings, len(examples), len(valid)), training=settings.training, command=command,
        beat_tracker=settings.beat_tracker, validation_step_f1=calibration.f1,
    )  # fmt: skip
    write_score(networks, calibration, path, card=card)
    on_line(f"validation F1 {calibration.f1:.3f} (in steps); the score is {printable(str(path))}")
    return path


def _example_files(settings: ScoredSettings, on_line: OnLine) -> tuple[list[Path], list[Path]]:
    """Make the examples to train on and those to validate on, or find them in the cache."""
    tracks = find_tracks(settings.tracks) if settings.tracks else ()
    valid_tracks = find_tracks(settings.valid_tracks)
    refuse_held_out([*tracks, *valid_tracks])
    refuse_shared_folders(tracks, valid_tracks)
    cache, workers, seed = settings.cache_dir / "scored", settings.workers, settings.training.seed
    make = partial(JamRequest, out=cache, beat_tracker=settings.beat_tracker)
    files: list[Path] = []
    held_back: list[Path] = []
    if tracks:
        on_line(f"making {settings.count} jams from {len(tracks)} tracks")
        request = make(tracks=tracks, count=settings.count, seed=seed)
        made = make_examples(request, cache, workers=workers, on_line=on_line)
        files, held_back = made[settings.held_back :], made[: settings.held_back]
    if settings.data_dir is not None:
        refuse_held_out_pairs(settings.data_dir)
        files += examples_of_pairs(settings.data_dir, cache, on_line=on_line)
    request = make(tracks=valid_tracks, count=settings.valid_count, seed=seed + VALID_SEED_SHIFT)
    return files, [*make_examples(request, cache, workers=workers, on_line=on_line), *held_back]


def _train_member(
    settings: ScoredSettings,
    header: RunHeader,
    number: int,
    examples: Sequence[Example],
    valid: Sequence[Example],
    on_line: OnLine,
) -> ScorerNetwork:
    """Train one network of the ensemble; its seed is the run's plus its number."""
    config = replace(settings.training, seed=settings.training.seed + number)
    header = replace(header, seed=config.seed, config={**header.config, "seed": config.seed})
    name = f"member_{number}"
    folder = RunFolder(
        header, settings.save / name, log=settings.log / name, on_line=on_line, automatic=True,
        title=f"member {number}, epoch",
    )  # fmt: skip
    resume = settings.resumed / name / "latest.pt" if settings.resumed else None
    with torch.random.fork_rng(), folder:
        run = ScoredRun(examples, config, SHAPE)
        if found := folder.resume(resume if resume and resume.is_file() else None):
            run.load(found)
        while run.epoch < config.epochs:
            metrics = run.train_epoch()
            if run.epoch % VALIDATE_EVERY == 0 or run.epoch == config.epochs:
                metrics["val/f1"] = calibrate([chances_of(run.mean, one) for one in valid], valid).f1
            folder.keep(run.epoch, metrics, weights=run.mean.state_dict(), training=run.training_state())
    return run.mean.eval()


def write_score(
    networks: Sequence[ScorerNetwork], calibration: Calibration, path: Path, *, card: dict[str, Any]
) -> None:
    """Write networks of one shape as one learned score, their tensors named ``0/...``, ``1/...``."""
    tensors = {
        f"{number}/{name}": value
        for number, network in enumerate(networks)
        for name, value in arrays_of(network.state_dict()).items()
    }
    shape = {"inputs_version": INPUTS_VERSION, "classes": list(CLASSES), "config": asdict(networks[0].config)}
    chosen = {name: getattr(calibration, name) for name in ("scale", "shift", "switch_cost")}
    write_weights(path, tensors, {"format": FORMAT, **shape, "members": len(networks), **chosen, **card})


def _data_in_words(settings: ScoredSettings, jams: int, valid: int) -> str:
    """Say what was trained and validated on, for the card."""
    sources = (
        f"simulated from tracks of {len(settings.tracks)} folders" if settings.tracks else "",
        "of pairs" if settings.data_dir else "",
    )
    held_back = settings.held_back
    return (
        f"{jams} jams: {' and '.join(filter(None, sources))}; {valid} jams to choose on, "
        f"{held_back} of them of the same tracks, {valid - held_back} {_apart(settings)}"
    )


def _apart(settings: ScoredSettings) -> str:
    """Say what is known of the validation artists beside those that are trained on."""
    learned = [artist_of(path) for path in (find_tracks(settings.tracks) if settings.tracks else ())]
    if settings.data_dir is not None:
        samples = [path.stem for path in (settings.data_dir / TRUTH_FOLDER).glob("*.json")]
        learned += [artist_of_sample(settings.data_dir, sample) for sample in samples]
    return artist_overlap(learned, [artist_of(path) for path in find_tracks(settings.valid_tracks)])
