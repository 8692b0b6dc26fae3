"""``train scored`` from beginning to end: jams, an ensemble of networks, calibration, the weights that ship.

Each network resumes from its own folder, ``member_N``, so that a run that is started again with the same settings ends
with the weights that an unbroken run ends with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
    jams = find_jams(settings, on_line)
    examples, valid = ExampleFiles(jams.train), [read_example(path) for path in jams.valid]
    if not examples or not valid:
        raise UsageError(f"{len(examples)} training and {len(valid)} validation jams could be made; both need some")
    on_line(f"{len(examples)} training jams, {len(valid)} validation jams")
    header = RunHeader(
        "scored", plain_data({**asdict(settings.training), **asdict(SHAPE)}), content_digest(jams.train),
        settings.training.seed, vocabulary=",".join(CLASSES), features=FEATURES,
    )  # fmt: skip
    networks = [_train_member(settings, header, number, examples, valid, on_line) for number in range(settings.members)]
    mean = [np.mean([chances_of(network, one) for network in networks], axis=0) for one in valid]
    calibration = calibrate(mean, valid)
    path = settings.save / "scored.safetensors"
    card = card_of(
        header, data=jams.in_words, training=settings.training, command=command,
        beat_tracker=settings.beat_tracker, validation_step_f1=calibration.f1,
    )  # fmt: skip
    write_score(networks, calibration, path, card=card)
    on_line(f"validation F1 {calibration.f1:.3f} (in steps); the score is {printable(str(path))}")
    return path


@dataclass(frozen=True)
class Jams:
    """Files of the examples to train and to validate on."""

    train: list[Path]
    valid: list[Path]
    in_words: str
    """What they are, for the card."""


def find_jams(settings: ScoredSettings, on_line: OnLine) -> Jams:
    """Make the examples of a run, or find them in the cache."""
    tracks = find_tracks(settings.tracks) if settings.tracks else ()
    valid_tracks, data_dir = find_tracks(settings.valid_tracks), settings.data_dir
    refuse_held_out([*tracks, *valid_tracks])
    refuse_shared_folders(tracks, valid_tracks)
    cache, seed, held_back = settings.cache_dir / "scored", settings.training.seed, settings.held_back
    make = partial(make_examples, cache=cache, workers=settings.workers, on_line=on_line)
    request = partial(JamRequest, out=cache, beat_tracker=settings.beat_tracker)
    train: list[Path] = []
    if tracks:
        on_line(f"making {settings.count} jams from {len(tracks)} tracks")
        train = make(request(tracks=tracks, count=settings.count, seed=seed))
    valid, train = train[:held_back], train[held_back:]
    artists, sources = [artist_of(path) for path in tracks], []
    if tracks:
        sources.append(f"simulated from tracks of {len(settings.tracks)} folders")
    if data_dir is not None:
        refuse_held_out_pairs(data_dir)
        train += examples_of_pairs(data_dir, cache, on_line=on_line)
        artists += [artist_of_sample(data_dir, path.stem) for path in (data_dir / TRUTH_FOLDER).glob("*.json")]
        sources.append("of pairs")
    valid_seed = seed + VALID_SEED_SHIFT
    others = make(request(tracks=valid_tracks, count=settings.valid_count, seed=valid_seed))
    apart = artist_overlap(artists, map(artist_of, valid_tracks))
    valid = [*others, *valid]
    words = f"{len(train)} jams: {' and '.join(sources)}; {len(valid)} jams to choose on, "
    words += f"{held_back} of them of the same tracks, {len(valid) - held_back} {apart}"
    return Jams(train, valid, words)


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
