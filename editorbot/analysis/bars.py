"""Where bars begin, and how many beats they have.

A logistic regression (:mod:`editorbot.analysis.beat_linear`) gives each beat the log odds of being a downbeat, from its
accents, its neighbors' accents and the change of harmony; the network's log odds count beside it. A Viterbi pass over
the place in the bar then finds the bars: changing the meter costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from numba import njit

from editorbot.analysis.beat_linear import read_linear_models
from editorbot.analysis.beat_net import chances_near
from editorbot.analysis.grid_times import means_between
from editorbot.analysis.numba_startup import loaded_without_compiler
from editorbot.analysis.smoothing import running_max, running_mean
from editorbot.analysis.spectrum import FrameTracks

METERS = (2, 3, 4, 5, 6, 7)
"""Beats a bar that are considered."""

METER_PRIOR = np.log([0.01, 0.06, 0.9, 0.01, 0.01, 0.01])
"""Log share of each meter in music of bands."""

METER_CHANGE_PRICE = 9.0
"""Price of another meter after a bar's end [nats]."""

RESET_PRICE = 12.0
"""Price of a bar that is cut short [nats]: a slipped beat, an edit, a breath."""

CONTEXT_BEATS = 5
"""Neighbors on either side whose accents count."""

ODDS_SHIFT = 0.5
"""Added to the regression's log odds, which know how rare downbeats are; by cross-validation on the tuning pieces."""

NET_SHARE, REGRESSION_SHARE = 0.7, 0.5
"""Weights of the network's and of the regression's log odds where both are used."""

UNLIKELY_BEAT = 0.05
"""Least probability of a beat by the network: below it, nothing is known of the beat."""

RAREST_SHARE = 0.02
"""Probabilities of a downbeat are kept this far from 0 and 1."""

MIN_BEATS = 8
"""With fewer beats no bars are looked for."""

MIN_CONTRAST = 0.5
"""How far the log odds of downbeats must be above those of other beats [nats]: an even click has no bars."""

UNSURE = 0.15
"""Beats of less confidence belong to no bar."""


@dataclass(frozen=True)
class Bars:
    """Bars on a beat grid."""

    downbeats: Int[np.ndarray, " bars"]
    """First beats of bars, shape=(bars,), indices into the beats, increasing."""
    beats_per_bar: int
    """The most frequent meter; 4 where there are no bars."""


NO_BARS = Bars(np.empty(0, dtype=np.int64), 4)
"""Where none are found."""


def downbeat_features(
    novelty: Float32[np.ndarray, "frames columns"],
    frames: FrameTracks,
    beat_frames: Int[np.ndarray, " beats"],
) -> Float32[np.ndarray, "beats features"]:
    """Describe how each beat stands out from its neighbors, shape=(beats, features)."""
    accents = running_max(novelty, 5)[beat_frames]
    level = means_between(frames.band_level_db, beat_frames)
    level = level - running_mean(level, 9)
    rise = np.diff(level, axis=0, prepend=level[:1])
    accent_groups = np.stack(
        [accents[:, 0], accents[:, 1:4].mean(1), accents[:, 4:8].mean(1), accents[:, 8], accents[:, 9]], axis=1
    )
    level_groups = np.stack([level[:, 0], level[:, 1:4].mean(1), level[:, 4:8].mean(1)], axis=1) / 6
    chroma = means_between(frames.chroma, beat_frames)
    harmony = np.stack([_span_change(chroma, span) for span in (1, 2, 4)], axis=1)
    per_beat = np.hstack([accent_groups, level_groups, harmony])
    shifted = [_shift(per_beat, offset) for offset in range(-CONTEXT_BEATS, CONTEXT_BEATS + 1)]
    return np.hstack([*shifted, accents, rise / 6]).astype(np.float32)


def _span_change(chroma: np.ndarray, span: int) -> np.ndarray:
    """One minus the cosine between the chroma of the beats before and from each beat on."""
    count = len(chroma)
    total = np.vstack([np.zeros((1, chroma.shape[1])), np.cumsum(chroma, axis=0)])
    at = np.arange(count)
    after = total[np.minimum(at + span, count)] - total[at]
    before = total[at] - total[np.maximum(at - span, 0)]
    norms = np.linalg.norm(after, axis=1) * np.linalg.norm(before, axis=1)
    return np.asarray(1.0 - (after * before).sum(axis=1) / (norms + 1e-6))


