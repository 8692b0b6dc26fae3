"""Recording -> Analysis: the order of the steps.

Read :func:`analyze` from top to bottom: measure the spectrum in one pass, find the beats, find the structure, tell
music from the rest, average the features by beat.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from editorbot.analysis import BeatTracker
from editorbot.analysis.activity import find_activity
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.features import beat_features, beat_levels_db, mean_level_db
from editorbot.analysis.scan_recording import ScanResult, scan_recording
from editorbot.analysis.structure import find_structure
from editorbot.analysis.tonality import estimate_key
from editorbot.analysis.trackers import Tracker, choose_tracker
from editorbot.errors import SilentError, TooShortError
from editorbot.recording import Recording

MIN_DURATION_S = 2.0
"""Shorter recordings cannot be edited [seconds]."""

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done, in [0, 1]."""

_STAGE = "analyze"
_SCAN_SHARE = 0.7
"""Share of the work that the one pass over the samples takes, measured."""


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
    """Measure everything that editors read of a recording.

    Parameters
    ----------
    recording : Recording
        Read once, by block.
    beat_tracker : str
        Who finds the beats; see `choose_tracker`.
    cache : AnalysisCache, optional
        Cache of analyses; none by default.
    progress : callable, optional
        Called with ``"analyze"`` and the share done.
    allow_silent : bool
        Analyze a silent recording instead of refusing it.
    allow_short : bool
        Analyze a recording under two seconds instead of refusing it.

    Returns
    -------
    analysis : Analysis
        The same whether it was computed, cached, or computed again over a damaged entry.

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
    if recording.duration_s < MIN_DURATION_S and not allow_short:
        least = f"but an edit needs at least {MIN_DURATION_S:.0f} s; --copy-short copies it"
        raise TooShortError(f"it lasts {recording.duration_s:.3f} s, {least}", path=recording.path)
    configuration = cache_configuration(recording, beat_tracker)
    analysis = cache.load(recording.source, configuration) if cache is not None else None
    if analysis is None:
        # What may be missing is said before the recording is read; the embedded tracker is loaded beside the reading.
        other_tracker = None if beat_tracker == "embedded" else choose_tracker(beat_tracker)
        with ThreadPoolExecutor(1, "beside") as beside:
            # Needed at the end alone, and if it fails, reported there.
            beside.submit(lambda: recording.digest)
            scan = scan_recording(recording, lambda share: progress(_STAGE, _SCAN_SHARE * share))
            if scan.is_silent and not allow_silent:
                raise SilentError(
                    "nothing can be heard in it; editorbot edit --editor keep-all copies it", path=recording.path
                )
            analysis = _conclude(recording, scan, beside, other_tracker)
        if cache is not None and not scan.is_silent:
            warning = cache.store(analysis, configuration)
            analysis = analysis if warning is None else replace(analysis, warnings=(*analysis.warnings, warning))
    progress(_STAGE, 1.0)
    return replace(analysis, warnings=tuple(dict.fromkeys((*recording.warnings, *analysis.warnings))))


def cache_configuration(recording: Recording, beat_tracker: BeatTracker = "embedded") -> str:
    """Tell what an analysis depends on beside the file and the code: what was healed at opening, and the tracker."""
    other = () if beat_tracker == "embedded" else (f"beat tracker {beat_tracker}",)
    return "\n".join((*recording.warnings, *other))


def _conclude(recording: Recording, scan: ScanResult, beside: Executor, other_tracker: Tracker | None) -> Analysis:
    """Find beats, structure, key, activity and features in what was measured; the activity in another thread."""
    duration_s, spectrum = recording.duration_s, scan.spectrum
    track = other_tracker or choose_tracker("embedded")
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
        warnings=(*scan.warnings, *grid.warnings),
        mel_reference_db=spectrum.mel_reference_db,
    )
