"""``editorbot pairs labels``: what the human did, as an edit list and as labels of the raw beats."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from editorbot.analysis import BeatTracker
from editorbot.cli.pairs.batch_report import BatchReport, check_workers
from editorbot.errors import printable

if TYPE_CHECKING:
    from editorbot.corpus.dataset import BcDataset
    from editorbot.corpus.labels.pair_labels import PairLabels


@dataclass(frozen=True)
class Labels:
    """Find out what the human did to each raw recording: what was kept, moved, repeated, and how it was changed.

    Example: editorbot pairs labels --data-dir training_data --out bc_rich.npz
    """

    data_dir: str = "training_data"
    """Folder with input/NAME_raw.wav and desired_output/NAME_edit.wav; edit lists go to its pointer_sequences."""
    out: str = "bc_rich.npz"
    """The data set that the policy learns from."""
    cache_dir: str = "cache"
    """Folder for the labels of the beats, and for analyses."""
    workers: int = 1
    """Processes at work; the results do not depend on it."""
    no_picture: bool = False
    """Draw no pictures of new alignments."""
    measure: bool = False
    """Measure simulated pairs too; by default their edit is read from truth/NAME.json, where it is known exactly."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    force: bool = False
    """Label again what is labelled already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Label all pairs; return the exit code."""
        from editorbot.analysis.trackers import check_tracker
        from editorbot.corpus.batch import run_batch
        from editorbot.corpus.cache_files import CacheFolder
        from editorbot.corpus.dataset import check_dataset_place
        from editorbot.corpus.labels.pair_labels import LabelJob
        from editorbot.corpus.labels.samples import label_and_sample
        from editorbot.corpus.pairs import POINTER_FOLDER, find_pairs

        check_workers(self.workers)
        check_tracker(self.beat_tracker)
        check_dataset_place(Path(self.out))
        data_dir, cache = Path(self.data_dir), CacheFolder(Path(self.cache_dir))
        listed = find_pairs(data_dir)
        report = BatchReport(listed.problems)
        jobs = [
            LabelJob(pair, data_dir, cache, self.force, not self.no_picture, self.measure, self.beat_tracker)
            for pair in listed.pairs
        ]
        parts: dict[str, BcDataset] = {}
        for done in run_batch(jobs, label_and_sample, workers=self.workers):
            if done.result is None:
                report.add_failure(done.error, done.job.pair.raw)
            else:
                parts[done.job.pair.sample] = done.result.samples
                _print_labels(done.result.labels)
        self._write(parts)
        return report.finish(f"{len(parts)} pairs labelled", "edit lists are in", data_dir / POINTER_FOLDER)

    def _write(self, parts: dict[str, BcDataset]) -> None:
        """Write the samples of all pairs, in the pairs' order, if there are any."""
        from editorbot.corpus.dataset import joined, write_dataset

        if not parts:
            return
        data = joined([parts[sample] for sample in sorted(parts)], str(Path(self.data_dir).resolve()))
        write_dataset(Path(self.out), data)
        types = sum(count > 0 for count in data.type_counts.tolist())
        print(f"{len(data.states)} samples of {types} types are in {printable(self.out)}")
        print(type_counts_line(data))


def type_counts_line(data: BcDataset) -> str:
    """Say in one line how many samples of each type there are."""
    from editorbot.environment.actions import VOCABULARIES

    names = VOCABULARIES[data.vocabulary].names
    return ", ".join(f"{name} {count}" for name, count in zip(names, data.type_counts.tolist()))


def _print_labels(labels: PairLabels) -> None:
    """Print one line about a pair, and its warnings."""
    fidelity, kept = labels.fidelity, labels.kept.mean() if len(labels.kept) else 0.0
    how = "known from its truth"
    if fidelity is not None:
        how = f"{labels.matched_share:.1%} understood; rendered again {fidelity.frames_share:.1%} of the frames fit"
    print(f"{printable(labels.sample)}: {len(labels.edit_list.clips)} clips, {kept:.0%} of the beats kept, {how}")
    for line in labels.edit_list.warnings:
        print(f"warning: {printable(labels.sample)}: {line}", file=sys.stderr)
