"""Every editor on every jam: what each makes of it, and what that is worth.

Each jam is analyzed once; every editor decides on it as ``editorbot edit`` would, joins settled. `retarget` is
told the true length, no other editor is. Jams run side by side; one that fails never stops the others.
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
from editorbot.editors.base import Editor, EditRequest
from editorbot.editors.registry import EDITOR_NAMES, editor_named
from editorbot.errors import EditorbotError, NoSpaceError, OutputError, UsageError
from editorbot.evaluation.jams import Jam
from editorbot.evaluation.kinds import KindShare, kept_by_kind
from editorbot.evaluation.loudness_cutter import cut_by_loudness
from editorbot.evaluation.metrics import EditScore, score_edit
from editorbot.recording import Recording, open_recording
from editorbot.render.joins import refine_joins

CONTROL, CUTTER = "keep-all", "loudness-cutter"
"""The two that tell whether a set is valid; they always take part."""

TOLD_THE_LENGTH = "retarget"
"""The one editor that knows how long the finished track is."""

ENTRANT_NAMES: tuple[str, ...] = (*EDITOR_NAMES, CUTTER)
"""All that can be scored without more being said."""


@dataclass(frozen=True)
class Entrant:
    """One row of the table."""

    name: str
    """What the row is called."""
    editor: str
    """Name of the editor, one of ENTRANT_NAMES."""
    checkpoint: Path | None = None
    """Weights instead of those that ship."""


@dataclass(frozen=True)
class EvaluationJob:
    """One jam, and everybody who edits it."""

    jam: Jam
    """The jam."""
    entrants: tuple[Entrant, ...]
    """Who edits it."""
    cache: Path | None = None
    """Folder where analyses are kept."""
    seed: int = 0
    """Seed of whatever randomness the editors have."""


@dataclass(frozen=True)
class Result:
    """What one editor made of one jam."""

    entrant: str
    """Name of the row."""
    jam: Jam
    """The jam."""
    score: EditScore
    """What the edit is worth."""
    kinds: tuple[KindShare, ...]
    """What it keeps of each kind of stretch."""
    seconds: float
    """Time for analysis and decision [seconds]."""


@dataclass(frozen=True)
class JamResults:
    """What came of one jam."""

    results: tuple[Result, ...]
    """One for each editor that gave an edit."""
    errors: tuple[tuple[str, EditorbotError], ...] = ()
    """(entrant, what went wrong) for the others."""


def entrants_of(names: Sequence[str], checkpoints: Sequence[str] = ()) -> tuple[Entrant, ...]:
    """Return who is to be scored: the two that tell whether the set is valid, and those asked for.

    Parameters
    ----------
    names : sequence of str
        Names out of ENTRANT_NAMES; all where left out.
    checkpoints : sequence of str
        ``EDITOR=PATH`` each: that editor with other weights, as one more row.

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
    """Refuse to compare with somebody whom nobody knows; who is known but does not take part is passed over.

    Raises
    ------
    UsageError
        Names the first, and all that are known.
    """
    known = list(dict.fromkeys((*ENTRANT_NAMES, *(entrant.name for entrant in entrants))))
    for name in names:
        if name not in known:
            raise UsageError(f"there is no editor {name!r} to compare with; choose among {', '.join(known)}")


def evaluate(jobs: Sequence[EvaluationJob], *, workers: int = 1) -> Iterator[Done[EvaluationJob, JamResults]]:
    """Yield what comes of each jam, as it is done."""
    return run_batch(jobs, evaluate_jam, workers=workers)


def evaluate_jam(job: EvaluationJob) -> JamResults:
    """Let everybody edit one jam, and score what they made.

    Raises
    ------
    EditorbotError
        If the jam cannot be read or analyzed.
    """
    with open_recording(job.jam.path) as recording:
        heard = _heard(recording, job.cache)
        results, errors = [], []
        for entrant in job.entrants:
            try:
                results.append(_result_of(entrant, job, recording, heard))
            except EditorbotError as error:
                errors.append((entrant.name, error))
    return JamResults(tuple(results), tuple(errors))


@dataclass(frozen=True)
class _Heard:
    """An analysis, and how long it took when it was made."""

    analysis: Analysis
    seconds: float


def _heard(recording: Recording, folder: Path | None) -> _Heard:
    """Return the analysis of a jam, kept or made."""
    cache = None if folder is None else AnalysisCache(folder)
    kept = None if cache is None else cache.path_of(recording.source, cache_configuration(recording))
    was_there = kept is not None and kept.exists()
    began = time.perf_counter()
    analysis = analyze(recording, cache=cache)
    seconds = time.perf_counter() - began
    if kept is not None and kept.exists():
        timed = kept.with_suffix(".seconds.json")
        if was_there:
            return _Heard(analysis, _kept_seconds(timed, seconds))
        with contextlib.suppress(OutputError, NoSpaceError):  # a full disk costs the note, not the result
            write_whole(timed, json.dumps(seconds).encode())
    return _Heard(analysis, seconds)


def _kept_seconds(path: Path, otherwise: float) -> float:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return otherwise
    return float(value) if isinstance(value, (int, float)) else otherwise


def _result_of(entrant: Entrant, job: EvaluationJob, recording: Recording, heard: _Heard) -> Result:
    truth = job.jam.truth
    decide, listened_s = _decision(entrant, job, recording, heard)
    began = time.perf_counter()
    edit = refine_joins(decide(), recording)
    seconds = time.perf_counter() - began + listened_s
    return Result(entrant.name, job.jam, score_edit(edit, truth), kept_by_kind(edit, truth), seconds)


def _decision(
    entrant: Entrant, job: EvaluationJob, recording: Recording, heard: _Heard
) -> tuple[Callable[[], EditList], float]:
    """Return the call that makes an entrant decide, and the time spent before it [seconds]."""
    if entrant.editor == CUTTER:
        return partial(cut_by_loudness, recording), 0.0
    editor = _editor_of(entrant)
    told_s = job.jam.truth.finished_s if entrant.editor == TOLD_THE_LENGTH else None
    return partial(editor.edit, heard.analysis, EditRequest(target_s=told_s, seed=job.seed)), heard.seconds


def _editor_of(entrant: Entrant) -> Editor:
    """Return the editor of an entrant, with its weights.

    Raises
    ------
    UsageError
        If it takes none.
    """
    return editor_named(entrant.editor, entrant.checkpoint)
