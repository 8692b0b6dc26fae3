"""Settings of ``train reconstruct`` and ``train mel2mel``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro

from editorbot.config import plain_data
from editorbot.errors import UsageError
from editorbot.models.mel_config import SMALL_MEL2MEL, SMALL_RECONSTRUCT, Mel2MelConfig, MelNetConfig, ReconstructConfig
from editorbot.training.settings import Device, LearningRate, RunSettings, check_above, check_least


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses."""

    l1_weight: float = 1.0
    """Weight of the L1 distance of the mels, e.g. --l1-weight 2."""
    multiscale_stft_weight: float = 1.0
    """Weight of the STFT distance of the sounds, phases included; 0 trains on mels alone, which is much faster. E.g.
    --multiscale-stft-weight 0."""
    edit_consistency_weight: float = 0.5
    """Weight of changes that are faster than tone where the edit keeps the raw recording, e.g.
    --edit-consistency-weight 0.1."""
    feature_weight: float = 0.0
    """Weight of differences from band to band and from frame to frame, e.g. --feature-weight 0.5."""
    gate_weight: float = 0.02
    """Weight of the cross-entropy of the gate, raw or finished; only used where the gate is learned with the rest. E.g.
    --gate-weight 0.1."""


@dataclass(frozen=True)
class ToneTraining:
    """How the track's curve and gate are trained, before the rest of the network."""

    members: int = 4
    """Networks in the ensemble, which share summary_dim evenly; 0 learns curve and gate with the rest. E.g.
    --members 2."""
    draws: int = 8
    """Augmentations of each example, e.g. --draws 4."""
    passes: int = 100
    """Passes of each network over all rows, e.g. --passes 50."""
    least_steps: int = 1_000
    """Steps that each network takes at least, e.g. --least-steps 500."""
    batch_size: Annotated[int, tyro.conf.arg(name="tone-batch-size")] = 256
    """Rows in a step, e.g. --tone-batch-size 128."""
    learning_rate: Annotated[float, tyro.conf.arg(name="tone-learning-rate")] = 3e-3
    """Highest learning rate; it falls by a cosine. E.g. --tone-learning-rate 1e-3."""
    weight_decay: float = 0.2
    """Weight decay of AdamW, e.g. --weight-decay 0.1."""
    noise: float = 0.035
    """Standard deviation of the noise added to the inputs, e.g. --noise 0."""
    dropout: float = 0.1
    """Dropout of both layers, e.g. --dropout 0."""
    gate_weight: Annotated[float, tyro.conf.arg(name="tone-gate-weight")] = 2.0
    """Weight of the gate's cross-entropy beside the curve's distance in decibels, e.g. --tone-gate-weight 1."""
    gate_steepness: float = 3.0
    """Factor on the gate's log odds after training, e.g. --gate-steepness 1."""
    gate_shift: float = 1.5
    """Shift of the gate towards closed before that factor: finished music is to be left alone. E.g. --gate-shift 0."""

    def __post_init__(self) -> None:
        check_least(self, 1, "passes", "least_steps", "batch_size")
        check_least(self, 0, "members", "draws", "weight_decay", "noise", "gate_weight")
        check_above(self, 0, "learning_rate", "gate_steepness")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be from 0 to below 1, but is {self.dropout}")


def check_width(width: int, tone: ToneTraining) -> None:
    """Raise a UsageError if the members of the ensemble cannot share a width evenly."""
    if tone.members and width % tone.members:
        raise UsageError(f"{tone.members} networks cannot share a summary_dim of {width}")


@dataclass(frozen=True)
class MelTraining:
    """How the network is trained."""

    epochs: int = 100
    """Passes over the examples, e.g. --epochs 30."""
    batch_size: int = 8
    """Windows in a step, e.g. --batch-size 16."""
    learning_rate: LearningRate = 1e-4
    """Highest learning rate; it falls by a cosine. E.g. --lr 1e-3."""
    window_frames: int = 256
    """Frames in a window, e.g. --window-frames 128."""
    weights: LossWeights = field(default_factory=LossWeights)
    tone: ToneTraining = field(default_factory=ToneTraining)
    augment: bool = True
    """Change equalizer and noise of the examples each time that one is drawn; in the epochs only if
    multiscale_stft_weight is 0. On by default; --no-augment turns it off."""
    seed: int = 0
    """Random seed; the same seed gives the same weights, e.g. --seed 1."""

    def __post_init__(self) -> None:
        check_least(self, 1, "epochs", "batch_size")
        check_least(self, 16, "window_frames")
        check_above(self, 0, "learning_rate")

    @property
    def needs_sound(self) -> bool:
        """Whether sounds are compared too, not their mels alone."""
        return self.weights.multiscale_stft_weight > 0


