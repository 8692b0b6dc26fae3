"""``editorbot evaluate``: every editor on jams whose right edit is known, in one table."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from editorbot.cli.arguments import FOLDER, NAMES
from editorbot.errors import EditorbotError, UsageError, printable, write_error

if TYPE_CHECKING:
    from editorbot.corpus.batch import Done
    from editorbot.evaluation.benchmark import EvaluationJob, JamResults, Result
    from editorbot.evaluation.jams import Jam
    from editorbot.evaluation.table import Page

BASELINES = ("keep-all", "loudness-cutter", "retarget", "scored-rules")


@dataclass(frozen=True)
class Evaluate:
    """Score every editor on jams whose right edit is known, or on your own pairs."""

    folder: Annotated[tyro.conf.Positional[str], FOLDER] = "training_data"
    """Folder with input/NAME_raw.wav and truth/NAME.json. Pairs without a truth are scored against their alignment."""
    editors: Annotated[tuple[str, ...], NAMES] = ()
    """Editors to score, by default all. keep-all and the loudness cutter always take part. Example: scored pointer."""
    checkpoint: Annotated[tuple[str, ...], tyro.conf.arg(metavar="EDITOR=FILE ...")] = ()
    """Editors with weights of your own, a row each. Example: scored=models/scored/scored.safetensors."""
    baseline: Annotated[tuple[str, ...], NAMES] = BASELINES
    """Editors to compare the others with, jam by jam."""
    split: tuple[Literal["train", "validation", "test", "own"], ...] = ()
    """Score only jams by the artists of these splits; own is music that is not the project's. By default all."""
    tracks: Annotated[tuple[str, ...], NAMES] = ()
    """Score only jams of these: names of jams, tracks or artists; * matches anything. Example: 'zaz*'."""
    allow_train: bool = False
    """Score jams by artists that were trained on too; their scores flatter."""
    out: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Write NAME.json, NAME.md and NAME.png. By default the table is only printed. Example: --out results/held_out."""
    workers: int = 1
    """Jams that are edited at the same time; the results do not depend on it."""
    cache_dir: Annotated[str | None, FOLDER] = None
    """Cache of analyses, which makes the next run fast. By default the user's cache."""
    no_cache: bool = False
    """Neither read nor write the cache of analyses."""
    seed: int = 0
    """Seed of the confidence intervals, and of editors that draw at random."""
    debug: bool = False
    """Print the whole traceback of an error."""

    def run(self) -> int:
        """Score and print, and return the exit code."""
        from editorbot.evaluation.benchmark import EvaluationJob, check_baselines, entrants_of, evaluate
        from editorbot.evaluation.jams import chosen, find_jams
        from editorbot.evaluation.table import page_of

        if self.workers < 1:
            raise UsageError(f"--workers must be at least 1, but is {self.workers}")
        entrants = entrants_of(self.editors, self.checkpoint)
        check_baselines(self.baseline, entrants)
        found = find_jams(Path(self.folder))
        failures = list(found.problems)
        for problem in failures:
            print(problem, file=sys.stderr)
        jams = chosen(found.jams, splits=self.split, tracks=self.tracks, allow_train=self.allow_train)
        jobs = [EvaluationJob(jam, entrants, self._cache(), self.seed) for jam in jams]
        results: list[Result] = []
        for number, done in enumerate(evaluate(jobs, workers=self.workers), 1):
            failures += _print_jam(done, f"{number}/{len(jobs)}")
            results += done.result.results if done.result is not None else ()
        if not results:
            raise failures[0]
        page = page_of(results, baselines=self.baseline, seed=self.seed)
        self._report(page, results, jams)
        print(f"{page.jams} jams scored, {len(failures)} problems")
        return failures[0].exit_code if failures else 0

    def _cache(self) -> Path | None:
        from editorbot.analysis.cache import AnalysisCache

        if self.no_cache:
            return None
        return AnalysisCache.of_user().folder if self.cache_dir is None else Path(self.cache_dir)

    def _report(self, page: Page, results: list[Result], jams: tuple[Jam, ...]) -> None:
        """Print the table and the warnings; write them where the user wants them."""
        from editorbot.atomic import write_whole
        from editorbot.evaluation.table import document_of, draw_page, markdown_of

        text = markdown_of(page)
        print("\n" + text)
        for line in (*page.warnings, *_split_warnings(jams)):
            print(f"warning: {printable(self.folder)}: {line}", file=sys.stderr)
        if self.out is None:
            return
        out = Path(self.out)
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_error(error, out.parent) from error
        document = json.dumps(document_of(page, results), indent=1) + "\n"
        write_whole(f"{out}.json", document.encode())
        write_whole(f"{out}.md", text.encode())
        write_whole(f"{out}.png", draw_page(page))


def _split_warnings(jams: tuple[Jam, ...]) -> tuple[str, ...]:
    """Warn about artists that the editors already know."""
    lines = []
    for split, code, why in (
        ("train", "TRAINED_ON", "were trained on, so the scores flatter"),
        ("validation", "CHOSEN_ON", "helped to choose thresholds, so the scores flatter a little"),
    ):
        artists = sorted({jam.truth.artist for jam in jams if jam.split == split})
        if artists:
            lines.append(f"{code}: {', '.join(artists)} {why}")
    return tuple(lines)


def _print_jam(done: Done[EvaluationJob, JamResults], where: str) -> list[EditorbotError]:
    """Print the scores of one jam, and return what went wrong."""
    jam = done.job.jam
    name = printable(jam.sample)
    errors = [("", done.error)] if done.error is not None else []
    if done.result is not None:
        errors += done.result.errors
        f1 = ", ".join(f"{result.entrant} {result.score.f1:.3f}" for result in done.result.results)
        print(f"{where} {name}: {f1}", flush=True)
    for entrant, error in errors:
        error.path = error.path or str(jam.path)
        print(f"{error} ({entrant})" if entrant else error, file=sys.stderr)
    return [error for _, error in errors]
