"""Augmentation of a pair: another pitch, speed, level, tone, some noise.

An augmentation is drawn first and then applied, so it can be stored, shown and applied again. Raw recording and edit
are changed alike, so that one still comes from the other; noise is added to the raw recording only, where it would
be. Speed moves every frame, so beats and pointers are moved too.

Conventions
-----------
Sound is the mono downmix at ANALYSIS_RATE, shape=(samples,), float32. A speed of 1.05 plays 5 % faster.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int8, Int64

from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.editlist.edit_list import Effect
from editorbot.errors import UsageError
from editorbot.render.effects import effect_stream
from editorbot.render.stretch import stretch_blocks
from editorbot.timebase import ANALYSIS_RATE

_TIE = 1e-6
"""Rounds halves up [frames]."""


@dataclass(frozen=True)
class AugmentSettings:
    """How far a pair may be changed, and how often."""

    probability: float = 0.5
    """Probability of each of the five changes, in [0, 1]."""
    pitch_semitones: float = 2.0
    """Largest transposition up or down [semitones]."""
    speed: float = 0.08
    """Largest change of speed, as a share."""
    gain_db: float = 9.0
    """Largest change of level [dB]."""
    eq_db: float = 6.0
    """Largest change of the lows and of the highs [dB]."""
    noise_db: float = 40.0
    """Noise is between this and half of it below the music [dB]."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("probability", 0.0, 1.0), ("pitch_semitones", 0.0, 12.0), ("speed", 0.0, 0.5), ("gain_db", 0.0, 40.0),
            ("eq_db", 0.0, 12.0), ("noise_db", 0.0, 120.0),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"{name} must be in [{low:g}, {high:g}], but is {value}")


@dataclass(frozen=True)
class Augmentation:
    """What is done to one pair."""

    pitch_semitones: float = 0.0
    """Transposition [semitones]."""
    speed: float = 1.0
    """Speed, 1 as it was."""
    gain_db: float = 0.0
    """Change of level [dB]."""
    low_db: float = 0.0
    """Change of the lows [dB]."""
    high_db: float = 0.0
    """Change of the highs [dB]."""
    noise_db: float | None = None
    """Distance of the noise below the music [dB]; None for no noise."""
    noise_seed: int = 0
    """Seed of the noise."""

    @property
    def is_nothing(self) -> bool:
        """Whether it changes nothing."""
        return self == Augmentation(noise_seed=self.noise_seed)


def draw_augmentation(rng: np.random.Generator, settings: AugmentSettings) -> Augmentation:
    """Draw an augmentation.

    Every number is drawn whether it is used or not, so that one setting does not change the others.
    """
    used = rng.random(5) < settings.probability
    pitch, speed, gain, low, high = rng.uniform(-1, 1, 5)
    depth, seed = rng.uniform(0.5, 1.0), int(rng.integers(2**31))
    return Augmentation(
        pitch_semitones=float(pitch * settings.pitch_semitones) if used[0] else 0.0,
        speed=float((1 + settings.speed) ** speed) if used[1] else 1.0,
        gain_db=float(gain * settings.gain_db) if used[2] else 0.0,
        low_db=float(low * settings.eq_db) if used[3] else 0.0,
        high_db=float(high * settings.eq_db) if used[3] else 0.0,
        noise_db=float(depth * settings.noise_db) if used[4] else None,
        noise_seed=seed,
    )


def augment_sound(
    sound: Float32[np.ndarray, " samples"], augmentation: Augmentation, *, with_noise: bool = True
) -> Float32[np.ndarray, " new_samples"]:
    """Apply an augmentation to a sound; the result is `augmented_samples` long."""
    changed = _stretched(sound, augmentation)[:, None]
    for kind, value_db in (("EQ_LOW", augmentation.low_db), ("EQ_HIGH", augmentation.high_db)):
        changed = effect_stream(Effect(kind, value_db), ANALYSIS_RATE, 1)(changed)
    mono = changed[:, 0] * 10 ** (augmentation.gain_db / 20)
    if augmentation.noise_db is not None and with_noise:
        level = float(np.sqrt(np.mean(mono**2))) if len(mono) else 0.0
        noise = np.random.default_rng(augmentation.noise_seed).standard_normal(len(mono))
        mono = mono + level * 10 ** (-augmentation.noise_db / 20) * noise
    return mono.astype(np.float32)


def augmented_samples(samples: int, augmentation: Augmentation) -> int:
    """Length of a sound after an augmentation [samples]."""
    return round(samples / augmentation.speed)


def _stretched(sound: Float32[np.ndarray, " samples"], augmentation: Augmentation) -> Float64[np.ndarray, " changed"]:
    """Change the speed and pitch of a sound."""
    if augmentation.speed == 1.0 and augmentation.pitch_semitones == 0.0:
        return sound.astype(np.float64)

    def read(start: int, end: int) -> Float64[np.ndarray, "samples channels"]:
        block = np.zeros((end - start, 1))
        low, high = max(start, 0), min(end, len(sound))
        if low < high:
            block[low - start : high - start, 0] = sound[low:high]
        return block

    blocks = stretch_blocks(
        read, 0, augmented_samples(len(sound), augmentation), ratio=augmentation.speed,
        semitones=augmentation.pitch_semitones, sample_rate=ANALYSIS_RATE, channels=1,
    )  # fmt: skip
    return np.concatenate(list(blocks))[:, 0]


def moved_beats(beats_s: Float[np.ndarray, " beats"], augmentation: Augmentation) -> Float[np.ndarray, " beats"]:
    """Return the beats of the augmented recording, shape=(beats,) [seconds]."""
    return np.asarray(beats_s / augmentation.speed)


def moved_pointers(
    pointers: Int64[np.ndarray, " frames"], augmentation: Augmentation, *, edit_frames: int, raw_frames: int
) -> Int64[np.ndarray, " new_frames"]:
    """Return the pointers of the augmented pair, whose edit and raw recording have so many frames.

    A stretch that runs on frame by frame still does so at the new speed.
    """
    place = np.arange(edit_frames) * augmentation.speed
    nearest = np.minimum(np.rint(place).astype(np.int64), len(pointers) - 1)
    source = pointers[nearest]
    # The rounding of the nearest frame is added again, so that it never breaks a stretch. Halves always
    # round up, whatever the last bit of a product: a stretch would stutter otherwise.
    moved = np.floor((source + place - nearest) / augmentation.speed + (0.5 + _TIE)).astype(np.int64)
    return np.where(source < 0, np.int64(-1), np.clip(moved, 0, raw_frames - 1))


def moved_ops(
    ops: Int8[np.ndarray, " frames"], augmentation: Augmentation, *, edit_frames: int
) -> Int8[np.ndarray, " new_frames"]:
    """Return the operations of the augmented edit, shape=(edit_frames,); each cut stays one frame."""
    place = np.rint(np.arange(edit_frames) * augmentation.speed).astype(np.int64)
    nearest = np.minimum(place, len(ops) - 1)
    moved = ops[nearest]
    is_cut = moved == FrameOp.SKIP
    moved[is_cut] = FrameOp.COPY
    cuts = np.searchsorted(nearest, np.flatnonzero(ops == FrameOp.SKIP))
    moved[cuts[cuts < edit_frames]] = FrameOp.SKIP
    return moved
