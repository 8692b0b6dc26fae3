"""The loudness meter against pyloudnorm and FFmpeg, and on signals whose loudness is known."""

from __future__ import annotations

import math
from fractions import Fraction

import av
import av.filter
import numpy as np
import pyloudnorm
import pytest
from scipy.signal import butter, resample_poly, sosfilt

from editorbot.polish import measure
from editorbot.polish.meter import LoudnessMeter, channel_weights

MINUS_INFINITY = -math.inf


def blocks_of(sound: np.ndarray, length: int = 4_096):
    return (sound[at : at + length] for at in range(0, len(sound), length))


def music_like(rate: int, channels: int, seconds: float = 12.0) -> np.ndarray:
    """Return noise and tones whose level moves by 40 dB, so that both gates matter."""
    rng = np.random.default_rng(rate + channels)
    time_s = np.arange(round(rate * seconds)) / rate
    tones = np.sin(2 * np.pi * 110 * time_s) + 0.5 * np.sin(2 * np.pi * 1_300 * time_s)
    level = 10 ** (-2 * np.abs(np.sin(2 * np.pi * time_s / 5)))
    return 0.2 * level[:, None] * (tones[:, None] + rng.standard_normal((len(time_s), channels)))


@pytest.mark.parametrize("rate", [8_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_loudness_agrees_with_pyloudnorm(rate, channels):
    sound = music_like(rate, channels)
    ours = measure(blocks_of(sound), rate, channels).integrated_lufs
    # "DeMan" is BS.1770's own filter at any rate; pyloudnorm's default is tuned to 48 kHz.
    assert ours == pytest.approx(pyloudnorm.Meter(rate, "DeMan").integrated_loudness(sound), abs=0.05)
    if rate >= 44_100:
        assert ours == pytest.approx(pyloudnorm.Meter(rate).integrated_loudness(sound), abs=0.1)


def test_full_scale_sine_reads_minus_three():
    time_s = np.arange(5 * 48_000) / 48_000
    sine = np.sin(2 * np.pi * 997 * time_s)[:, None]
    assert measure([sine], 48_000, 1).integrated_lufs == pytest.approx(-3.01, abs=0.02)
    assert measure([np.repeat(sine, 2, 1)], 48_000, 2).integrated_lufs == pytest.approx(0.0, abs=0.02)


def test_silence_between_does_not_count():
    rate = 48_000
    loud = music_like(rate, 2)
    gapped = np.concatenate([loud, np.zeros((20 * rate, 2)), loud])
    difference = measure([gapped], rate, 2).integrated_lufs - measure([loud], rate, 2).integrated_lufs
    assert abs(difference) < 0.1


def test_blocks_do_not_matter():
    sound = music_like(44_100, 2)
    whole = measure([sound], 44_100, 2)
    parts = measure(blocks_of(sound, 777), 44_100, 2)
    assert parts.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-9)
    assert parts.true_peak_db == pytest.approx(whole.true_peak_db, abs=1e-9)
    assert parts.peak_db == whole.peak_db


def test_integers_are_measured_as_fractions_of_full_scale():
    sound = music_like(44_100, 1)
    native = np.round(sound * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16)
    measured = measure([native], 44_100, 1)
    assert measured.integrated_lufs == pytest.approx(measure([native / 2**15], 44_100, 1).integrated_lufs, abs=1e-9)


@pytest.mark.parametrize("sound", [np.zeros((0, 2)), np.zeros((100, 2)), np.zeros((48_000, 2))])
def test_silence_has_no_loudness(sound):
    measured = measure([sound], 48_000, 2)
    assert measured.integrated_lufs == measured.true_peak_db == measured.peak_db == MINUS_INFINITY


def test_less_than_a_window_counts_as_one():
    time_s = np.arange(4_800) / 48_000
    sine = np.sin(2 * np.pi * 997 * time_s)[:, None]
    assert measure([sine], 48_000, 1).integrated_lufs == pytest.approx(-3.0, abs=0.3)


def test_surround_channels_weigh_more_and_the_bass_channel_nothing():
    assert channel_weights(6).tolist() == [1, 1, 1, 0, 1.41, 1.41]
    assert channel_weights(3).tolist() == [1, 1, 1]
    sound = np.zeros((48_000, 6))
    sound[:, 3] = music_like(48_000, 1, 1.0)[:, 0]
    assert measure([sound], 48_000, 6).integrated_lufs == MINUS_INFINITY


@pytest.mark.parametrize(("frequency", "phase"), [(0.25, 0.25), (0.125, 0.1), (0.23, 0.0), (1 / 6, 1 / 6)])
def test_true_peak_of_a_sine_between_its_samples(frequency, phase):
    wave = 0.5 * np.sin(2 * np.pi * (frequency * np.arange(20_000) + phase / 2))
    faded = (wave * np.hanning(20_000))[:, None]
    assert measure([faded], 48_000, 1).true_peak_db == pytest.approx(20 * math.log10(0.5), abs=0.25)


def test_true_peak_agrees_with_a_long_oversampling_filter():
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (20_000, 2))
    reference = 20 * math.log10(np.abs(resample_poly(sound, 4, 1, axis=0, window=("kaiser", 8.0))).max())
    assert measure([sound], 48_000, 2).true_peak_db == pytest.approx(reference, abs=0.3)


