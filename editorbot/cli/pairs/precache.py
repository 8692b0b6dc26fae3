"""``editorbot pairs precache``: everything that training reads of the pairs, made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from editorbot.analysis import BeatTracker
from editorbot.cli.pairs.batch_report import BatchReport, check_workers
from editorbot.errors import printable


@dataclass(frozen=True)
class Precache:
    """Make what training reads of the pairs: mels, pointer sequences, labels, analyses.

    Example: editorbot pairs precache --data-dir training_data --workers 4
    """

    samples: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of pairs; all pairs by default."""
    data_dir: str = "training_data"
    """Folder with input/NAME_raw.wav and desired_output/NAME_edit.wav; pointers go to its pointer_sequences."""
    cache_dir: str = "cache"
    """Folder for mels and labels."""
    workers: int = 1
    """Processes at work; the results do not depend on it."""
    no_picture: bool = False
    """Draw no pictures of new alignments."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    no_cache: bool = False
    """Neither read nor write cached analyses."""
    force: bool = False
    """Make again what is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Make what is missing; return the exit code."""
        from editorbot.analysis.cache import AnalysisCache
        from editorbot.analysis.trackers import check_tracker
        from editorbot.corpus.batch import run_batch
        from editorbot.corpus.cache_files import CacheFolder
        from editorbot.corpus.pairs import find_pairs
        from editorbot.corpus.precache import PrecacheJob, precache

        check_workers(self.workers)
        check_tracker(self.beat_tracker)
        listed = find_pairs(Path(self.data_dir), self.samples)
        analyses = None if self.no_cache else AnalysisCache.of_user()
        cache, picture = CacheFolder(Path(self.cache_dir)), not self.no_picture
        jobs = [
            PrecacheJob(pair, Path(self.data_dir), cache, analyses, picture, self.force, self.beat_tracker)
            for pair in listed.pairs
        ]
        report, made = BatchReport(listed.problems), 0
        for done in run_batch(jobs, precache, workers=self.workers):
            if done.result is None:
                report.add_failure(done.error, done.job.pair.raw)
            elif done.result.made:
                made += 1
                kept = f"{done.result.kept_share:.0%} of the beats kept"
                print(f"{printable(done.result.sample)}: {', '.join(done.result.made)} made, {kept}")
        there = len(jobs) - made - report.failed
        return report.finish(f"{made} pairs made ready", "caches are in", self.cache_dir, already_there=there)
