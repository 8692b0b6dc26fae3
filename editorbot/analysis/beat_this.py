"""The optional beat tracker of the package ``beat-this``: better beats for more time and a download of weights.

How sure its beats are is measured as for the embedded tracker. The weights are read as tensors alone, never unpickled.

References
----------
F. Foscarin, J. Schlüter and G. Widmer, "Beat this! Accurate beat tracking
without DBN postprocessing", ISMIR 2024.
"""

from __future__ import annotations

import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from editorbot.analysis.beat_confidence import pulse_clarity
from editorbot.analysis.beat_grid import BeatGrid, ReadMono, TrackedBeats, fallback_grid
from editorbot.analysis.beats import make_grid
from editorbot.analysis.grid_times import nearest_frames
from editorbot.analysis.novelty import ONSET_LEAD_S, novelty
from editorbot.analysis.spectrum import FrameTracks
from editorbot.errors import MissingExtraError
from editorbot.extras import missing_extra
from editorbot.timebase import ANALYSIS_RATE

CHECKPOINT = "final0"
"""Name of the published weights."""

FOUND_CONFIDENCE = 0.5
"""Beats that the network found are at least this sure."""

GAP_RATIO = 1.8
"""Intervals longer than this many of their neighbors are gaps, and filled."""


class BeatThisTracker:
    """Finds beats and bars with the package ``beat-this``.

    Raises
    ------
    MissingExtraError
        If the package is not installed, or its weights cannot be fetched.
    """

    def __init__(self) -> None:
        self._network = _load_network()

    def __call__(self, frames: FrameTracks, duration_s: float, read_mono: ReadMono) -> BeatGrid:
        """Find the beats and bars of a recording; see :func:`editorbot.analysis.beats.track_beats`."""
        beats_s, downbeats_s = (np.asarray(s, dtype=np.float64) for s in self._network(read_mono(), ANALYSIS_RATE))
        beats_s = np.unique(beats_s[(beats_s >= 0) & (beats_s < duration_s)])
        if len(beats_s) < 4:
            return fallback_grid(duration_s, "NO_BEAT: the network found no beats; beats are counted in half seconds")
        evidence = novelty(frames)
        at = np.clip(nearest_frames(beats_s - ONSET_LEAD_S), 0, len(evidence) - 1)
        confidence = np.maximum(pulse_clarity(evidence, at), FOUND_CONFIDENCE)
        return make_grid(frames, evidence, _fill_gaps(beats_s, confidence), duration_s, downbeats_s)


@lru_cache(maxsize=1)
def _load_network() -> Any:
    """Load the network, fetching its weights at first use."""
    try:
        from beat_this.inference import CHECKPOINT_URL, Audio2Beats
        from torch import hub
    except (ImportError, OSError) as error:  # a library that does not fit torch is an OSError
        raise missing_extra("beats", f"the beat tracker beat-this needs its package ({error})") from error
    # Fetched here, because the package would unpickle what it fetches itself; of a file it reads tensors alone.
    weights = Path(hub.get_dir()) / "checkpoints" / f"beat_this-{CHECKPOINT}.ckpt"
    try:
        if not weights.exists():
            weights.parent.mkdir(parents=True, exist_ok=True)
            hub.download_url_to_file(f"{CHECKPOINT_URL}/{CHECKPOINT}.ckpt", str(weights), progress=False)
        return Audio2Beats(checkpoint_path=str(weights), device="cpu", dbn=False)
    except (OSError, RuntimeError, ValueError, LookupError, EOFError, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise MissingExtraError(
            f"the weights of beat-this cannot be had ({reason}); they are fetched once, at first use: connect to the"
            " network and try again, delete the file where it is damaged, or use --beat-tracker embedded",
            path=weights,
        ) from error


def _fill_gaps(beats_s: Float[np.ndarray, " beats"], confidence: Float[np.ndarray, " beats"]) -> TrackedBeats:
    """Fill intervals that are too long with evenly spaced beats of confidence 0."""
    steps_s = np.diff(beats_s)
    typical_s = np.array([np.median(steps_s[max(0, i - 8) : i + 9]) for i in range(len(steps_s))])
    times, sure = [beats_s[:1]], [confidence[:1]]
    for index, (step_s, usual_s) in enumerate(zip(steps_s, typical_s)):
        count = max(1, round(step_s / usual_s)) if step_s > GAP_RATIO * usual_s else 1
        times.append(np.linspace(beats_s[index], beats_s[index + 1], count + 1)[1:])
        sure.append(np.append(np.zeros(count - 1), confidence[index + 1]))
    return TrackedBeats(np.concatenate(times), np.concatenate(sure))
