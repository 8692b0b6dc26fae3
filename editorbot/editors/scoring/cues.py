"""Computes cues about each step of a recording, for the scorecards and the networks.

Every cue is relative to the recording itself: to its loud level, to its usual tone, to how much it repeats itself. So
a scorecard fitted on some music works on other music too.

Conventions
-----------
A cue is one float32 number per step, in a dictionary by its name; the rows of the scorecards have the same names.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Float, Float32, Int

from editorbot.analysis.activity import tone_change_db
from editorbot.analysis.analysis import ACTIVITY_KINDS, ActivitySpan
from editorbot.analysis.grid_times import step_middles_s
from editorbot.analysis.spectrum import STEP_MEL_BANDS, step_column
from editorbot.editors.scoring.repetition import Matches, Repetition, window_weights, windows_of

NEAR_STEPS, AROUND_STEPS, WIDE_STEPS = 9, 27, 81
"""Windows over which cues are averaged [steps]: 1.7, 5 and 15 s."""

LOUD_PERCENTILE = 85
"""The recording's loud level is this percentile of the steps' levels."""

QUIETEST_DB = -90.0
"""Levels below this are all the same [dBFS]."""

LANDMARKS = 400
"""Number of steps, spread over the recording, with which each step's tone is compared."""


def find_cues(
    steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...], repetition: Repetition | None
) -> dict[str, Float32[np.ndarray, " steps"]]:
    """Compute the cues of every step by name, each of shape=(steps,); without a repetition, those of sound alone.

    Each step takes the weighted mean of the windows around it (`repetition.windows_of`).
    """
    kinds = activity_kinds(activity, len(steps))
    totals: dict[str, Float[np.ndarray, " steps"]] = {}
    weights = np.zeros(len(steps))
    for first, last in windows_of(len(steps)):
        weight = window_weights(last - first)
        part = {**_level_cues(steps[first:last]), **_tone_cues(steps[first:last]), **_activity_cues(kinds[first:last])}
        for name, values in part.items():
            totals.setdefault(name, np.zeros(len(steps)))[first:last] += weight * values
        weights[first:last] += weight
    cues = {name: total / weights for name, total in totals.items()}
    if repetition is not None:
        cues |= _repeat_cues(repetition)
    return {name: np.ascontiguousarray(values, np.float32) for name, values in cues.items()}


def _smooth(values: Float[np.ndarray, ...], window: int) -> Float[np.ndarray, ...]:
    """Compute a centered moving mean along the first axis."""
    return np.asarray(scipy.ndimage.uniform_filter1d(values, window, axis=0, mode="nearest"))


def _spread(values: Float[np.ndarray, " steps"], window: int) -> Float[np.ndarray, " steps"]:
    """Compute a centered moving standard deviation."""
    mean = _smooth(values, window)
    return np.asarray(np.sqrt(np.maximum(_smooth(values**2, window) - mean**2, 0)))


def column(steps: Float32[np.ndarray, "steps columns"], name: str) -> Float[np.ndarray, " steps"]:
    """Read one column of the step grid as float64."""
    return np.asarray(step_column(steps, name), np.float64)


def _level_cues(steps: Float32[np.ndarray, "steps columns"]) -> dict[str, Float[np.ndarray, " steps"]]:
    """Measure how loud, how steady and how busy each step is."""
    names = ("level_db", "level_min_db", "level_max_db")
    level, lowest, highest = (np.maximum(column(steps, name), QUIETEST_DB) for name in names)
    loud = np.percentile(level, LOUD_PERCENTILE)
    flux, flux_max = column(steps, "flux"), column(steps, "flux_max")
    usual_flux = np.median(flux[level >= loud - 15]) + 1e-6
    near_low = scipy.ndimage.minimum_filter1d(lowest, NEAR_STEPS)
    near_high = scipy.ndimage.maximum_filter1d(highest, NEAR_STEPS)
    return {
        "level": _smooth(level, NEAR_STEPS) - loud,
        "level_around": _smooth(level, AROUND_STEPS) - loud,
        "pause": near_low - loud,
        "swing": near_high - near_low,
        "flux": _smooth(flux, NEAR_STEPS) / usual_flux,
        "flux_around": _smooth(flux, AROUND_STEPS) / usual_flux,
        "attack": _smooth(flux_max, NEAR_STEPS) / usual_flux,
        "flux_spread": _spread(flux, AROUND_STEPS) / usual_flux,
    }


