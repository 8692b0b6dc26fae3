"""``editorbot train scored``: the learned score, from finished music or from pairs with a truth."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.cli.command_line import told_command
from editorbot.errors import UsageError, printable

if TYPE_CHECKING:
    from editorbot.training.scored.jams import MadeExample
    from editorbot.training.scored.run import ScoredRun


@dataclass(frozen=True)
class Scored:
    """Train the score of the default editor on jams that are simulated from finished tracks."""

    tracks: tuple[str, ...] = ()
    """Finished tracks, or folders of them, to make training jams from."""
    valid_tracks: tuple[str, ...] = ()
    """Tracks of other artists, on which threshold and price of a switch are chosen."""
    data_dir: str | None = None
    """Folder of pairs with a truth, to train on beside the simulated jams."""
    count: int = 600
    """Jams to train on."""
    valid_count: int = 60
    """Jams of the validation tracks to choose on."""
    held_back: int = 0
    """Of the jams of --count, those that are chosen on too, not learned from."""
    members: int = 3
    """Networks whose chances are averaged."""
    epochs: int = 30
    """Passes over the jams, or over a part of them each."""
    epoch_jams: int = 1500
    """Most jams of an epoch; where there are more, the next epoch hears others."""
    learning_rate: float = 2e-3
    """Highest learning rate."""
    seed: int = 0
    """The same seed gives the same weights."""
    workers: int = 2
    """Processes that make jams, and threads that train."""
    cache_dir: str = "cache"
    """Jams once made are kept there."""
    save_dir: str = "models/scored"
    """Folder for checkpoints, the finished score and its card."""
    log_dir: str = "logs/scored"
    """Folder for TensorBoard."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Train; return the exit code."""
        if not (self.tracks or self.data_dir):
            raise UsageError("nothing to train on; give --tracks with finished music, or --data-dir with pairs")
        if not self.valid_tracks:
            raise UsageError("give --valid-tracks: music of artists that are in none of the --tracks")
        if min(self.count, self.valid_count, self.members, self.epochs, self.epoch_jams, self.workers) < 1:
            raise UsageError(
                "--count, --valid-count, --members, --epochs, --epoch-jams and --workers must be at least 1"
            )
        if not 0 <= self.held_back < self.count:
            raise UsageError(f"--held-back must be from 0 to below --count, {self.count}")
        from editorbot.training.scored.run import train_scored

        result = train_scored(self._run(), on_line=lambda line: print(line, flush=True), on_made=_print_problem)
        print(f"validation F1 {result.calibration.f1:.3f} (in steps); the score is {printable(str(result.path))}")
        return 0

    def _run(self) -> ScoredRun:
        from editorbot.training.scored.run import ScoredRun
        from editorbot.training.scored.train import ScoredTraining

        return ScoredRun(
            tracks=tuple(Path(path) for path in self.tracks),
            valid_tracks=tuple(Path(path) for path in self.valid_tracks),
            data_dir=Path(self.data_dir) if self.data_dir else None,
            count=self.count,
            valid_count=self.valid_count,
            held_back=self.held_back,
            members=self.members,
            workers=self.workers,
            cache=Path(self.cache_dir) / "scored",
            save=Path(self.save_dir),
            log=Path(self.log_dir),
            training=ScoredTraining(
                epochs=self.epochs, epoch_jams=self.epoch_jams, learning_rate=self.learning_rate, seed=self.seed
            ),
            command=told_command(),
        )


def _print_problem(made: MadeExample) -> None:
    if made.error is not None:
        print(made.error, file=sys.stderr)
