"""The whole training run of the learned score: jams, networks, calibration, what ships.

Every member is kept as a checkpoint after each epoch, with optimizer, schedule
and random states, so that a run goes on where it was broken off and ends with
the weights that an unbroken run ends with.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from editorbot import __version__
from editorbot.corpus.cache_files import content_digest
from editorbot.corpus.simulate.folder import Order, find_tracks
from editorbot.corpus.splits import artist_of, artist_of_sample, refuse_held_out, refuse_held_out_pairs, told_apart
from editorbot.corpus.truth import TRUTH_FOLDER
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.editors.scoring.network import SHAPE
from editorbot.errors import UsageError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES
from editorbot.training.scored.calibration import Calibration, calibrate, chances_of
from editorbot.training.scored.examples import Example, ExampleFiles, read_example
from editorbot.training.scored.jams import MadeExample, examples_of_pairs, make_examples
from editorbot.training.scored.ship import write_score
from editorbot.training.scored.train import EpochReport, ScoredTraining, TrainingState, train_network

FEATURES = f"score inputs {INPUTS_VERSION}"
"""What a checkpoint says of its inputs."""

VALID_SEED_SHIFT = 1_000_003
"""Added to the seed of the validation jams."""


@dataclass(frozen=True)
class ScoredRun:
    """What to train on, and where everything goes."""

    tracks: tuple[Path, ...]
    valid_tracks: tuple[Path, ...]
    data_dir: Path | None
    count: int
    valid_count: int
    held_back: int
    """Jams of the training tracks that are chosen on, not learned from."""
    members: int
    workers: int
    cache: Path
    save: Path
    log: Path
    training: ScoredTraining
    command: str = ""
    """The command that was typed, for the card."""


@dataclass(frozen=True)
class ScoredResult:
    """What a run came to."""

    path: Path
    """The learned score; its card lies beside it."""
    calibration: Calibration


def train_scored(
    run: ScoredRun,
    *,
    on_line: Callable[[str], None] = lambda line: None,
    on_made: Callable[[MadeExample], None] = lambda made: None,
) -> ScoredResult:
    """Train and write the learned score.

    Raises
    ------
    UsageError
        If an artist (a folder of tracks) is on both sides, or no jam could be made.
    SplitError
        If a track or a pair is of a test artist.
    """
    torch.set_num_threads(run.workers)
    on_line(f"training on the CPU with {run.workers} threads; the network is too small to gain from a GPU")
    train_files, valid_files = _example_files(run, on_line, on_made)
    examples = ExampleFiles(train_files)
    valid = [read_example(path) for path in valid_files]
    if not train_files or not valid:
        raise UsageError(
            f"{len(train_files)} training jams and {len(valid)} validation jams could be made; both need some"
        )
    on_line(f"{len(examples)} training jams, {len(valid)} validation jams")
    data = content_digest(train_files)
    networks = [train_member(run, number, examples, valid, data, on_line) for number in range(run.members)]
    mean = [np.mean([chances_of(network, one) for network in networks], axis=0) for one in valid]
    calibration = calibrate(mean, valid)
    path = run.save / "scored.safetensors"
    write_score(networks, calibration, path, told=_card(run, len(examples), len(valid), data, calibration))
    return ScoredResult(path, calibration)


def _example_files(
    run: ScoredRun, on_line: Callable[[str], None], on_made: Callable[[MadeExample], None]
) -> tuple[list[Path], list[Path]]:
    """Return the examples to train on and those to choose on."""
    tracks = find_tracks(run.tracks) if run.tracks else ()
    valid_tracks = find_tracks(run.valid_tracks)
    refuse_held_out([*tracks, *valid_tracks])
    both = {path.resolve().parent for path in tracks} & {path.resolve().parent for path in valid_tracks}
    if both:
        raise UsageError(f"{sorted(both)[0]} is on the training and on the validation side; split by artist (folder)")
    files: list[Path] = []
    held_back: list[Path] = []
    if tracks:
        on_line(f"making {run.count} jams from {len(tracks)} tracks")
        order = Order(tracks=tracks, out=run.cache, count=run.count, seed=run.training.seed)
        made = make_examples(order, run.cache, workers=run.workers, on_made=on_made)
        files, held_back = made[run.held_back :], made[: run.held_back]
    if run.data_dir is not None:
        refuse_held_out_pairs(run.data_dir)
        files += examples_of_pairs(run.data_dir, run.cache, on_made=on_made)
    seed = run.training.seed + VALID_SEED_SHIFT
    order = Order(tracks=valid_tracks, out=run.cache, count=run.valid_count, seed=seed)
    return files, [*make_examples(order, run.cache, workers=run.workers, on_made=on_made), *held_back]


def train_member(
    run: ScoredRun,
    number: int,
    examples: Sequence[Example],
    valid: Sequence[Example],
    data: str,
    on_line: Callable[[str], None],
) -> ScorerNetwork:
    """Return one trained network; goes on from its checkpoint where there is one of this very run."""
    from torch.utils.tensorboard.writer import SummaryWriter

    config = replace(run.training, seed=run.training.seed + number)
    path = run.save / f"member_{number}" / "latest.pt"
    told = {**asdict(config), **asdict(SHAPE)}
    state = _state_at(path, told, data)
    run.log.mkdir(parents=True, exist_ok=True)
    writer = SummaryWriter(str(run.log / f"member_{number}"))

    def on_epoch(network: ScorerNetwork, report: EpochReport, state: TrainingState) -> None:
        metrics = {"train/loss": report.loss, "train/learning_rate": report.learning_rate}
        if report.epoch % 5 == 4 or report.epoch == config.epochs - 1:
            metrics["val/f1"] = calibrate([chances_of(network, one) for one in valid], valid).f1
        for name, value in metrics.items():
            writer.add_scalar(name, value, report.epoch)
        weights = network.state_dict()
        kept = Checkpoint(
            "scored", told, weights, seed=config.seed, step=report.epoch + 1, metrics=metrics, features=FEATURES,
            vocabulary=",".join(CLASSES), data=data, code_version=__version__, training=state.as_data(),
        )  # fmt: skip
        save_checkpoint(kept, path)
        on_line(f"member {number}, epoch {report.epoch}: " + ", ".join(f"{k} {v:.4g}" for k, v in metrics.items()))

    network = train_network(examples, config, SHAPE, state=state, on_epoch=on_epoch)
    writer.close()
    return network


def _state_at(path: Path, told: dict[str, object], data: str) -> TrainingState | None:
    """Return where a run was broken off, None where there is nothing, or another run's."""
    if not path.is_file():
        return None
    found = load_checkpoint(path, method="scored", vocabulary=",".join(CLASSES))
    same = json.dumps(dict(found.config), default=list) == json.dumps(told, default=list)
    same = same and (found.data, found.features) == (data, FEATURES)
    return TrainingState.of_data(found.training, found.weights, found.step) if same else None


