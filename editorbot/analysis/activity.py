"""Tells music from talk, noise and silence along a recording.

Silence and steady noise show in the step grid. Talk does not: a voice and an instrument look alike in coarse features.
A speech detector tells them apart, but costs more than the rest; so it runs only on a bounded number of one-second
probes where level and tone move like speech. First the candidates are probed sparsely; near talk that was found, more
closely.

Conventions
-----------
Steps are those of :mod:`editorbot.timebase`. All thresholds on level are relative to the recording's own loud parts, so
gain does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.analysis.analysis import ACTIVITY_KINDS, ActivitySpan
from editorbot.analysis.grid_times import runs_of
from editorbot.analysis.smoothing import closed_gaps, running_max, running_mean, running_min
from editorbot.analysis.spectrum import STEP_MEL_BANDS, step_column
from editorbot.analysis.speech import VAD_CHUNK, VAD_RATE, in_chunks, load_detector
from editorbot.recording import Recording
from editorbot.timebase import STEP_S, s_to_samples, s_to_steps

MUSIC, TALK, NOISE, SILENCE = range(len(ACTIVITY_KINDS))

SILENCE_BELOW_LOUD_DB = 50.0
"""A step is silent when its loudest frame is this far below the recording's loud parts [dB]."""

SILENCE_DBFS = -80.0
"""A step is silent below this level, however quiet the recording is [dBFS]."""

NOISE_BELOW_LOUD_DB = 14.0
"""Steady sound is noise only when it is this far below the loud parts [dB]."""

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
"""Length of a probe [steps], 1.1 s: in shorter ones the speech detector is worse."""

FIRST_PROBES = 36
"""Probes of the first pass, spread over all candidates; at most 40 s of audio."""

MORE_PROBES = 110
"""Probes of the second pass, near talk that the first found."""

TALK_PROBABILITY = 0.4
"""Least mean speech probability of a probe of talk; talk has 0.7, instruments stay below 0.15."""

NEAR_TALK_STEPS = s_to_steps(60.0)
"""The second pass probes candidates this near to talk that the first found [steps]."""

MIN_SPAN_S = 1.0
"""Shorter stretches are joined to their neighbors [seconds]."""

SpeechProbability: TypeAlias = Callable[[Int[np.ndarray, " probes"]], Float[np.ndarray, " probes"]]
"""First steps of probes in, probability of speech in each of them out."""


def find_activity(
    recording: Recording, steps: Float32[np.ndarray, "steps columns"], duration_s: float
) -> tuple[ActivitySpan, ...]:
    """Label a recording as music, talk, noise and silence, in spans that cover all of it.

    Parameters
    ----------
    recording : Recording
        Read only where it could be talk.
    steps : np.ndarray, shape=(steps, len(STEP_COLUMNS)), float32
        The step grid.
    duration_s : float [seconds]
        Length of the recording.

    Returns
    -------
    spans : tuple of ActivitySpan
        In order, without gaps, each of a kind in ACTIVITY_KINDS and at least a second long where the recording is.
    """
    kinds = quiet_kinds(steps)
    candidates = talk_candidates(steps, kinds)
    if candidates.any():
        kinds[find_talk(candidates, _SpeechProbes(recording))] = TALK
    return spans_of(without_short_runs(kinds, max(1, s_to_steps(MIN_SPAN_S))), duration_s)


def quiet_kinds(steps: Float32[np.ndarray, "steps columns"]) -> Int[np.ndarray, " steps"]:
    """Label each step MUSIC, NOISE or SILENCE, by level and steadiness alone."""
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
    """Measure the level of the recording's loud parts, its 90th percentile [dBFS]."""
    return float(np.percentile(step_column(steps, "level_db"), 90))


def talk_candidates(
    steps: Float32[np.ndarray, "steps columns"], kinds: Int[np.ndarray, " steps"]
) -> Bool[np.ndarray, " steps"]:
    """Find the steps that could be talk: not silent, and with the swings of level and tone that speech has."""
    window = max(1, s_to_steps(2.0))
    lowest = running_min(step_column(steps, "level_min_db"), window)
    highest = running_max(step_column(steps, "level_max_db"), window)
    swings = (highest - lowest > SPEECH_RANGE_DB) & (tone_change_db(steps) > SPEECH_TONE_CHANGE_DB)
    return closed_gaps(swings & (kinds == MUSIC), window) & (kinds != SILENCE)


