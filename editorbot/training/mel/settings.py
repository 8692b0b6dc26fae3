"""How the networks of tone are trained."""

from __future__ import annotations

from dataclasses import dataclass, field

from editorbot.errors import UsageError
from editorbot.models.mel_config import MelNetConfig, ReconstructConfig
from editorbot.training.mel.losses import LossWeights
from editorbot.training.mel.tone_stage import ToneTraining, check_width


@dataclass(frozen=True)
class MelTraining:
    """How to train."""

    shape: MelNetConfig = field(default_factory=ReconstructConfig)
    """The network."""
    weights: LossWeights = field(default_factory=LossWeights)
    """What the losses count."""
    epochs: int = 100
    """Passes over the examples."""
    batch_size: int = 8
    """Windows a step."""
    learning_rate: float = 1e-4
    """Highest learning rate."""
    window_frames: int = 256
    """Frames of a window."""
    tone: ToneTraining | None = None
    """How curve and gate are learned before all else, and then held. Left out, or where the gate could not learn from
    so few what is finished, they are learned along with the rest."""
    changes_tone: bool = True
    """Whether examples get another equalizer and noise each time; in the epochs, not where the loss on the waveform
    counts."""
    seed: int = 0
    """The same seed gives the same weights."""
    device: str = "cpu"
    """Where it is trained."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 1 or self.window_frames < 16 or not self.learning_rate > 0:
            raise UsageError("epochs and batch size must be at least 1, window_frames 16, the learning rate above 0")
        if self.tone is not None:
            check_width(self.shape.summary_dim, self.tone)
        if isinstance(self.shape, ReconstructConfig) and self.window_frames > self.shape.chunk_frames:
            raise UsageError(
                f"window_frames {self.window_frames} must not be more than chunk_frames {self.shape.chunk_frames}"
            )

    @property
    def needs_sound(self) -> bool:
        """Whether sounds are compared too, not their mels alone."""
        return self.weights.multiscale_stft_weight > 0
