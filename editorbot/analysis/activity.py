"""Tells music from talk, noise and silence along a recording.

Silence and steady noise show in the step grid. Talk does not: a voice and an
instrument look alike in coarse features, so a speech detector is asked, but
it costs more than the rest and is therefore asked only about stretches
whose level moves like speech, in probes of a second, and only so many.
First the suspects are probed sparsely; where that finds talk, more closely.

Conventions
-----------
Steps are those of :mod:`editorbot.timebase`. All thresholds on level count
from the recording's own loud parts, so gain does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.analysis.analysis import ACTIVITY_KINDS, STEP_MEL_BANDS, ActivitySpan, step_column
from editorbot.analysis.smoothing import closed_gaps, running_max, running_mean, running_min
from editorbot.analysis.speech import VAD_CHUNK, VAD_RATE, in_chunks, load_detector
from editorbot.recording import Recording
from editorbot.timebase import STEP_S, s_to_samples, s_to_steps

MUSIC, TALK, NOISE, SILENCE = range(len(ACTIVITY_KINDS))

SILENCE_BELOW_LOUD_DB = 50.0
"""A step is silent when its loudest frame lies this far below the recording's loud parts [dB]."""

SILENCE_DBFS = -80.0
"""A step is silent below this level, whatever the rest of the recording is [dBFS]."""

NOISE_BELOW_LOUD_DB = 14.0
"""Steady sound is called noise only when it lies this far below the loud parts [dB]."""

STEADY_RANGE_DB = 5.0
"""Level of steady sound moves less than this within a second [dB]; room noise and hum: 1-4 dB."""

SPEECH_RANGE_DB = 14.0
"""Level of speech moves at least this much within two seconds, from vowel to pause [dB]."""

SPEECH_TONE_CHANGE_DB = 3.5
"""Speech changes its tone at least this much, vowel to consonant [dB]; 97 % of talk does, and a tenth of music."""

_CHUNK_STEPS = 4_096

TONE_CHANGE_STEPS = 9
"""The tone change is measured over this [steps], 1.7 s."""

PROBE_STEPS = 6
"""Length of what the speech detector is asked about at once [steps], 1.1 s: shorter ones it judges worse."""

FIRST_PROBES = 36
"""Probes of the first pass, spread over all suspects; at most 40 s of audio."""

MORE_PROBES = 110
"""Probes of the second pass, spent near talk that the first found."""

TALK_PROBABILITY = 0.4
"""Mean speech probability over a probe from which it is talk; talk has 0.7, instruments stay below 0.15."""

NEAR_TALK_STEPS = s_to_steps(60.0)
"""The second pass asks about suspects within this of talk that the first found [steps]."""

MIN_SPAN_S = 1.0
"""Shorter stretches are given to their neighbors [seconds]."""


@runtime_checkable
class _Listener(Protocol):
    """Something that tells how likely each probe is speech, given their first steps."""

    def __call__(self, first_steps: Int[np.ndarray, " probes"]) -> Float[np.ndarray, " probes"]: ...


@dataclass(frozen=True)
class _Probes:
    """What the speech detector said."""

    centers: Int[np.ndarray, " probes"]
    """Middle of each probe [steps], increasing."""
    is_talk: Bool[np.ndarray, " probes"]
    """Its verdicts."""


def find_activity(
    recording: Recording, steps: Float32[np.ndarray, "steps columns"], duration_s: float
) -> tuple[ActivitySpan, ...]:
    """Return what is heard along a recording, as spans that cover all of it.

    Parameters
    ----------
    recording : Recording
        Read only where talk is suspected.
    steps : np.ndarray, shape=(steps, len(STEP_COLUMNS)), float32
        The step grid.
    duration_s : float [seconds]
        Length of the recording.

    Returns
    -------
    spans : tuple of ActivitySpan
        In order, without gaps, each of a kind in ACTIVITY_KINDS and at least a second long
        where the recording is.
    """
    kinds = quiet_kinds(steps)
    suspects = speech_suspects(steps, kinds)
    if suspects.any():
        kinds[find_talk(suspects, _SpeechListener(recording))] = TALK
    return spans_of(without_short_runs(kinds, max(1, s_to_steps(MIN_SPAN_S))), duration_s)


