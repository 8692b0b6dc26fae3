"""``editorbot pairs precache``: everything that training reads of the pairs, made once."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from editorbot.analysis import BeatTracker
from editorbot.errors import EditorbotError, UsageError, printable


@dataclass(frozen=True)
class Precache:
    """Make what training reads of the pairs: mels, pointer sequences, labels, analyses."""

    samples: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of pairs; all that miss something where none is given."""
    data_dir: str = "training_data"
    """Folder with input/NAME_raw.wav and desired_output/NAME_edit.wav; pointers go to its pointer_sequences."""
    cache_dir: str = "cache"
    """Folder for mels and labels."""
    workers: int = 1
    """Pairs that are worked on at the same time; the results are the same."""
    no_picture: bool = False
    """Draw no pictures of new alignments."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
    no_cache: bool = False
    """Neither read nor write kept analyses."""
    force: bool = False
    """Make again what is there already."""
    debug: bool = False
    """Show the whole trace of an error."""

    def run(self) -> int:
        """Make what is missing; return the exit code."""
        from editorbot.analysis.analyze import check_tracker
        from editorbot.analysis.cache import AnalysisCache
        from editorbot.corpus.batch import run_batch
        from editorbot.corpus.cache_files import CacheFolder
        from editorbot.corpus.precache import PrecacheJob, find_samples, precache

        check_workers(self.workers)
        check_tracker(self.beat_tracker)
        listed = find_samples(Path(self.data_dir), self.samples)
        analyses = None if self.no_cache else AnalysisCache.of_user()
        cache = CacheFolder(Path(self.cache_dir))
        jobs = [
            PrecacheJob(
                pair,
                Path(self.data_dir),
                cache,
                analyses,
                picture=not self.no_picture,
                force=self.force,
                beat_tracker=self.beat_tracker,
            )
            for pair in listed.pairs
        ]
        failures: list[EditorbotError] = list(listed.problems)
        made = 0
        for problem in listed.problems:
            print(problem, file=sys.stderr)
        for done in run_batch(jobs, precache, workers=self.workers):
            if done.result is None:
                failures.append(told(done.error, done.job.pair.raw))
            elif done.result.made:
                made += 1
                what = ", ".join(done.result.made)
                kept = f"{done.result.kept_share:.0%} of the beats kept"
                print(f"{printable(done.result.sample)}: {what} made, {kept}")
        there = len(jobs) - made - (len(failures) - len(listed.problems))
        passed = f", {there} were there already" if there else ""
        print(f"{made} pairs made ready{passed}, {len(failures)} problems; caches are in {printable(self.cache_dir)}")
        return failures[0].exit_code if failures else 0


def check_workers(workers: int) -> None:
    """Refuse a number of workers that is none.

    Raises
    ------
    UsageError
        If there are fewer than one.
    """
    if workers < 1:
        raise UsageError(f"--workers must be at least 1, but is {workers}")


def told(error: EditorbotError | None, path: Path) -> EditorbotError:
    """Print what went wrong with a file, and return it."""
    error = error or EditorbotError("nothing came of it")
    error.path = error.path or str(path)
    print(error, file=sys.stderr)
    return error
