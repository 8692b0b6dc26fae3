"""How long `editorbot edit` takes and how much memory it holds, as whole processes.

Music from a folder is strung together to recordings of 10 minutes, 1 hour and
3 hours (16-bit stereo, 44.1 kHz, every piece at another level so that no two are
equal). Each is edited by a fresh process; beside it, in the same run, a process
that only decodes and writes the same file.

    python benchmarks/edit_speed.py MUSIC_FOLDER
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
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

RATE = 44_100
COPY = """
import sys, soundfile as sf
with sf.SoundFile(sys.argv[1]) as a, sf.SoundFile(sys.argv[2], "w", a.samplerate, a.channels, a.subtype) as b:
    for block in a.blocks(65536, dtype="int16"):
        b.write(block)
"""


@dataclass(frozen=True)
class Run:
    """One process that was measured."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measured(command: list[str]) -> Run:
    """Run a command and return what the system says that it took."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed: {error.decode(errors='replace')}")
    return Run(time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def is_usable(file: Path) -> bool:
    """Tell whether a file needs no conversion."""
    info = sf.info(file)
    return info.samplerate == RATE and info.channels == 2


def string_together(files: list[Path], minutes: float, path: Path) -> None:
    """Write a recording of `minutes` from music files, each pass at another level."""
    left = round(minutes * 60 * RATE)
    rng = np.random.default_rng(0)
    with sf.SoundFile(path, "w", RATE, 2, "PCM_16") as out:
        while left > 0:
            for file in files:
                gain = 10 ** (rng.uniform(-6, 0) / 20)
                with sf.SoundFile(file) as music:
                    for block in music.blocks(RATE, dtype="float32"):
                        out.write((gain * block)[:left])
                        left -= min(left, len(block))
                        if left == 0:
                            return


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("music", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[10, 60, 180])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "edit_speed.json")
    arguments = parser.parse_args()
    files = [file for file in sorted(arguments.music.rglob("*.ogg")) if is_usable(file)]
    if not files:
        raise SystemExit(f"{arguments.music} holds no stereo OGG file at {RATE} Hz")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        jam, copy = Path(folder, "jam.wav"), Path(folder, "copy.wav")
        for minutes in arguments.minutes:
            string_together(files, minutes, jam)
            runs = arguments.runs if minutes <= 60 else 1
            edits, copies = [], []
            for _ in range(runs):
                copies.append(measured([sys.executable, "-c", COPY, str(jam), str(copy)]))
                command = ["edit", str(jam), "--output", str(Path(folder, "out.wav")), "--no-cache", "--force"]
                edits.append(measured([sys.executable, "-m", "editorbot", *command]))
            rows.append(
                {
                    "minutes": minutes,
                    "runs": runs,
                    "edit_wall_s": statistics.median(run.wall_s for run in edits),
                    "edit_cpu_s": statistics.median(run.cpu_s for run in edits),
                    "edit_peak_mb": max(run.peak_mb for run in edits),
                    "times_decode_and_write": statistics.median(e.wall_s / c.wall_s for e, c in zip(edits, copies)),
                    "all_runs": [asdict(run) for run in edits],
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    starts = {
        name: statistics.median(measured([sys.executable, *command]).wall_s for _ in range(7))
        for name, command in {
            "python -c pass": ["-c", "pass"],
            "import editorbot": ["-c", "import editorbot"],
            "editorbot --help": ["-m", "editorbot", "--help"],
        }.items()
    }
    result = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "edit": rows, "start_s": starts}
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(starts))


if __name__ == "__main__":
    main()
