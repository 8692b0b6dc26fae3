"""The alignment beside programs that others made for finding where sound comes from, each in a process of its own.

Pairs are made as in ``alignment.py``: "in order" has cuts alone, "any order" repeats and moves too. audio-offset-finder
and audalign find one offset for a whole file, so they are given the edit by windows of 4 s, each looked up in the whole
raw recording; a cut is where two windows disagree. synctoolbox warps one recording onto the other and can only go
forward: it is asked in-order pairs alone. All are told nothing about the edit.

CPU seconds and memory are those of the whole process, imports included; wall time depends on what else runs.

    python benchmarks/alignment_peers.py MUSIC_FOLDER [--peers-python PYTHON] [--out benchmarks/results/alignment_peers]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import soundfile as sf
import soxr

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.alignment import (
    EAR_RATE,
    RATE,
    Truth,
    compare_cuts,
    damaged,
    load,
    make_edit,
    right_frames,
    tracks_of,
)  # fmt: skip
from editorbot.timebase import FRAME_S

PROGRAMS = ("editorbot", "audio-offset-finder", "audalign", "synctoolbox")
PAIRS = (
    ("in order", "none"), ("any order", "none"), ("in order", "mp3"),
    ("any order", "all"), ("in order", "all"), ("any order", "noise"),
)  # fmt: skip
PEER = Path(__file__).with_name("alignment_peer.py")
RAW_S, EDIT_S = 100.0, 60.0
LONGEST_S = 300.0
"""A program that takes longer for a pair on the clock is stopped, and has found nothing."""


@dataclass(frozen=True)
class Row:
    """How one program did on one pair."""

    program: str
    order: str
    damage: str
    track: str
    frames_right: float
    cut_f1: float
    cpu_s: float
    wall_s: float
    peak_mb: int


def cuts_alone(raw: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """Return an edit of which every stretch lies behind the one before, and its truth."""
    fade = round(0.005 * RATE)
    ramp = np.linspace(0, 1, fade)[:, None]
    pieces, edit_s, raw_s, at, total = [], [], [], round(rng.uniform(0, 3) * RATE), 0
    while at < len(raw) - 2 * RATE:
        count = min(round(rng.uniform(2, 12) * RATE), len(raw) - at)
        piece = raw[at : at + count].copy()
        piece[:fade] *= ramp
        piece[-fade:] *= ramp[::-1]
        pieces.append(piece)
        edit_s.append(total / RATE)
        raw_s.append(at / RATE)
        total += count
        at += count + round(rng.uniform(1, 6) * RATE)
    return np.concatenate(pieces), Truth([*edit_s, total / RATE], raw_s, 1.0)


def ask(python: str, program: str, raw: Path, edit: Path) -> tuple[dict, float]:
    """Run a program; return what it printed, nothing found where it took too long, and the wall time [s]."""
    begin = time.perf_counter()
    command = [python, str(PEER), program, str(raw), str(edit)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    except subprocess.TimeoutExpired:
        return {"raw_s": [], "cuts_s": [], "cpu_s": float("nan"), "peak_mb": 0}, LONGEST_S
    if done.returncode:
        raise SystemExit(f"{program} failed: {done.stderr[-2000:]}")
    # synctoolbox prints dots of its own before.
    return json.loads(done.stdout[done.stdout.index('{"raw_s"') :]), time.perf_counter() - begin


def judged(found: dict, truth: Truth, ear: np.ndarray) -> tuple[float, float]:
    """Return the share of right frames and the F1 of cuts."""
    frames = round(truth.edit_s[-1] / FRAME_S)
    raw_s = np.array(found["raw_s"])[:frames]
    pointers = np.full(frames, -1.0)
    pointers[: len(raw_s)] = np.where(raw_s < 0, -1.0, raw_s / FRAME_S)
    right = right_frames(SimpleNamespace(pointers=pointers), truth, ear)
    matched, true, got = compare_cuts(found["cuts_s"], truth.edit_s[1:-1], right)
    return float(right.mean()), 2 * matched / max(1, true + got)


def table(rows: list[Row]) -> str:
    """Return the table."""
    said = (__doc__ or "").split("\n\n")
    lines = ["# Alignment beside other programs", "", *(p.replace("\n", " ") + "\n" for p in said[1:3])]
    lines += [
        f"Raw recordings of {RAW_S:.0f} s, edits of about {EDIT_S:.0f} s; training artists.", "",
        "| program | pairs | frames within 25 ms | cut F1 at 50 ms | CPU s a pair | peak MB |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for program in PROGRAMS:
        for order in ("in order", "any order"):
            mine = [row for row in rows if (row.program, row.order) == (program, order)]
            if mine:
                lines.append(
                    f"| {program} | {len(mine)} {order} | {np.mean([r.frames_right for r in mine]):.1%} "
                    f"| {np.mean([r.cut_f1 for r in mine]):.3f} | {np.nanmean([r.cpu_s for r in mine]):.1f} "
                    f"| {max(r.peak_mb for r in mine)} |"
                )
            else:
                lines.append(f"| {program} | {order} | cannot: it only goes forward | | | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the pairs, ask every program, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--peers-python", default=sys.executable, help="interpreter that has the other programs")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=len(PAIRS), help="how many pairs, the first ones")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/alignment_peers"))
    args = parser.parse_args()
    tracks, rows = tracks_of(args.music, 165.0), []
    for k, (order, damage) in enumerate(PAIRS[: args.pairs]):
        rng = np.random.default_rng([args.seed, k])
        path = tracks[int(rng.integers(len(tracks)))]
        raw = load(path, 0.0, RAW_S)
        if order == "in order":
            edit, truth = cuts_alone(raw, rng)
        else:
            edit, truth = make_edit(raw, raw, rng, EDIT_S, foreign=False)
        ear = soxr.resample(raw.mean(axis=1), RATE, EAR_RATE)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            sf.write(folder / "raw.wav", raw, RATE, subtype="PCM_16")
            sf.write(folder / "edit.wav", damaged(edit, damage, rng, folder), RATE, subtype="PCM_16")
            for program in PROGRAMS:
                if program == "synctoolbox" and order != "in order":
                    continue
                python = sys.executable if program == "editorbot" else args.peers_python
                found, wall_s = ask(python, program, folder / "raw.wav", folder / "edit.wav")
                right, f1 = judged(found, truth, ear)
                cpu_s = round(found["cpu_s"], 2)
                rows.append(
                    Row(program, order, damage, path.stem, right, f1, cpu_s, round(wall_s, 2), found["peak_mb"])
                )
                print(rows[-1], flush=True)
        args.out.with_suffix(".md").write_text(table(rows), encoding="utf-8")
        args.out.with_suffix(".json").write_text(json.dumps([asdict(r) for r in rows], indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
