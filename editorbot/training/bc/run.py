"""``train bc`` from beginning to end: demonstrations, epochs, and the policy that ships."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from editorbot.analysis.trackers import check_tracker
from editorbot.config import plain_data
from editorbot.corpus.splits import SOME_SAME_ARTISTS, artist_overlap, split_by_artist
from editorbot.editors.policy_inference.learned import inputs_digest
from editorbot.editors.scoring.learned import SHIPPED, read_score
from editorbot.environment.state import Normalizer
from editorbot.errors import printable
from editorbot.training.bc.advantage_weights import advantage_weighted
from editorbot.training.bc.config import BcSettings, stored_training
from editorbot.training.bc.demonstrations import Demonstration, demonstrations_at, materials_of, normalizer_of
from editorbot.training.bc.train import BcRun
from editorbot.training.machine import device_line, device_of
from editorbot.training.policy_checkpoint import write_policy
from editorbot.training.policy_watch import Alarms
from editorbot.training.run_folder import OnLine, RunFolder, RunHeader, card_of, silent

VALID_SHARE = 0.1
"""Share of the artists to choose on, without other samples."""


@dataclass(frozen=True)
class DemonstrationSplit:
    """What to clone, and what to choose the best epoch on."""

    train: list[Demonstration]
    valid: list[Demonstration]
    data_dir: Path
    """Folder of the pairs: the one asked for, or the one that the data set names."""

    @property
    def chosen_on(self) -> str:
        """What the best epoch is chosen on, for the card."""
        return f"{len(self.valid)} recordings {_apart(self.train, self.valid)}" if self.valid else "these too"


def train(settings: BcSettings, *, command: str = "", on_line: OnLine = silent) -> Path:
    """Clone to the end and write the policy; return its path.

    Raises
    ------
    EditorbotError
        If there is nothing to clone, or the checkpoint to resume is of another run.
    """
    check_tracker(settings.beat_tracker)
    device = device_of(settings.device)
    torch.set_num_threads(settings.threads)
    on_line(device_line(device, settings.threads))
    found = read_demonstrations(settings, on_line)
    train, valid = found.train, found.valid
    normalizer, noise = normalizer_of(train), settings.training.augmentation.noise
    played = train if noise > 0 else []
    materials = materials_of(played, found.data_dir, settings.cache_dir, on_line, settings.beat_tracker)
    samples = sum(len(one.actions) for one in train)
    on_line(f"{samples} samples of {len(train)} recordings; {len(valid)} recordings to choose on")
    header, alarms = _header(settings, found, normalizer), Alarms(on_line)
    folder = RunFolder(
        header,
        settings.save,
        log=settings.log,
        on_line=on_line,
        score_of=lambda metrics: -loss_of(metrics),
        patience=settings.patience,
    )
    checkpoint = folder.resume(settings.resume)
    run = BcRun(train, normalizer, settings.model, settings.training, device, materials)
    if checkpoint is not None:
        run.load(checkpoint)
    with folder:
        while run.epoch < settings.training.epochs and not folder.should_stop:
            metrics = run.train_epoch() | run.validate(valid)
            alarms.check(metrics, run.epoch)
            shown = [name for name in metrics if not name.startswith("train/task")]
            folder.keep(run.epoch, metrics, weights=run.calibrated(), training=run.training_state(), shown=shown)
    best, path = folder.best(), settings.save / "policy.safetensors"
    card = card_of(
        header, data=f"{len(train)} recordings; chosen on {found.chosen_on}",
        training=stored_training(settings.training), command=command,
        validation={name: round(value, 4) for name, value in best.metrics.items()},
    )  # fmt: skip
    write_policy(best, path, card)
    measured = ", ".join(f"{name} {value:.3f}" for name, value in best.metrics.items() if name.startswith("val"))
    on_line(f"{measured or 'done'}; the policy is {printable(str(path))}, the checkpoint {folder.best_path}")
    return path


def loss_of(metrics: Mapping[str, float]) -> float:
    """Loss by which the best epoch is chosen: on other recordings, else on these."""
    return metrics.get("val/bc_loss", metrics.get("train/bc_loss", float("inf")))


def _header(settings: BcSettings, found: DemonstrationSplit, normalizer: Normalizer) -> RunHeader:
    """Describe all that must stay as it is if a run is resumed."""
    used = settings.score_features
    inputs = {
        "hints": used,
        "score": (read_score(settings.score or SHIPPED).digest or "") if used else "",
        "heard": sum(bool(one.score_features.any()) for one in (*found.train, *found.valid)),
        "weighting": settings.weighting,
        "valid_npz": _digest(settings.valid_npz) if settings.valid_npz else "",
    }
    if settings.beat_tracker != "embedded":
        inputs["beat_tracker"] = settings.beat_tracker
    config = {
        "model": plain_data(settings.model),
        "training": stored_training(settings.training),
        "inputs": inputs,
        "normalizer": normalizer.data,
    }
    return RunHeader(
        "bc", config, _digest(settings.data), settings.training.seed, vocabulary=settings.model.vocabulary,
        features=inputs_digest(),
    )  # fmt: skip


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_demonstrations(settings: BcSettings, on_line: OnLine) -> DemonstrationSplit:
    """Read the recordings to clone and those to choose on, with score features and weights.

    Raises
    ------
    EmptyError, VersionError, SplitError
        If there are no samples, they are of another vocabulary, or of test artists.
    """
    train, data_dir = demonstrations_at(settings.data, settings.data_dir, settings, on_line, what="training")
    if settings.weighting == "advantage":
        vocabulary, cache = settings.model.action_vocabulary, settings.cache_dir
        train = advantage_weighted(train, data_dir, cache, vocabulary, on_line, settings.beat_tracker)
    if settings.valid_npz is not None:
        valid, _ = demonstrations_at(settings.valid_npz, None, settings, on_line, what="validation")
    else:
        train, valid = split_recordings(train, on_line)
    if _apart(train, valid) == SOME_SAME_ARTISTS:
        on_line("warning: some artists are both learned from and chosen on")
    return DemonstrationSplit(train, valid, data_dir)


def _apart(train: Sequence[Demonstration], valid: Sequence[Demonstration]) -> str:
    return artist_overlap((one.artist for one in train), (one.artist for one in valid))


def split_recordings(
    recordings: Sequence[Demonstration], on_line: OnLine
) -> tuple[list[Demonstration], list[Demonstration]]:
    """Split recordings into those to train on and those to choose on, whole artists; all to train on if it is one."""
    sides = split_by_artist({one.pair or one.name: one.artist for one in recordings}, VALID_SHARE)
    if not sides.valid:
        on_line(
            "warning: all recordings are of one artist; the best epoch is chosen on what is learned from. Name samples "
            "of another with --valid-npz"
        )
    chosen = set(sides.valid)
    train = [one for one in recordings if (one.pair or one.name) not in chosen]
    return train, [one for one in recordings if (one.pair or one.name) in chosen]
