"""Speed of `editorbot analyze --no-cache` beside librosa's own functions, whole processes.

    python benchmarks/analyze_speed.py TRACK [--minutes 10] [--runs 3]

Makes a 44.1 kHz stereo WAV of the wanted length out of TRACK, runs one process of each in turn, and writes
``results/analyze_speed.md``. The ratio is the median over runs of librosa's wall time by ours.
The librosa process loads the file at 22,050 Hz, calls one function a column group (the spectra are shared where
its functions take them) and `beat_track`; it pools by beat as we do.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

RATE = 44_100

LIBROSA = """
import sys, librosa, numpy as np
y, sr = librosa.load(sys.argv[1], sr=22050)
f = librosa.feature
onset = librosa.onset.onset_strength(y=y, sr=sr)
_, beats = librosa.beat.beat_track(y=y, sr=sr)
mfcc = f.mfcc(y=y, sr=sr, n_mfcc=13)
rows = [onset[None], f.rms(y=y), f.spectral_centroid(y=y, sr=sr), f.zero_crossing_rate(y),
        f.spectral_rolloff(y=y, sr=sr), f.spectral_bandwidth(y=y, sr=sr), f.spectral_flatness(y=y),
        f.spectral_contrast(y=y, sr=sr), mfcc, f.delta(mfcc), f.chroma_stft(y=y, sr=sr, tuning=0.0)]
table = librosa.util.sync(np.concatenate(rows), beats)
print(table.shape)
"""

LIBROSA_SHARED = """
import sys, librosa, numpy as np
y, sr = librosa.load(sys.argv[1], sr=22050)
f = librosa.feature
S = np.abs(librosa.stft(y)); P = S ** 2
mel = librosa.power_to_db(f.melspectrogram(S=P, sr=sr), top_db=None)
onset = librosa.onset.onset_strength(S=mel, sr=sr)
_, beats = librosa.beat.beat_track(onset_envelope=onset, sr=sr)
mfcc = f.mfcc(S=mel, n_mfcc=13)
rows = [onset[None], f.rms(y=y), f.spectral_centroid(S=S, sr=sr), f.zero_crossing_rate(y),
        f.spectral_rolloff(S=S, sr=sr), f.spectral_bandwidth(S=S, sr=sr), f.spectral_flatness(S=S),
        f.spectral_contrast(S=S, sr=sr), mfcc, f.delta(mfcc), f.chroma_stft(S=P, sr=sr, tuning=0.0)]
table = librosa.util.sync(np.concatenate(rows), beats)
print(table.shape)
"""


def make_wav(track: Path, minutes: float, path: Path) -> None:
    """Write the track over and over as 16-bit stereo at 44.1 kHz."""
    sound, rate = sf.read(track, dtype="float32", always_2d=True)
    stereo = np.repeat(sound, 2, axis=1) if sound.shape[1] == 1 else sound[:, :2]
    if rate != RATE:
        stereo = soxr.resample(stereo, rate, RATE)
    samples = round(minutes * 60 * RATE)
    repeats = -(-samples // len(stereo))
    sf.write(path, np.tile(stereo, (repeats, 1))[:samples], RATE, subtype="PCM_16")


def seconds(command: list[str]) -> dict[str, float]:
    """Run a process; return its wall time and the processor time of it and its threads [seconds]."""
    before, start = os.times(), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall_s, after = time.monotonic() - start, os.times()
    spent_s = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall_s": round(wall_s, 2), "processor_s": round(spent_s, 2)}


def main() -> None:
    """Measure and write the result."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("track", type=Path)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--note", default="", help="a sentence about how it was run")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wav = str(Path(folder) / "track.wav")
        make_wav(options.track, options.minutes, Path(wav))
        commands = {
            "editorbot": [sys.executable, "-m", "editorbot", "analyze", wav, "--no-cache"],
            "librosa": [sys.executable, "-c", LIBROSA, wav],
            "librosa_shared": [sys.executable, "-c", LIBROSA_SHARED, wav],
        }
        load_before = load()
        # Compiled kernels are on disk for both before the clock runs.
        for command in commands.values():
            seconds(command)
        runs = [{name: seconds(command) for name, command in commands.items()} for _ in range(options.runs)]
    write_result(options, runs, f"{load_before} before, {load()} after")


def load() -> str:
    """Return the load average of the last minute, ours included, where the system tells it."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def write_result(options: argparse.Namespace, runs: list[dict[str, dict[str, float]]], loads: str) -> None:
    """Write the table and the numbers behind it."""
    lines = [
        "# Analysis beside librosa, whole processes",
        "",
        f"{options.minutes:g} min of {options.track.name}, 44.1 kHz stereo 16-bit; {options.runs} runs in turn, "
        f"medians; {os.cpu_count()} cores ({platform.machine()}), shared with other work (load {loads}). "
        f"Bar: 8 x, goal 20 x. {options.note}".strip(),
        "",
        "| | wall s | processor s | ratio, wall | ratio, processor |",
        "|---|---|---|---|---|",
    ]
    for name in runs[0]:
        median = {key: statistics.median(run[name][key] for run in runs) for key in ("wall_s", "processor_s")}
        ratio = {key: statistics.median(run[name][key] / run["editorbot"][key] for run in runs) for key in median}
        lines.append(
            f"| {name} | {median['wall_s']:.1f} | {median['processor_s']:.1f} "
            f"| {ratio['wall_s']:.1f} | {ratio['processor_s']:.1f} |"
        )
    lines += [
        "",
        "`librosa` calls one function a column group from the waveform; `librosa_shared` gives its functions one STFT.",
        "",
        "```json",
        *(json.dumps(run) for run in runs),
        "```",
    ]
    (Path(__file__).parent / "results" / "analyze_speed.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
