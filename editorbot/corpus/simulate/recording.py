"""How a whole jam is recorded: one room, one device, one hand on the level."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.signal import oaconvolve

from editorbot.corpus.simulate.instruments import colored_noise, hum
from editorbot.corpus.simulate.plan import SILENT_DB, Recorded
from editorbot.corpus.simulate.signal import Sound, gain, loud_level, through

FULL = 0.999
"""Highest sample [full scale]."""

PHONE_HZ = (250.0, 3600.0)
"""What a telephone lets through [Hz]."""

HUM_LOOP_S = 10.0
"""Hum and hiss are repeated after this time [seconds]."""


def recorded(sound: Sound, rate: int, how: Recorded) -> Sound:
    """Return a jam as a device in a room records it.

    Parameters
    ----------
    sound : np.ndarray, shape=(channels, samples), float32
        What is played.
    rate : int [Hz]
        Its rate.
    how : Recorded
        The room, the device, its settings.

    Returns
    -------
    recorded : np.ndarray, shape=(channels, samples), float32
        As long, within full scale, and not a sample late.
    """
    rng = np.random.default_rng(how.seed)
    loud = loud_level(sound, rate)
    sound = _in_room(sound, rate, how, rng) if how.room_s > 0 else sound
    sound = _with_noise(sound, rate, how, loud, rng)
    sound = _through_device(sound, rate, how)
    sound = sound * np.float32(gain(how.level_db) / max(loud_level(sound, rate), 1e-9))
    if how.drive_db > 0:
        sound = _driven(sound, how)
    if how.codec:
        sound = _coded(sound, rate, how.codec, rng)
    peak = float(np.abs(sound).max()) if sound.size else 0.0
    return np.clip(sound, -FULL, FULL) if peak < 2 else (sound * np.float32(FULL / peak)).astype(np.float32)


def impulse(rate: int, channels: int, seconds: float, rng: np.random.Generator) -> Sound:
    """Return a room's response to a clap: some walls, then noise that dies away, the highs sooner; energy 1."""
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


def _in_room(sound: Sound, rate: int, how: Recorded, rng: np.random.Generator) -> Sound:
    response = impulse(rate, sound.shape[0], how.room_s, rng)
    room = oaconvolve(sound, response, axes=1)[:, : sound.shape[1]]
    return sound + room.astype(np.float32) * gain(how.room_db)


def _with_noise(sound: Sound, rate: int, how: Recorded, loud: float, rng: np.random.Generator) -> Sound:
    length = min(sound.shape[1], round(HUM_LOOP_S * rate))
    if how.hiss_db > SILENT_DB:
        noise = np.stack([colored_noise(length, rate, how.hiss_slope_db, rng) for _ in range(sound.shape[0])])
        sound = sound + _repeated(noise, sound.shape[1]) * np.float32(loud * gain(how.hiss_db))
    if how.hum_db > SILENT_DB:
        tone = hum(length / rate, rate, rng)
        tone = tone / np.float32(max(1e-9, float(np.sqrt(np.mean(tone**2)))))
        sound = sound + _repeated(tone[None, :length], sound.shape[1]) * np.float32(loud * gain(how.hum_db))
    return sound


def _repeated(sound: Sound, length: int) -> Sound:
    """Return a sound over and over, up to a length."""
    return np.tile(sound, (1, -(-length // sound.shape[1])))[:, :length]


def _through_device(sound: Sound, rate: int, how: Recorded) -> Sound:
    """Return sound through microphone and preamplifier: tone, end of the highs, width, automatic level."""
    from pedalboard import Compressor, HighShelfFilter, LowpassFilter, LowShelfFilter, PeakFilter

    low, middle, high = how.tone_db
    chain: list[Any] = [
        LowShelfFilter(200, low),
        PeakFilter(1200, middle, 0.6),
        HighShelfFilter(min(3500, 0.35 * rate), high),
    ]
    if 0 < how.top_hz < 0.45 * rate:
        chain += [LowpassFilter(how.top_hz), LowpassFilter(how.top_hz)]
    if how.squeeze_db > 0:
        chain.append(Compressor(20 * np.log10(max(1e-6, loud_level(sound, rate))) - how.squeeze_db, 3, 20, 400))
    if sound.shape[0] == 2 and how.width != 1:
        middle_sound, side = (sound[0] + sound[1]) / 2, (sound[0] - sound[1]) / 2 * np.float32(how.width)
        sound = np.stack([middle_sound + side, middle_sound - side])
    return through(chain, sound, rate)


def _driven(sound: Sound, how: Recorded) -> Sound:
    """Return sound driven into clipping, no louder than before."""
    peak = np.float32(max(1e-9, float(np.quantile(np.abs(sound[:, ::101]), 0.999))))
    pushed = sound / peak * gain(how.drive_db)
    return (np.clip(pushed, -1, 1) if how.clips_hard else np.tanh(pushed)) * min(peak, np.float32(FULL))


def _coded(sound: Sound, rate: int, codec: str, rng: np.random.Generator) -> Sound:
    """Return sound after a codec, in time."""
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
    """Return sound without what lies far under its neighbors in frequency, as coders at low rates leave it."""
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
