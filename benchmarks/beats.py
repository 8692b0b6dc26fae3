"""How well beats and bars are found, others' trackers beside ours.

    python benchmarks/beats.py MUSIC [--out benchmarks/results] [--rendered FOLDER] [--workers 2] [--longest-s 120]
        [--sets held-out other-sound recorded]

Writes ``beats.md`` and ``beats.json``. Beats and downbeats count within 70 ms;
half and double tempo are not forgiven. librosa finds no bars: every fourth of
its beats from the first is taken as a downbeat. Seconds an hour count the
tracking alone: from the novelty on for ours, with the spectrum for the others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from pathlib import Path

import numpy as np
import soundfile
from beat_peers import track_with_beatnet, track_with_librosa
from beat_scores import f_measure, fitted_offset_s
from known_beats import AS_WRITTEN, RATE, KnownPiece, known_pieces

from editorbot.analysis.beats import track_beats, track_beats_by_novelty
from editorbot.analysis.spectrum import FrameTracks
from editorbot.analysis.spectrum_scan import SpectrumScan
from editorbot.analysis.trackers import choose_tracker
from editorbot.errors import MissingExtraError

SHOWN = "editorbot"
"""The tracker of the table of pieces."""

SETS = ("held-out", "other-sound", "recorded", "recorded-2")
"""What is judged if nobody asks for others."""

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


def track_with_editorbot(frames: FrameTracks, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the default tracker's beats and downbeats [s]."""
    grid = track_beats(frames, duration_s)
    return grid.beats_s, grid.beats_s[grid.downbeats]


