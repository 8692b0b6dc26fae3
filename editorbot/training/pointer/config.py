"""Settings of ``train pointer``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from editorbot.analysis import BeatTracker
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.corpus.pairs import POINTER_FOLDER
from editorbot.editors.pointer_inference.decode import DecodeSettings
from editorbot.errors import UsageError
from editorbot.models.pointer_config import PointerConfig
from editorbot.training.settings import Device, LearningRate, RunSettings, check_above, check_between, check_least


@dataclass(frozen=True)
class PointerTraining:
    """How the network is trained."""

    epochs: int = 50
    """Passes over all pairs, e.g. --epochs 8."""
    learning_rate: LearningRate = 1e-3
    """Highest learning rate; it rises, then falls by a cosine, e.g. --lr 2e-3."""
    weight_decay: float = 1e-2
    """Weight decay of AdamW, e.g. --weight-decay 0."""
    warmup: float = 0.05
    """Share of the updates in which the learning rate rises, e.g. --warmup 0.1."""
    rows: int = 3_000
    """Rows of a pair in one step; 0 takes all, e.g. --rows 0."""
    accumulation: int = 1
    """Pairs in an update (gradient accumulation), e.g. --accumulation 4."""
    clip_norm: float = 1.0
    """Norm to which gradients are clipped, e.g. --clip-norm 5."""
    jump_weight: float = 20.0
    """Weight of a row at a cut; other rows weigh 1, e.g. --jump-weight 10."""
    pointer_noise: float = 0.1
    """Share of the rows that are repeated with a wrong previous pointer, e.g. --pointer-noise 0."""
    op_weight: float = 0.2
    """Weight of the loss of edit operations, e.g. --op-weight 0."""
    stop_weight: float = 1.0
    """Weight of the loss of stop, e.g. --stop-weight 0.5."""
    arrive_weight: float = 1.0
    """Weight of the loss of clip starts and ends, e.g. --arrive-weight 0.5."""
    kind_weight: float = 1.0
    """Weight of the loss of the steps' classes, e.g. --kind-weight 0.5."""
    input_noise: float = 0.05
    """Standard deviation of the random level and tone of a mel [of its range], e.g. --input-noise 0.1."""
    step_noise: float = 0.15
    """Standard deviation of the noise on the step inputs [of their spread], e.g. --step-noise 0."""
    seed: int = 0
    """Random seed; the same seed gives the same weights, e.g. --seed 1."""

    def __post_init__(self) -> None:
        check_least(self, 1, "epochs", "accumulation")
        check_least(self, 0, "rows", "seed")
        check_above(self, 0, "learning_rate", "clip_norm", "jump_weight")
        check_between(self, 0, 1, "pointer_noise")
        if not 0 <= self.warmup < 1:
            raise UsageError(f"warmup must be from 0 to below 1, but is {self.warmup}")


@dataclass(frozen=True)
class PointerSettings(RunSettings):
    """Train the pointer network on pairs of a raw recording and its edit."""

    default_folder = "models/pointer"

    model: PointerConfig = field(default_factory=PointerConfig)
    training: PointerTraining = field(default_factory=PointerTraining)
    decode: DecodeSettings = field(default_factory=DecodeSettings)
    data_dir: Path = Path("training_data")
    """Folder with input/NAME_raw.wav, desired_output/NAME_edit.wav, and truths or pointer_sequences; e.g. --data-dir
    pairs."""
    valid_dir: Path | None = None
    """Pairs of other artists to validate on; by default some artists of data_dir, e.g. --valid-dir more_pairs."""
    valid_share: float = 0.1
    """Share of the artists to validate on without --valid-dir (of the pairs, where no artist is known); e.g.
    --valid-share 0.2."""
    valid_most: int = 40
    """Most pairs to validate on, e.g. --valid-most 10."""
    valid_every: int = 1
    """Epochs from one validation to the next, e.g. --valid-every 5."""
    patience: int = 0
    """Epochs without a better one after which training stops; 0 never stops, e.g. --patience 10."""
    pointer_dir: Path | None = None
    """Folder of pointer sequences; that of data_dir by default, e.g. --pointer-dir aligned."""
    beat_tracker: BeatTracker = "embedded"
    """Which tracker finds the beats: the one that ships, or the package beat-this; e.g. --beat-tracker beat-this."""
    workers: int = 1
    """Processes that prepare pairs, e.g. --workers 8."""
    threads: int = 1
    """Threads that train on a CPU, e.g. --threads 2."""
    device: Device = "auto"
    """Where to train; auto takes a GPU if there is one, e.g. --device cpu."""

    def __post_init__(self) -> None:
        check_least(self, 1, "workers", "threads", "valid_most", "valid_every")
        check_least(self, 0, "patience")
        if not 0 < self.valid_share < 1:
            raise UsageError(f"valid_share must be between 0 and 1, but is {self.valid_share}")
        if self.model.mel_bands != MEL_BANDS:
            raise UsageError(f"mel_bands must be {MEL_BANDS}, as in all mels here, but is {self.model.mel_bands}")

    @property
    def pointers(self) -> Path:
        """Folder of the pointer sequences."""
        return self.pointer_dir or self.data_dir / POINTER_FOLDER


SMALL = PointerSettings(
    model=PointerConfig(
        step_inputs=True, score_inputs=True, stride=8, hidden_dim=64, frame_dim=32, n_heads=4, n_layers=6,
        dilations=(1, 4, 16), conv_kernel=9, global_tokens=64, window=33, dropout=0.1,
    ),
    training=PointerTraining(epochs=8, learning_rate=2e-3, accumulation=2),
    decode=DecodeSettings(
        frame_weight=0.1, score_weight=0.5, threshold=0.5, jump_cost=4.0, off_beat_cost=0.25, edge_reach=32,
        edge_price=0.2,
    ),
)  # fmt: skip
"""What two cores of a CPU train; the shipped weights have this shape."""

PRESETS: Mapping[str, Mapping[str, PointerSettings]] = {"pointer": {"default": PointerSettings(), "small": SMALL}}