def _tone_cues(steps: Float32[np.ndarray, "steps columns"]) -> dict[str, Float[np.ndarray, " steps"]]:
    """Measure how far each step's tone is from the recording's usual one, and how common it is."""
    level = np.maximum(column(steps, "level_db"), QUIETEST_DB)
    loud = level >= np.percentile(level, LOUD_PERCENTILE) - 20
    mel = steps[:, :STEP_MEL_BANDS]
    shape = np.maximum(mel, mel.max(1, keepdims=True) - 50)
    shape -= shape.mean(1, keepdims=True)
    usual = np.median(shape[loud], axis=0)
    near, around = _smooth(shape, NEAR_STEPS), _smooth(shape, AROUND_STEPS)
    distance = np.sqrt(((near - usual) ** 2).mean(1))
    scale = np.median(distance[loud]) + 1e-6
    return {
        "tone_distance": distance / scale,
        "tone_distance_around": np.sqrt(((around - usual) ** 2).mean(1)) / scale,
        "belongs": _belonging(near, loud),
        "belongs_around": _belonging(around, loud),
        "key_match": _key_match(steps, loud),
        "tone_change": tone_change_db(steps),
        "flatness": _against_usual(np.log(np.maximum(column(steps, "flatness"), 1e-5)), loud),
        "low_share": _against_usual(column(steps, "low_share"), loud),
    }


def _against_usual(
    values: Float[np.ndarray, " steps"], loud: Bool[np.ndarray, " steps"]
) -> Float[np.ndarray, " steps"]:
    """Smooth values and subtract the median of the loud steps."""
    return np.asarray(_smooth(values, NEAR_STEPS) - np.median(values[loud]))


def _key_match(
    steps: Float32[np.ndarray, "steps columns"], loud: Bool[np.ndarray, " steps"]
) -> Float[np.ndarray, " steps"]:
    """Compare the pitches around each step with those of the loud steps, in [-1, 1]."""
    pitches = steps[:, STEP_MEL_BANDS : STEP_MEL_BANDS + 12]
    key = pitches[loud].mean(0)
    around = _smooth(pitches, AROUND_STEPS)
    return _cosine(around - around.mean(1, keepdims=True), key - key.mean())


def _cosine(rows: Float[np.ndarray, "steps bands"], one: Float[np.ndarray, " bands"]) -> Float[np.ndarray, " steps"]:
    """Compute the cosine of each row with one vector."""
    return np.asarray(rows @ one / np.maximum(np.linalg.norm(rows, axis=1) * np.linalg.norm(one), 1e-9))


def _belonging(rows: Float[np.ndarray, "steps bands"], loud: Bool[np.ndarray, " steps"]) -> Float[np.ndarray, " steps"]:
    """Compute the distance that a quarter of the loud steps are within, relative to its median over the loud steps."""
    marks = np.flatnonzero(loud)
    marks = marks[np.linspace(0, len(marks) - 1, min(LANDMARKS, len(marks))).astype(int)]
    quarter = np.empty(len(rows))
    for first in range(0, len(rows), 2048):
        block = rows[first : first + 2048]
        squares = (block**2).sum(1)[:, None] + (rows[marks] ** 2).sum(1)[None, :] - 2 * block @ rows[marks].T
        quarter[first : first + 2048] = np.partition(squares, len(marks) // 4, axis=1)[:, len(marks) // 4]
    quarter = np.sqrt(np.maximum(quarter, 0))
    return np.asarray(quarter / (np.median(quarter[loud]) + 1e-6))


def activity_kinds(activity: tuple[ActivitySpan, ...], count: int) -> Int[np.ndarray, " steps"]:
    """Find the kind of sound of each step, as an index into ACTIVITY_KINDS."""
    middles_s = step_middles_s(count)
    starts_s = np.array([span.start_s for span in activity])
    kinds = np.array([ACTIVITY_KINDS.index(span.kind) for span in activity])
    return np.asarray(kinds[np.maximum(np.searchsorted(starts_s, middles_s, side="right") - 1, 0)])


def _activity_cues(kinds: Int[np.ndarray, " steps"]) -> dict[str, Float[np.ndarray, " steps"]]:
    """Measure how much of each step's surroundings is talk, noise and silence."""
    cues = {}
    for name in ("talk", "noise", "silence"):
        is_kind = (kinds == ACTIVITY_KINDS.index(name)).astype(np.float64)
        cues[name] = _smooth(is_kind, 3)
        cues[f"{name}_around"] = _smooth(is_kind, AROUND_STEPS)
    # A finished track has no talk and hardly a pause; the more a recording has, the more else in it may be junk.
    cues["rehearsal"] = np.full(len(kinds), float((kinds != ACTIVITY_KINDS.index("music")).mean()))
    return cues


def _repeat_cues(repetition: Repetition) -> dict[str, Float[np.ndarray, " steps"]]:
    """Measure how similar each step is to its best matches, later and earlier."""

    def similarity(matches: Matches) -> Float[np.ndarray, " steps"]:
        return _smooth(matches.similarity.astype(np.float64), 5)

    both = np.maximum(similarity(repetition.later_long), similarity(repetition.earlier_long))
    return {
        "later_short": similarity(repetition.later_short),
        "earlier_short": similarity(repetition.earlier_short),
        "heard_again": both,
        "heard_again_wide": _smooth(both, WIDE_STEPS),
    }