@dataclass(frozen=True)
class MelSettings(RunSettings):
    """What both methods have in common. A run that is started again with the same settings resumes by itself."""

    method: ClassVar[str]

    tracks: tuple[Path, ...] = ()
    """Finished tracks, or folders of them (an artist each), to degrade and learn from; e.g. --tracks music/train/*."""
    valid_tracks: tuple[Path, ...] = ()
    """Finished tracks of other artists, to choose the best epoch on; pairs of a tenth of the artists by default, e.g.
    --valid-tracks music/validation/*."""
    data_dir: Path | None = None
    """Folder of pairs, input/NAME_raw.wav beside desired_output/NAME_edit.wav; none by default, e.g. --data-dir
    pairs."""
    count: int = 600
    """Degraded stretches to learn from, e.g. --count 100."""
    valid_count: int = 60
    """Degraded stretches to choose on, e.g. --valid-count 20."""
    again: int = 4
    """How often each stretch to learn from is degraded again, in other ways; e.g. --again 0."""
    patience: int = 0
    """Epochs without a better one after which training stops; 0 never stops, e.g. --patience 10."""
    workers: int = 1
    """Processes that make examples; the results are the same. E.g. --workers 8."""
    threads: int = 1
    """Threads that train, e.g. --threads 2."""
    device: Device = "auto"
    """Where to train: cpu, cuda, or auto, which takes a GPU if there is one; e.g. --device cpu."""
    training: MelTraining = field(default_factory=MelTraining)
    shape: MelNetConfig = field(default_factory=ReconstructConfig)

    def __post_init__(self) -> None:
        check_least(self, 1, "count", "valid_count", "workers", "threads")
        check_least(self, 0, "again", "patience")
        check_width(self.shape.summary_dim, self.training.tone)


@dataclass(frozen=True)
class ReconstructSettings(MelSettings):
    """Train how a raw recording sounds when it is finished, from its mel and the edit's labels."""

    method = "reconstruct"
    default_folder = "models/reconstruct"

    shape: ReconstructConfig = field(default_factory=ReconstructConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        frames, most = self.training.window_frames, self.shape.chunk_frames
        if frames > most:
            raise UsageError(f"window_frames {frames} must not be more than chunk_frames {most}")


@dataclass(frozen=True)
class Mel2MelSettings(MelSettings):
    """Train how a raw recording sounds when it is finished, from its mel alone."""

    method = "mel2mel"
    default_folder = "models/mel2mel"

    shape: Mel2MelConfig = field(default_factory=Mel2MelConfig)


def stored_training(training: MelTraining) -> dict[str, Any]:
    """Turn settings into plain data under the names that cards and checkpoints have always had."""
    data: dict[str, Any] = plain_data(training)
    data["changes_tone"] = data.pop("augment")
    return data


SMALL_WEIGHTS = LossWeights(1.0, 0.0, 0.02, 0.0)
"""Without the loss on the sound, which takes most of a step on a CPU, and with little weight on consistency: most of
what noise and rooms do is a change of shape."""

PRESETS: Mapping[str, Mapping[str, MelSettings]] = {
    "reconstruct": {
        "default": ReconstructSettings(),
        "small": ReconstructSettings(
            training=MelTraining(30, learning_rate=1e-3, window_frames=64, weights=SMALL_WEIGHTS),
            shape=SMALL_RECONSTRUCT,
        ),
    },
    "mel2mel": {
        "default": Mel2MelSettings(),
        "small": Mel2MelSettings(
            training=MelTraining(30, learning_rate=1e-3, window_frames=192, weights=SMALL_WEIGHTS), shape=SMALL_MEL2MEL
        ),
    },
}
"""default is for a GPU; small trains on a CPU in less than an hour, and ships."""
