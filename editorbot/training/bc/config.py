"""Settings of ``train bc``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from editorbot.analysis import BeatTracker
from editorbot.config import plain_data
from editorbot.errors import UsageError
from editorbot.models.policy_config import DEFAULT, SMALL, PolicyConfig
from editorbot.training.settings import Device, LearningRate, RunSettings, check_above, check_between, check_least

OLD_FLAGS = {"--slips": "--noise", "--no-hints": "--no-score-features"}
"""Flags that have another name now."""

STORED_NAMES = {
    "augmentation": "teaching", "score_feature_dropout": "hint_dropout", "context_dropout": "sight_dropout",
    "noise": "slips",
}  # fmt: skip
"""Names that checkpoints and cards have for settings, where these are called otherwise."""


@dataclass(frozen=True)
class TaskWeights:
    """Weights of the auxiliary tasks beside cloning; 0 leaves a task out."""

    tempo: float = 0.05
    """Weight of the local tempo (squared error), e.g. --tempo 0."""
    energy: float = 0.05
    """Weight of the beat's energy in its recording, quiet, medium or loud (cross-entropy), e.g. --energy 0."""
    phrase: float = 0.05
    """Weight of phrase starts (cross-entropy), e.g. --phrase 0."""
    mel: float = 0.05
    """Weight of the beat's mel cepstrum (squared error), e.g. --mel 0."""
    kept: float = 0.5
    """Weight of whether the human keeps the beat (cross-entropy), e.g. --kept 0."""
    keep_ratio: float = 0.5
    """Weight of the share of the recording that is kept (cross-entropy), e.g. --keep-ratio 1."""

    @classmethod
    def none(cls) -> TaskWeights:
        """Leave out all tasks but the share to keep, which editing needs."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Augmentation:
    """How demonstrations are augmented."""

    target_noise: float = 0.2
    """Standard deviation of the target length [log]: what was kept is seldom exactly what was wanted. E.g.
    --target-noise 0.1."""
    input_noise: float = 0.05
    """Random shift of each input of the encoder, the same for a whole recording [standard deviations]; e.g.
    --input-noise 0."""
    score_feature_dropout: float = 0.1
    """Share of recordings whose score features are hidden, e.g. --score-feature-dropout 0."""
    context_dropout: float = 0.5
    """Share of samples whose features around the cursor are hidden, so that songs are not memorized; e.g.
    --context-dropout 0.2."""
    noise: float = 0.15
    """Share of wrong steps in the episodes of noise injection (DART), which are cloned beside the human's own; 0 turns
    it off. E.g. --noise 0.3."""

    def __post_init__(self) -> None:
        check_least(self, 0, "target_noise", "input_noise")
        check_between(self, 0, 1, "score_feature_dropout", "context_dropout")
        if not 0 <= self.noise < 1:
            raise UsageError(f"noise must be from 0 to below 1, but is {self.noise}")


NO_AUGMENTATION = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0)
"""Demonstrations as they are."""


@dataclass(frozen=True)
class BcTraining:
    """How a policy is cloned."""

    epochs: int = 30
    """Passes over all recordings, e.g. --epochs 12."""
    learning_rate: LearningRate = 1e-4
    """Highest learning rate; it falls by a cosine. E.g. --lr 1e-3."""
    batch_size: int = 2048
    """Samples in a step, in whole recordings; e.g. --batch-size 512."""
    gradient_accumulation_steps: Annotated[int, tyro.conf.arg(aliases=("--accumulation",))] = 4
    """Parts that a batch is computed in, to save memory; the result is the same. E.g. --accumulation 8."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW, e.g. --weight-decay 0."""
    bc_entropy_coeff: float = 0.0
    """Weight of the policy's entropy, subtracted from the loss; e.g. --bc-entropy-coeff 0.01."""
    grad_clip: float = 1.0
    """Norm to which gradients are clipped, e.g. --grad-clip 5."""
    use_mixed_precision: bool = True
    """Compute in bf16 on a GPU; a CPU is not affected. On by default; --no-use-mixed-precision turns it off."""
    seed: int = 0
    """Random seed; the same seed gives the same weights, e.g. --seed 1."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    tasks: TaskWeights = field(default_factory=TaskWeights)

    def __post_init__(self) -> None:
        check_least(self, 1, "epochs", "batch_size", "gradient_accumulation_steps")
        check_above(self, 0, "learning_rate", "grad_clip")


@dataclass(frozen=True)
class PolicySettings(RunSettings):
    """What ``train bc`` and ``train ppo`` have in common."""

    score_features: bool = True
    """Give the policy what the learned score says of each beat. On by default; --no-score-features turns it off."""
    score: Path | None = None
    """Weights of the learned score, best one that was not trained on these recordings; the shipped one by default, e.g.
    --score models/scored/scored.safetensors."""
    beat_tracker: BeatTracker = "embedded"
    """The tracker whose beats the demonstrations have, as given to `pairs labels`; e.g. --beat-tracker beat-this."""
    aux: bool = True
    """Train the auxiliary tasks. On by default; --no-aux turns it off, but for the share to keep."""
    threads: int = 1
    """Threads on a CPU, e.g. --threads 2."""
    device: Device = "auto"
    """Where to train: cpu, cuda, or auto, which takes a GPU if there is one; e.g. --device cpu."""
    model: PolicyConfig = field(default_factory=PolicyConfig)


@dataclass(frozen=True)
class BcSettings(PolicySettings):
    """Train a policy to edit as the humans of a data set did (behavioral cloning)."""

    default_folder = "models/bc"

    data: Path = Path("bc_rich.npz")
    """Demonstrations, as `editorbot pairs labels` writes them; e.g. --data bc_mixed.npz."""
    valid_npz: Path | None = None
    """Demonstrations of other artists, to choose the best epoch on; a tenth of the training artists by default, e.g.
    --valid-npz valid.npz."""
    data_dir: Path | None = None
    """Folder of the pairs that they were made from, for score features and noise injection; the one that they name by
    default, e.g. --data-dir pairs."""
    weighting: Literal["none", "advantage"] = "none"
    """advantage: better edits, by the reward, weigh more (offline reinforcement learning). E.g. --weighting
    advantage."""
    patience: int = 0
    """Epochs without a better one after which training stops; 0 never stops, e.g. --patience 10."""
    training: BcTraining = field(default_factory=BcTraining)

    def __post_init__(self) -> None:
        check_least(self, 1, "threads")
        check_least(self, 0, "patience")
        if not self.aux:
            object.__setattr__(self, "training", replace(self.training, tasks=TaskWeights.none()))


def stored_training(training: BcTraining) -> dict[str, Any]:
    """Turn settings into plain data under the names that cards and checkpoints have always had."""

    def renamed(data: Any) -> Any:
        return {STORED_NAMES.get(key, key): renamed(data[key]) for key in data} if isinstance(data, dict) else data

    stored: dict[str, Any] = renamed(plain_data(training))
    return stored


PRESETS: Mapping[str, Mapping[str, BcSettings]] = {
    "bc": {
        "default": BcSettings(model=DEFAULT),
        "small": BcSettings(
            training=BcTraining(learning_rate=1e-3, batch_size=256, gradient_accumulation_steps=1), model=SMALL
        ),
    }
}
"""default is for a GPU; small trains on two cores of a CPU, and has the shape of the shipped weights."""