def test_a_peak_in_the_last_sample_is_seen():
    meter = LoudnessMeter(48_000, 1)
    meter.add(np.zeros((1_000, 1)))
    meter.add(np.array([[0.5]]))
    assert meter.result().true_peak_db >= 20 * math.log10(0.5)


def measured_by_ffmpeg(sound: np.ndarray, rate: int) -> tuple[float, float]:
    """Return integrated loudness [LUFS] and true peak [dBTP] by FFmpeg's filter ebur128."""
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[sound.shape[1]]
    graph = av.filter.Graph()
    source = graph.add_abuffer(format="dbl", sample_rate=rate, layout=layout, time_base=Fraction(1, rate))
    graph.link_nodes(source, graph.add("ebur128", "metadata=1:peak=true"), graph.add("abuffersink")).configure()
    found: dict[str, str] = {}
    for block in [*blocks_of(sound, rate // 10), None]:
        frame = None
        if block is not None:
            samples = np.ascontiguousarray(block).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="dbl", layout=layout)
            frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        graph.push(frame)
        try:
            while True:
                found.update(graph.pull().metadata)
        except (av.BlockingIOError, av.EOFError):
            continue
    return float(found["lavfi.r128.I"]), 20 * math.log10(float(found["lavfi.r128.true_peak"]))


def sine_between_samples(rate: int, channels: int) -> np.ndarray:
    """Return a sine at a quarter of the rate whose samples are all 3 dB below its peaks, faded in and out."""
    wave = 0.5 * np.sin(np.pi * (np.arange(5 * rate) / 2 + 0.25)) * np.clip(np.hanning(5 * rate) * 10, 0, 1)
    return np.repeat(wave[:, None], channels, axis=1)


@pytest.mark.skipif("ebur128" not in av.filter.filters_available, reason="PyAV's FFmpeg has no filter ebur128")
@pytest.mark.parametrize(
    ("make", "rate", "channels"),
    [
        (music_like, 44_100, 2), (music_like, 48_000, 1), (music_like, 48_000, 6), (music_like, 96_000, 2),
        (sine_between_samples, 48_000, 2),
    ],
)  # fmt: skip
def test_loudness_and_true_peak_agree_with_ffmpeg(make, rate, channels):
    # FFmpeg looks for peaks at 192 kHz whatever the rate, so that what is above 20 kHz would tell them apart.
    sound = sosfilt(butter(8, 18_000, fs=rate, output="sos"), make(rate, channels), axis=0)
    ours, (integrated_lufs, true_peak_db) = measure(blocks_of(sound), rate, channels), measured_by_ffmpeg(sound, rate)
    assert ours.integrated_lufs == pytest.approx(integrated_lufs, abs=0.1)
    assert ours.true_peak_db == pytest.approx(true_peak_db, abs=0.2)
