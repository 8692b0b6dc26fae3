"""Makes recordings of finished songs in which there is little or nothing to cut, for `plain.py`.

    python -m benchmarks.plain_recordings FOLDER [FOLDER ...] --out PLAIN --seed 16

Every folder is an artist. Each track of a minute or more becomes four recordings:

* ``bare``: the track as it is.
* ``talk``: people talk before it and after it.
* ``count_in``: the sticks count it in after some dead air; dead air follows it.
* ``stop``: the band stops once, talks or waits, and starts again where it stopped or up to eight seconds before.

All but ``bare`` have a room's noise under them. Writes ``input/{sample}_raw.wav`` and ``truth/{sample}.json`` below
``--out``, where ``sample`` is ``ARTIST__TRACK__KIND``. Nothing learns from these recordings. The talk needs the program
``espeak-ng``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from editorbot.corpus.truth import Segment, Truth, write_truth
from simulators import second_sounds as sounds
from simulators.second import find_tracks
from simulators.second_sounds import RATE
from simulators.second_takes import ring_out

LEAST_S = 60.0
"""Shorter tracks are left out [seconds]."""

AUDIBLE = 0.003
"""Sound below this at a track's ends is silence [full scale]."""

FADE_S = 0.01
"""Fade at the edges of a stop [seconds]."""