def tone_change_db(steps: Float32[np.ndarray, "steps columns"]) -> Float[np.ndarray, " steps"]:
    """Measure how much the tone moves around each step: the deviation of the mel bands, level taken out [dB]."""
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


def find_talk(candidates: Bool[np.ndarray, " steps"], probability_of: SpeechProbability) -> Bool[np.ndarray, " steps"]:
    """Find the candidate steps that are talk, with a bounded number of probes.

    A step follows the probe nearest to it.
    """
    cells = _probe_starts(candidates)
    probed = cells[np.unique(np.linspace(0, len(cells) - 1, min(len(cells), FIRST_PROBES)).astype(int))]
    is_talk = probability_of(probed) >= TALK_PROBABILITY
    if is_talk.any():
        distance = np.abs(cells[:, None] - probed[is_talk][None, :]).min(1)
        nearest = np.argsort(distance, kind="stable")
        near = cells[nearest[distance[nearest] <= NEAR_TALK_STEPS]]
        more = np.sort(near[~np.isin(near, probed)][:MORE_PROBES])
        probed = np.append(probed, more)
        is_talk = np.append(is_talk, probability_of(more) >= TALK_PROBABILITY)
    order = np.argsort(probed)
    middles, at = probed[order] + PROBE_STEPS // 2, np.arange(len(candidates))
    right = np.clip(np.searchsorted(middles, at), 1, max(1, len(middles) - 1))
    left, right = right - 1, np.minimum(right, len(middles) - 1)
    nearest = np.where(np.abs(middles[left] - at) <= np.abs(middles[right] - at), left, right)
    return np.asarray(candidates & is_talk[order][nearest])


def _probe_starts(candidates: Bool[np.ndarray, " steps"]) -> Int[np.ndarray, " probes"]:
    """Tile the candidates' runs with probes, and return their first steps; a run shorter than a probe gets one."""
    starts = [np.arange(a, max(a + 1, b - PROBE_STEPS // 2), PROBE_STEPS) for a, b in runs_of(candidates)]
    return np.concatenate(starts)


class _SpeechProbes:
    """Runs the speech detector on probes of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._detect = load_detector()

    def __call__(self, first_steps: Int[np.ndarray, " probes"]) -> Float[np.ndarray, " probes"]:
        """Return the speech probability of each probe, in [0, 1]."""
        sounds = [self._mono(step * STEP_S, (step + PROBE_STEPS) * STEP_S) for step in first_steps.tolist()]
        chances = self._detect(in_chunks(sounds))
        return np.array([_likelier_half(row[: len(sound) // VAD_CHUNK]) for row, sound in zip(chances, sounds)])

    def _mono(self, start_s: float, end_s: float) -> Float[np.ndarray, " samples"]:
        """Read a stretch as mono at the detector's rate; of channels in anti-phase only the first."""
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
    """Average the likelier half of the chunks: the detector needs some to adapt."""
    return float(np.mean(np.sort(chances)[len(chances) // 2 :], dtype=np.float64)) if len(chances) else 0.0


def without_short_runs(kinds: Int[np.ndarray, " steps"], shortest: int) -> Int[np.ndarray, " steps"]:
    """Join runs shorter than `shortest` steps to the longer neighbor, shortest runs first."""
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
    """Turn runs of equal kinds into spans from 0 to `duration_s`."""
    if len(kinds) == 0:
        return (ActivitySpan(0.0, duration_s, ACTIVITY_KINDS[SILENCE]),)
    edges = np.flatnonzero(np.diff(kinds)) + 1
    edges = edges[edges * STEP_S < duration_s]
    bounds_s = [0.0, *(edges * STEP_S).tolist(), duration_s]
    names = [ACTIVITY_KINDS[kind] for kind in kinds[np.append(0, edges)]]
    return tuple(ActivitySpan(start, end, name) for start, end, name in zip(bounds_s, bounds_s[1:], names))
