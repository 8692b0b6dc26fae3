"""Makes a jam from a finished track, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.simulate.draw_plan import draw_plan
from editorbot.corpus.simulate.plan import Plan, Simulation
from editorbot.corpus.simulate.recording_chain import apply_recording_chain
from editorbot.corpus.simulate.render_plan import render_plan
from editorbot.corpus.simulate.signal import Sound
from editorbot.corpus.simulate.track import Track, silent_runs
from editorbot.corpus.truth import Truth

FINISHED_S = (80.0, 210.0)
"""How much of a track is rehearsed: least and most [seconds]."""

LONGEST_WHOLE_S = 225.0
"""Tracks up to this length are mostly rehearsed whole [seconds]."""


@dataclass(frozen=True)
class Jam:
    """A jam, and all that is known about it."""

    samples: Float32[np.ndarray, "samples channels"]
    """The raw recording, shape=(samples, channels), full scale 1.0."""
    finished: Float32[np.ndarray, "finished channels"]
    """The finished track that it was made from, unchanged, shape=(samples, channels)."""
    sample_rate: int
    """Rate of both [Hz]."""
    truth: Truth
    """What the raw recording holds."""
    plan: Plan
    """What happens in it."""


def simulate_jam(
    track: Track,
    rng: np.random.Generator,
    *,
    others: Sequence[Track] = (),
    settings: Simulation | None = None,
    recordings: Sequence[Sound] = (),
    whole: bool = False,
) -> Jam:
    """Turn a finished track into a jam; every call with the same generator draws another.

    Parameters
    ----------
    track : Track
        The finished track, from `track_of`. Long ones are trimmed to a stretch that ends at a bar.
    rng : np.random.Generator
        Draws everything.
    others : sequence of Track
        Tracks that scraps are taken from; of the same rate.
    settings : Simulation, optional
        What may happen.
    recordings : sequence of np.ndarray, shape=(channels, samples), float32
        RecordingChain talk at the track's rate.
    whole : bool
        Never trim.

    Returns
    -------
    jam : Jam
        Raw recording, finished track, truth and plan.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal((22_050 * 30, 1)) * 0.1
    >>> from editorbot.corpus.simulate.track import track_of
    >>> jam = simulate_jam(track_of(noise, 22_050), rng)
    >>> jam.truth.segments[-1].end_s > 30
    True
    """
    settings = settings or Simulation()
    track = track if whole else trim_track(track, rng)
    others = [other for other in others if other.rate == track.rate]
    plan = draw_plan(track, rng, settings, others=len(others))
    people = int(rng.integers(2**31))
    rendered = render_plan(plan, track, others, recordings, people, may_use_programs=settings.may_use_programs)
    raw = apply_recording_chain(rendered.sound, track.rate, plan.recording_chain)
    truth = Truth(
        duration_s=raw.shape[1] / track.rate,
        finished_s=track.duration_s,
        segments=rendered.segments,
        beats_s=tuple(float(beat) for beat in track.beats_s) if track.has_beat else (),
        silent_s=silent_runs(track),
        track=track.name,
        artist=track.artist,
    )
    return Jam(raw.T, track.sound.T, track.rate, truth, plan)


def trim_track(track: Track, rng: np.random.Generator) -> Track:
    """Draw the stretch of a track that is rehearsed: all of it, or some minutes from bar to bar."""
    if track.duration_s <= LONGEST_WHOLE_S and (rng.random() < 0.6 or track.duration_s < FINISHED_S[0] * 1.2):
        return track
    wanted_s = float(rng.uniform(FINISHED_S[0], min(FINISHED_S[1], track.duration_s)))
    bars_s = np.concatenate([[0.0], track.bars_s])
    starts = bars_s[bars_s <= track.duration_s - wanted_s]
    start_s = float(rng.choice(starts)) if rng.random() < 0.6 else 0.0
    ends = bars_s[bars_s >= start_s + wanted_s]
    return track.part(start_s, float(ends[0]) if len(ends) else track.duration_s)
