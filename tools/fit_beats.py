"""Fits the linear models of the beat tracker and writes ``editorbot/pretrained/beats_linear.json``.

    python -m tools.fit_beats MUSIC [--performances 2]

Uses the pieces of the set ``tune`` alone: as written, and performed again
(faster or slower, unsteadily, distorted, filtered, in noise), so that the
weights do not learn the sound of one soundfont; the downbeats as written
alone. Takes about ten minutes.

The beat model is a conditional logit: in a window of nine seconds, the true
(period, phase) against all others. The downbeat model is a logistic
regression over true beats. Both have a quadratic penalty.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import maximum_filter1d
from scipy.optimize import minimize
from scipy.signal import lfilter

from benchmarks.known_beats import AS_WRITTEN, RATE, KnownPiece, Performance, known_pieces
from editorbot.analysis.bars import downbeat_features
from editorbot.analysis.beat_linear import SHIPPED
from editorbot.analysis.novelty import NOVELTY_COLUMNS, ONSET_LEAD_S, novelty
from editorbot.analysis.spectrum import FrameTracks
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.analysis.tempo import (
    PERIODS_FRAMES,
    autocorrelation,
    group_novelty,
    tempo_features,
    tempo_prior_features,
)
from editorbot.timebase import FRAME_S

WINDOW_S = 9.0
"""Length of a window [s]."""

WINDOW_HOP_S = 6.0
"""Distance of windows [s]."""

EXCERPT_S = 120.0
"""Length of a repeated performance that is used [s]."""

BEAT_PENALTY, DOWNBEAT_PENALTY = 3e-3, 1e-3
"""Weights of the quadratic penalties."""


@dataclass(frozen=True)
class Example:
    """One window: all candidates, and which of them are right."""

    features: np.ndarray
    """Shape (candidates, features), float32."""
    right: np.ndarray
    """Shape (candidates,), bool."""


@dataclass(frozen=True)
class Played:
    """A performance and its true beats."""

    frames: FrameTracks
    beats_s: np.ndarray
    downbeats_s: np.ndarray


def frames_of(mono: np.ndarray) -> FrameTracks:
    """Return the frame grid of a downmix at RATE."""
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    return scan.finish().tracks


def roughen(mono: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the sound as another room, amplifier and microphone would have it."""
    sound = mono / (np.abs(mono).max() + 1e-9)
    sound = np.tanh(sound * rng.uniform(1, 12)) if rng.random() < 0.6 else sound
    pole = rng.uniform(-0.6, 0.9)
    sound = lfilter([1.0], [1.0, -pole], sound) if rng.random() < 0.7 else sound
    if rng.random() < 0.5:
        tail = rng.standard_normal(RATE // 3) * np.exp(-np.arange(RATE // 3) / (RATE * rng.uniform(0.02, 0.08)))
        wet = np.convolve(sound[: int(EXCERPT_S * RATE)], tail / np.linalg.norm(tail))[: len(sound)]
        sound = sound[: len(wet)] + rng.uniform(0.1, 0.5) * wet
    sound = 0.5 * sound / (np.abs(sound).max() + 1e-9)
    return (sound + 10 ** rng.uniform(-4, -2) * rng.standard_normal(len(sound))).astype(np.float32)


def perform(piece: KnownPiece, number: int) -> Played:
    """Return performance `number` of a piece; 0 is as written."""
    if number == 0:
        return Played(frames_of(piece.read_mono(AS_WRITTEN)), piece.beats_s, piece.downbeats_s)
    rng = np.random.default_rng([number, *piece.name.encode()])
    speed = float(np.exp(rng.uniform(np.log(0.85), np.log(1.25))))
    how = Performance(speed, float(rng.uniform(0.0, 0.012)), number)
    mono = roughen(piece.read_mono(how)[: int(EXCERPT_S * RATE)], rng)
    beats_s, downbeats_s = piece.beats_s / speed, piece.downbeats_s / speed
    end_s = len(mono) / RATE
    return Played(frames_of(mono), beats_s[beats_s < end_s], downbeats_s[downbeats_s < end_s])


def examples(played: Played) -> list[Example]:
    """Return the windows of a performance whose tempo is steady."""
    evidence = novelty(played.frames)
    nearby = maximum_filter1d(evidence, 3, axis=0)
    half = WINDOW_S / 2 / FRAME_S
    centers = np.round(np.arange(half + 20, len(evidence) - half - 20, WINDOW_HOP_S / FRAME_S)).astype(np.int64)
    if len(centers) == 0:
        return []
    tempo = tempo_features(autocorrelation(group_novelty(evidence), centers))
    beats = (played.beats_s - ONSET_LEAD_S) / FRAME_S
    found = [_example(nearby, tempo[row], beats, center, half) for row, center in enumerate(centers)]
    return [example for example in found if example is not None]


def _example(nearby: np.ndarray, tempo: np.ndarray, beats: np.ndarray, center: int, half: float) -> Example | None:
    inside = beats[(beats >= center - half) & (beats < center + half)]
    steps = np.diff(inside)
    if len(inside) < 4 or steps.max() > 1.08 * steps.min():
        return None
    prior, period = tempo_prior_features(), float(np.median(steps))
    rows, right = [], []
    for k, candidate in enumerate(PERIODS_FRAMES):
        for phase in np.arange(0, candidate, 2.0):
            at = center - half + phase + candidate * np.arange(int((2 * half - phase) // candidate) + 1)
            quarters = [_mean_at(nearby, at + quarter * candidate / 4) for quarter in range(4)]
            rows.append(np.concatenate([*quarters, tempo[k], prior[k]]))
            middle = at[np.abs(at - center).argmin()]
            right.append(abs(candidate / period - 1) < 0.035 and np.abs(beats - middle).min() < 2.1)
    return Example(np.array(rows, dtype=np.float32), np.array(right)) if any(right) else None


def _mean_at(nearby: np.ndarray, at: np.ndarray) -> np.ndarray:
    return nearby[np.clip(np.round(at).astype(np.int64), 0, len(nearby) - 1)].mean(axis=0)


def fit_beats(found: list[Example]) -> np.ndarray:
    """Fit the conditional logit, shape=(features,)."""
    mean = np.mean([example.features.mean(axis=0) for example in found], axis=0)
    spread = np.mean([example.features.std(axis=0) for example in found], axis=0) + 1e-6
    counts = np.array([len(example.features) for example in found])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    owner = np.repeat(np.arange(len(found)), counts)
    features = np.concatenate([((example.features - mean) / spread).astype(np.float32) for example in found])
    right = np.concatenate([example.right for example in found])

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = features @ weights.astype(np.float32)
        odds = np.exp(scores - np.maximum.reduceat(scores, starts)[owner])
        total, hit = np.add.reduceat(odds, starts), np.add.reduceat(odds * right, starts)
        slope = features.T @ ((odds / total[owner] - odds * right / hit[owner]) / len(found))
        value = -np.mean(np.log(hit) - np.log(total)) + BEAT_PENALTY * weights @ weights
        return float(value), slope.astype(np.float64) + 2 * BEAT_PENALTY * weights

    result = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 250})
    scores = features @ result.x.astype(np.float32)
    hits = [right[at : at + count][scores[at : at + count].argmax()] for at, count in zip(starts, counts)]
    print(f"beats: {len(found)} windows, loss {result.fun:.3f}, best candidate right in {np.mean(hits):.3f}")
    return result.x / spread


def fit_downbeats(performances: list[Played]) -> tuple[np.ndarray, float]:
    """Fit the logistic regression; returns weights and bias."""
    rows, truth, share = [], [], []
    for played in performances:
        evidence = novelty(played.frames)
        at = np.round((played.beats_s - ONSET_LEAD_S) / FRAME_S).astype(np.int64)
        at = np.unique(np.clip(at, 0, len(evidence) - 1))
        if len(at) < 16:
            continue
        rows.append(downbeat_features(evidence, played.frames, at))
        distance = np.abs(played.downbeats_s[None, :] - (at * FRAME_S + ONSET_LEAD_S)[:, None]).min(axis=1)
        truth.append(distance < 0.03)
        share.append(np.full(len(at), 1.0 / len(at)))
    features, target, weight = np.concatenate(rows).astype(np.float64), np.concatenate(truth), np.concatenate(share)
    weight /= weight.sum()
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-6
    features = (features - mean) / spread

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        odds = features @ parameters[1:] + parameters[0]
        value = (weight * (np.logaddexp(0, odds) - target * odds)).sum()
        rest = weight * (1 / (1 + np.exp(-odds)) - target)
        slope = np.concatenate([[rest.sum()], features.T @ rest + 2 * DOWNBEAT_PENALTY * parameters[1:]])
        return float(value + DOWNBEAT_PENALTY * parameters[1:] @ parameters[1:]), slope

    result = minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B")
    print(f"downbeats: {len(target)} beats, loss {result.fun:.3f}")
    weights = result.x[1:] / spread
    return weights, float(result.x[0] - weights @ mean)


def write_models(path: Path, beats: np.ndarray, downbeats: np.ndarray, bias: float) -> None:
    """Write the weights that `editorbot.analysis.beat_linear` reads."""
    profile, rest = beats[: 4 * NOVELTY_COLUMNS], beats[4 * NOVELTY_COLUMNS :]
    bumps = tempo_prior_features().shape[1]
    weights = {"profile": profile, "tempo": rest[:-bumps], "tempo_prior": rest[-bumps:], "downbeat": downbeats}
    rounded = {name: [float(f"{value:.5g}") for value in values] for name, values in weights.items()}
    head = {"format": "editorbot.beats_linear", "command": "python -m tools.fit_beats MUSIC", "window_s": WINDOW_S}
    document = head | rounded | {"downbeat_bias": float(f"{bias:.5g}")}
    fields = (f"  {json.dumps(name)}: {_json_of(value)}" for name, value in document.items())
    path.write_text("{\n" + ",\n".join(fields) + "\n}\n", encoding="utf-8")


def _json_of(value: object) -> str:
    """Return a value as JSON, of a list ten numbers a line."""
    if not isinstance(value, list):
        return json.dumps(value)
    rows = (", ".join(map(json.dumps, value[at : at + 10])) for at in range(0, len(value), 10))
    return "[\n" + ",\n".join(f"    {row}" for row in rows) + "\n  ]"


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--performances", type=int, default=2, help="performances of a piece besides the written one")
    options = parser.parse_args()
    pieces = [piece for piece in known_pieces(options.music) if piece.set_name == "tune"]
    performances = [perform(piece, number) for piece in pieces for number in range(options.performances + 1)]
    print(f"{len(pieces)} pieces, {len(performances)} performances", flush=True)
    downbeats, bias = fit_downbeats(performances[:: options.performances + 1])
    beats = fit_beats([example for played in performances for example in examples(played)])
    write_models(SHIPPED, beats, downbeats, bias)


if __name__ == "__main__":
    main()
