"""Augments the jams that the learned score trains on, so that no epoch is like the one before.

Remixing cuts a jam into stretches, leaves out junk and repeats, puts in stretches of other jams, plays loops on and
breaks starts off. Transposing moves a jam to another key and tone: neither says what to keep, and a network that knows
a track in one key may learn it by heart. Both work on the step inputs; remixing computes the repeat features anew.
That takes a tenth of a second, where a simulated and analyzed jam takes three.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Int8

from editorbot.analysis.spectrum import STEP_MEL_BANDS
from editorbot.editors.scoring.inputs import LEVEL, SOUND_COUNT, with_repeat_features
from editorbot.models.scorer_config import CLASSES
from editorbot.timebase import STEP_S
from editorbot.training.scored.examples import Example

KEEP, SOUNDS, NOODLING, OTHER_SONG, BAD_TAKE, REPEAT = range(len(CLASSES))

LEFT_OUT = {SOUNDS: 0.25, NOODLING: 0.3, OTHER_SONG: 0.4, BAD_TAKE: 0.15, REPEAT: 0.25, KEEP: 0.0}
"""Probability that a stretch of a class is left out, before a random factor of the jam."""

FINISHED = 0.1
"""Share of jams of which only the music is left, so that a recording without faults is recognized."""

TONE_COUNT = 2 * STEP_MEL_BANDS
"""First columns: band levels against the loud parts, and tone."""

LEAST_STEPS, LEAST_MUSIC_STEPS = 100, 40
"""A jam that would be shorter, or hold less music, is not changed."""

HARMONY = slice(2 * STEP_MEL_BANDS, LEVEL)
"""Columns of the twelve pitch classes."""

FARTHEST_BANDS = 2
"""Most bands that the spectrum moves up or down; two are about a third."""

STRENGTHS = (0.75, 1.25)
"""Least and greatest factor of the band levels."""


@dataclass(frozen=True)
class Stretch:
    """Consecutive steps of one class."""

    values: Float32[np.ndarray, "steps inputs"]
    """Their step inputs."""
    classes: Int8[np.ndarray, " steps"]
    """Their class."""
    source_s: Float32[np.ndarray, " steps"]
    """Their time in the finished track [seconds]."""

    @property
    def kind(self) -> int:
        """Class of the stretch."""
        return int(self.classes[0])

    def part(self, first: int, last: int) -> Stretch:
        """The steps [first, last)."""
        return Stretch(self.values[first:last], self.classes[first:last], self.source_s[first:last])

    def of_class(self, number: int) -> Stretch:
        """The same steps, labeled as another class."""
        return replace(self, classes=np.full_like(self.classes, number))

    def __len__(self) -> int:
        return len(self.classes)


def stretches_of(example: Example) -> list[Stretch]:
    """Cut an example where its class changes or the finished track jumps."""
    jumps = np.abs(np.diff(example.source_s) - STEP_S) > 0.5
    bounds = np.flatnonzero((np.diff(example.classes) != 0) | jumps) + 1
    whole = Stretch(np.asarray(example.inputs.values, np.float32), example.classes, example.source_s)
    ends = [0, *bounds.tolist(), len(example.classes)]
    return [whole.part(first, last) for first, last in zip(ends[:-1], ends[1:])]


def without(example: Example, kinds: Collection[int]) -> Example | None:
    """Leave out all stretches of some classes; None if too little is left."""
    if not kinds:
        return example
    return _joined([part for part in stretches_of(example) if part.kind not in kinds])


def remixed(example: Example, others: Sequence[Example], rng: np.random.Generator) -> Example:
    """Make another jam of one, with scraps of others."""
    if rng.random() < FINISHED:
        return _joined(_finished(example, others, rng)) or example
    factor = rng.uniform(0, 1.5)
    parts = [part for part in stretches_of(example) if rng.random() > LEFT_OUT[part.kind] * factor]
    if rng.random() < 0.3:
        parts = _cropped(parts, rng)
    for _ in range(rng.poisson(1.5)):
        at = int(rng.integers(0, len(parts) + 1))
        parts[at:at] = _scrap(parts, others, rng)
    if rng.random() < 0.4:
        parts = _with_vamp(parts, rng)
    if rng.random() < 0.3:
        parts = _with_false_start(parts, others, rng)
    return _joined(parts) or example


def _finished(example: Example, others: Sequence[Example], rng: np.random.Generator) -> list[Stretch]:
    """Keep only the music of a jam, sometimes with noise before or after it."""
    music = [part for part in stretches_of(example) if part.kind == KEEP]
    before, after = (_sounds(others, rng) if rng.random() < 0.36 else [] for _ in range(2))
    return [*before, *music, *after]


def _cropped(parts: list[Stretch], rng: np.random.Generator) -> list[Stretch]:
    """Crop a jam to 60 - 100 % of its length."""
    count = sum(map(len, parts))
    first = int(rng.integers(0, int(0.4 * count) + 1))
    last = first + int(count * rng.uniform(0.6, 1))
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    cut = [part.part(max(0, first - start), max(0, last - start)) for part, start in zip(parts, starts)]
    return [part for part in cut if len(part)]


def _scrap(parts: Sequence[Stretch], others: Sequence[Example], rng: np.random.Generator) -> list[Stretch]:
    """Draw a stretch of another jam: talk and noise, noodling, or its music as a scrap of another song."""
    chance = rng.random()
    if chance < 0.45:
        return _sounds(others, rng)
    found = _foreign(others, (NOODLING, OTHER_SONG) if chance < 0.7 else (KEEP,), rng)
    if found is None:
        return []
    if found.kind == KEEP:
        length = int(rng.integers(20, 220))
        first = int(rng.integers(0, max(1, len(found) - length)))
        found = found.part(first, first + length).of_class(OTHER_SONG)
    found = _shifted(found, rng, 1.0)
    if found.kind == OTHER_SONG:
        # The same room and desk, more or less.
        music = [part.values[:, :TONE_COUNT] for part in parts if part.kind == KEEP]
        if music:
            usual = np.concatenate(music).mean(0)
            found.values[:, :TONE_COUNT] += rng.uniform(0, 1) * (usual - found.values[:, :TONE_COUNT].mean(0))
    return [replace(found, source_s=np.full_like(found.source_s, np.nan))]


def _sounds(others: Sequence[Example], rng: np.random.Generator) -> list[Stretch]:
    """Draw up to half a minute of another jam's talk and noise."""
    found = _foreign(others, (SOUNDS,), rng)
    return [] if found is None else [_shifted(found.part(0, int(rng.integers(5, 160))), rng, 1.5)]


