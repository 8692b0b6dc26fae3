"""Recording -> Analysis: the order of the steps.

Read :func:`analyze` from top to bottom: listen once, find the beat, find the structure, tell music from the
rest, pool what was heard by beat.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from editorbot.analysis.activity import find_activity
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.features import beat_features, beat_levels_db, mean_level_db
from editorbot.analysis.scan_recording import Heard, scan_recording
from editorbot.analysis.structure import find_structure
from editorbot.analysis.tonality import estimate_key
from editorbot.errors import SilentError, TooShortError
from editorbot.recording import Recording

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

    Notes
    -----
    Time and memory grow linearly with the recording: about 7 s of processor time and 45 MB an hour.
    """
    progress = progress or no_progress
    progress(_STAGE, 0.0)
    _check_length(recording, allow_short)
    # What was healed when it was opened is not in the digest of the file.
    healed = "\n".join(recording.warnings)
    analysis = cache.load(recording.source, healed) if cache is not None else None
    if analysis is None:
        with ThreadPoolExecutor(1, "beside") as beside:
            # Needed at the end alone; what goes wrong with it is told there.
            beside.submit(lambda: recording.digest)
            heard = scan_recording(recording, lambda share: progress(_STAGE, _LISTENING_SHARE * share))
            if heard.is_silent and not allow_silent:
                raise SilentError(
                    "nothing can be heard in it; editorbot edit --editor keep-all copies it", path=recording.path
                )
            analysis = _conclude(recording, heard, beside)
        if cache is not None and not heard.is_silent:
            warning = cache.store(analysis, healed)
            analysis = analysis if warning is None else replace(analysis, warnings=(*analysis.warnings, warning))
    progress(_STAGE, 1.0)
    return replace(analysis, warnings=tuple(dict.fromkeys((*recording.warnings, *analysis.warnings))))


def _check_length(recording: Recording, allow_short: bool) -> None:
    duration_s = recording.duration_s
    if duration_s < MIN_DURATION_S and not allow_short:
        raise TooShortError(
            f"it lasts {duration_s:.3f} s, but an edit needs at least {MIN_DURATION_S:.0f} s; --copy-short copies it",
            path=recording.path,
        )


def _conclude(recording: Recording, heard: Heard, beside: Executor) -> Analysis:
    """Draw the conclusions from what was heard, some of them beside the others."""
    from editorbot.analysis.beats import track_beats  # not before the reading has begun: it loads numba

    duration_s, spectrum = recording.duration_s, heard.spectrum
    activity = beside.submit(find_activity, recording, spectrum.steps, duration_s)
    grid = track_beats(spectrum.tracks, duration_s)
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
