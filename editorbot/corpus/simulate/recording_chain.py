"""How a whole jam is recorded: one room, one device, one level knob. First drawn, then applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.signal import oaconvolve

from editorbot.corpus.simulate.instruments import colored_noise, hum
from editorbot.corpus.simulate.plan import SILENT_DB, RecordingChain
from editorbot.corpus.simulate.signal import Sound, gain, loud_level, through, with_width


def draw_recording_chain(rng: np.random.Generator, effects: Sequence[str]) -> RecordingChain:
    """Draw how a jam is recorded; each of the effects is left out in some jams."""

    def on(name: str, share: float) -> bool:
        return bool(rng.random() < share) and name in effects

    room, hiss, dull, clipping = on("room", 0.85), on("hiss", 1.0), on("dull", 0.6), on("clipping", 0.3)
    tone = tuple(float(v) for v in rng.normal(0, 3.5, 3))
    return RecordingChain(
        room_s=float(rng.uniform(0.1, 1.4)) if room else 0.0,
        room_db=float(rng.uniform(-24, -3)),
        hiss_db=float(rng.uniform(-75, -24)) if hiss else SILENT_DB,
        hiss_slope_db=float(rng.uniform(-6, 0)),
        hum_db=float(rng.uniform(-60, -30)) if hiss and rng.random() < 0.3 else SILENT_DB,
        tone_db=(tone[0], tone[1], tone[2]) if dull else (0.0, 0.0, 0.0),
        lowpass_hz=float(rng.uniform(2500, 12000)) if dull and rng.random() < 0.5 else 0.0,
        width=float(rng.choice([0.0, rng.uniform(0, 1.3)], p=[0.35, 0.65])) if on("width", 0.7) else 1.0,
        compression_db=float(rng.uniform(2, 14)) if on("level", 0.35) else 0.0,
        drive_db=float(rng.uniform(3, 18)) if clipping else 0.0,
        clips_hard=bool(rng.random() < 0.5),
        codec=str(rng.choice(["phone", "mu-law", "mp3"], p=[0.3, 0.2, 0.5])) if on("codec", 0.3) else "",
        level_db=float(rng.uniform(-32, -12)) if on("level", 0.9) else -18.0,
        seed=int(rng.integers(2**31)),
    )


DEGRADATIONS = ("room", "dull", "boomy", "noisy", "clipped", "phone")
"""Ways in which the tone of a recording can be clearly degraded."""


def draw_degraded_chain(rng: np.random.Generator, degradations: tuple[str, ...] = ()) -> RecordingChain:
    """Draw a chain that clearly degrades the tone: in the ways named, or in one to three drawn.

    Most jams are recorded well enough; what restores tone has to learn from those that are not. Everything else is
    recorded as in a jam, at a level and width of its own, without clipping or codec.
    """
    named = degradations or tuple(rng.choice(DEGRADATIONS, size=int(rng.integers(1, 4)), replace=False))
    chain = draw_recording_chain(rng, ("room", "hiss", "level", "width"))
    chain = replace(chain, room_db=min(chain.room_db, -12.0), hiss_db=min(chain.hiss_db, -45.0))
    low, middle, high = (float(value) for value in rng.normal(0, 2.5, 3))
    changes: dict[str, Any] = {}
    if "room" in named:
        changes |= {"room_s": float(rng.uniform(0.4, 1.6)), "room_db": float(rng.uniform(-9, 1))}
    if "dull" in named:
        high -= float(rng.uniform(6, 18))
        changes["lowpass_hz"] = float(rng.uniform(2500, 8000)) if rng.random() < 0.5 else 0.0
    if "boomy" in named:
        low += float(rng.uniform(5, 14))
        middle -= float(rng.uniform(0, 5))
    if "noisy" in named:
        changes["hiss_db"] = float(rng.uniform(-38, -16))
        changes["hum_db"] = float(rng.uniform(-40, -20)) if rng.random() < 0.4 else chain.hum_db
    if "clipped" in named:
        changes["drive_db"] = float(rng.uniform(8, 20))
    if "phone" in named:
        changes["codec"] = "phone"
    return replace(chain, tone_db=(low, middle, high), **changes)


FULL = 0.999
"""Highest sample [full scale]."""

PHONE_HZ = (250.0, 3600.0)
"""Band of a telephone [Hz]."""

HUM_LOOP_S = 10.0
"""Hum and hiss are loops of this length [seconds]."""


def apply_recording_chain(sound: Sound, rate: int, chain: RecordingChain) -> Sound:
    """Record a jam in a room by a device: as long as it was, within full scale, without delay."""
    rng = np.random.default_rng(chain.seed)
    loud = loud_level(sound, rate)
    sound = _in_room(sound, rate, chain, rng) if chain.room_s > 0 else sound
    sound = _with_noise(sound, rate, chain, loud, rng)
    sound = _through_device(sound, rate, chain)
    sound = sound * np.float32(gain(chain.level_db) / max(loud_level(sound, rate), 1e-9))
    if chain.drive_db > 0:
        sound = _driven(sound, chain)
    if chain.codec:
        sound = _coded(sound, rate, chain.codec, rng)
    peak = float(np.abs(sound).max()) if sound.size else 0.0
    return np.clip(sound, -FULL, FULL) if peak < 2 else (sound * np.float32(FULL / peak)).astype(np.float32)


def impulse(rate: int, channels: int, seconds: float, rng: np.random.Generator) -> Sound:
    """Make the impulse response of a room: early reflections, then decaying noise, the highs faster; energy 1."""
    length = max(32, round(seconds * rate))
    now_s = np.arange(length, dtype=np.float32) / rate
    noise = rng.standard_normal((channels, length), dtype=np.float32)
    dull = noise.copy()
    for channel in dull:
        channel[:] = np.convolve(channel, np.hanning(max(3, rate // 3000)), mode="same")
    dull *= noise.std() / max(1e-9, float(dull.std()))
    tail = dull * np.exp(-6.9 * now_s / seconds) + noise * np.exp(-6.9 * now_s / (seconds * rng.uniform(0.2, 0.6)))
    build = np.minimum(1, now_s / rng.uniform(0.005, 0.03))
    response = (tail * build * 0.1).astype(np.float32)
    for at_s in np.sort(rng.uniform(0.002, 0.05, int(rng.integers(3, 10)))):
        at = min(length - 1, int(at_s * rate))
        response[:, at] += rng.uniform(-1, 1, channels).astype(np.float32) * np.float32(0.01 / (0.01 + at_s)) * 3
    return response / np.float32(np.sqrt((response**2).sum(axis=1).mean()))


def _in_room(sound: Sound, rate: int, chain: RecordingChain, rng: np.random.Generator) -> Sound:
    response = impulse(rate, sound.shape[0], chain.room_s, rng)
    room = oaconvolve(sound, response, axes=1)[:, : sound.shape[1]]
    return sound + room.astype(np.float32) * gain(chain.room_db)


def _with_noise(sound: Sound, rate: int, chain: RecordingChain, loud: float, rng: np.random.Generator) -> Sound:
    length = min(sound.shape[1], round(HUM_LOOP_S * rate))
    if chain.hiss_db > SILENT_DB:
        noise = np.stack([colored_noise(length, rate, chain.hiss_slope_db, rng) for _ in range(sound.shape[0])])
        sound = sound + _repeated(noise, sound.shape[1]) * np.float32(loud * gain(chain.hiss_db))
    if chain.hum_db > SILENT_DB:
        tone = hum(length / rate, rate, rng)
        tone = tone / np.float32(max(1e-9, float(np.sqrt(np.mean(tone**2)))))
        sound = sound + _repeated(tone[None, :length], sound.shape[1]) * np.float32(loud * gain(chain.hum_db))
    return sound


def _repeated(sound: Sound, length: int) -> Sound:
    """Repeat a sound up to a length."""
    return np.tile(sound, (1, -(-length // sound.shape[1])))[:, :length]


def _through_device(sound: Sound, rate: int, chain: RecordingChain) -> Sound:
    """Apply microphone and preamplifier: tone, low-pass, width, automatic level."""
    from pedalboard import Compressor, HighShelfFilter, LowpassFilter, LowShelfFilter, PeakFilter

    low, middle, high = chain.tone_db
    plugins: list[Any] = [
        LowShelfFilter(200, low),
        PeakFilter(1200, middle, 0.6),
        HighShelfFilter(min(3500, 0.35 * rate), high),
    ]
    if 0 < chain.lowpass_hz < 0.45 * rate:
        plugins += [LowpassFilter(chain.lowpass_hz), LowpassFilter(chain.lowpass_hz)]
    if chain.compression_db > 0:
        plugins.append(Compressor(20 * np.log10(max(1e-6, loud_level(sound, rate))) - chain.compression_db, 3, 20, 400))
    return through(plugins, with_width(sound, chain.width), rate)


def _driven(sound: Sound, chain: RecordingChain) -> Sound:
    """Drive sound into clipping, no louder than before."""
    peak = np.float32(max(1e-9, float(np.quantile(np.abs(sound[:, ::101]), 0.999))))
    pushed = sound / peak * gain(chain.drive_db)
    return (np.clip(pushed, -1, 1) if chain.clips_hard else np.tanh(pushed)) * min(peak, np.float32(FULL))


def _coded(sound: Sound, rate: int, codec: str, rng: np.random.Generator) -> Sound:
    """Encode and decode sound, without delay."""
    from pedalboard import HighpassFilter, LowpassFilter

    if codec == "phone":
        low, high = (float(min(hz * rng.uniform(0.7, 1.3), 0.4 * rate)) for hz in PHONE_HZ)
        ends = (HighpassFilter(low), HighpassFilter(low), LowpassFilter(high), LowpassFilter(high))
        sound = through(ends, sound, rate)
    if codec == "mp3":
        return _spectrally_thinned(sound, float(rng.uniform(12, 30)))
    folded = np.sign(sound) * np.log1p(255 * np.minimum(np.abs(sound), 1)) / np.log(256)
    steps = np.round(folded * 127) / 127
    return (np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255).astype(np.float32)


def _spectrally_thinned(sound: Sound, under_db: float) -> Sound:
    """Remove bins far below their neighbors in frequency, as codecs at low rates do."""
    from scipy.ndimage import uniform_filter1d

    size, block = 1024, 1 << 18
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    out = np.zeros((sound.shape[0], sound.shape[1] + 2 * size), dtype=np.float32)
    padded = np.pad(sound, ((0, 0), (size // 2, size + size // 2)))
    for first in range(0, padded.shape[1] - size, block):
        part = padded[:, first : first + block + size // 2]
        frames = np.lib.stride_tricks.sliding_window_view(part, size, axis=1)[:, :: size // 2]
        spectra = np.fft.rfft(frames * window, axis=2).astype(np.complex64)
        power = np.abs(spectra) ** 2
        around = uniform_filter1d(power, 24, axis=2, mode="nearest")
        spectra[power < around * np.float32(10 ** (-under_db / 10) * 8)] = 0
        back = np.fft.irfft(spectra, size, axis=2).astype(np.float32) * window
        for k in range(back.shape[1]):
            at = first + k * (size // 2)
            out[:, at : at + size] += back[:, k][:, : out.shape[1] - at]
    return out[:, size // 2 : size // 2 + sound.shape[1]]
