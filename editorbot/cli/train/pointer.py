"""``editorbot train pointer``: the network that says which frame comes next, from pairs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.cli.command_line import told_command
from editorbot.errors import printable

if TYPE_CHECKING:
    from editorbot.training.pointer.run import PointerRun


@dataclass(frozen=True)
class Pointer:
    """Train the pointer network on pairs of raw recording and edit."""

    config: str | None = None
    """JSON file that tells network, training and folders, pointer_network/configs/small.json for example."""
    data_dir: str | None = None
    """Folder with input/NAME_raw.wav, desired_output/NAME_edit.wav, and truths or pointer_sequences."""
    valid_dir: str | None = None
    """Pairs of other artists, on which the best epoch is chosen; some of data_dir's artists where left out."""
    cache_dir: str | None = None
    """Folder for mels and what the analysis tells."""
    pointer_dir: str | None = None
    """Folder of pointer sequences; pointer_sequences in data_dir where left out."""
    save_dir: str | None = None
    """Folder for checkpoints, the finished weights and their card; that of the checkpoint on --resume."""
    log_dir: str | None = None
    """Folder for TensorBoard."""
    epochs: int | None = None
    """Passes over all pairs."""
    learning_rate: float | None = None
    """Highest learning rate."""
    seed: int | None = None
    """The same seed gives the same weights."""
    workers: int | None = None
    """Processes that make pairs ready."""
    threads: int | None = None
    """Threads that train on a CPU."""
    device: str | None = None
    """cpu, cuda, or auto."""
    resume: str | None = None
    """Checkpoint latest.pt of a run that was broken off."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Train; return the exit code."""
        from editorbot.training.pointer.run import PointerNetworkTrainer

        trainer = PointerNetworkTrainer(self.settings(), on_line=_print_line, command=told_command())
        result = trainer.train(Path(self.resume) if self.resume else None)
        found = ", ".join(f"{name} {value:.3f}" for name, value in result.metrics.items())
        print(f"{found}; the weights are {printable(str(result.path))}")
        return 0

    def settings(self) -> PointerRun:
        """Return the configuration with what the flags say in its place.

        Raises
        ------
        EditorbotError
            If the configuration cannot be read, or a value is impossible.
        """
        from editorbot.training.pointer.run import PointerRun, read_run

        run = PointerRun() if self.config is None else read_run(Path(self.config))
        names = (
            "data_dir",
            "valid_dir",
            "cache_dir",
            "pointer_dir",
            "save_dir",
            "log_dir",
            "workers",
            "threads",
            "device",
        )
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.resume is not None and self.save_dir is None:
            given["save_dir"] = str(Path(self.resume).parent)
        training = {
            name: getattr(self, name) for name in ("epochs", "learning_rate", "seed") if getattr(self, name) is not None
        }
        return replace(run, **given, training=replace(run.training, **training))


def _print_line(line: str) -> None:
    """Print a line; errors of single pairs go where errors go."""
    print(line, file=sys.stderr if line.startswith("error[") else sys.stdout, flush=True)
