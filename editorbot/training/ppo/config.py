"""Settings of PPO: how it learns, on what, and where everything goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from editorbot.environment.settings import EnvironmentSettings
from editorbot.errors import UsageError
from editorbot.models.policy_config import PolicyConfig
from editorbot.training.bc.config import BcTraining, TaskWeights
from editorbot.training.settings import check_above

BASELINES = ("mean", "gae", "difference")
"""How advantages are found."""


@dataclass(frozen=True)
class PpoTraining:
    """How a policy is improved by reward."""

    updates: int = 300
    """Rollouts, each followed by an update."""
    learning_rate: float = 1e-4
    """Highest learning rate; it falls by a cosine."""
    entropy_coeff: float = 0.02
    """What the policy's entropy, over three, counts."""
    entropy_coeff_end: float | None = None
    """What it counts in the end; the same where left out."""
    clip_ratio: float = 0.2
    """How far a step's probability may move in one update."""
    target_kl: float = 0.02
    """No pass over a rollout follows one in which the KL divergence of a batch was above 1.5 times this."""
    value_loss_coeff: float = 0.05
    """What the value's loss counts."""
    batch_size: int = 2048
    """Steps that the gradient is taken over."""
    gradient_accumulation_steps: int = 4
    """Parts that a batch is computed in, to save memory; the result is the same."""
    ppo_epochs: int = 4
    """Passes over a rollout."""
    baseline: str = "mean"
    """mean: of the other episodes of the recording; gae: the value network; difference: step by step, what the reward
    would be had it been decided the other way (:mod:`editorbot.training.ppo.step_credit`)."""
    rest_weight: float = 0.25
    """With difference, what counts of the part of the reward that all steps of an episode share."""
    gamma: float = 1.0
    """Factor of what comes a step later."""
    gae_lambda: float = 0.95
    """Of GAE."""
    n_envs: int = 16
    """Episodes side by side."""
    n_steps: int = 512
    """Least steps of a rollout for each of them; episodes are finished."""
    bc_weight: float = 0.5
    """What the cloning loss counts where samples are mixed in."""
    bc_weight_end: float | None = None
    """What it counts in the end; the same where left out."""
    bc_batch_size: int = 256
    """Samples mixed into each step of an update."""
    bc_entropy_coeff: float = 0.0
    """What the entropy counts against the cloning loss."""
    kl_to_bc: float = 0.1
    """Price of the KL divergence from the cloned policy."""
    kl_to_bc_end: float = 0.01
    """That price in the end."""
    tasks: TaskWeights = field(default_factory=TaskWeights)
    """What the auxiliary tasks count where cloning is mixed in."""
    value_warmup: int = 2
    """First updates in which play teaches the value network and the encoder below it, but no choice of steps."""
    grad_clip: float = 0.5
    """Longest gradient."""
    use_mixed_precision: bool = True
    """bf16 on a GPU; nothing on a CPU."""
    seed: int = 0
    """The same seed gives the same weights."""

    def __post_init__(self) -> None:
        counts = (self.updates, self.batch_size, self.gradient_accumulation_steps, self.ppo_epochs, self.n_envs)
        if min(*counts, self.n_steps) < 1:
            raise UsageError("updates, batch_size, accumulation, epochs, environments and steps must be at least 1")
        if self.baseline not in BASELINES:
            raise UsageError(f"baseline must be one of {', '.join(BASELINES)}, but is {self.baseline!r}")
        check_above(self, 0, "learning_rate", "clip_ratio", "target_kl")
        if self.rest_weight < 0:
            raise UsageError(f"rest_weight must not be negative, but is {self.rest_weight}")
        if self.bc_weight < 0 or (self.bc_weight_end or 0) < 0:
            raise UsageError(f"bc_weight must not be negative, but is {self.bc_weight} and then {self.bc_weight_end}")


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
