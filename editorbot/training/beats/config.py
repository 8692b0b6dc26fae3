"""Settings of ``train beats``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from editorbot.training.settings import LearningRate, RunSettings, check_least


@dataclass(frozen=True)
class BeatTraining:
    """How the network is trained."""

    epochs: int = 24
    """Passes over all examples, e.g. --epochs 12."""
    batch_size: int = 8
    """Windows in a step, e.g. --batch-size 16."""
    window_frames: int = 2_048
    """Length of a window [frames], a multiple of 4; e.g. --window-frames 1024."""
    learning_rate: LearningRate = 2e-3
    """Highest rate of the one-cycle schedule, e.g. --lr 1e-3."""
    weight_decay: float = 1e-3
    """Weight decay of AdamW, e.g. --weight-decay 0."""
    downbeat_weight: float = 1.0
    """Weight of the downbeats' loss; the beats' is 1, e.g. --downbeat-weight 2."""
    shake: float = 0.1
    """Standard deviation of the noise added to the inputs, e.g. --shake 0.2."""
    band_loss: float = 0.25
    """Probability that some bands of a window are masked, e.g. --band-loss 0."""
    stretch: float = 0.15
    """Windows are read up to this much faster or slower [log], e.g. --stretch 0."""
    seed: int = 1
    """Random seed; the same seed and examples give the same weights, e.g. --seed 2."""

    def __post_init__(self) -> None:
        check_least(self, 1, "epochs", "batch_size", "window_frames")


@dataclass(frozen=True)
class BeatsSettings(RunSettings):
    """Train the beat tracker's network on a virtual band; needs the extra sim.

    A run that is started again with the same settings resumes by itself.
    """

    default_folder = "models/beats"

    midi: tuple[Path, ...] = ()
    """MIDI files, or folders of them, to play beside what the band makes up; none by default, e.g. --midi songs."""
    soundfont: Path | None = None
    """The band's instruments (.sf2); by default one of the system's folders, e.g. --soundfont TimGM6mb.sf2."""
    count: int = 1200
    """Minutes of music to train on, e.g. --count 620."""
    workers: int = 2
    """Processes that play the music; it comes out the same, e.g. --workers 8."""
    threads: int = 1
    """Threads that train, e.g. --threads 2."""
    training: BeatTraining = field(default_factory=BeatTraining)

    def __post_init__(self) -> None:
        check_least(self, 1, "count", "workers", "threads")


PRESETS: Mapping[str, Mapping[str, BeatsSettings]] = {"beats": dict.fromkeys(("default", "small"), BeatsSettings())}
"""The network is small as it is: both presets train on two cores of a CPU."""