@dataclass(frozen=True)
class Track:
    """A finished track."""

    sound: np.ndarray
    """Samples, shape=(samples, 2)."""
    beat_s: float
    """Length of a beat [seconds]."""
    level: float
    """RMS of its loud parts."""

    @staticmethod
    def of(sound: np.ndarray) -> Track:
        """Return a track, given its samples, shape=(samples, 2): without silence at its ends, not too loud."""
        import librosa

        loud = np.flatnonzero(abs(sound).max(axis=1) > AUDIBLE)
        sound = sound[loud[0] : loud[-1] + 1]
        sound = sound / max(1.0, float(abs(sound).max()) / 0.9)
        mono = soxr.resample(sound.mean(axis=1), RATE, 22_050)
        windows = sound[: len(sound) // 4410 * 4410].reshape(-1, 4410 * 2)
        level = float(np.sqrt(np.quantile((windows**2).mean(axis=1), 0.7)))
        return Track(sound, 60 / float(librosa.feature.tempo(y=mono, sr=22_050)[0]), level)

    @property
    def duration_s(self) -> float:
        """Length [seconds]."""
        return len(self.sound) / RATE


@dataclass(frozen=True)
class Stretch:
    """A part of the recording."""

    sound: np.ndarray
    """Samples, shape=(samples, 2)."""
    kind: str
    """A kind of the truth."""
    source_s: float | None = None
    """Where in the track it starts [seconds]; None for other sounds."""


def bare(track: Track, rng: np.random.Generator) -> list[Stretch]:
    """Return the track alone."""
    return [Stretch(track.sound, "music", 0.0)]


def talk(track: Track, rng: np.random.Generator) -> list[Stretch]:
    """Return the track with talk on both sides."""
    before, after = _talk(rng.uniform(6, 20), track, rng), _talk(rng.uniform(5, 15), track, rng)
    return [before, _dead_air(rng.uniform(0.5, 3), track, rng), *bare(track, rng), _dead_air(1.0, track, rng), after]


def count_in(track: Track, rng: np.random.Generator) -> list[Stretch]:
    """Return the track, counted in."""
    sticks = sounds.count_in(track.beat_s, rng) * track.level * 10 ** (-rng.uniform(2, 12) / 20)
    counted = Stretch(_stereo(sticks), "count_in")
    before, after = _dead_air(rng.uniform(2, 8), track, rng), _dead_air(rng.uniform(2, 5), track, rng)
    return [before, counted, *bare(track, rng), after]


def stop(track: Track, rng: np.random.Generator) -> list[Stretch]:
    """Return the track with one stop in it, after which the band goes on or starts again a little earlier."""
    at_s = rng.uniform(0.3, 0.7) * track.duration_s
    back_s = float(rng.choice([0.0, 4.0, 8.0]))
    sound, at, again = track.sound, round(at_s * RATE), round((at_s - back_s) * RATE)
    ring_s = rng.uniform(0.5, 2.0)
    ring = ring_out(sound, at_s, round(ring_s * RATE), rng)
    pause = _talk(rng.uniform(4, 15), track, rng) if rng.random() < 0.6 else _dead_air(rng.uniform(3, 10), track, rng)
    first = [Stretch(_faded(sound[:again], end=back_s == 0), "music", 0.0)]
    if again < at:
        first.append(Stretch(_faded(sound[again:at], end=True), "repeat", again / RATE))
    return [*first, Stretch(ring, "ring_out"), pause, Stretch(_faded(sound[again:], start=True), "music", again / RATE)]


KINDS: dict[str, Callable[[Track, np.random.Generator], list[Stretch]]] = {
    "bare": bare,
    "talk": talk,
    "count_in": count_in,
    "stop": stop,
}
"""Name of each kind of recording -> what makes it."""


def assemble(
    parts: Sequence[Stretch], track: Track, rng: np.random.Generator, *, noise_db: float | None
) -> tuple[np.ndarray, tuple[Segment, ...]]:
    """Return the recording, shape=(samples, 2), and what each part of it is.

    Parameters
    ----------
    parts : sequence of Stretch
        In order.
    track : Track
        For its level.
    rng : np.random.Generator
        Of the room's noise.
    noise_db : float, optional
        Level of the room's noise against the track's [dB]; None for none.
    """
    bounds_s = np.cumsum([0] + [len(part.sound) for part in parts]) / RATE
    segments = tuple(
        Segment(start_s, end_s, part.kind, part.source_s)
        for part, start_s, end_s in zip(parts, bounds_s[:-1].tolist(), bounds_s[1:].tolist())
    )
    sound = np.concatenate([part.sound for part in parts])
    if noise_db is not None:
        sound = sound + _stereo(rng.normal(size=len(sound))) * track.level * 10 ** (noise_db / 20)
    return sound / max(1.0, float(abs(sound).max())), segments


def read_sum(files: Sequence[Path]) -> np.ndarray:
    """Return the sum of a track's files at RATE, shape=(samples, 2)."""
    layers = []
    for file in files:
        sound, rate = sf.read(file, always_2d=True)
        layers.append(
            soxr.resample(np.broadcast_to(sound, (len(sound), 2)) if sound.shape[1] == 1 else sound, rate, RATE)
        )
    longest = max(map(len, layers))
    return np.sum([np.pad(layer, ((0, longest - len(layer)), (0, 0))) for layer in layers], axis=0)


def _stereo(mono: np.ndarray) -> np.ndarray:
    return np.repeat(np.asarray(mono)[:, None], 2, axis=1)


def _talk(length_s: float, track: Track, rng: np.random.Generator) -> Stretch:
    level = track.level * 10 ** (-rng.uniform(3, 18) / 20)
    return Stretch(_stereo(sounds.talk(round(length_s * RATE), rng)) * level, "talk")


def _dead_air(length_s: float, track: Track, rng: np.random.Generator) -> Stretch:
    level = track.level * 10 ** (-rng.uniform(25, 40) / 20)
    return Stretch(_stereo(sounds.dead_air(round(length_s * RATE), rng)) * level, "silence")


def _faded(sound: np.ndarray, *, start: bool = False, end: bool = False) -> np.ndarray:
    """Return sound that does not begin or end with a click."""
    sound, count = sound.copy(), round(FADE_S * RATE)
    ramp = np.linspace(0, 1, count)[:, None]
    if start:
        sound[:count] *= ramp
    if end:
        sound[-count:] *= ramp[::-1]
    return sound


def main() -> None:
    """Make the recordings."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=16)
    args = parser.parse_args()
    for name in ("input", "truth"):
        (args.out / name).mkdir(parents=True, exist_ok=True)
    for number, (artist, name, files) in enumerate(find_tracks(args.folders)):
        track = Track.of(read_sum(files))
        if track.duration_s < LEAST_S:
            continue
        for kind_number, (kind, make) in enumerate(KINDS.items()):
            rng = np.random.default_rng([args.seed, number, kind_number])
            noise_db = None if kind == "bare" else rng.uniform(-65, -48)
            sound, segments = assemble(make(track, rng), track, rng, noise_db=noise_db)
            sample = f"{artist}__{name}__{kind}".replace(" ", "_")
            sf.write(args.out / "input" / f"{sample}_raw.wav", sound, RATE, subtype="PCM_16")
            truth = Truth(len(sound) / RATE, track.duration_s, segments, track=name, artist=artist)
            write_truth(args.out / "truth" / f"{sample}.json", truth)
        print(artist, name, flush=True)


if __name__ == "__main__":
    main()