def _foreign(others: Sequence[Example], kinds: tuple[int, ...], rng: np.random.Generator) -> Stretch | None:
    """Draw a stretch of some classes from any other jam; None if six tries find none."""
    for _ in range(6):
        parts = stretches_of(others[int(rng.integers(len(others)))])
        fitting = [part for part in parts if part.kind in kinds and len(part) > 3]
        if fitting:
            return fitting[int(rng.integers(len(fitting)))]
    return None


def _shifted(part: Stretch, rng: np.random.Generator, size: float) -> Stretch:
    """Make a stretch louder or softer, brighter or duller, by about 4 dB x size."""
    values = np.array(part.values)
    louder = 4 * rng.normal(0, size)
    values[:, :STEP_MEL_BANDS] += louder / 15
    values[:, LEVEL : LEVEL + 3] += louder / 12
    values[:, SOUND_COUNT : SOUND_COUNT + 3] += louder
    values[:, STEP_MEL_BANDS:TONE_COUNT] += np.cumsum(rng.normal(0, 0.08 * size, STEP_MEL_BANDS))
    return replace(part, values=values)


def _noisy(part: Stretch, rng: np.random.Generator, size: float) -> Stretch:
    """Change every step a little, as if the stretch was played again."""
    values = np.array(part.values)
    noise = rng.standard_normal((len(part), SOUND_COUNT)).astype(np.float32)
    noise = (noise + np.roll(noise, 1, axis=0) + np.roll(noise, -1, axis=0)) / 1.7
    values[:, :SOUND_COUNT] += noise * size
    return replace(part, values=values)


