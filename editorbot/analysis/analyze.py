"""Recording -> Analysis: the order of the steps.

Read :func:`analyze` from top to bottom: listen once, find the beat, find the structure, tell music from the
rest, pool what was heard by beat.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from editorbot.analysis import BeatTracker
from editorbot.analysis.activity import find_activity
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.features import beat_features, beat_levels_db, mean_level_db
from editorbot.analysis.scan_recording import Heard, scan_recording
from editorbot.analysis.structure import find_structure
from editorbot.analysis.tonality import estimate_key
from editorbot.errors import SilentError, TooShortError
from editorbot.recording import Recording

if TYPE_CHECKING:
    from editorbot.analysis.beats import Tracker

MIN_DURATION_S = 2.0
"""Shorter recordings cannot be edited [seconds]."""

Progress = Callable[[str, float], None]
"""Told the name of a stage and the share of it that is done, in [0, 1]."""

_STAGE = "analyze"
_LISTENING_SHARE = 0.7
"""Share of the work that lies in the one pass over the samples, measured."""


def no_progress(stage: str, share: float) -> None:
    """Show no progress."""


def analyze(
    recording: Recording,
    *,
    beat_tracker: BeatTracker = "embedded",
    cache: AnalysisCache | None = None,
    progress: Progress | None = None,
    allow_silent: bool = False,
    allow_short: bool = False,
) -> Analysis:
    """Find out everything that editors want to know about a recording.

    Parameters
    ----------
    recording : Recording
        Read once, by block.
    beat_tracker : str
        Who finds the beats; see `choose_tracker`.
    cache : AnalysisCache, optional
        Where analyses are kept; nothing is kept without one.
    progress : callable, optional
        Told ``"analyze"`` and the share done.
    allow_silent : bool
        Analyze a recording in which nothing can be heard, rather than refuse it.
    allow_short : bool
        Analyze a recording of any length, rather than refuse what is under two seconds.

    Returns
    -------
    analysis : Analysis
        The same whether it was computed, kept, or computed again over a damaged entry.

    Raises
    ------
    TooShortError
        If the recording is shorter than `MIN_DURATION_S`.
    SilentError
        If nothing can be heard in it.
    NonFiniteError
        If a sample is NaN or infinite.
    MissingExtraError
        If the beat tracker is not installed.

    Notes
    -----
    Time and memory grow linearly with the recording: about 7 s of processor time and 45 MB an hour.
    """
    progress = progress or no_progress
    progress(_STAGE, 0.0)
    _check_length(recording, allow_short)
    configuration = cache_configuration(recording, beat_tracker)
    analysis = cache.load(recording.source, configuration) if cache is not None else None
    if analysis is None:
        # What may be missing is said before the recording is read; the embedded tracker is loaded beside the reading.
        other_tracker = None if beat_tracker == "embedded" else _load_tracker(beat_tracker)
        with ThreadPoolExecutor(1, "beside") as beside:
            # Needed at the end alone; what goes wrong with it is told there.
            beside.submit(lambda: recording.digest)
            heard = scan_recording(recording, lambda share: progress(_STAGE, _LISTENING_SHARE * share))
            if heard.is_silent and not allow_silent:
                raise SilentError(
                    "nothing can be heard in it; editorbot edit --editor keep-all copies it", path=recording.path
                )
            analysis = _conclude(recording, heard, beside, other_tracker)
        if cache is not None and not heard.is_silent:
            warning = cache.store(analysis, configuration)
            analysis = analysis if warning is None else replace(analysis, warnings=(*analysis.warnings, warning))
    progress(_STAGE, 1.0)
    return replace(analysis, warnings=tuple(dict.fromkeys((*recording.warnings, *analysis.warnings))))


def cache_configuration(recording: Recording, beat_tracker: BeatTracker = "embedded") -> str:
    """Tell what an analysis depends on beside the file and the code: what was healed at opening, and the tracker."""
    other = () if beat_tracker == "embedded" else (f"beat tracker {beat_tracker}",)
    return "\n".join((*recording.warnings, *other))


def check_tracker(name: BeatTracker) -> None:
    """Refuse a beat tracker that is not installed, before a batch of recordings begins."""
    if name != "embedded":
        _load_tracker(name)


def _load_tracker(name: BeatTracker) -> Tracker:
    from editorbot.analysis.beats import choose_tracker

    return choose_tracker(name)


def _check_length(recording: Recording, allow_short: bool) -> None:
    duration_s = recording.duration_s
    if duration_s < MIN_DURATION_S and not allow_short:
        raise TooShortError(
            f"it lasts {duration_s:.3f} s, but an edit needs at least {MIN_DURATION_S:.0f} s; --copy-short copies it",
            path=recording.path,
        )


def _conclude(recording: Recording, heard: Heard, beside: Executor, other_tracker: Tracker | None) -> Analysis:
    """Draw the conclusions from what was measured, some of them beside the others."""
    duration_s, spectrum = recording.duration_s, heard.spectrum
    track = other_tracker or _load_tracker("embedded")  # which loads numba: not before the reading has begun
    activity = beside.submit(find_activity, recording, spectrum.steps, duration_s)
    grid = track(spectrum.tracks, duration_s, lambda: np.concatenate(list(MonoReader(recording).blocks())))
    structure = find_structure(grid, spectrum.tracks, spectrum.steps, duration_s)
    return Analysis(
        source=recording.source,
        beats_s=grid.beats_s,
        downbeats=grid.downbeats,
        beats_per_bar=grid.beats_per_bar,
        phrases=structure.phrases,
        sections=structure.sections,
        activity=activity.result(),
        tempo_bpm=float(np.median(grid.tempo_curve_bpm)) if grid.confidence > 0 else 0.0,
        tempo_curve_bpm=grid.tempo_curve_bpm,
        energy_db=beat_levels_db(spectrum, grid.beats_s),
        overall_energy_db=mean_level_db(spectrum),
        key=estimate_key(spectrum.tracks.chroma, spectrum.tracks.level_db),
        beat_confidence=grid.confidence,
        features=beat_features(spectrum, grid),
        steps=spectrum.steps,
        warnings=(*heard.warnings, *grid.warnings),
        mel_reference_db=spectrum.mel_reference_db,
    )
