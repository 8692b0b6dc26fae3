"""``editorbot pairs augment``: more samples of rare action types, made of finished music."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.analysis import BeatTracker
from editorbot.cli.pairs.batch_report import check_workers
from editorbot.cli.pairs.labels import type_counts_line
from editorbot.errors import EmptyError, UsageError, printable

if TYPE_CHECKING:
    from editorbot.corpus.augment_labels import AugmentJob
    from editorbot.corpus.batch import Done
    from editorbot.corpus.dataset import BcDataset

PROGRESS_EVERY = 32
"""Recordings between two lines of progress."""


@dataclass(frozen=True)
class Augment:
    """Add samples of rare action types: finished edits are changed so that the action is the right repair.

    Example: editorbot pairs augment --input bc_rich.npz --output bc_augmented.npz --min-samples 1000
    """

    input: str = "bc_rich.npz"
    """The data set of `pairs labels`."""
    output: str = "bc_augmented.npz"
    """The data set to write."""
    min_samples: int = 1000
    """Least number of samples of each of the twenty types."""
    data_dir: str | None = None
    """Folder of the pairs, if it is no longer the one that the data set was made of."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    seed: int = 0
    """Seed of everything that is drawn; the same seed makes the same samples."""
    workers: int = 1
    """Processes at work; the samples do not depend on it."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Make what is missing; return the exit code."""
        from editorbot.analysis.trackers import check_tracker
        from editorbot.corpus.augment_labels import augment
        from editorbot.corpus.dataset import check_dataset_place, read_dataset, write_dataset

        check_workers(self.workers)
        check_tracker(self.beat_tracker)
        check_dataset_place(Path(self.output))
        if self.min_samples < 1:
            raise UsageError(f"--min-samples must be at least 1, but is {self.min_samples}")
        data = read_dataset(Path(self.input))
        if self.data_dir is not None:
            data = replace(data, data_dir=str(Path(self.data_dir).resolve()))
        result = augment(
            data,
            self.min_samples,
            seed=self.seed,
            workers=self.workers,
            beat_tracker=self.beat_tracker,
            on_done=_print_error,
            on_round=_print_progress,
        )
        write_dataset(Path(self.output), result.data)
        added = len(result.data.states) - len(data.states)
        print(f"{added} samples added from {result.recordings} recordings; all are in {printable(self.output)}")
        print(type_counts_line(result.data))
        if result.missing:
            few = f"too few samples of {', '.join(result.missing)}; add pairs with longer edits"
            print(EmptyError(few, path=self.output), file=sys.stderr)
            return EmptyError.exit_code
        return 0


def _print_error(done: Done[AugmentJob, BcDataset]) -> None:
    if done.error is not None:
        done.error.path = done.error.path or str(done.job.pair.edit)
        print(done.error, file=sys.stderr)


def _print_progress(made: int, missing: int) -> None:
    if missing and made % PROGRESS_EVERY == 0:
        print(f"{made} recordings made, {missing} samples to go", flush=True)
