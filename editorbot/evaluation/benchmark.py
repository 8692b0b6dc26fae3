"""Runs editors on jams with a known truth, and scores their edits.

Each jam is analyzed once; every editor decides as in ``editorbot edit``, including refined joins. Only `retarget` gets
the true length. Jams run in parallel; one that fails does not stop the others.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze, cache_configuration
from editorbot.analysis.cache import AnalysisCache
from editorbot.atomic import write_whole
from editorbot.corpus.batch import Done, run_batch
from editorbot.editlist.edit_list import EditList
from editorbot.editors.base import EditRequest
from editorbot.editors.registry import EDITOR_NAMES, editor_named
from editorbot.errors import EditorbotError, NoSpaceError, OutputError, UsageError
from editorbot.evaluation.jams import Jam
from editorbot.evaluation.loudness_cutter import cut_by_loudness
from editorbot.evaluation.metrics import EditScore, KindShare, kept_by_kind, score_edit
from editorbot.recording import Recording, open_recording
from editorbot.render.joins import refine_joins

CONTROL, CUTTER = "keep-all", "loudness-cutter"
"""The two that show whether a set of jams is valid; they always take part."""

GETS_THE_LENGTH = "retarget"
"""The one editor that gets the length of the finished track."""

ENTRANT_NAMES: tuple[str, ...] = (*EDITOR_NAMES, CUTTER)
"""All that can be scored by name."""


@dataclass(frozen=True)
class Entrant:
    """One row of the table."""

    name: str
    """Name of the row."""
    editor: str
    """Name of the editor, one of ENTRANT_NAMES."""
    checkpoint: Path | None = None
    """Weights to use instead of the shipped ones."""


@dataclass(frozen=True)
class EvaluationJob:
    """One jam and its entrants."""

    jam: Jam
    """The jam."""
    entrants: tuple[Entrant, ...]
    """The editors that edit it."""
    cache: Path | None = None
    """Folder of the analysis cache."""
    seed: int = 0
    """Seed of the editors' random numbers, if they use any."""


@dataclass(frozen=True)
class Result:
    """One editor's result on one jam."""

    entrant: str
    """Name of the row."""
    jam: Jam
    """The jam."""
    score: EditScore
    """Metrics of the edit."""
    kinds: tuple[KindShare, ...]
    """How much of each kind of stretch it keeps."""
    seconds: float
    """Time for analysis and decision [seconds]."""


@dataclass(frozen=True)
class JamResults:
    """All results of one jam."""

    results: tuple[Result, ...]
    """One for each editor that succeeded."""
    errors: tuple[tuple[str, EditorbotError], ...] = ()
    """(entrant, error) for the others."""


def entrants_of(names: Sequence[str], checkpoints: Sequence[str] = ()) -> tuple[Entrant, ...]:
    """List the entrants: the two that show whether the set is valid, and the requested ones.

    Parameters
    ----------
    names : sequence of str
        Names out of ENTRANT_NAMES; all by default.
    checkpoints : sequence of str
        ``EDITOR=PATH`` each: that editor with other weights, as another row.

    Raises
    ------
    UsageError
        If a name is unknown, or an editor takes no weights.
    """
    wanted = list(dict.fromkeys([CONTROL, *(names or ENTRANT_NAMES), CUTTER]))
    for name in wanted:
        if name not in ENTRANT_NAMES:
            raise UsageError(f"there is no editor {name!r}; choose among {', '.join(ENTRANT_NAMES)}")
    entrants = [Entrant(name, name) for name in wanted]
    for argument in checkpoints:
        name, given, path = argument.partition("=")
        if not given or name not in EDITOR_NAMES:
            raise UsageError(f"--checkpoint takes EDITOR=PATH, but is {argument!r}; editors: {', '.join(EDITOR_NAMES)}")
        entrants.append(Entrant(f"{name} @ {path}", name, Path(path)))
    return tuple(entrants)


def check_baselines(names: Sequence[str], entrants: Sequence[Entrant]) -> None:
    """Refuse unknown baselines; known ones that do not take part are ignored.

    Raises
    ------
    UsageError
        Names the first, and all known ones.
    """
    known = list(dict.fromkeys((*ENTRANT_NAMES, *(entrant.name for entrant in entrants))))
    for name in names:
        if name not in known:
            raise UsageError(f"there is no editor {name!r} to compare with; choose among {', '.join(known)}")


def evaluate(jobs: Sequence[EvaluationJob], *, workers: int = 1) -> Iterator[Done[EvaluationJob, JamResults]]:
    """Yield the results of each jam as it is done."""
    return run_batch(jobs, evaluate_jam, workers=workers)


def evaluate_jam(job: EvaluationJob) -> JamResults:
    """Run all entrants on one jam, and score their edits.

    Raises
    ------
    EditorbotError
        If the jam cannot be read or analyzed.
    """
    with open_recording(job.jam.path) as recording:
        timed = _timed_analysis(recording, job.cache)
        results, errors = [], []
        for entrant in job.entrants:
            try:
                results.append(_result_of(entrant, job, recording, timed))
            except EditorbotError as error:
                errors.append((entrant.name, error))
    return JamResults(tuple(results), tuple(errors))


@dataclass(frozen=True)
class _TimedAnalysis:
    """An analysis, and how long it took when it was computed."""

    analysis: Analysis
    seconds: float


def _timed_analysis(recording: Recording, folder: Path | None) -> _TimedAnalysis:
    """Load or compute the analysis of a jam; a file beside the cached one has its time."""
    cache = None if folder is None else AnalysisCache(folder)
    cached = None if cache is None else cache.path_of(recording.source, cache_configuration(recording))
    was_there = cached is not None and cached.exists()
    began = time.perf_counter()
    analysis = analyze(recording, cache=cache)
    seconds = time.perf_counter() - began
    if cached is not None and cached.exists():
        time_path = cached.with_suffix(".seconds.json")
        if was_there:
            return _TimedAnalysis(analysis, _cached_seconds(time_path, seconds))
        with contextlib.suppress(OutputError, NoSpaceError):  # on a full disk only the time is lost
            write_whole(time_path, json.dumps(seconds).encode())
    return _TimedAnalysis(analysis, seconds)


def _cached_seconds(path: Path, otherwise: float) -> float:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return otherwise
    return float(value) if isinstance(value, (int, float)) else otherwise


def _result_of(entrant: Entrant, job: EvaluationJob, recording: Recording, timed: _TimedAnalysis) -> Result:
    truth = job.jam.truth
    decide, analysis_s = _decision(entrant, job, recording, timed)
    began = time.perf_counter()
    edit = refine_joins(decide(), recording)
    seconds = time.perf_counter() - began + analysis_s
    return Result(entrant.name, job.jam, score_edit(edit, truth), kept_by_kind(edit, truth), seconds)


def _decision(
    entrant: Entrant, job: EvaluationJob, recording: Recording, timed: _TimedAnalysis
) -> tuple[Callable[[], EditList], float]:
    """Make the call by which an entrant decides, and the time spent before it [seconds]."""
    if entrant.editor == CUTTER:
        return partial(cut_by_loudness, recording), 0.0
    editor = editor_named(entrant.editor, entrant.checkpoint)
    target_s = job.jam.truth.finished_s if entrant.editor == GETS_THE_LENGTH else None
    return partial(editor.edit, timed.analysis, EditRequest(target_s=target_s, seed=job.seed)), timed.seconds
