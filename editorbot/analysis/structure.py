"""Phrases and sections: where one musical idea ends and another begins.

Beats are described by timbre and harmony; a checkerboard kernel along the diagonal of their self-similarity matrix
finds the boundaries. Only the band of the matrix under the kernel is computed, so memory grows with the beats, not
with their square. Sections of similar means share a letter.

References
----------
J. Foote, "Automatic audio segmentation using a measure of audio novelty",
ICME 2000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from editorbot.analysis.analysis import Section
from editorbot.analysis.beat_grid import BeatGrid
from editorbot.analysis.grid_times import means_between, nearest_frames
from editorbot.analysis.smoothing import average_link_groups, running_max
from editorbot.analysis.spectrum import STEP_MEL_BANDS, FrameTracks
from editorbot.timebase import STEP_S

PHRASE_KERNEL_BEATS = 16
"""Half width of the kernel that finds phrases [beats], four bars."""

SECTION_KERNEL_BEATS = 32
"""Half width of the kernel that finds sections [beats], eight bars."""

PHRASE_BARS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
"""Lengths of phrases considered [bars]."""

PHRASE_PRICE = (3.0, 1.2, 2.0, 0.4, 2.0, 1.2, 2.0, 0.5, 2.5, 2.0, 2.5, 1.5)
"""Price of each length [local deviations of novelty]: fours and eights are the rule."""

MIN_SECTION_BEATS = 16
"""Shortest section [beats]."""

SECTION_PEAK = 0.6
"""How far a boundary stands out [deviations of the whole recording's novelty]."""

SAME_IDEA = 1.0
"""Sections whose means are within this of each other share a letter [spreads inside a section]."""


@dataclass(frozen=True)
class Structure:
    """Phrases and sections of a recording."""

    phrases: Int[np.ndarray, " phrases"]
    """First beats of phrases, shape=(phrases,), indices into the beats, increasing; empty where there are no bars."""
    sections: tuple[Section, ...]
    """Sections, covering the whole recording in order."""


def find_structure(
    grid: BeatGrid, frames: FrameTracks, steps: Float32[np.ndarray, "steps columns"], duration_s: float
) -> Structure:
    """Find phrases and sections by the harmony of the frames and the timbre of the steps."""
    described = _describe(grid, frames, steps, duration_s)
    phrases = _phrases(grid, checkerboard_novelty(described, PHRASE_KERNEL_BEATS))
    bounds = _section_bounds(checkerboard_novelty(described, SECTION_KERNEL_BEATS), phrases, grid)
    return Structure(phrases, _sections(bounds, described, grid, duration_s))


def _describe(
    grid: BeatGrid, frames: FrameTracks, steps: np.ndarray, duration_s: float
) -> Float32[np.ndarray, "beats columns"]:
    """Describe each beat by timbre and harmony, each of unit length together, shape=(beats, 52)."""
    bounds_s = np.append(grid.beats_s, duration_s)
    mel = _means(steps[:, :STEP_MEL_BANDS], bounds_s / STEP_S)
    mel = (mel - mel.mean(axis=0)) / (mel.std(axis=0).mean() + 1.0)
    firsts = np.minimum(nearest_frames(grid.beats_s), len(frames.chroma) - 1)
    chroma = means_between(frames.chroma, firsts)
    chroma = (chroma - chroma.mean(axis=0)) / (chroma.std(axis=0).mean() + 0.05)
    return np.hstack([mel / np.sqrt(mel.shape[1]), chroma / np.sqrt(chroma.shape[1])]).astype(np.float32)


def _means(rows: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Average rows between fractional bounds, shape=(len(bounds) - 1, columns)."""
    total = np.zeros((len(rows) + 1, rows.shape[1]))
    np.cumsum(rows, axis=0, out=total[1:])
    bounds = np.clip(bounds, 0, len(rows))
    below = np.minimum(bounds.astype(np.int64), len(rows) - 1)
    at = total[below] + (bounds - below)[:, None] * (total[below + 1] - total[below])
    return np.diff(at, axis=0) / np.maximum(np.diff(bounds), 1e-3)[:, None]


def checkerboard_novelty(
    described: Float32[np.ndarray, "beats columns"], half_beats: int
) -> Float[np.ndarray, " beats"]:
    """Compare what is before each beat with what is after it, shape=(beats,).

    Positive where each side is alike in itself and unlike the other. Time O(beats x half_beats^2), memory O(beats).
    """
    beats = len(described)
    units = described / (np.linalg.norm(described, axis=1, keepdims=True) + 1e-6)
    offsets = np.arange(-half_beats, half_beats) + 0.5
    taper = np.exp(-0.5 * (offsets / (half_beats / 2)) ** 2)
    novelty = np.zeros(beats)
    padded = np.pad(units, ((half_beats, half_beats), (0, 0)), mode="edge")
    for distance in range(1, 2 * half_beats):
        similarity = np.einsum("ij,ij->i", padded[: len(padded) - distance], padded[distance:])
        first, second = offsets[:-distance], offsets[distance:]
        weights = np.sign(first) * np.sign(second) * taper[:-distance] * taper[distance:]
        novelty += np.correlate(similarity, weights, mode="valid")[:beats]
    return novelty / (taper.sum() ** 2)


def _phrases(grid: BeatGrid, novelty: Float[np.ndarray, " beats"]) -> Int[np.ndarray, " phrases"]:
    """Group bars into phrases by the best sum of novelty at their starts less the price of their lengths."""
    bars = grid.downbeats
    if len(bars) < 2:
        return np.empty(0, dtype=np.int64)
    gain = (novelty - novelty.mean()) / (novelty.std() + 1e-9)
    gain = gain[bars]
    best = np.full(len(bars), -np.inf)
    back = np.full(len(bars), -1)
    best[: min(8, len(bars))] = -0.2 * np.arange(min(8, len(bars)))
    for bar in range(1, len(bars)):
        for length, price in zip(PHRASE_BARS, PHRASE_PRICE):
            if length <= bar and best[bar - length] + gain[bar] - price > best[bar]:
                best[bar] = best[bar - length] + gain[bar] - price
                back[bar] = bar - length
    tail = np.arange(max(0, len(bars) - max(PHRASE_BARS)), len(bars))
    bar = int(tail[np.argmax(best[tail])])
    chosen = [bar]
    while back[bar] >= 0:
        bar = int(back[bar])
        chosen.append(bar)
    return bars[np.array(chosen[::-1])]


def _section_bounds(novelty: np.ndarray, phrases: np.ndarray, grid: BeatGrid) -> np.ndarray:
    """Choose the beats where sections begin; the first is beat 0."""
    beats = len(novelty)
    peak = running_max(novelty, MIN_SECTION_BEATS + 1) == novelty
    level = novelty.mean() + SECTION_PEAK * novelty.std()
    found = np.flatnonzero(peak & (novelty > max(level, 1e-3)))
    anchors = phrases if len(phrases) else grid.downbeats
    if len(anchors):
        nearest = anchors[np.abs(anchors[None, :] - found[:, None]).argmin(axis=1)] if len(found) else found
        found = np.where(np.abs(nearest - found) <= MIN_SECTION_BEATS // 2, nearest, found)
    bounds = [0]
    for beat in np.unique(found):
        if beat - bounds[-1] >= MIN_SECTION_BEATS // 2 and beats - beat >= MIN_SECTION_BEATS // 2:
            bounds.append(int(beat))
    return np.array(bounds, dtype=np.int64)


def _sections(bounds: np.ndarray, described: np.ndarray, grid: BeatGrid, duration_s: float) -> tuple[Section, ...]:
    """Name the sections between the bounds."""
    ends = np.append(bounds[1:], len(described))
    means = np.stack([described[a:b].mean(axis=0) for a, b in zip(bounds, ends)])
    spread = np.mean([described[a:b].std(axis=0) for a, b in zip(bounds, ends)], axis=0)
    letters = _letters(means, float(np.linalg.norm(spread)))
    starts_s = np.append(grid.beats_s[bounds], duration_s)
    starts_s[0] = 0.0
    confidence = [float(np.clip(grid.beat_confidence[a:b].mean(), 0, 1)) for a, b in zip(bounds, ends)]
    return tuple(
        Section(float(start), float(end), letter, sure)
        for start, end, letter, sure in zip(starts_s, starts_s[1:], letters, confidence)
    )


def _letters(means: np.ndarray, spread: float) -> list[str]:
    """Give sections of similar means the same letter, in the order of their first appearance."""
    if len(means) == 1:
        return ["A"]
    groups = average_link_groups(means, SAME_IDEA * spread + 1e-9)
    order = {group: place for place, group in enumerate(dict.fromkeys(groups.tolist()))}
    return [_letter(order[group]) for group in groups.tolist()]


def _letter(place: int) -> str:
    """Name a section: A to Z, then AA, AB ..."""
    return chr(65 + place) if place < 26 else _letter(place // 26 - 1) + chr(65 + place % 26)