def _shift(rows: np.ndarray, offset: int) -> np.ndarray:
    """Shift rows by `offset`; the ends repeat."""
    return rows[np.clip(np.arange(len(rows)) + offset, 0, len(rows) - 1)]


def find_bars(
    novelty: Float32[np.ndarray, "frames columns"],
    frames: FrameTracks,
    beat_frames: Int[np.ndarray, " beats"],
    confidence: Float[np.ndarray, " beats"],
    net_odds: Float32[np.ndarray, "frames outputs"] | None = None,
) -> Bars:
    """Find the bars of a beat grid by its novelty, its frames and the network's log odds, where they are given.

    Beats whose `confidence` is below `UNSURE` are in no bar.
    """
    if len(beat_frames) < MIN_BEATS:
        return NO_BARS
    features = downbeat_features(novelty, frames, beat_frames)
    models = read_linear_models()
    odds = features @ models.downbeat + models.downbeat_bias + ODDS_SHIFT
    if net_odds is not None:
        odds = NET_SHARE * network_downbeat_odds(net_odds, beat_frames) + REGRESSION_SHARE * odds
    odds = np.where(confidence < UNSURE, 0.0, odds)
    return bars_from_odds(odds.astype(np.float64), confidence >= UNSURE)


def network_downbeat_odds(
    net_odds: Float32[np.ndarray, "frames outputs"], beat_frames: Int[np.ndarray, " beats"]
) -> Float[np.ndarray, " beats"]:
    """Compute the network's log odds that each beat, being one, is a downbeat, shape=(beats,) [nats]."""
    beat, downbeat = chances_near(net_odds, beat_frames).T
    share = np.clip(downbeat / np.maximum(beat, UNLIKELY_BEAT), RAREST_SHARE, 1 - RAREST_SHARE)
    return np.asarray(np.log(share / (1 - share)))


def bars_from_odds(odds: Float[np.ndarray, " beats"], sure: Bool[np.ndarray, " beats"]) -> Bars:
    """Find the best bars by each beat's log odds to be a downbeat; only `sure` beats may begin one.

    `NO_BARS` where the downbeats do not stand out by `MIN_CONTRAST`.
    """
    states = [(meter, place) for meter in METERS for place in range(meter)]
    meter_of = np.array([meter for meter, _ in states], dtype=np.int64)
    place_of = np.array([place for _, place in states], dtype=np.int64)
    prior = np.array([METER_PRIOR[METERS.index(meter)] for meter, _ in states])
    path = _viterbi(odds, meter_of, place_of, prior, METER_CHANGE_PRICE, RESET_PRICE)
    first = place_of[path] == 0
    downbeats, others = np.flatnonzero(first & sure), np.flatnonzero(~first & sure)
    if min(len(downbeats), len(others)) == 0 or odds[downbeats].mean() - odds[others].mean() < MIN_CONTRAST:
        return NO_BARS
    return Bars(downbeats, int(np.bincount(meter_of[path][sure]).argmax()))


@loaded_without_compiler
@njit(cache=True, nogil=True)
@no_type_check
def _viterbi(odds, meter_of, place_of, prior, change_price, reset_price):
    """Find the best state of each beat."""
    beats, count = len(odds), len(meter_of)
    score = np.empty(count)
    for s in range(count):
        score[s] = prior[s] + (odds[0] if place_of[s] == 0 else 0.0)
    back = np.empty((beats, count), dtype=np.int16)
    for i in range(1, beats):
        new = np.empty(count)
        best_end, best_any = 0, 0
        end_value, any_value = -1e30, -1e30
        for s in range(count):
            if score[s] > any_value:
                any_value, best_any = score[s], s
            if place_of[s] == meter_of[s] - 1 and score[s] > end_value:
                end_value, best_end = score[s], s
        for s in range(count):
            if place_of[s] > 0:
                new[s] = score[s - 1]
                back[i, s] = s - 1
                continue
            own_end = s + meter_of[s] - 1
            change = end_value + prior[s] - change_price
            reset = any_value + prior[s] - reset_price
            new[s] = score[own_end]
            back[i, s] = own_end
            if change > new[s]:
                new[s] = change
                back[i, s] = best_end
            if reset > new[s]:
                new[s] = reset
                back[i, s] = best_any
            new[s] += odds[i]
        score = new
    path = np.empty(beats, dtype=np.int64)
    path[-1] = np.argmax(score)
    for i in range(beats - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path
