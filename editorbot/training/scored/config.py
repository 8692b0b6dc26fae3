"""Settings of ``train scored``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from editorbot.analysis import BeatTracker
from editorbot.errors import UsageError
from editorbot.models.scorer_config import CLASSES
from editorbot.training.settings import LearningRate, RunSettings, check_least


@dataclass(frozen=True)
class ScoredTraining:
    """How each network is trained."""

    epochs: int = 30
    """Passes over the jams, or over a part of them each; e.g. --epochs 40."""
    epoch_jams: int = 1500
    """Most jams in an epoch; with more jams the next epoch takes the next part, e.g. --epoch-jams 500."""
    batch_size: int = 4
    """Jams in a step, e.g. --batch-size 8."""
    learning_rate: LearningRate = 2e-3
    """Highest rate of the one-cycle schedule, e.g. --lr 1e-3."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW, e.g. --weight-decay 0."""
    input_noise: float = 0.15
    """Random shift of each input, the same for a whole jam [standard deviations]; e.g. --input-noise 0.3."""
    label_smoothing: float = 0.05
    """Label smoothing of the cross-entropy, e.g. --label-smoothing 0.1."""
    f1_weight: float = 1.0
    """Weight of one minus the soft F1 beside the cross-entropy, e.g. --f1-weight 0.5."""
    remix: float = 0.75
    """Share of an epoch's jams that are put together anew from their own and others' stretches, e.g. --remix 0.5."""
    transpose: float = 0.7
    """Share of an epoch's jams that are moved to another key, e.g. --transpose 0.5."""
    left_out: tuple[str, ...] = ()
    """Classes of junk to leave out of all training jams, to see how unknown faults fare; none by default, e.g.
    --left-out noodling."""
    weight_mean: float = 0.998
    """Decay of the running mean of the weights, which is what is used; e.g. --weight-mean 0.99."""
    seed: int = 0
    """Random seed; the same seed gives the same weights, e.g. --seed 1."""

    def __post_init__(self) -> None:
        check_least(self, 1, "epochs", "epoch_jams", "batch_size")
        if unknown := sorted(set(self.left_out) - set(CLASSES)):
            raise UsageError(f"left_out must name classes of {', '.join(CLASSES)}, but names {', '.join(unknown)}")


@dataclass(frozen=True)
class ScoredSettings(RunSettings):
    """Train the score of the default editor on jams that are simulated from finished tracks.

    A run that is started again with the same settings resumes by itself; --resume takes the latest.pt of one of its
    networks, and all resume.
    """

    default_folder = "models/scored"

    tracks: tuple[Path, ...] = ()
    """Finished tracks, or folders of them, to simulate training jams from; e.g. --tracks music/train."""
    valid_tracks: tuple[Path, ...] = ()
    """Tracks of other artists, to validate and calibrate on; e.g. --valid-tracks music/validation."""
    data_dir: Path | None = None
    """Folder of pairs with a truth, to train on beside the simulated jams; none by default, e.g. --data-dir pairs."""
    count: int = 600
    """Jams to train on, e.g. --count 5200."""
    valid_count: int = 60
    """Jams to simulate from the validation tracks, e.g. --valid-count 30."""
    held_back: int = 0
    """Jams out of --count to validate on instead of training on them, e.g. --held-back 200."""
    members: int = 3
    """Networks in the ensemble; their probabilities are averaged, e.g. --members 1."""
    beat_tracker: BeatTracker = "embedded"
    """Which tracker finds the beats: the one that ships, or the package beat-this; e.g. --beat-tracker beat-this."""
    workers: int = 2
    """Processes that simulate jams, and threads that train; e.g. --workers 8."""
    training: ScoredTraining = field(default_factory=ScoredTraining)

    def __post_init__(self) -> None:
        check_least(self, 1, "count", "valid_count", "members", "workers")
        if not 0 <= self.held_back < self.count:
            raise UsageError(f"held_back must be from 0 to below count, {self.count}, but is {self.held_back}")

    @property
    def resumed(self) -> Path | None:
        """Folder of the run to resume."""
        return self.resume.parent.parent if self.resume else None

    @property
    def save(self) -> Path:
        """Folder of the run."""
        return self.save_dir or self.resumed or Path(self.default_folder)


PRESETS: Mapping[str, Mapping[str, ScoredSettings]] = {"scored": dict.fromkeys(("default", "small"), ScoredSettings())}
"""The network is small as it is: both presets train on two cores of a CPU."""
