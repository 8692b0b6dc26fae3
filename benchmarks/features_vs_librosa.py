"""Columns 0-51 of the features beside librosa's own functions, on real music.

    python benchmarks/features_vs_librosa.py FOLDER [--tracks 8] [--seconds 180]

Takes tracks spread evenly over the audio files of FOLDER, pools both by the analysis's beats, and writes
``results/features_vs_librosa.md``: the largest difference of each column over all beats, as a share
of the column's standard deviation within its track. The bar is 1e-3.
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from unittest import mock

import librosa
import numpy as np
import soundfile as sf

from editorbot.analysis.beats import track_beats
from editorbot.analysis.downmix import MonoReader
from editorbot.analysis.features import FEATURE_NAMES, beat_frames, pool_beats
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE

BAR = 1e-3
ENDINGS = {".wav", ".flac", ".ogg", ".opus", ".mp3"}
MIN_TRACK_S = 45.0


def librosa_columns(mono: np.ndarray) -> np.ndarray:
    """Return columns 0-51 of every frame by librosa's own functions, without `top_db`, shape=(frames, 52)."""
    feature, rate = librosa.feature, ANALYSIS_RATE
    mel_db = librosa.power_to_db(feature.melspectrogram(y=mono, sr=rate), top_db=None)
    with mock.patch("librosa.feature.spectral.power_to_db", functools.partial(librosa.power_to_db, top_db=None)):
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


def differences(path: Path, seconds: float) -> np.ndarray:
    """Return the largest difference of each column over a track's beats, in standard deviations, shape=(52,)."""
    with open_recording(path) as recording:
        mono = np.concatenate(list(MonoReader(recording).blocks()))[: round(seconds * ANALYSIS_RATE)]
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    spectrum = scan.finish()
    beats_s = track_beats(spectrum.tracks, len(mono) / ANALYSIS_RATE).beats_s
    rows = librosa_columns(mono).astype(np.float64)
    bounds = np.append(beat_frames(beats_s, len(rows)), len(rows))
    expected = np.stack([rows[a : max(b, a + 1)].mean(axis=0) for a, b in zip(bounds, bounds[1:])])
    spread = np.maximum(expected.std(axis=0), 1e-9)
    return (np.abs(pool_beats(spectrum, beats_s) - expected) / spread).max(axis=0)


def is_music(path: Path) -> bool:
    """Tell a track from a sound effect, whose few beats have no spread to speak of."""
    return sf.info(path).duration >= MIN_TRACK_S


def main() -> int:
    """Measure, write the table, and return 1 where the bar is missed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--tracks", type=int, default=8)
    arguments.add_argument("--seconds", type=float, default=180.0)
    options = arguments.parse_args()
    files = sorted(path for path in options.folder.rglob("*") if path.suffix.lower() in ENDINGS and is_music(path))
    chosen = [files[i] for i in np.unique(np.linspace(0, len(files) - 1, options.tracks).astype(int))]
    worst = np.stack([differences(path, options.seconds) for path in chosen])
    lines = [
        "# Features beside librosa's own functions",
        "",
        f"librosa {librosa.__version__}, numpy {np.__version__}; {len(chosen)} tracks, up to {options.seconds:.0f} s "
        "each, from the same mono. Largest difference over all beats of all tracks, in standard deviations of the "
        f"column; bar {BAR:.0e}.",
        "",
        f"Worst column: **{worst.max():.1e}**. Tracks: {', '.join(path.name for path in chosen)}.",
        "",
        "| column | name | largest difference | its track |",
        "|---|---|---|---|",
    ]
    for column in range(worst.shape[1]):
        track = chosen[int(np.argmax(worst[:, column]))].name
        lines.append(f"| {column} | {FEATURE_NAMES[column]} | {worst[:, column].max():.1e} | {track} |")
    (Path(__file__).parent / "results" / "features_vs_librosa.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines[:6]))
    return int(worst.max() > BAR)


if __name__ == "__main__":
    sys.exit(main())
