"""How well edits are aligned with their raw recordings, on pairs whose truth is known by construction.

From each track a raw recording is cut; its edit is made of stretches of it (cuts, repeats, another
order), now and then with a piece of another track between them, and then damaged: gain rides,
equalization, compression, reverberation, noise, MP3, on some pairs a tape's speed. All is seeded.

Places are compared in source time: a frame is right within 25 ms of the truth, or where the raw
recording holds the same sound (correlation of 0.1 s at least 0.98, or both silent); a cut is right within
50 ms, or where every frame between the two places is right. Cuts between equal places, which no ear
can find, count neither way.

    python benchmarks/alignment.py MUSIC_FOLDER [--pairs 24] [--seed 0] [--out benchmarks/results/alignment]
    python benchmarks/alignment.py MUSIC_FOLDER --long 3600
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

import numpy as np
import soundfile as sf
import soxr

from editorbot.corpus.alignment import Alignment, align
from editorbot.errors import MismatchError
from editorbot.recording import open_recording
from editorbot.timebase import FRAME_S

TRAINING_ARTISTS = (
    "warzone2100-music", "planetblupi-music-ogg", "wesnoth-1.16-music", "asc-music", "ufoai-music", "nexuiz-music",
)  # fmt: skip
"""Packages that the alignment may be tuned on; test and validation artists stay out."""
RATE = 44_100
EAR_RATE = 11_025
"""Rate at which two places of a raw recording are compared [Hz]."""
NEAR_S, CUT_S, EQUAL = 0.025, 0.05, 0.98
DAMAGES = ("none", "gain", "eq", "compression", "reverb", "noise", "mp3", "all", "speed")


@dataclass(frozen=True)
class Truth:
    """Where an edit comes from."""

    edit_s: list[float]
    """Starts of its stretches, and its end."""
    raw_s: list[float]
    """Where each stretch starts in the raw recording; -1 for another track."""
    speed: float
    """Raw seconds a second of the edit."""

    def raw_of(self, at_s: np.ndarray) -> np.ndarray:
        """Return the raw time of each edit time, -1 for another track's."""
        k = np.clip(np.searchsorted(self.edit_s, at_s, side="right") - 1, 0, len(self.raw_s) - 1)
        start, raw = np.array(self.edit_s)[k], np.array(self.raw_s)[k]
        return np.where(raw < 0, -1.0, raw + self.speed * (at_s - start))


@dataclass(frozen=True)
class Score:
    """How one pair came out."""

    name: str
    damage: str
    frames_right: float
    cut_f1: float
    true_cuts: int
    found_cuts: int
    median_error_ms: float
    speed_error: float
    seconds: float
    times_real_time: float


def stretches(rng: np.random.Generator, raw_s: float, wanted_s: float) -> list[tuple[float, float]]:
    """Return (start, length) of the stretches of an edit: forward with cuts, repeats and jumps anywhere."""
    parts, at, total = [], float(rng.uniform(0, 5)), 0.0
    while total < wanted_s:
        length = float(np.exp(rng.uniform(np.log(1.0), np.log(15.0))))
        length = min(length, raw_s - at - 0.1)
        if length >= 1.0:
            parts.append((at, length))
            total += length
        kind = rng.choice(["cut", "repeat", "anywhere"], p=[0.6, 0.15, 0.25])
        if kind == "cut":
            at += length + float(rng.uniform(0.3, 12.0))
        elif kind == "repeat":
            at = max(0.0, at + length - float(rng.uniform(0.5, 8.0)))
        if kind == "anywhere" or at > raw_s - 2.0:
            at = float(rng.uniform(0, raw_s - 3.0))
    return parts


