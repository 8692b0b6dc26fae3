"""How one piece is played on different takes: the second simulator's performances.

A take is modelled as a band that is never quite together: three bands of the
spectrum stand for three players, each with timing, level and tone of its own.
The whole take's speed is constant inside one performance, so the truth about
where it comes from stays exact; players wander around it by milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal
from scipy.ndimage import map_coordinates

from simulators.second_sounds import RATE

SPLITS_HZ = (220.0, 2_800.0)
"""Where the three players' ranges part [Hz]."""


@dataclass(frozen=True)
class TakeStyle:
    """How one take is played; the same through the whole take."""

    speed: float = 1.0
    """Seconds of the song in one second of the take."""
    cents: float = 0.0
    """How far it is out of tune [cents]."""
    gain_db: float = 0.0
    """Level against the finished track [dB]."""
    tone_db: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Level of each player [dB]."""
    looseness_s: float = 0.004
    """How far players wander from the beat [seconds]."""
    width: float = 1.0
    """Factor on the stereo sides."""


def draw_style(rng: np.random.Generator) -> TakeStyle:
    """Draw a good take: it could go on the record."""
    return TakeStyle(
        speed=float(rng.choice([1.0, rng.uniform(0.985, 1.015)])),
        cents=float(rng.choice([0.0, 0.0, rng.uniform(-15, 15)])),
        gain_db=float(rng.uniform(-2, 1)),
        tone_db=tuple(float(x) for x in rng.uniform(-2, 2, 3)),  # type: ignore[arg-type]
        looseness_s=float(rng.uniform(0.001, 0.007)),
        width=float(rng.uniform(0.7, 1.1)),
    )


def draw_sloppy_style(rng: np.random.Generator) -> TakeStyle:
    """Draw a take that nobody would keep."""
    return TakeStyle(
        speed=float(rng.uniform(0.955, 1.045)),
        cents=float(rng.uniform(-25, 25)),
        gain_db=float(rng.uniform(-4, 1)),
        tone_db=tuple(float(x) for x in rng.uniform(-5, 4, 3)),  # type: ignore[arg-type]
        looseness_s=float(rng.uniform(0.018, 0.045)),
        width=float(rng.uniform(0.5, 1.1)),
    )


def _wander(samples: int, rng: np.random.Generator, size_s: float, per_s: float = 1.3) -> np.ndarray:
    """Return a smooth random curve around 0 [samples]; `per_s` knots a second."""
    knots = max(4, int(samples / RATE * per_s) + 4)
    curve = rng.normal(size=knots)
    at = np.linspace(1, knots - 2, samples)
    return np.asarray(map_coordinates(curve, [at], order=3, mode="nearest")) * size_s * RATE


def _shifted(sound: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return sound (samples, channels) read at fractional positions."""
    return np.stack([map_coordinates(channel, [at], order=3, mode="nearest") for channel in sound.T], axis=1)


def split_players(sound: np.ndarray) -> list[np.ndarray]:
    """Return three bands that add up to the sound."""
    low = signal.sosfiltfilt(signal.butter(2, SPLITS_HZ[0], fs=RATE, output="sos"), sound, axis=0)
    high = signal.sosfiltfilt(signal.butter(2, SPLITS_HZ[1], "highpass", fs=RATE, output="sos"), sound, axis=0)
    return [low, sound - low - high, high]


def transposed(sound: np.ndarray, cents: float) -> np.ndarray:
    """Return sound at another pitch, length kept."""
    if abs(cents) < 1:
        return sound
    import python_stretch.Signalsmith as ps

    stretch = ps.Stretch()
    stretch.preset(sound.shape[1], RATE)
    stretch.setTransposeSemitones(cents / 100)
    out = np.asarray(stretch.process(np.ascontiguousarray(sound.T, dtype=np.float32))).T.astype(np.float64)
    return out[: len(sound)] if len(out) >= len(sound) else np.pad(out, ((0, len(sound) - len(out)), (0, 0)))


