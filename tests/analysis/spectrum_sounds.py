"""Sounds and references for the spectrum's tests."""

from __future__ import annotations

import functools
from unittest import mock

import librosa
import numpy as np
import scipy.signal

from editorbot.analysis.spectrum import Spectrum
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.timebase import ANALYSIS_RATE
from tests.sounds import band


def music(seconds: float = 12.0, *, seed: int = 0) -> np.ndarray:
    """Return a band with a little room noise, then its quiet and dull half, float32 at the analysis rate."""
    rng = np.random.default_rng(seed)
    sound = band(seconds, ANALYSIS_RATE, seed=seed) + 1e-3 * rng.standard_normal(round(seconds * ANALYSIS_RATE))
    half = len(sound) // 2
    dull = scipy.signal.butter(8, 3_000, fs=ANALYSIS_RATE, output="sos")
    sound[half:] = 0.2 * scipy.signal.sosfilt(dull, sound[half:])
    return sound.astype(np.float32)


def scan(mono: np.ndarray, *, block: int = 100_000) -> Spectrum:
    """Return the spectrum of a downmix given in blocks of one length."""
    spectrum_scan = SpectrumScan(len(mono))
    for start in range(0, len(mono), block):
        spectrum_scan.update(mono[start : start + block])
    return spectrum_scan.finish()


def librosa_columns(mono: np.ndarray) -> np.ndarray:
    """Return columns 0-51 of every frame by librosa's own functions, without `top_db`, shape=(frames, 52)."""
    feature, rate = librosa.feature, ANALYSIS_RATE
    mel_db = librosa.power_to_db(feature.melspectrogram(y=mono, sr=rate), top_db=None)
    unlimited = functools.partial(librosa.power_to_db, top_db=None)
    with mock.patch("librosa.feature.spectral.power_to_db", unlimited):
        contrast = feature.spectral_contrast(y=mono, sr=rate)
    mfcc = feature.mfcc(S=mel_db, n_mfcc=13)
    rows = (
        librosa.onset.onset_strength(S=mel_db)[None],
        feature.rms(y=mono),
        feature.spectral_centroid(y=mono, sr=rate),
        feature.zero_crossing_rate(mono),
        feature.spectral_rolloff(y=mono, sr=rate),
        feature.spectral_bandwidth(y=mono, sr=rate),
        feature.spectral_flatness(y=mono),
        contrast,
        mfcc,
        feature.delta(mfcc),
        feature.chroma_stft(y=mono, sr=rate, tuning=0.0),
    )
    return np.concatenate(rows).T