def quiet_kinds(steps: Float32[np.ndarray, "steps columns"]) -> Int[np.ndarray, " steps"]:
    """Return MUSIC, NOISE or SILENCE for each step, from level and steadiness alone."""
    level, highest = step_column(steps, "level_db"), step_column(steps, "level_max_db")
    loud_db = loud_level_db(steps)
    kinds = np.full(len(steps), MUSIC)
    second = max(1, s_to_steps(1.0))
    smooth = running_mean(level, second)
    moved = running_max(highest, second) - running_min(level, second)
    kinds[(smooth < loud_db - NOISE_BELOW_LOUD_DB) & (moved < STEADY_RANGE_DB)] = NOISE
    kinds[(highest < loud_db - SILENCE_BELOW_LOUD_DB) | (highest < SILENCE_DBFS)] = SILENCE
    return kinds


def loud_level_db(steps: Float32[np.ndarray, "steps columns"]) -> float:
    """Return the level of the recording's loud parts, its 90th percentile [dBFS]."""
    return float(np.percentile(step_column(steps, "level_db"), 90))


def speech_suspects(
    steps: Float32[np.ndarray, "steps columns"], kinds: Int[np.ndarray, " steps"]
) -> Bool[np.ndarray, " steps"]:
    """Tell which steps could be talk: heard, and with the swings of level and tone that speech has."""
    window = max(1, s_to_steps(2.0))
    lowest = running_min(step_column(steps, "level_min_db"), window)
    highest = running_max(step_column(steps, "level_max_db"), window)
    swings = (highest - lowest > SPEECH_RANGE_DB) & (tone_change_db(steps) > SPEECH_TONE_CHANGE_DB)
    return closed_gaps(swings & (kinds == MUSIC), window) & (kinds != SILENCE)


def tone_change_db(steps: Float32[np.ndarray, "steps columns"]) -> Float[np.ndarray, " steps"]:
    """Return how much the tone moves around each step: the deviation of the mel bands, level taken out [dB]."""
    change_db = np.empty(len(steps))
    for first in range(0, len(steps), _CHUNK_STEPS):  # to bound memory
        start = max(0, first - TONE_CHANGE_STEPS)
        part = _tone_change_db(steps[start : first + _CHUNK_STEPS + TONE_CHANGE_STEPS, :STEP_MEL_BANDS])
        change_db[first : first + _CHUNK_STEPS] = part[first - start : first - start + _CHUNK_STEPS]
    return change_db


def _tone_change_db(mel: Float32[np.ndarray, "steps mel_bands"]) -> Float[np.ndarray, " steps"]:
    shape = np.maximum(mel, mel.max(axis=1, keepdims=True) - 50.0)
    shape -= shape.mean(axis=1, keepdims=True)
    mean = running_mean(shape, TONE_CHANGE_STEPS)
    square = running_mean(shape**2, TONE_CHANGE_STEPS)
    square -= mean**2
    return np.asarray(np.sqrt(np.maximum(square, 0.0).mean(axis=1)), np.float64)