def _music(parts: Sequence[Stretch]) -> list[int]:
    """Number the stretches of music that are long enough to change."""
    return [number for number, part in enumerate(parts) if part.kind == KEEP and len(part) > 40]


def _with_vamp(parts: list[Stretch], rng: np.random.Generator) -> list[Stretch]:
    """Repeat one loop up to five times more."""
    music = _music(parts)
    if not music:
        return parts
    number = music[int(rng.integers(len(music)))]
    part = parts[number]
    length = int(np.clip(rng.choice([2, 2, 4, 4, 8]) * rng.uniform(8, 14), 10, min(120, len(part) - 2)))
    end, turns = int(rng.integers(length, len(part))), int(rng.integers(1, 6))
    shift, noise = rng.choice([0, 0.1, 0.4]), rng.choice([0, 0.05, 0.15, 0.3])
    loop = part.part(end - length, end).of_class(REPEAT)
    played = [_noisy(_shifted(loop, rng, shift), rng, noise) for _ in range(turns)]
    return [*parts[:number], part.part(0, end), *played, part.part(end, len(part)), *parts[number + 1 :]]


def _with_false_start(parts: list[Stretch], others: Sequence[Example], rng: np.random.Generator) -> list[Stretch]:
    """Begin a stretch, break it off, and begin it again."""
    music = _music(parts)
    if not music:
        return parts
    number = music[0] if rng.random() < 0.5 else music[int(rng.integers(len(music)))]
    begun = parts[number].part(0, int(rng.integers(15, 150))).of_class(BAD_TAKE)
    begun = _noisy(_shifted(begun, rng, 0.4), rng, rng.choice([0.05, 0.15, 0.3]))
    return [*parts[:number], begun, *_sounds(others, rng), *parts[number:]]


def _joined(parts: Sequence[Stretch]) -> Example | None:
    """Join stretches to one jam; None if too little is left."""
    parts = [part for part in parts if len(part)]
    if sum(map(len, parts)) < LEAST_STEPS or sum(len(part) for part in parts if part.kind == KEEP) < LEAST_MUSIC_STEPS:
        return None
    parts = _first_heard(parts)
    classes, source_s = (np.concatenate([getattr(part, name) for part in parts]) for name in ("classes", "source_s"))
    return Example(with_repeat_features(np.concatenate([part.values for part in parts])), classes, source_s)


def _first_heard(parts: Sequence[Stretch]) -> list[Stretch]:
    """Label repeats whose first play is gone as music."""
    places = [np.round(part.source_s / STEP_S) for part in parts]
    held = {place for part, places_of in zip(parts, places) if part.kind == KEEP for place in places_of.tolist()}
    turned = []
    for part, places_of in zip(parts, places):
        is_held = part.kind != REPEAT or np.mean([place in held for place in places_of.tolist()]) >= 0.3
        if not is_held:
            held.update(places_of.tolist())
        turned.append(part if is_held else part.of_class(KEEP))
    return turned


def transposed(example: Example, rng: np.random.Generator) -> Example:
    """Move a jam to another key: rotate its pitch classes, move and scale its bands; all steps change alike."""
    values = np.array(example.inputs.values, np.float32)
    values[:, HARMONY] = np.roll(values[:, HARMONY], int(rng.integers(12)), axis=1)
    up = int(rng.integers(-FARTHEST_BANDS, FARTHEST_BANDS + 1))
    for first in (0, STEP_MEL_BANDS):
        bands = slice(first, first + STEP_MEL_BANDS)
        values[:, bands] = _moved(values[:, bands], up) * np.float32(rng.uniform(*STRENGTHS))
    return replace(example, inputs=replace(example.inputs, values=values))


def _moved(bands: Float32[np.ndarray, "steps bands"], up: int) -> Float32[np.ndarray, "steps bands"]:
    """Move bands up by some places; the outermost are repeated."""
    return bands[:, np.clip(np.arange(bands.shape[1]) - up, 0, bands.shape[1] - 1)]
