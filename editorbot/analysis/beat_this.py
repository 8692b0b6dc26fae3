"""The optional, better beat tracker: the network of the package ``beat-this``.

It costs more time than the embedded one and fetches its weights from the
network at first use, so it has to be asked for. How sure its beats are is
measured in the same way as for the embedded tracker.

References
----------
F. Foscarin, J. Schlüter and G. Widmer, "Beat this! Accurate beat tracking
without DBN postprocessing", ISMIR 2024.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from editorbot.analysis.beat_grid import BeatGrid, TrustedBeats, fallback_grid
from editorbot.analysis.beats import make_grid
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.novelty import ONSET_LEAD_S, novelty
from editorbot.analysis.pulse import pulse_clarity
from editorbot.analysis.spectrum import FrameTracks
from editorbot.errors import MissingExtraError
from editorbot.extras import missing_extra
from editorbot.timebase import ANALYSIS_RATE

CHECKPOINT = "final0"
"""Name of the published weights."""

FOUND_TRUST = 0.5
"""Beats that the network found are at least this sure."""

GAP_RATIO = 1.8
"""Intervals longer than this many of their neighbors are gaps, and filled."""


def track_beats_with_beat_this(
    mono: Float32[np.ndarray, " samples"], frames: FrameTracks, duration_s: float, *, device: str = "cpu"
) -> BeatGrid:
    """Find beats and bars with the package ``beat-this``.

    Parameters
    ----------
    mono : np.ndarray, shape=(samples,), float32
        The analysis downmix at ANALYSIS_RATE.
    frames : FrameTracks
        The frame grid.
    duration_s : float [seconds], > 0
        Length of the recording.
    device : str
        A torch device, ``cpu`` or ``cuda``.

    Returns
    -------
    grid : BeatGrid
        As :func:`editorbot.analysis.beats.track_beats` returns it.

    Raises
    ------
    MissingExtraError
        If the package is not installed, or its weights cannot be fetched.
    """
    beats_s, downbeats_s = _ask_network(mono, device)
    beats_s = np.unique(beats_s[(beats_s >= 0) & (beats_s < duration_s)])
    if len(beats_s) < 4:
        return fallback_grid(duration_s, "NO_BEAT: the network heard no beats; beats are counted in half seconds")
    evidence = novelty(frames)
    at = np.clip(nearest_frames(beats_s - ONSET_LEAD_S), 0, len(evidence) - 1)
    trust = np.maximum(pulse_clarity(evidence, at), FOUND_TRUST)
    return make_grid(frames, evidence, _fill_gaps(beats_s, trust), duration_s, downbeats_s)


def _ask_network(mono: np.ndarray, device: str) -> tuple[Float[np.ndarray, " beats"], Float[np.ndarray, " bars"]]:
    """Run the network; beats and downbeats [s]."""
    try:
        from beat_this.inference import Audio2Beats
    except ImportError as error:
        raise missing_extra("beats", f"the beat tracker needs the package beat-this ({error})") from error
    try:
        tracker = Audio2Beats(checkpoint_path=CHECKPOINT, device=device, dbn=False)
    except (OSError, RuntimeError) as error:
        raise MissingExtraError(
            f"the weights {CHECKPOINT!r} of beat-this cannot be had ({error}); they are fetched once, at first use:"
            " connect to the network and try again, or use the embedded tracker"
        ) from error
    beats_s, downbeats_s = tracker(mono, ANALYSIS_RATE)
    return np.asarray(beats_s, dtype=np.float64), np.asarray(downbeats_s, dtype=np.float64)


def _fill_gaps(beats_s: Float[np.ndarray, " beats"], trust: Float[np.ndarray, " beats"]) -> TrustedBeats:
    """Fill intervals that are too long with even beats of no trust."""
    steps_s = np.diff(beats_s)
    typical_s = np.array([np.median(steps_s[max(0, i - 8) : i + 9]) for i in range(len(steps_s))])
    times, sure = [beats_s[:1]], [trust[:1]]
    for index, (step_s, usual_s) in enumerate(zip(steps_s, typical_s)):
        count = max(1, round(step_s / usual_s)) if step_s > GAP_RATIO * usual_s else 1
        times.append(np.linspace(beats_s[index], beats_s[index + 1], count + 1)[1:])
        sure.append(np.append(np.zeros(count - 1), trust[index + 1]))
    return TrustedBeats(np.concatenate(times), np.concatenate(sure))
