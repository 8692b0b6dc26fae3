"""How well beats and bars are found, librosa's tracker beside ours.

    python benchmarks/beats.py MUSIC [--out benchmarks/results] [--rendered FOLDER] [--workers 2]

Writes ``beats.md`` and ``beats.json``. Beats and downbeats count within 70 ms;
half and double tempo are not forgiven. librosa finds no bars: every fourth of
its beats from the first is taken as a downbeat. Seconds an hour count the
tracking alone: from the novelty on for ours, with the spectrum for librosa.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path

import librosa
import numpy as np
import soundfile
from beat_scores import f_measure, fitted_offset_s
from known_beats import AS_WRITTEN, RATE, KnownPiece, known_pieces

from editorbot.analysis.beats import track_beats
from editorbot.analysis.scan import SpectrumScan
from editorbot.analysis.spectrum import FrameTracks

MARGIN_S = 0.2
"""Found beats farther than this outside the true ones are not judged [s]."""


@dataclass(frozen=True)
class PieceScore:
    """How one tracker did on one piece."""

    name: str
    set_name: str
    tracker: str
    beat_f: float
    downbeat_f: float | None
    seconds: float
    length_s: float
    tempo_bpm: float
    true_tempo_bpm: float


def frames_of(mono: np.ndarray) -> FrameTracks:
    """Return the frame grid of a downmix at RATE."""
    scan = SpectrumScan(len(mono))
    scan.update(mono)
    return scan.finish().tracks


def track_with_editorbot(mono: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return beats, downbeats [s] and the processor time taken [s]."""
    frames = frames_of(mono)
    start = time.process_time()
    grid = track_beats(frames, len(mono) / RATE)
    return grid.beats_s, grid.beats_s[grid.downbeats], time.process_time() - start


def track_with_librosa(mono: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return beats, every fourth of them [s] and the processor time taken [s]."""
    start = time.process_time()
    _, beats_s = librosa.beat.beat_track(y=mono, sr=RATE, units="time")
    return beats_s, beats_s[::4], time.process_time() - start


TRACKERS = {"librosa": track_with_librosa, "editorbot": track_with_editorbot}
"""What is compared."""


def warm_up() -> None:
    """Compile and import before anything is timed."""
    for track in TRACKERS.values():
        track(np.random.default_rng(0).standard_normal(10 * RATE).astype(np.float32))


def sound_of(piece: KnownPiece, rendered: Path | None) -> np.ndarray:
    """Return the sound of a piece, kept in the folder `rendered` between runs."""
    if rendered is None:
        return piece.read_mono(AS_WRITTEN)
    path = rendered / f"{piece.set_name}_{piece.name}.wav"
    if not path.exists():
        soundfile.write(path, piece.read_mono(AS_WRITTEN), RATE)
    return soundfile.read(path, dtype="float32")[0]  # type: ignore[no-any-return]


def score(piece: KnownPiece, rendered: Path | None) -> list[PieceScore]:
    """Score every tracker on a piece."""
    mono = sound_of(piece, rendered)
    scores = []
    for tracker, track in TRACKERS.items():
        beats_s, downbeats_s, seconds = track(mono)
        shift_s = fitted_offset_s(piece.beats_s, beats_s) if piece.fit_offset else 0.0
        true_s, true_bars_s = piece.beats_s + shift_s, piece.downbeats_s + shift_s
        inside = (true_s[0] - MARGIN_S, true_s[-1] + MARGIN_S)
        found, found_bars = ([x for x in xs if inside[0] < x < inside[1]] for xs in (beats_s, downbeats_s))
        scores.append(
            PieceScore(
                name=piece.name,
                set_name=piece.set_name,
                tracker=tracker,
                beat_f=f_measure(true_s, np.array(found)),
                downbeat_f=f_measure(true_bars_s, np.array(found_bars)) if len(true_bars_s) else None,
                seconds=seconds,
                length_s=len(mono) / RATE,
                tempo_bpm=float(60 / np.median(np.diff(found))) if len(found) > 1 else 0.0,
                true_tempo_bpm=float(60 / np.median(np.diff(true_s))),
            )
        )
    return scores


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.2f}" if known else "not known"


def score_table(scores: list[PieceScore]) -> list[str]:
    """Return the table of means by set and tracker."""
    groups = defaultdict(list)
    for one in scores:
        groups[one.set_name, one.tracker].append(one)
    lines = ["| set | pieces | tracker | beats F | downbeats F | seconds an hour |", "|---|---|---|---|---|---|"]
    for (set_name, tracker), group in groups.items():
        hour_s = 3600 * sum(one.seconds for one in group) / sum(one.length_s for one in group)
        beats, bars = _mean([one.beat_f for one in group]), _mean([one.downbeat_f for one in group])
        lines.append(f"| {set_name} | {len(group)} | {tracker} | {beats} | {bars} | {hour_s:.1f} |")
    return lines


def piece_table(scores: list[PieceScore]) -> list[str]:
    """Return the table of all pieces."""
    lines = [
        "| set | piece | true tempo | ours | beats F | downbeats F | librosa beats F |",
        "|---|---|---|---|---|---|---|",
    ]
    theirs = {one.name: one for one in scores if one.tracker == "librosa"}
    for one in scores:
        if one.tracker == "editorbot":
            lines.append(
                f"| {one.set_name} | {one.name} | {one.true_tempo_bpm:.0f} | {one.tempo_bpm:.0f} | {one.beat_f:.2f}"
                f" | {_mean([one.downbeat_f])} | {theirs[one.name].beat_f:.2f} |"
            )
    return lines


def report(scores: list[PieceScore]) -> str:
    """Return the page."""
    return "\n".join(
        [
            "# Beats and bars",
            "",
            "Made by `python benchmarks/beats.py MUSIC`. F at 70 ms, half and double tempo not forgiven, mean",
            "over the pieces. `tune` and `held-out` are MIDI pieces played through one soundfont (up to 4 minutes",
            "of each), even and odd numbers of one list, so they share composers and sounds; the weights were",
            "fitted on `tune` alone. `recorded` is a metal band that nothing was tuned on; its beats come from a",
            "MIDI track with a constant offset fitted per song and tracker, its bars are not known. librosa's",
            "downbeats are every fourth of its beats. Seconds are processor time: from the frame grid on for",
            "editorbot, whose spectrum the analysis has anyway; spectrum included for librosa.",
            "",
            *score_table(scores),
            "",
            "## Every piece",
            "",
            *piece_table(scores),
            "",
        ]
    )


def main() -> None:
    """Run everything and write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--rendered", type=Path, help="folder that keeps rendered pieces between runs")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, initializer=warm_up) as pool:
        found = pool.map(score, known_pieces(options.music), repeat(options.rendered))
        scores = [one for scored in found for one in scored]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "beats.md").write_text(report(scores), encoding="utf-8")
    text = json.dumps([asdict(one) for one in scores], indent=1)
    (options.out / "beats.json").write_text(text + "\n", encoding="utf-8")
    print("\n".join(score_table(scores)))


if __name__ == "__main__":
    main()
