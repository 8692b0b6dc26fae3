"""``editorbot train ppo``: a policy that edits for reward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from editorbot.cli.arguments import typed_command
from editorbot.errors import printable

if TYPE_CHECKING:
    from editorbot.training.ppo.config import PpoSettings

SMALL_CLONING = {"learning_rate": 1e-3, "batch_size": 256, "gradient_accumulation_steps": 1}
SMALL_TRAINING = {
    "learning_rate": 3e-4,
    "batch_size": 512,
    "gradient_accumulation_steps": 1,
    "ppo_epochs": 3,
    "n_envs": 32,
    "n_steps": 32,
    "bc_batch_size": 64,
}
"""What the small preset changes."""


@dataclass(frozen=True)
class Ppo:
    """Let a policy play edits and learn from what whole edits are worth."""

    data_dir: str = "training_data"
    """Folder of the pairs to play on."""
    cache_dir: str = "cache"
    """Folder of analyses and of what the learned score said."""
    save_dir: str | None = None
    """Folder for checkpoints and the finished policy; models, or that of the checkpoint."""
    log_dir: str | None = None
    """Folder for TensorBoard; logs/NAME where left out, NAME that of the save folder."""
    checkpoint: str | None = None
    """Policy to begin with: best.pt of `train bc` or of an earlier run."""
    resume: str | None = None
    """Checkpoint latest.pt of a run that was broken off."""
    bc_mixed_npz: Annotated[str | None, tyro.conf.arg(aliases=("--bc-mixed",))] = None
    """Samples of human edits that stay mixed in."""
    bc_mixed_weight: Annotated[float, tyro.conf.arg(aliases=("--bc-weight",))] = 0.5
    """What they count."""
    bc_mixed_weight_end: float | None = None
    """What they count in the end; the same where left out."""
    bc_pretrain_npz: Annotated[str | None, tyro.conf.arg(aliases=("--bc-pretrain",))] = None
    """Samples of human edits that are cloned first."""
    bc_pretrain_epochs: int = 50
    """Passes over them."""
    bc_entropy_coeff: float = 0.0
    """What the entropy counts against the cloning loss."""
    preset: str = "default"
    """default for a GPU, small for a CPU."""
    epochs: int = 300
    """Rollouts, each followed by an update."""
    steps: int | None = None
    """Least steps of a rollout for each episode side by side; episodes are finished."""
    n_envs: int | None = None
    """Episodes side by side."""
    group: int = 4
    """Episodes of a wave on one recording; divides n_envs."""
    lr: float | None = None
    """Highest learning rate."""
    entropy_coeff: float | None = None
    """What the entropy counts; 0.02, without cloning 0.5 falling to 0.02."""
    clip_ratio: float = 0.2
    """How far a step's probability may move in one update."""
    target_kl: float = 0.02
    """An update stops beyond 1.5 times this."""
    value_loss_coeff: float = 0.05
    """What the value's loss counts."""
    batch_size: int | None = None
    """Steps that a gradient is taken over."""
    accumulation: int | None = None
    """Parts that a batch is computed in, to save memory."""
    baseline: str = "mean"
    """mean: of the recording's other episodes; gae: the value network; difference: a step decided the other way."""
    kl_to_bc: float = 0.1
    """Price of leaving the policy that the run begins with."""
    similarity_weight: float = 3.0
    """What likeness to the human's own edit counts in the reward; 0 leaves it out."""
    trajectory_reward_scale: float = 1.0
    """Factor of the whole reward."""
    vocabulary: str = "v3"
    """Types of action: v1, v2 or v3."""
    subprocess: bool = False
    """Play each episode in a process of its own."""
    no_hints: bool = False
    """Learn from the features alone, without what the learned score says."""
    score: str | None = None
    """Weights (.safetensors) of the learned score that is asked, best one that never heard these recordings; the
    shipped one where left out."""
    no_aux: bool = False
    """Leave the auxiliary tasks out."""
    seed: int = 0
    """The same seed gives the same weights."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 1
    """Threads on a CPU."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Train; return the exit code."""
        from editorbot.training.ppo.run import run_ppo

        resume = Path(self.resume) if self.resume else None
        result = run_ppo(self.settings(), resume=resume, on_line=lambda line: print(line, flush=True))
        reward = result.metrics.get("train/episode_reward", 0.0)
        print(f"reward {reward:.3f}; the policy is {printable(str(result.shipped))}, the checkpoint {result.best}")
        return 0

    def settings(self) -> PpoSettings:
        """Return what the flags say.

        Raises
        ------
        UsageError
            If a value is impossible.
        """
        from editorbot.environment.settings import EnvironmentSettings, RewardWeights
        from editorbot.models.policy_config import preset_named
        from editorbot.training.bc.config import BcTraining, TaskWeights
        from editorbot.training.ppo.config import PpoSettings

        shape = preset_named(self.preset)
        begun = self.checkpoint or self.resume
        save = Path(self.save_dir or (Path(begun).parent if begun else "models"))
        tasks = TaskWeights.none() if self.no_aux else TaskWeights()
        cloning: dict[str, Any] = {"epochs": self.bc_pretrain_epochs, "seed": self.seed, "tasks": tasks}
        cloning |= SMALL_CLONING if self.preset == "small" else {}
        reward = RewardWeights(similarity=self.similarity_weight, trajectory_reward_scale=self.trajectory_reward_scale)
        return PpoSettings(
            data_dir=Path(self.data_dir),
            cache=Path(self.cache_dir),
            save=save,
            log=Path(self.log_dir) if self.log_dir else Path("logs") / save.name,
            bc_mixed=Path(self.bc_mixed_npz) if self.bc_mixed_npz else None,
            bc_pretrain=Path(self.bc_pretrain_npz) if self.bc_pretrain_npz else None,
            checkpoint=Path(self.checkpoint) if self.checkpoint else None,
            hints=not self.no_hints,
            score=Path(self.score) if self.score else None,
            subprocess=self.subprocess,
            group=self.group,
            device=self.device,
            threads=self.threads,
            command=typed_command(),
            environment=EnvironmentSettings(vocabulary=self.vocabulary, reward=reward),
            model=replace(shape, vocabulary=self.vocabulary),
            cloning=BcTraining(**cloning),
            training=self._training(tasks),
        )

    def _training(self, tasks: Any) -> Any:
        from editorbot.training.ppo.config import PpoTraining

        is_taught = any((self.bc_mixed_npz, self.bc_pretrain_npz, self.checkpoint))
        small: dict[str, Any] = SMALL_TRAINING if self.preset == "small" else {}
        given = {
            "updates": self.epochs,
            "n_steps": self.steps,
            "n_envs": self.n_envs,
            "learning_rate": self.lr,
            "batch_size": self.batch_size,
            "gradient_accumulation_steps": self.accumulation,
            "entropy_coeff": self.entropy_coeff if self.entropy_coeff is not None or is_taught else 0.5,
            "entropy_coeff_end": None if is_taught or self.entropy_coeff is not None else 0.02,
            "clip_ratio": self.clip_ratio,
            "target_kl": self.target_kl,
            "value_loss_coeff": self.value_loss_coeff,
            "baseline": self.baseline,
            "kl_to_bc": self.kl_to_bc,
            "bc_weight": self.bc_mixed_weight,
            "bc_weight_end": self.bc_mixed_weight_end,
            "bc_entropy_coeff": self.bc_entropy_coeff,
            "tasks": tasks,
            "seed": self.seed,
        }
        return PpoTraining(**(small | {name: value for name, value in given.items() if value is not None}))
