"""What a PPO run is asked for: what to play on, from where to begin, and where everything goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from editorbot.environment.settings import EnvironmentSettings
from editorbot.errors import UsageError
from editorbot.models.policy_config import PolicyConfig
from editorbot.training.bc.train import BcTraining
from editorbot.training.ppo.train import PpoTraining


@dataclass(frozen=True)
class PpoSettings:
    """What to play on, from where to begin, and where everything goes."""

    data_dir: Path = Path("training_data")
    """Folder of the pairs."""
    cache: Path = Path("cache")
    """The learn line's cache."""
    save: Path = Path("models")
    """Folder for best.pt, latest.pt and the weights as they ship."""
    log: Path = Path("logs/ppo")
    """Folder for TensorBoard."""
    bc_mixed: Path | None = None
    """Samples that stay mixed in."""
    bc_pretrain: Path | None = None
    """Samples that are cloned first."""
    checkpoint: Path | None = None
    """A cloned or trained policy to begin with."""
    hints: bool = True
    """Ask the learned score for hints."""
    score: Path | None = None
    """Weights of that score; the shipped ones where left out."""
    subprocess: bool = False
    """Play each episode in a process of its own."""
    group: int = 4
    """Episodes of a wave on one recording."""
    keep_every: int = 10
    """Updates between checkpoints."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 1
    """Threads on a CPU."""
    environment: EnvironmentSettings = field(default_factory=EnvironmentSettings)
    """How episodes are played and paid."""
    model: PolicyConfig = field(default_factory=PolicyConfig)
    """The networks, where no checkpoint tells them."""
    cloning: BcTraining = field(default_factory=BcTraining)
    """How samples are cloned first."""
    training: PpoTraining = field(default_factory=PpoTraining)
    """How to train."""
    command: str = ""
    """The command that was typed, for the card."""

    def __post_init__(self) -> None:
        if self.group < 1:
            raise UsageError(f"group must be at least 1, but is {self.group}")
        if self.training.n_envs % self.group:
            raise UsageError(f"n_envs must be a multiple of {self.group}, but is {self.training.n_envs}")
        if self.threads < 1 or self.keep_every < 1:
            raise UsageError("threads and keep_every must be at least 1")
