"""Settings of ``train ppo``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from editorbot.environment.settings import MAX_LOOPS, WINDOW_BEATS, EnvironmentSettings, RewardWeights
from editorbot.errors import UsageError
from editorbot.models.policy_config import DEFAULT, SMALL
from editorbot.training.bc.config import BcTraining, PolicySettings, TaskWeights
from editorbot.training.settings import LearningRate, check_above, check_least

OLD_FLAGS = {"--similarity-weight": "--similarity", "--no-hints": "--no-score-features"}
"""Flags that have another name now."""


@dataclass(frozen=True)
class PpoTraining:
    """How a policy is improved by reward; the names are the stored ones."""

    updates: Annotated[int, tyro.conf.arg(aliases=("--epochs",))] = 300
    """Rollouts, each followed by an update; e.g. --epochs 200."""
    learning_rate: LearningRate = 1e-4
    """Highest learning rate; it falls by a cosine. E.g. --lr 3e-4."""
    entropy_coeff: float | None = None
    """Weight of a third of the policy's entropy; by default 0.02, and without cloning 0.5 falling to 0.02. E.g.
    --entropy-coeff 0.05."""
    entropy_coeff_end: float | None = None
    """That weight in the last update; by default the same. E.g. --entropy-coeff-end 0.01."""
    clip_ratio: float = 0.2
    """Clip range of the ratio of new to old probability, e.g. --clip-ratio 0.1."""
    target_kl: float = 0.02
    """The passes over a rollout end early if the KL divergence of a batch is above 1.5 times this. E.g. --target-kl
    0.05."""
    value_loss_coeff: float = 0.05
    """Weight of the value loss, e.g. --value-loss-coeff 0.1."""
    batch_size: int = 2048
    """Steps in a mini-batch, e.g. --batch-size 512."""
    gradient_accumulation_steps: Annotated[int, tyro.conf.arg(aliases=("--accumulation",))] = 4
    """Parts that a mini-batch is computed in, to save memory; the result is the same. E.g. --accumulation 8."""
    ppo_epochs: int = 4
    """Passes over a rollout, e.g. --ppo-epochs 3."""
    baseline: Literal["mean", "gae", "difference"] = "mean"
    """Baseline of the advantages. mean: the other episodes of the recording; gae: the value network; difference: the
    reward had a step been decided the other way. E.g. --baseline gae."""
    rest_weight: float = 0.25
    """With difference, weight of the part of the reward that all steps share; e.g. --rest-weight 0.5."""
    gamma: float = 1.0
    """Discount of later rewards, e.g. --gamma 0.99."""
    gae_lambda: float = 0.95
    """Lambda of GAE, e.g. --gae-lambda 0.9."""
    n_envs: int = 16
    """Episodes side by side, e.g. --n-envs 32."""
    n_steps: Annotated[int, tyro.conf.arg(aliases=("--steps",))] = 512
    """Least steps of a rollout for each of them; episodes are played to their end. E.g. --steps 32."""
    bc_weight: Annotated[float, tyro.conf.arg(aliases=("--bc-mixed-weight",))] = 0.5
    """Weight of the cloning loss of --bc-mixed, e.g. --bc-weight 0.05."""
    bc_weight_end: Annotated[float | None, tyro.conf.arg(aliases=("--bc-mixed-weight-end",))] = None
    """That weight in the last update; by default the same. E.g. --bc-weight-end 0.1."""
    bc_batch_size: int = 256
    """Samples of --bc-mixed in a mini-batch, e.g. --bc-batch-size 64."""
    bc_entropy_coeff: float = 0.0
    """Weight of the entropy in the cloning loss, e.g. --bc-entropy-coeff 0.01."""
    kl_to_bc: float = 0.1
    """Weight of the KL divergence from the policy that the run begins with, if that was cloned. E.g. --kl-to-bc 0.5."""
    kl_to_bc_end: float = 0.01
    """That weight in the last update, e.g. --kl-to-bc-end 0.1."""
    tasks: TaskWeights = field(default_factory=TaskWeights)
    value_warmup: int = 2
    """First updates that train the value network and the encoder but not the policy, e.g. --value-warmup 0."""
    grad_clip: float = 0.5
    """Norm to which gradients are clipped, e.g. --grad-clip 1."""
    use_mixed_precision: bool = True
    """Compute in bf16 on a GPU; a CPU is not affected. On by default; --no-use-mixed-precision turns it off."""
    seed: int = 0
    """Random seed; the same seed gives the same weights, e.g. --seed 1."""

    def __post_init__(self) -> None:
        check_least(self, 1, "updates", "batch_size", "gradient_accumulation_steps", "ppo_epochs", "n_envs", "n_steps")
        check_least(self, 0, "rest_weight", "bc_weight")
        check_above(self, 0, "learning_rate", "clip_ratio", "target_kl")

    def with_entropy(self, *, is_cloned: bool) -> PpoTraining:
        """Fill in the default weight of the entropy."""
        if self.entropy_coeff is not None:
            return self
        return (
            replace(self, entropy_coeff=0.02) if is_cloned else replace(self, entropy_coeff=0.5, entropy_coeff_end=0.02)
        )


@dataclass(frozen=True)
class PpoSettings(PolicySettings):
    """Train a policy by reinforcement learning on the reward of whole edits (PPO)."""

    default_folder = "models"

    data_dir: Path = Path("training_data")
    """Folder of the pairs to play on, e.g. --data-dir pairs."""
    checkpoint: Path | None = None
    """Policy to begin with, best.pt of `train bc` or of an earlier run, in whose folder the run is kept; none by
    default, e.g. --checkpoint models/bc/best.pt."""
    bc_mixed_npz: Annotated[Path | None, tyro.conf.arg(aliases=("--bc-mixed",))] = None
    """Samples of human edits whose cloning loss is mixed in; none by default, e.g. --bc-mixed bc.npz."""
    bc_pretrain_npz: Annotated[Path | None, tyro.conf.arg(aliases=("--bc-pretrain",))] = None
    """Samples of human edits to clone first; none by default, e.g. --bc-pretrain bc.npz."""
    bc_pretrain_epochs: int = 50
    """Passes over them, e.g. --bc-pretrain-epochs 10."""
    bc_pretrain_learning_rate: float = 1e-4
    """Highest learning rate of cloning them, e.g. --bc-pretrain-learning-rate 1e-3."""
    bc_pretrain_batch_size: int = 2048
    """Samples in a batch of cloning them, e.g. --bc-pretrain-batch-size 256."""
    subprocess: bool = False
    """Play each episode in its own process; off by default, e.g. --subprocess."""
    group: int = 4
    """Episodes side by side that share a recording; divides n_envs. E.g. --group 8."""
    keep_every: int = 10
    """Updates between checkpoints, e.g. --keep-every 1."""
    max_loops: int = MAX_LOOPS
    """LOOP and REPEAT_PREV steps allowed in an episode, e.g. --max-loops 8."""
    window_beats: int = WINDOW_BEATS
    """Longer recordings are played in windows of so many beats, e.g. --window-beats 256."""
    reward: RewardWeights = field(default_factory=lambda: RewardWeights(similarity=3.0))
    training: PpoTraining = field(default_factory=PpoTraining)

    def __post_init__(self) -> None:
        check_least(self, 1, "group", "threads", "keep_every")
        if self.training.n_envs % self.group:
            raise UsageError(f"n_envs must be a multiple of {self.group}, but is {self.training.n_envs}")

    @property
    def environment(self) -> EnvironmentSettings:
        """Settings of the episodes."""
        return EnvironmentSettings(self.model.vocabulary, self.max_loops, self.window_beats, self.reward)

    @property
    def learning(self) -> PpoTraining:
        """`training` with what follows from the other settings."""
        training = self.training.with_entropy(is_cloned=any((self.bc_mixed_npz, self.bc_pretrain_npz, self.checkpoint)))
        return training if self.aux else replace(training, tasks=TaskWeights.none())

    @property
    def cloning(self) -> BcTraining:
        """How --bc-pretrain is cloned."""
        return BcTraining(
            epochs=self.bc_pretrain_epochs, learning_rate=self.bc_pretrain_learning_rate,
            batch_size=self.bc_pretrain_batch_size, seed=self.training.seed, tasks=self.learning.tasks,
            gradient_accumulation_steps=self.training.gradient_accumulation_steps,
        )  # fmt: skip

    @property
    def save(self) -> Path:
        """Folder of the run."""
        if self.checkpoint is None or self.save_dir or self.resume:
            return super().save
        return self.checkpoint.parent


SMALL_TRAINING = PpoTraining(
    learning_rate=3e-4, batch_size=512, gradient_accumulation_steps=1, ppo_epochs=3, n_envs=32, n_steps=32,
    bc_batch_size=64,
)  # fmt: skip
PRESETS: Mapping[str, Mapping[str, PpoSettings]] = {
    "ppo": {
        "default": PpoSettings(model=DEFAULT),
        "small": PpoSettings(
            training=SMALL_TRAINING, model=SMALL, bc_pretrain_learning_rate=1e-3, bc_pretrain_batch_size=256
        ),
    }
}
"""default is for a GPU; small trains on two cores of a CPU, and has the shape of the shipped weights."""