def make_edit(raw: np.ndarray, other: np.ndarray, rng: np.random.Generator, wanted_s: float, foreign: bool):
    """Return an edit of `raw`, shape=(samples, channels), and its truth at speed 1; joins fade over 5 ms."""
    fade = round(0.005 * RATE)
    ramp = np.linspace(0, 1, fade)[:, None]
    pieces, edit_s, raw_s, total = [], [], [], 0
    parts = stretches(rng, len(raw) / RATE, wanted_s)
    inserts = set(rng.choice(len(parts), max(1, len(parts) // 8), replace=False).tolist()) if foreign else set()
    for k, (start, length) in enumerate(parts):
        if k in inserts:
            count, low = round(rng.uniform(1.5, 5.0) * RATE), round(rng.uniform(0, len(other) / RATE - 6) * RATE)
            pieces.append(other[low : low + count])
            edit_s.append(total / RATE)
            raw_s.append(-1.0)
            total += count
        low, count = round(start * RATE), round(length * RATE)
        pieces.append(raw[low : low + count])
        edit_s.append(total / RATE)
        raw_s.append(low / RATE)
        total += count
    for k, piece in enumerate(pieces):
        piece = piece.copy()
        piece[:fade] *= ramp if k else 1
        piece[-fade:] *= ramp[::-1]
        pieces[k] = piece
    return np.concatenate(pieces), Truth([*edit_s, total / RATE], raw_s, 1.0)


def damaged(edit: np.ndarray, damage: str, rng: np.random.Generator, folder: Path) -> np.ndarray:
    """Return the edit after what an engineer, a room and a codec do to it."""
    import pedalboard as pb

    sound = edit.astype(np.float32)
    if damage in ("gain", "all"):
        knots = rng.uniform(-9, 3, max(3, len(sound) // (5 * RATE)))
        ride_db = np.interp(np.linspace(0, 1, len(sound)), np.linspace(0, 1, len(knots)), knots)
        sound = sound * (10 ** (ride_db / 20))[:, None].astype(np.float32)
    effects = []
    if damage in ("eq", "all"):
        effects += [
            pb.LowShelfFilter(float(rng.uniform(100, 300)), float(rng.uniform(-9, 9))),
            pb.HighShelfFilter(float(rng.uniform(2000, 6000)), float(rng.uniform(-12, 9))),
            pb.PeakFilter(float(rng.uniform(400, 2500)), float(rng.uniform(-9, 9)), 1.0),
        ]
    if damage in ("compression", "all"):
        effects.append(pb.Compressor(float(rng.uniform(-35, -20)), float(rng.uniform(3, 8)), 5, 100))
    if damage in ("reverb", "all"):
        effects.append(pb.Reverb(float(rng.uniform(0.2, 0.6)), 0.5, float(rng.uniform(0.1, 0.25)), 0.8))
    if effects:
        sound = pb.Pedalboard(effects)(sound.T, RATE).T
    if damage in ("noise", "all"):
        level = float(np.sqrt(np.mean(sound**2))) * 10 ** (rng.uniform(-30, -20) / 20)
        sound = sound + level * rng.standard_normal(sound.shape).astype(np.float32)
    sound = sound * (0.9 / max(0.9, float(np.abs(sound).max())))
    if damage in ("mp3", "all"):
        path = folder / "coded.mp3"
        sf.write(path, sound, RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7)
        coded = sf.read(path, dtype="float32", always_2d=True)[0]
        sound = coded[: len(sound)]
    return sound


def stretched(sound: np.ndarray, speed: float) -> np.ndarray:
    """Return a sound faster, at its pitch, by another stretcher than this project's."""
    import pedalboard as pb

    # Its other mode drifts by up to 2.5 ms a second from the speed that it was asked for.
    return pb.time_stretch(sound.T.astype(np.float32), RATE, stretch_factor=speed, high_quality=False).T


def equal_places(ear: np.ndarray, one_s: np.ndarray, other_s: np.ndarray) -> np.ndarray:
    """Tell for each pair of times whether the raw recording sounds the same there."""
    half, slack = round(0.05 * EAR_RATE), round(0.012 * EAR_RATE)
    padded = np.pad(ear, half + slack)
    equal = np.zeros(len(one_s), dtype=bool)
    for k, (a_s, b_s) in enumerate(zip(one_s, other_s)):
        a, b = round(a_s * EAR_RATE) + half + slack, round(b_s * EAR_RATE) + half + slack
        if min(a, b) < half + slack or max(a, b) > len(padded) - half - slack:
            continue
        x, y = padded[a - half : a + half], padded[b - half - slack : b + half + slack]
        energy = np.convolve(y**2, np.ones(2 * half), mode="valid")
        own = float(x @ x)
        if own < 1e-6 * 2 * half and energy.max() < 1e-6 * 2 * half:
            equal[k] = True
            continue
        correlation = np.correlate(y, x, mode="valid") / np.sqrt(np.maximum(energy * own, 1e-20))
        equal[k] = correlation.max() >= EQUAL
    return equal


def right_frames(alignment: Alignment, truth: Truth, ear: np.ndarray) -> np.ndarray:
    """Tell for each frame of the edit whether its pointer is right."""
    at_s = np.arange(len(alignment.pointers)) * FRAME_S
    wanted_s = truth.raw_of(at_s)
    found_s = np.where(alignment.pointers < 0, -1.0, alignment.pointers * FRAME_S)
    right = np.where((wanted_s < 0) | (found_s < 0), (wanted_s < 0) == (found_s < 0), False)
    right |= (wanted_s >= 0) & (found_s >= 0) & (np.abs(wanted_s - found_s) <= NEAR_S)
    open_ = np.flatnonzero(~right & (wanted_s >= 0) & (found_s >= 0))
    right[open_] = equal_places(ear, wanted_s[open_], found_s[open_])
    return right


def compare_cuts(found_s: list[float], true_s: list[float], right: np.ndarray) -> tuple[int, int, int]:
    """Return matched, true and found cuts, without those that join equal places."""
    left_true, left_found, matched = sorted(true_s), sorted(found_s), 0
    for near in (True, False):
        for cut_s in list(left_true):
            if not left_found:
                break
            best = min(left_found, key=lambda at_s: abs(at_s - cut_s))
            low, high = sorted((round(best / FRAME_S), round(cut_s / FRAME_S)))
            if abs(best - cut_s) <= CUT_S if near else abs(best - cut_s) < 1.0 and right[low + 1 : high].all():
                matched += 1
                left_true.remove(cut_s)
                left_found.remove(best)

    def is_open(at_s: float) -> bool:
        frame = round(at_s / FRAME_S)
        return not right[max(0, frame - 12) : frame + 13].all()

    missed, extra = sum(map(is_open, left_true)), sum(map(is_open, left_found))
    return matched, matched + missed, matched + extra


def score(name: str, damage: str, alignment: Alignment, truth: Truth, ear: np.ndarray, seconds: float) -> Score:
    """Return how an alignment compares with the truth."""
    right = right_frames(alignment, truth, ear)
    found_s = cut_times(alignment)
    matched, true, found = compare_cuts(found_s, truth.edit_s[1:-1], right)
    at_s = np.arange(len(alignment.pointers)) * FRAME_S
    errors = [
        abs(s.raw_start / alignment.raw_rate + s.speed * (t - s.edit_start / alignment.edit_rate) - wanted)
        for s in alignment.segments
        for t, wanted in zip(at_s, truth.raw_of(at_s))
        if s.edit_start <= t * alignment.edit_rate < s.edit_end and wanted >= 0
    ]
    f1 = 2 * matched / max(1, true + found)
    length_s = alignment.edit_samples / alignment.edit_rate
    return Score(
        name, damage, float(right.mean()), f1, true, found, 1e3 * float(np.median(errors)),
        abs(alignment.speed.ratio - truth.speed), seconds, length_s / seconds,
    )  # fmt: skip


def cut_times(alignment: Alignment) -> list[float]:
    """Return every time where what is heard changes its place: cuts, and both ends of what is not from the raw."""
    times = []
    for before, after in zip(alignment.segments, alignment.segments[1:]):
        times.append(after.edit_start / alignment.edit_rate)
        if after.edit_start - before.edit_end > 0.1 * alignment.edit_rate:
            times.append(before.edit_end / alignment.edit_rate)
    return times


def load(path: Path, start_s: float, length_s: float) -> np.ndarray:
    """Return part of a track, shape=(samples, 2) at RATE."""
    with open_recording(path) as recording:
        first = round(start_s * recording.sample_rate)
        sound = recording.read(first, first + round(length_s * recording.sample_rate))
        if recording.sample_rate != RATE:
            sound = soxr.resample(sound, recording.sample_rate, RATE)
    return np.ascontiguousarray(np.repeat(sound, 2, axis=1) if sound.shape[1] == 1 else sound[:, :2])


def tracks_of(folder: Path, least_s: float) -> list[Path]:
    """Return the tracks of the training artists that are long enough, in a fixed order."""
    paths = [p for artist in TRAINING_ARTISTS for p in sorted((folder / artist).rglob("*"))]
    result = []
    for path in paths:
        if path.suffix.lower() in (".ogg", ".opus", ".mp3") and sf.info(str(path)).duration >= least_s:
            result.append(path)
    return result


def run_pair(tracks: list[Path], k: int, seed: int, folder: Path, damage: str = "") -> Score:
    """Make and align one pair."""
    rng = np.random.default_rng([seed, k])
    damage = damage or DAMAGES[k % len(DAMAGES)]
    path, other_path = (tracks[int(i)] for i in rng.choice(len(tracks), 2, replace=False))
    raw_s = float(rng.uniform(90, 160))
    raw = load(path, 0.0, raw_s)
    other = load(other_path, 20.0, 40.0)
    edit, truth = make_edit(raw, other, rng, float(rng.uniform(60, 110)), foreign=k % 2 == 1)
    edit = damaged(edit, damage, rng, folder)
    if damage in ("speed", "tempo"):
        speed = float(rng.uniform(0.96, 1.04))
        edit = soxr.resample(edit, RATE * speed, RATE) if damage == "speed" else stretched(edit, speed)
        truth = Truth([s / speed for s in truth.edit_s], truth.raw_s, speed)
    sf.write(folder / "raw.wav", raw, RATE, subtype="PCM_16")
    sf.write(folder / "edit.wav", edit, RATE, subtype="PCM_16")
    begin = time.perf_counter()
    try:
        with open_recording(folder / "raw.wav") as a, open_recording(folder / "edit.wav") as b:
            alignment = align(a, b)
    except MismatchError:
        # Refused as no edit of that recording: nothing of it is found, and it counts.
        seconds, length_s = time.perf_counter() - begin, len(edit) / RATE
        none = float("nan")
        return Score(path.stem, damage, 0.0, 0.0, len(truth.edit_s) - 2, 0, none, none, seconds, length_s / seconds)
    seconds = time.perf_counter() - begin
    ear = soxr.resample(raw.mean(axis=1), RATE, EAR_RATE)
    return score(path.stem, damage, alignment, truth, ear, seconds)


def report(scores: list[Score]) -> str:
    """Return the table."""
    lines = [
        "# Alignment of edits with their raw recordings", "",
        "Written by `benchmarks/alignment.py`; what is compared, and how, stands there. Training artists only.", "",
        "| damage | pairs | frames right | cut F1 at 50 ms | median error | x real time |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for damage in (*DAMAGES, "tempo", "everything together"):
        rows = [s for s in scores if damage in (s.damage, "everything together")]
        if rows:
            lines.append(
                f"| {damage} | {len(rows)} | {np.mean([s.frames_right for s in rows]):.2%} "
                f"| {np.mean([s.cut_f1 for s in rows]):.3f} | {np.nanmedian([s.median_error_ms for s in rows]):.3f} ms "
                f"| {np.median([s.times_real_time for s in rows]):.0f} |"
            )
    lines += ["", f"Largest error of the speed: {np.nanmax([s.speed_error for s in scores]):.6f}."]
    return "\n".join(lines) + "\n"


def run_long(tracks: list[Path], length_s: float, folder: Path) -> str:
    """Align one long pair in a process of its own; return a line with time and peak memory."""
    rng = np.random.default_rng(7)
    pieces, total = [], 0.0
    for i in rng.permutation(len(tracks)):
        pieces.append(load(tracks[int(i)], 0.0, min(400.0, length_s - total)))
        total += len(pieces[-1]) / RATE
        if total >= length_s:
            break
    raw = np.concatenate(pieces)
    edit, _ = make_edit(raw, raw, rng, 0.9 * length_s, foreign=False)
    for name, sound in (("raw", raw), ("edit", edit)):
        sf.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_16")
    # Linux only; getrusage would tell the peak of this process, which the new one is forked from.
    code = (
        "import sys;from editorbot.corpus.alignment import align;"
        "from editorbot.recording import open_recording;"
        "a=align(open_recording(sys.argv[1]),open_recording(sys.argv[2]));"
        "peak=[x for x in open('/proc/self/status') if x.startswith('VmHWM')][0].split()[1];"
        "import resource;used=resource.getrusage(resource.RUSAGE_SELF);"
        "print(len(a.segments),round(a.matched_share,4),int(peak)//1024,round(used.ru_utime+used.ru_stime,1))"
    )
    names = [str(folder / "raw.wav"), str(folder / "edit.wav")]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - begin
    found, share, peak_mb, cpu_s = done.stdout.split()
    return (
        f"{length_s:.0f} s pair: {seconds:.1f} s whole process ({cpu_s} s of CPU), {peak_mb} MB, {found} segments, "
        f"{share} matched"
    )


def main() -> None:
    """Make the pairs, align them, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--pairs", type=int, default=27)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the pairs to make")
    parser.add_argument("--damage", default="", choices=("", *DAMAGES, "tempo"), help="this damage on all pairs")
    parser.add_argument("--tempo", type=int, default=9, help="how many more pairs at another speed, pitch kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--long", type=float, help="make one pair of that many seconds instead, and time it")
    parser.add_argument("--out", type=Path, help="table (.md) and numbers (.json), without the ending")
    arguments = parser.parse_args()
    tracks = tracks_of(arguments.music, 60.0 if arguments.long else 165.0)
    with tempfile.TemporaryDirectory() as name:
        if arguments.long:
            print(run_long(tracks, arguments.long, Path(name)))
            return
        scores = []
        jobs = [(k, arguments.damage) for k in arguments.only or range(arguments.pairs)]
        jobs += [(1000 + k, "tempo") for k in range(0 if arguments.only or arguments.damage else arguments.tempo)]
        for k, damage in jobs:
            scores.append(run_pair(tracks, k, arguments.seed, Path(name), damage))
            s = scores[-1]
            print(
                f"{k} {s.name} {s.damage}: {s.frames_right:.2%} F1 {s.cut_f1:.3f} ({s.true_cuts} true, {s.found_cuts} "
                f"found) {s.median_error_ms:.3f} ms, speed {s.speed_error:.6f}, {s.seconds:.2f} s", flush=True,
            )  # fmt: skip
    print(report(scores))
    if arguments.out:
        arguments.out.with_suffix(".md").write_text(report(scores), encoding="utf-8")
        document = json.dumps([asdict(s) for s in scores], indent=1)
        arguments.out.with_suffix(".json").write_text(document + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