def perform(song: np.ndarray, start_s: float, end_s: float, style: TakeStyle, rng: np.random.Generator) -> np.ndarray:
    """Return the song from `start_s` to `end_s` as a take plays it, shape=(samples, 2)."""
    samples = max(1, round((end_s - start_s) / style.speed * RATE))
    margin = round(0.3 * RATE)
    first = round(start_s * RATE) - margin
    last = round(end_s * RATE) + margin
    part = np.pad(song[max(0, first) : last], ((max(0, -first), max(0, last - len(song))), (0, 0)))
    part = transposed(part, style.cents)
    at = (start_s * RATE - first) + np.arange(samples) * style.speed
    out = np.zeros((samples, 2))
    for player, tone_db in zip(split_players(part), style.tone_db):
        loose = _wander(samples, rng, style.looseness_s)
        level_db = tone_db + _wander(samples, rng, 0.8 / RATE, per_s=0.4)
        out += _shifted(player, at + loose) * 10 ** (level_db / 20)[:, None]
    middle = out.mean(axis=1, keepdims=True)
    out = middle + (out - middle) * style.width
    return out * 10 ** (style.gain_db / 20)


def spoil(take: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a take with mistakes: wrong notes, players dropping out, stumbles, a part out of tune."""
    players = split_players(take)
    players[1] = transposed(players[1], float(rng.choice([0, -60, -35, 40, 70])))
    wrong = transposed(players[1], float(rng.choice([-200, -100, 100, 200, 600])))
    for _ in range(max(2, rng.poisson(len(take) / RATE / 2.5))):
        length = int(rng.uniform(0.2, 1.3) * RATE)
        at = int(rng.integers(0, max(1, len(take) - length)))
        mask = _bump(len(take), at, length)
        mistake = rng.random()
        if mistake < 0.5:
            players[1] = players[1] * (1 - mask) + wrong * mask
        elif mistake < 0.8:
            player = int(rng.integers(3))
            players[player] = players[player] * (1 - mask)
        else:
            late = int(rng.uniform(0.06, 0.2) * RATE)
            player = int(rng.integers(3))
            players[player] = players[player] * (1 - mask) + np.roll(players[player], late, axis=0) * mask
    return players[0] + players[1] + players[2]


def _bump(samples: int, at: int, length: int) -> np.ndarray:
    """Return a mask that is 1 in a stretch, with 15 ms slopes, shape=(samples, 1)."""
    edge = int(0.015 * RATE)
    return np.interp(np.arange(samples), [at - edge, at, at + length, at + length + edge], [0, 1, 1, 0])[:, None]


def fall_apart(take: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a take that comes to a halt: it drags, players stop one by one."""
    t = np.linspace(0, 1, len(take))
    drag = np.cumsum(1 - rng.uniform(0.05, 0.35) * t**2)
    players = split_players(_shifted(take, drag * (len(take) - 1) / max(drag[-1], len(take) - 1)))
    order = rng.permutation(3)
    for place, player in enumerate(order):
        stop = (0.35 + 0.3 * place) * rng.uniform(0.85, 1.05)
        players[player] = players[player] * (1 / (1 + np.exp((t - stop) * rng.uniform(15, 60))))[:, None]
    return players[0] + players[1] + players[2]


def ring_out(song: np.ndarray, at_s: float, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the chord that was held when everybody stopped, dying away, shape=(samples, 2)."""
    grain = round(0.25 * RATE)
    at = min(max(round(at_s * RATE), grain), len(song)) - grain
    window = np.hanning(grain)[:, None]
    out = np.zeros((samples + grain, 2))
    for place in range(0, samples, grain // 4):
        start = at + int(rng.uniform(-0.3, 0) * grain)
        piece = song[max(0, start) : max(0, start) + grain] * window[: len(song[max(0, start) : max(0, start) + grain])]
        out[place : place + len(piece)] += piece * 0.5
    sos = signal.butter(1, rng.uniform(1_500, 5_000), fs=RATE, output="sos")
    decay = np.exp(-np.arange(samples) / (rng.uniform(0.15, 0.5) * samples))[:, None]
    return signal.sosfilt(sos, out[:samples], axis=0) * decay
