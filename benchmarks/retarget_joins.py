"""Measures on the audio how audible the joins of `retarget` are.

For each join two things are measured on the music itself, without the analysis: the *jump*, the difference of the
log-mel spectra of the quarter seconds before and after it [dB]; and the *surprise*, how far the two seconds on either
side differ from the recording there, on the better side [dB]. For comparison, in the same recording: places without a
join, joins of random beats, and joins of random beats at the same position in the bar.

    python benchmarks/retarget_joins.py FILE [FILE ...] [--out TABLE.md]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import librosa
import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.seams import seams_of
from editorbot.editlist.edit_list import EditList
from editorbot.editors.base import EditRequest
from editorbot.editors.retarget import RetargetEditor
from editorbot.recording import Recording, open_recording

RATIOS = (0.3, 0.45, 0.7, 1.5)
"""Targets, as shares of the recording."""
NEAR_S, FAR_S = 0.25, 2.0
"""Windows of jump and surprise [seconds]."""
HOP_S = 0.02
"""Hop of the measuring spectra [seconds]."""


@dataclass(frozen=True)
class Sound:
    """Log-mel spectra of a recording."""

    mel_db: np.ndarray
    """Shape=(frames, 64) [dB], floor 60 dB below the largest."""
    frames_per_s: float
    """Frames a second."""

    def at(self, start_s: float, end_s: float) -> np.ndarray:
        """Slice the spectra of a stretch; beyond the ends the last one repeats."""
        first, count = round(start_s * self.frames_per_s), round((end_s - start_s) * self.frames_per_s)
        inside = np.clip(np.arange(first, first + count), 0, len(self.mel_db) - 1)
        return self.mel_db[inside]

    def jump_db(self, leave_s: float, arrive_s: float) -> float:
        """Measure the difference of the spectra just before and just after."""
        before = self.at(leave_s - NEAR_S, leave_s).mean(axis=0)
        after = self.at(arrive_s, arrive_s + NEAR_S).mean(axis=0)
        return float(np.sqrt(np.mean((before - after) ** 2)))

    def surprise_db(self, leave_s: float, arrive_s: float) -> float:
        """Measure how little the join resembles the recording, on its better side."""
        past = self.at(leave_s - FAR_S, leave_s) - self.at(arrive_s - FAR_S, arrive_s)
        future = self.at(leave_s, leave_s + FAR_S) - self.at(arrive_s, arrive_s + FAR_S)
        return float(min(np.sqrt(np.mean(past**2)), np.sqrt(np.mean(future**2))))


def sound_of(recording: Recording) -> Sound:
    """Compute the spectra of a recording's channels, summed by power."""
    rate = recording.sample_rate
    hop = round(HOP_S * rate)
    audio = recording.read(0, recording.samples).astype(np.float32)
    power = sum(
        librosa.feature.melspectrogram(y=channel, sr=rate, n_fft=2048, hop_length=hop, n_mels=64) for channel in audio.T
    )
    mel_db = librosa.power_to_db(np.asarray(power), ref=np.max, top_db=60.0)
    return Sound(mel_db.T, rate / hop)


@dataclass(frozen=True)
class Joins:
    """Measurements of some joins."""

    count: int
    jump_db: float | None
    """Median jump [dB]."""
    surprise_db: float | None
    """Median surprise [dB]."""
    risk: float | None
    """Median risk that the seams predict."""


def measured(sound: Sound, leave_s: np.ndarray, arrive_s: np.ndarray, risks: np.ndarray) -> Joins:
    """Measure joins."""
    if len(leave_s) == 0:
        return Joins(0, None, None, None)
    pairs = list(zip(leave_s.tolist(), arrive_s.tolist()))
    jump = float(np.median([sound.jump_db(*pair) for pair in pairs]))
    surprise = float(np.median([sound.surprise_db(*pair) for pair in pairs]))
    return Joins(len(pairs), round(jump, 2), round(surprise, 2), round(float(np.median(risks)), 3))


def joins_of(edit_list: EditList) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List where the joins of an edit list leave and arrive [seconds], and their risk."""
    rate = edit_list.source.sample_rate
    leave_s = np.array([clip.end / rate for clip in edit_list.clips[:-1]])
    arrive_s = np.array([clip.start / rate for clip in edit_list.clips[1:]])
    return leave_s, arrive_s, np.array([join.risk for join in edit_list.joins])


def random_joins(analysis: Analysis, rng: np.random.Generator, *, same_phase: bool) -> tuple[np.ndarray, ...]:
    """Draw 200 random joins of beats, at the same position in the bar if wanted."""
    beats = len(analysis.beats_s)
    before, after = rng.integers(0, beats - 1, 20_000), rng.integers(1, beats, 20_000)
    fits = np.abs(before + 1 - after) >= 16
    if same_phase:
        fits &= analysis.bar_phase[np.minimum(before + 1, beats - 1)] == analysis.bar_phase[after]
    before, after = before[fits][:200], after[fits][:200]
    return analysis.beat_bounds_s[before + 1], analysis.beats_s[after], seams_of(analysis).costs(before + 1, after)


def row_of(path: Path) -> dict[str, object]:
    """Analyze and retarget one recording, and measure."""
    rng = np.random.default_rng(0)
    with open_recording(path) as recording:
        analysis = analyze(recording)
        sound = sound_of(recording)
    found, misses_s, seconds = [], [], []
    for ratio in RATIOS:
        start = time.perf_counter()
        edit_list = RetargetEditor().edit(analysis, EditRequest(target_s=ratio * analysis.duration_s))
        seconds.append(time.perf_counter() - start)
        found.append(joins_of(edit_list))
        misses_s.append(edit_list.output_samples / analysis.source.sample_rate - ratio * analysis.duration_s)
    natural_s = analysis.beats_s[rng.integers(1, len(analysis.beats_s), 200)]
    return {
        "file": path.name,
        "minutes": round(analysis.duration_s / 60, 1),
        "largest_miss_s": round(float(np.max(np.abs(misses_s))), 2),
        "bar_s": round(analysis.beats_per_bar * float(np.median(np.diff(analysis.beats_s))), 2),
        "seconds": round(float(np.median(seconds)), 2),
        "retarget": asdict(measured(sound, *(np.concatenate(part) for part in zip(*found)))),
        "contiguous": asdict(measured(sound, natural_s, natural_s, np.zeros(200))),
        "same_phase": asdict(measured(sound, *random_joins(analysis, rng, same_phase=True))),
        "random": asdict(measured(sound, *random_joins(analysis, rng, same_phase=False))),
    }


KINDS = ("contiguous", "retarget", "same_phase", "random")
"""Kinds of joins, in the order of the table."""


def table_of(rows: list[dict[str, object]]) -> str:
    """Write the rows as a Markdown table: jump [dB] / surprise [dB] / predicted risk, medians."""
    titles = ["file", "min", "joins", "largest miss s (bar s)", "s an edit", *KINDS]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    for row in rows:
        kinds = [row[kind] for kind in KINDS]
        cells = [row["file"], row["minutes"], row["retarget"]["count"]]  # type: ignore[index]
        cells += [f"{row['largest_miss_s']} ({row['bar_s']})", row["seconds"]]
        cells += [f"{kind['jump_db']} / {kind['surprise_db']} / {kind['risk']}" for kind in kinds]  # type: ignore[index]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    table = table_of([row_of(path) for path in arguments.files])
    print(table)
    if arguments.out:
        arguments.out.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
