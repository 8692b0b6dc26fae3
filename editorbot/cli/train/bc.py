"""``editorbot train bc``: a policy that steps as humans did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.cli.command_line import told_command
from editorbot.errors import printable

if TYPE_CHECKING:
    from editorbot.training.bc.run import BcSettings


@dataclass(frozen=True)
class Bc:
    """Teach a policy to edit as the humans of a data set did."""

    data: str = "bc_rich.npz"
    """Samples, as `editorbot pairs labels` writes them."""
    valid_npz: str | None = None
    """Samples of other artists, on which the best epoch is chosen; some of the training artists where left out."""
    data_dir: str | None = None
    """Folder of the pairs behind the samples, which the learned score listens to; the one they were made from."""
    cache_dir: str = "cache"
    """Folder of analyses and of what the learned score said."""
    save_dir: str | None = None
    """Folder for checkpoints and the finished policy; models/bc, or that of the checkpoint on --resume."""
    log_dir: str = "logs/bc"
    """Folder for TensorBoard."""
    preset: str = "default"
    """default for a GPU, small for a CPU."""
    weighting: str = "none"
    """advantage: edits that are worth more by the reward count more (offline reinforcement learning)."""
    no_hints: bool = False
    """Learn from the features alone, without what the learned score says."""
    score: str | None = None
    """Weights (.safetensors) of the learned score that is asked, best one that never heard these recordings; the
    shipped one where left out."""
    no_aux: bool = False
    """Leave the auxiliary tasks out."""
    slips: float = 0.15
    """Share of wrong steps on ways through the recordings that are taught beside the humans' own; 0 leaves them out."""
    epochs: int = 30
    """Passes over all recordings."""
    lr: float | None = None
    """Highest learning rate."""
    batch_size: int | None = None
    """Samples a step."""
    accumulation: int | None = None
    """Parts that a step is computed in, to save memory."""
    seed: int = 0
    """The same seed gives the same weights."""
    device: str = "auto"
    """cpu, cuda or auto."""
    threads: int = 1
    """Threads on a CPU."""
    resume: str | None = None
    """Checkpoint latest.pt of a run that was broken off."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Train; return the exit code."""
        from editorbot.training.bc.run import run_bc

        resume = Path(self.resume) if self.resume else None
        result = run_bc(self.settings(), resume=resume, on_line=lambda line: print(line, flush=True))
        found = ", ".join(f"{name} {value:.3f}" for name, value in result.metrics.items() if name.startswith("val"))
        print(f"{found or 'done'}; the policy is {printable(str(result.shipped))}, the checkpoint {result.best}")
        return 0

    def settings(self) -> BcSettings:
        """Return what the flags say.

        Raises
        ------
        UsageError
            If a value is impossible.
        """
        from editorbot.models.policy_config import preset_named
        from editorbot.training.bc.run import BcSettings
        from editorbot.training.bc.train import BcTraining
        from editorbot.training.policy_data import DemonstrationAugmentation
        from editorbot.training.policy_losses import TaskWeights

        shape = preset_named(self.preset)
        small = {"learning_rate": 1e-3, "batch_size": 256, "gradient_accumulation_steps": 1}
        training = BcTraining(epochs=self.epochs, seed=self.seed, **(small if self.preset == "small" else {}))  # type: ignore[arg-type]
        given = {
            "learning_rate": self.lr,
            "batch_size": self.batch_size,
            "gradient_accumulation_steps": self.accumulation,
            "teaching": DemonstrationAugmentation(slips=self.slips),
            "tasks": TaskWeights.none() if self.no_aux else None,
        }
        resumed = str(Path(self.resume).parent) if self.resume else "models/bc"
        return BcSettings(
            data=Path(self.data),
            valid=Path(self.valid_npz) if self.valid_npz else None,
            data_dir=Path(self.data_dir) if self.data_dir else None,
            cache=Path(self.cache_dir),
            save=Path(self.save_dir or resumed),
            log=Path(self.log_dir),
            hints=not self.no_hints,
            score=Path(self.score) if self.score else None,
            weighting=self.weighting,
            device=self.device,
            threads=self.threads,
            model=shape,
            command=told_command(),
            training=replace(training, **{name: value for name, value in given.items() if value is not None}),  # type: ignore[arg-type]
        )