def _card(run: ScoredRun, jams: int, valid: int, data: str, calibration: Calibration) -> dict[str, object]:
    """Return what a reader of the shipped weights should know."""
    sources = (
        f"simulated from tracks of {len(run.tracks)} folders" if run.tracks else "",
        "of pairs" if run.data_dir else "",
    )
    return {
        "data": f"{jams} jams: {' and '.join(filter(None, sources))}; {valid} jams to choose on, "
        f"{run.held_back} of them of the same tracks, {valid - run.held_back} {_apart(run)}",
        "data_digest": data,
        "seed": run.training.seed,
        "training": asdict(run.training),
        "command": run.command,
        "validation_step_f1": calibration.f1,
        "licence": "GPL-3.0-or-later",
        "version": __version__,
    }


def _apart(run: ScoredRun) -> str:
    """Return what is known of the artists of the validation tracks beside those that are learned from."""
    learned = [artist_of(path) for path in (find_tracks(run.tracks) if run.tracks else ())]
    if run.data_dir is not None:
        samples = [path.stem for path in (run.data_dir / TRUTH_FOLDER).glob("*.json")]
        learned += [artist_of_sample(run.data_dir, sample) for sample in samples]
    return told_apart(learned, [artist_of(path) for path in find_tracks(run.valid_tracks)])
