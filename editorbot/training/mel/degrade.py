"""Makes examples of finished tracks: a stretch, and how a device in a room would have recorded it.

Examples are made in processes and cached; those that exist are not made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.batch import run_batch
from editorbot.corpus.simulate.plan import RECORDING_EFFECTS
from editorbot.corpus.simulate.recording_chain import apply_recording_chain, draw_degraded_chain, draw_recording_chain
from editorbot.errors import SilentError, TooShortError
from editorbot.models.mel_config import INPUTS_VERSION
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE, s_to_samples
from editorbot.training.mel.examples import MelExample, example_of, read_example, write_example
from editorbot.training.run_folder import OnLine, silent

STRETCH_S = 24.0
"""Length of an example [seconds]."""

AGAIN_S = 12.0
"""Length of an example that is degraded again [seconds]."""

SHORTEST_S = 6.0
"""Shorter tracks are left out [seconds]."""

FINISHED_SHARE = 0.15
"""Share of the examples that are not degraded: from them a network learns to leave finished music alone."""

CLEAR_SHARE = 0.8
"""Share of the others that are clearly degraded; the rest are recorded as jams are."""

Order = tuple[Path, Path, int, int]
"""Track, cache folder, seed, number: what one example is made of."""


def degraded_files(
    tracks: Sequence[Path], cache: Path, *, count: int, seed: int, workers: int = 1, on_line: OnLine = silent
) -> list[Path]:
    """Make examples of finished tracks, of each artist (folder) as many as of the others.

    The same seed makes the same examples, with any number of workers. Why a track cannot be used is said once.
    """
    orders = [(path, cache, seed, number) for number, path in enumerate(draw_tracks(tracks, count, seed))]
    made: dict[Order, Path] = {}
    reasons: set[str] = set()
    for done in run_batch(orders, _degraded_file, workers=workers):
        if done.result is not None:
            made[done.job] = done.result
            if len(made) % 100 == 0:
                on_line(f"{len(made)} of {count} examples are ready")
        elif not isinstance(done.error, SilentError) and str(done.error) not in reasons:
            reasons.add(str(done.error))
            on_line(str(done.error))
    return [made[order] for order in orders if order in made]


def draw_tracks(tracks: Sequence[Path], count: int, seed: int) -> list[Path]:
    """Draw a track for each example: artists in turn, a random track of each."""
    artists = sorted({path.parent for path in tracks})
    rng = np.random.default_rng([seed, 17])
    by_artist = {artist: [path for path in sorted(tracks) if path.parent == artist] for artist in artists}
    chosen = [by_artist[artists[number % len(artists)]] for number in range(count)]
    return [of[int(rng.integers(len(of)))] for of in chosen]


def _degraded_file(order: Order) -> Path:
    """Make one example if it is not cached; return its file."""
    path, cache, seed, number = order
    file = cache / f"{example_name(path, seed, number)}_0of1.npz"
    if read_example(file) is None:
        rng = np.random.default_rng([seed, number])
        write_example(file, degraded_example(*read_stretch(path, rng), rng))
    return file


def example_name(path: Path, seed: int, number: int) -> str:
    """Name the cached example of a track."""
    parts = [INPUTS_VERSION, seed, number, path.parent.name, path.name, STRETCH_S, FINISHED_SHARE, CLEAR_SHARE]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def read_stretch(path: Path, rng: np.random.Generator) -> tuple[Float32[np.ndarray, "channels samples"], int]:
    """Read a random stretch of a track, at most two channels, and its rate.

    Raises
    ------
    TooShortError, SilentError
        If the track is too short, or the stretch silent.
    EditorbotError
        If it cannot be read.
    """
    with open_recording(str(path)) as recording:
        length = min(recording.samples, s_to_samples(STRETCH_S, recording.sample_rate))
        if length < SHORTEST_S * recording.sample_rate:
            raise TooShortError(f"it is shorter than {SHORTEST_S:g} s", path=path)
        start = int(rng.integers(0, recording.samples - length + 1))
        block = recording.read(start, start + length)[:, :2]
        sound = np.ascontiguousarray(block.T, dtype=np.float32)
        if not np.sqrt(np.mean(sound**2)) > 1e-4:
            raise SilentError("a stretch is silent", path=path)
        return sound, recording.sample_rate


def degraded_example(
    finished: Float32[np.ndarray, "channels samples"], rate: int, rng: np.random.Generator
) -> MelExample:
    """Degrade finished music in a random way, or leave it as it is; raises SilentError in silence."""
    how = draw_degraded_chain(rng) if rng.random() < CLEAR_SHARE else draw_recording_chain(rng, RECORDING_EFFECTS)
    raw = finished if rng.random() < FINISHED_SHARE else apply_recording_chain(finished, rate, how)
    return example_of(raw, finished, rate=rate)


def degraded_again(example: MelExample, rng: np.random.Generator) -> MelExample | None:
    """Degrade some seconds of an example's finished sound in a random way; None if they are silent.

    The cached sound is at ANALYSIS_RATE: its highest bands are cut by a resampler, while what is added to it has them
    all. A gate may take that for a mark of finished music, so more stretches are better than the same ones again.
    """
    length = min(len(example.edit_sound), round(AGAIN_S * ANALYSIS_RATE))
    start = int(rng.integers(0, len(example.edit_sound) - length + 1))
    finished = example.edit_sound[None, start : start + length].astype(np.float32) / np.float32(32_768)
    try:
        return example_of(apply_recording_chain(finished, ANALYSIS_RATE, draw_degraded_chain(rng)), finished)
    except SilentError:
        return None


def files_degraded_again(files: Sequence[Path], times: int, *, seed: int, on_line: OnLine = silent) -> list[Path]:
    """Make more examples of the finished sides of cached ones, each degraded `times` times in other ways.

    A cached sound is short and one channel: ten are degraded in the time that it takes to open one track.
    """
    made = []
    for number, file in enumerate(files):
        for time in range(times):
            again = file.with_name(f"{file.stem}_again{seed}_{time}.npz")
            if read_example(again) is None:
                example, rng = read_example(file), np.random.default_rng([seed, number, time])
                other = None if example is None else degraded_again(example, rng)
                if other is None:
                    continue
                write_example(again, other)
            made.append(again)
            if len(made) % 500 == 0:
                on_line(f"{len(made)} examples are degraded again")
    return made
