"""The labels of all pairs of a data folder, in any number of processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from editorbot.corpus.batch import Done, run_batch
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.labels.pair_labels import LabelJob, PairLabels, label_pair
from editorbot.corpus.pairs import Pair


def label_all(
    pairs: tuple[Pair, ...],
    data_dir: Path,
    cache: CacheFolder,
    *,
    workers: int = 1,
    force: bool = False,
    picture: bool = True,
) -> Iterator[Done[LabelJob, PairLabels]]:
    """Yield the labels of each pair, or what went wrong with it, as they are done; parameters as in `LabelJob`."""
    jobs = [LabelJob(pair, data_dir, cache, force, picture) for pair in pairs]
    return run_batch(jobs, label_pair, workers=workers)