def find_talk(suspects: Bool[np.ndarray, " steps"], listen: _Listener) -> Bool[np.ndarray, " steps"]:
    """Tell which suspect steps are talk, asking `listen` a bounded number of times.

    A step follows the probe nearest to it within its run of suspects.
    """
    cells = _cells(suspects)
    asked = cells[np.unique(np.linspace(0, len(cells) - 1, min(len(cells), FIRST_PROBES)).astype(int))]
    is_talk = listen(asked) >= TALK_PROBABILITY
    if is_talk.any():
        distance = np.abs(cells[:, None] - asked[is_talk][None, :]).min(1)
        nearest = np.argsort(distance, kind="stable")
        near = cells[nearest[distance[nearest] <= NEAR_TALK_STEPS]]
        more = np.sort(near[~np.isin(near, asked)][:MORE_PROBES])
        asked, is_talk = np.append(asked, more), np.append(is_talk, listen(more) >= TALK_PROBABILITY)
    order = np.argsort(asked)
    return _spread(suspects, _Probes(asked[order] + PROBE_STEPS // 2, is_talk[order]))


def _cells(suspects: Bool[np.ndarray, " steps"]) -> Int[np.ndarray, " cells"]:
    """Return the first steps of probes that tile the suspects' runs; a run shorter than a probe gets one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], suspects, [False]]).astype(int)))
    cells = [np.arange(a, max(a + 1, b - PROBE_STEPS // 2), PROBE_STEPS) for a, b in zip(edges[::2], edges[1::2])]
    return np.concatenate(cells)


def _spread(suspects: Bool[np.ndarray, " steps"], probes: _Probes) -> Bool[np.ndarray, " steps"]:
    """Give each suspect step the verdict of the nearest probe."""
    at = np.arange(len(suspects))
    right = np.clip(np.searchsorted(probes.centers, at), 1, max(1, len(probes.centers) - 1))
    left = right - 1
    right = np.minimum(right, len(probes.centers) - 1)
    nearest = np.where(np.abs(probes.centers[left] - at) <= np.abs(probes.centers[right] - at), left, right)
    return np.asarray(suspects & probes.is_talk[nearest])


class _SpeechListener:
    """Asks the speech detector about stretches of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._detect = load_detector()

    def __call__(self, first_steps: Int[np.ndarray, " probes"]) -> Float[np.ndarray, " probes"]:
        """Return the speech probability of each probe, in [0, 1]."""
        sounds = [self._mono(step * STEP_S, (step + PROBE_STEPS) * STEP_S) for step in first_steps.tolist()]
        heard = self._detect(in_chunks(sounds))
        return np.array([_likelier_half(row[: len(sound) // VAD_CHUNK]) for row, sound in zip(heard, sounds)])

    def _mono(self, start_s: float, end_s: float) -> Float[np.ndarray, " samples"]:
        """Return a stretch as mono at the detector's rate; of channels in anti-phase only the first."""
        import soxr

        rate = self._recording.sample_rate
        start = min(s_to_samples(start_s, rate), self._recording.samples)
        end = min(s_to_samples(end_s, rate), self._recording.samples)
        sound = self._recording.read(start, end)
        mono = sound @ np.full(sound.shape[1], 1 / sound.shape[1])  # a mean over two takes NumPy ten times as long
        if (mono**2).sum() < 0.05 * (sound[:, 0] ** 2).sum():
            mono = sound[:, 0]
        return np.asarray(soxr.resample(np.nan_to_num(mono), rate, VAD_RATE), np.float64)


def _likelier_half(chances: Float[np.ndarray, " chunks"]) -> float:
    """Return the mean of the likelier half: the detector takes some chunks to wake up."""
    return float(np.mean(np.sort(chances)[len(chances) // 2 :], dtype=np.float64)) if len(chances) else 0.0


def without_short_runs(kinds: Int[np.ndarray, " steps"], shortest: int) -> Int[np.ndarray, " steps"]:
    """Give runs shorter than `shortest` steps to the longer neighbor, shortest runs first."""
    kinds = kinds.copy()
    while True:
        edges = np.flatnonzero(np.diff(kinds)) + 1
        starts, ends = np.append(0, edges), np.append(edges, len(kinds))
        lengths = ends - starts
        if len(lengths) < 2 or lengths.min() >= shortest:
            return kinds
        one = int(lengths.argmin())
        before = lengths[one - 1] if one > 0 else -1
        after = lengths[one + 1] if one + 1 < len(lengths) else -1
        kinds[starts[one] : ends[one]] = kinds[starts[one] - 1] if before >= after else kinds[ends[one]]


def spans_of(kinds: Int[np.ndarray, " steps"], duration_s: float) -> tuple[ActivitySpan, ...]:
    """Return runs of equal kinds as spans from 0 to `duration_s`."""
    if len(kinds) == 0:
        return (ActivitySpan(0.0, duration_s, ACTIVITY_KINDS[SILENCE]),)
    edges = np.flatnonzero(np.diff(kinds)) + 1
    edges = edges[edges * STEP_S < duration_s]
    bounds_s = [0.0, *(edges * STEP_S).tolist(), duration_s]
    names = [ACTIVITY_KINDS[kind] for kind in kinds[np.append(0, edges)]]
    return tuple(ActivitySpan(start, end, name) for start, end, name in zip(bounds_s, bounds_s[1:], names))
