"""The labels of all pairs of a data folder, in any number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from editorbot.analysis import BeatTracker
from editorbot.corpus.batch import Done, run_batch
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.dataset import BcDataset
from editorbot.corpus.labels.pair_labels import LabelJob, PairLabels, label_pair
from editorbot.corpus.labels.samples import samples_of_pair
from editorbot.corpus.pairs import Pair


@dataclass(frozen=True)
class Labelled:
    """What one pair gave."""

    labels: PairLabels
    """What the human did."""
    samples: BcDataset
    """What a policy learns from it."""


def label_all(
    pairs: tuple[Pair, ...],
    data_dir: Path,
    cache: CacheFolder,
    *,
    workers: int = 1,
    force: bool = False,
    picture: bool = True,
    measure: bool = False,
    beat_tracker: BeatTracker = "embedded",
) -> Iterator[Done[LabelJob, Labelled]]:
    """Yield what each pair gives, as it is done; parameters as in `LabelJob`."""
    jobs = [LabelJob(pair, data_dir, cache, force, picture, measure, beat_tracker) for pair in pairs]
    return run_batch(jobs, labelled, workers=workers)


def labelled(job: LabelJob) -> Labelled:
    """Return what a pair gives."""
    labels = label_pair(job)
    return Labelled(labels, samples_of_pair(labels))