def track_by_novelty(frames: FrameTracks, duration_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the beats and downbeats of the tracker without its network [s]."""
    grid = track_beats_by_novelty(frames, duration_s)
    return grid.beats_s, grid.beats_s[grid.downbeats]


OURS = {"editorbot": track_with_editorbot, "editorbot, no network": track_by_novelty}
"""Trackers that read the frame grid, which the analysis has anyway."""

PEERS = {"librosa": track_with_librosa, "BeatNet + DBN": track_with_beatnet}
"""Trackers that read the sound."""

BEAT_THIS = "beat-this"
"""The optional tracker of editorbot; its rows say so where its package or its weights are not there."""


@dataclass(frozen=True)
class Found:
    """What a tracker found."""

    tracker: str
    beats_s: np.ndarray
    downbeats_s: np.ndarray
    seconds: float
    """Processor time."""


def ask_all(mono: np.ndarray) -> Iterator[Found]:
    """Ask every tracker about a sound at RATE."""
    frames, duration_s = frames_of(mono), len(mono) / RATE
    for name, ask in OURS.items():
        start = time.process_time()
        beats_s, downbeats_s = ask(frames, duration_s)
        yield Found(name, beats_s, downbeats_s, time.process_time() - start)
    for name, track in PEERS.items():
        start = time.process_time()
        beats_s, downbeats_s = track(mono)
        yield Found(name, beats_s, downbeats_s, time.process_time() - start)
    try:
        beat_this = choose_tracker(BEAT_THIS)
    except MissingExtraError:
        return
    start = time.process_time()
    grid = beat_this(frames, duration_s, lambda: mono)
    yield Found(BEAT_THIS, grid.beats_s, grid.beats_s[grid.downbeats], time.process_time() - start)


def warm_up() -> None:
    """Compile and import before anything is timed."""
    clicks = np.zeros(20 * RATE, dtype=np.float32)
    clicks[:: RATE // 2] = 1.0
    list(ask_all(clicks + 1e-3 * np.random.default_rng(0).standard_normal(len(clicks)).astype(np.float32)))


def sound_of(piece: KnownPiece, rendered: Path | None) -> np.ndarray:
    """Return the sound of a piece, kept in the folder `rendered` between runs."""
    if rendered is None:
        return piece.read_mono(AS_WRITTEN)
    path = rendered / f"{piece.set_name}_{piece.name}.wav"
    if not path.exists():
        soundfile.write(path, piece.read_mono(AS_WRITTEN), RATE)
    return soundfile.read(path, dtype="float32")[0]  # type: ignore[no-any-return]


def score(piece: KnownPiece, rendered: Path | None, longest_s: float) -> list[PieceScore]:
    """Score every tracker on a piece, of which no more than its first `longest_s` is heard."""
    mono = sound_of(piece, rendered)[: round(longest_s * RATE)]
    piece = replace(
        piece,
        beats_s=piece.beats_s[piece.beats_s < len(mono) / RATE],
        downbeats_s=piece.downbeats_s[piece.downbeats_s < len(mono) / RATE],
    )
    scores = []
    for answer in ask_all(mono):
        beats_s, downbeats_s = answer.beats_s, answer.downbeats_s
        shift_s = fitted_offset_s(piece.beats_s, beats_s) if piece.fit_offset else 0.0
        true_s, true_bars_s = piece.beats_s + shift_s, piece.downbeats_s + shift_s
        inside = (true_s[0] - MARGIN_S, true_s[-1] + MARGIN_S)
        found, found_bars = ([x for x in xs if inside[0] < x < inside[1]] for xs in (beats_s, downbeats_s))
        scores.append(
            PieceScore(
                name=piece.name,
                set_name=piece.set_name,
                tracker=answer.tracker,
                beat_f=f_measure(true_s, np.array(found)),
                downbeat_f=f_measure(true_bars_s, np.array(found_bars)) if len(true_bars_s) else None,
                seconds=answer.seconds,
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
    if not any(tracker == BEAT_THIS for _, tracker in groups):
        lines.append(f"| all | | {BEAT_THIS} | not measured here | not measured here | |")
    return lines


def piece_table(scores: list[PieceScore]) -> list[str]:
    """Return the table of all pieces."""
    lines = [
        f"| set | piece | true tempo | {SHOWN}: tempo | beats F | downbeats F | librosa beats F |",
        "|---|---|---|---|---|---|---|",
    ]
    theirs = {(one.set_name, one.name): one for one in scores if one.tracker == "librosa"}
    for one in scores:
        if one.tracker == SHOWN:
            lines.append(
                f"| {one.set_name} | {one.name} | {one.true_tempo_bpm:.0f} | {one.tempo_bpm:.0f} | {one.beat_f:.2f}"
                f" | {_mean([one.downbeat_f])} | {theirs[one.set_name, one.name].beat_f:.2f} |"
            )
    return lines


def report(scores: list[PieceScore]) -> str:
    """Return the page."""
    return "\n".join(
        [
            "# Beats and bars",
            "",
            "Made by `python benchmarks/beats.py MUSIC`. F at 70 ms, half and double tempo not forgiven, mean",
            "over the pieces, of which two minutes are heard. `held-out` are MIDI pieces played through one soundfont,",
            "every second one of a list; the trackers learned from the others (`tune`), so they share composers and",
            "sounds. `other-sound` are the held-out pieces on other instruments, by people who are 8 ms unsteady,",
            "through drawn amplifiers, rooms and noise. The network also learned from made-up pieces.",
            "`recorded` and `recorded-2` are two metal bands that nothing was tuned on; their beats come from a MIDI",
            "track with a constant offset fitted per song and tracker, their bars are not known. librosa's downbeats",
            "are every fourth of its beats; BeatNet is its model 1 with madmom's decoder for 2, 3 and 4 beats a bar.",
            "`beat-this` is what `--beat-tracker beat-this` takes; its weights come from its authors' server.",
            "Seconds are processor time: from the frame grid on for editorbot, whose spectrum the analysis has",
            "anyway; spectrum included for the others.",
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
    parser.add_argument("--longest-s", type=float, default=120.0, help="what is heard of a piece at most")
    parser.add_argument("--sets", nargs="+", default=SETS, help="tune, too, at will")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers, initializer=warm_up) as pool:
        pieces = (piece for piece in known_pieces(options.music) if piece.set_name in options.sets)
        found = pool.map(score, pieces, repeat(options.rendered), repeat(options.longest_s))
        scores = [one for scored in found for one in scored]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "beats.md").write_text(report(scores), encoding="utf-8")
    text = json.dumps([asdict(one) for one in scores], indent=1)
    (options.out / "beats.json").write_text(text + "\n", encoding="utf-8")
    print("\n".join(score_table(scores)))


if __name__ == "__main__":
    main()
