"""How near each polish brings degraded recordings to the finished track: `benchmarks/results/polish.md`.

Stretches of finished tracks of held-out artists are degraded as `corpus/simulate/recording_chain.py` draws it (room,
dull, boomy, noisy, clipped, phone), which keeps them in time with the finished track to the sample: the truth's
arrangement. Each stage then polishes the degraded stretch, and what comes out is compared with the finished one at
equal loudness. `reference` is given another track of the same artist, never the answer. Two are no polish: they are
given the answer, the finished mel itself, through the limits and the smoothing that every polish goes through.
`ceiling` follows it band by band and frame by frame, `best curve` is the one equalizer for the whole stretch that comes
nearest.

    python benchmarks/polish.py --tracks DIR [DIR ...] [--finishes jams] [--out benchmarks/results/polish]

Every DIR is an artist. Measures: log-mel distance (mean |dB| over 128 bands, floor -70 dB below the finished track's
highest), multi-scale STFT distance (spectral convergence + log magnitude, 512 / 1024 / 2048), SI-SDR [dB].
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editorbot.corpus.simulate.folder import find_tracks
from editorbot.corpus.simulate.plan import RECORDING_EFFECTS
from editorbot.corpus.simulate.recording_chain import (
    DEGRADATIONS,
    apply_recording_chain,
    draw_degraded_chain,
    draw_recording_chain,
)
from editorbot.editlist.edit_list import PolishStep
from editorbot.polish import measure, polish_blocks, prepare_steps
from editorbot.polish.chain import LEARNED_NAMES
from editorbot.polish.equalizer import equalize_blocks
from editorbot.polish.mel_stft import mel_power_blocks, mel_stft
from editorbot.polish.mel_summary import power_db
from editorbot.recording import open_recording

CURVE, CEILING = "best curve", "ceiling"
STAGES = ("none", "loudness", "reference", "mel2mel", "reconstruct")
FLOOR_DB = -70.0
SIZES = (512, 1024, 2048)


@dataclass(frozen=True)
class Stretch:
    """Some seconds of one track, shape=(samples, channels), float64."""

    artist: str
    track: str
    rate: int
    sound: np.ndarray


def read_stretch(path: Path, seconds: float, rng: np.random.Generator) -> Stretch | None:
    """Return a stretch of a track from a drawn place, None where it is nearly silent."""
    with open_recording(str(path)) as recording:
        length = min(recording.samples, round(seconds * recording.sample_rate))
        start = int(rng.integers(0, recording.samples - length + 1))
        sound = recording.read(start, start + length)[:, :2].astype(np.float64)
        rate = recording.sample_rate
    loud = measure([sound], rate, sound.shape[1]).integrated_lufs
    return Stretch(path.parent.name, path.stem, rate, sound) if np.isfinite(loud) and loud > -45 else None


def at_loudness(sound: np.ndarray, rate: int, lufs: float) -> np.ndarray:
    """Return a sound at another loudness."""
    there = measure([sound], rate, sound.shape[1]).integrated_lufs
    return sound * 10 ** ((lufs - there) / 20) if np.isfinite(there) else sound


def mel_db(sound: np.ndarray, rate: int) -> np.ndarray:
    """Return the levels of all mel bands and frames [dB]."""
    return power_db(np.concatenate(list(mel_power_blocks([sound], mel_stft(rate), sound.shape[1]))))


def mel_distance(sound: np.ndarray, finished: np.ndarray, rate: int) -> float:
    """Return the mean distance of two mels [dB]."""
    here, there = mel_db(sound, rate), mel_db(finished, rate)
    floor = there.max() + FLOOR_DB
    return float(np.abs(np.maximum(here, floor) - np.maximum(there, floor)).mean())


def stft_distance(sound: np.ndarray, finished: np.ndarray) -> float:
    """Return the multi-scale distance of the magnitudes."""
    total = 0.0
    for size in SIZES:
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        near, far = (
            np.abs(
                np.fft.rfft(np.lib.stride_tricks.sliding_window_view(side.mean(axis=1), size)[:: size // 4] * window)
            )
            for side in (sound, finished)
        )
        total += np.linalg.norm(far - near) / np.linalg.norm(far)
        total += np.abs(np.log(np.maximum(near, 1e-5)) - np.log(np.maximum(far, 1e-5))).mean()
    return float(total / len(SIZES))


def si_sdr_db(sound: np.ndarray, finished: np.ndarray) -> float:
    """Return the scale-invariant signal to distortion ratio [dB]."""
    here, there = sound.mean(axis=1), finished.mean(axis=1)
    wanted = (here @ there) / max(there @ there, 1e-12) * there
    return float(10 * np.log10(max(wanted @ wanted, 1e-12) / max(((here - wanted) ** 2).sum(), 1e-12)))


def polished(sound: np.ndarray, rate: int, step: PolishStep) -> np.ndarray:
    """Return a sound behind one stage."""
    blocks = [sound[at : at + 65_536] for at in range(0, len(sound), 65_536)]
    return np.concatenate(list(polish_blocks(lambda: iter(blocks), rate, sound.shape[1], prepare_steps([step]))))


def told(raw: np.ndarray, finished: np.ndarray, rate: int, *, one_curve: bool) -> np.ndarray:
    """Return a sound, as loud, under the gains that its finished mel itself asks for, within the same limits."""
    here, there = mel_db(raw, rate), mel_db(finished, rate)
    gains = there - here
    if one_curve:
        floor = there.max() + FLOOR_DB
        heard = np.maximum(there, floor) - np.maximum(here, floor)
        gains = np.broadcast_to(np.median(heard, axis=0), heard.shape)
    return np.concatenate(list(equalize_blocks([raw], rate, raw.shape[1], [gains.astype(np.float32)])))


def scores_of(out: np.ndarray, finished: np.ndarray, rate: int) -> dict[str, float]:
    """Return every measure of a sound that is as loud as the finished one."""
    return {
        "mel_db": mel_distance(out, finished, rate),
        "stft": stft_distance(out, finished),
        "si_sdr_db": si_sdr_db(out, finished),
    }


def row_of(stretch: Stretch, raw: np.ndarray, steps: dict[str, PolishStep]) -> dict[str, object]:
    """Return every measure of every stage on one stretch."""
    finished, rate = stretch.sound, stretch.rate
    lufs = measure([finished], rate, finished.shape[1]).integrated_lufs
    outs = {name: raw if name == "none" else polished(raw, rate, step) for name, step in steps.items()}
    for name in (CURVE, CEILING):
        outs[name] = told(at_loudness(raw, rate, lufs), finished, rate, one_curve=name == CURVE)
    outs = {name: at_loudness(out, rate, lufs) for name, out in outs.items()}
    left = {name: at_loudness(polished(finished, rate, steps[name]), rate, lufs) for name in LEARNED_NAMES}
    return {
        "scores": {name: scores_of(out, finished, rate) for name, out in outs.items()},
        "finished_moved_db": {name: mel_distance(out, finished, rate) for name, out in left.items()},
        "raw_moved_db": {name: mel_distance(outs[name], outs["none"], rate) for name in LEARNED_NAMES},
    }


def run(args: argparse.Namespace) -> list[dict]:
    """Measure every stretch of every artist."""
    rows = []
    for place, artist in enumerate(args.tracks):
        tracks = [path for path in find_tracks([Path(artist)]) if path.suffix.lower() not in (".mid", ".midi")]
        for number in range(args.count):
            rng = np.random.default_rng([args.seed, place, number])
            path = tracks[number % len(tracks)]
            stretch = read_stretch(path, args.seconds, rng)
            if stretch is None:
                continue
            way = DEGRADATIONS[(number + number // len(DEGRADATIONS)) % len(DEGRADATIONS)]
            how = draw_recording_chain(rng, RECORDING_EFFECTS) if args.finishes == "jams" else _worsened(rng, way)
            raw = apply_recording_chain(stretch.sound.T.astype(np.float32), stretch.rate, how).T.astype(np.float64)
            other = tracks[(number + 1 + int(rng.integers(len(tracks) - 1))) % len(tracks)]
            steps = {name: PolishStep(name) for name in STAGES}
            steps["reference"] = PolishStep("reference", file=str(other))
            row = {"artist": stretch.artist, "track": stretch.track, "way": way, **row_of(stretch, raw, steps)}
            rows.append(row)
            shown = ", ".join(f"{name} {row['scores'][name]['mel_db']:.2f}" for name in (*STAGES, CURVE, CEILING))
            print(f"{row['artist']}/{row['track']} {way}: {shown}", flush=True)
    return rows


def cost_of(name: str, minutes: int) -> dict[str, float]:
    """Return speed and highest memory of one stage on stereo noise at 44.1 kHz, in a process of its own."""
    program = COST.format(name=name, minutes=minutes)
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(told.stdout)


COST = """
import json, resource, time
import numpy as np
from editorbot.editlist.edit_list import PolishStep
from editorbot.polish import polish_blocks, prepare_steps
noise = np.random.default_rng(0).standard_normal((60 * 44_100, 2), dtype=np.float32) * 0.1
def blocks():
    for minute in range({minutes}):
        for at in range(0, len(noise), 65_536):
            yield noise[at : at + 65_536]
begin = time.perf_counter()
for block in polish_blocks(blocks, 44_100, 2, prepare_steps([PolishStep("{name}")])):
    pass
took = time.perf_counter() - begin
print(json.dumps({{
    "times_real": {minutes} * 60 / took, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
}}))
"""


def _worsened(rng: np.random.Generator, way: str):
    """Return one way for sure, and others by chance."""
    others = tuple(other for other in DEGRADATIONS if other != way and rng.random() < 0.2)
    return draw_degraded_chain(rng, (way, *others))


def table(rows: list[dict], costs: dict[str, dict[str, dict[str, float]]], args: argparse.Namespace) -> str:
    """Return the page of results."""
    by_track = sorted({(row["artist"], row["track"]) for row in rows})
    lines = [
        f"# Polish: {len(rows)} stretches of {len(by_track)} tracks of {len({row['artist'] for row in rows})} artists",
        "",
        f"Artists: {', '.join(sorted({row['artist'] for row in rows}))}. Worsened: {args.finishes}, seed {args.seed}, "
        f"{args.seconds:g} s each; measures and stages as `benchmarks/polish.py` tells. Intervals: 95 %, bootstrap "
        "over tracks. `best curve` and `ceiling` are no polish: they are given the finished mel.",
        "",
        "| stage | log-mel distance, dB | removed | worst track | tracks worse by > 5 % | multi-scale STFT "
        "| SI-SDR, dB |",
        "|---|---|---|---|---|---|---|",
        *(_stage_line(name, rows, by_track) for name in (*STAGES, CURVE, CEILING)),
        "",
        "Share of the distance removed, by way:",
        "",
        "| way | n | none, dB | reference | mel2mel | reconstruct | best curve | ceiling |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for way in DEGRADATIONS:
        own = [row["scores"] for row in rows if row["way"] == way]
        if own:
            raw = np.mean([s["none"]["mel_db"] for s in own])
            shown = (*STAGES[2:], CURVE, CEILING)
            cells = (f"{1 - np.mean([s[name]['mel_db'] for s in own]) / raw:+.0%}" for name in shown)
            lines.append(f"| {way} | {len(own)} | {raw:.2f} | {' | '.join(cells)} |")
    lines += ["", "A finished stretch put in is moved by, beside the degraded one:", ""]
    for name in LEARNED_NAMES:
        finished, raw = (np.mean([row[key][name] for row in rows]) for key in ("finished_moved_db", "raw_moved_db"))
        most = max(row["finished_moved_db"][name] for row in rows)
        lines.append(
            f"* `{name}`: {finished:.2f} dB beside {raw:.2f} dB ({finished / max(raw, 1e-9):.0%}), most {most:.2f} dB"
        )
    return "\n".join([*lines, *_cost_lines(costs, args), ""])


def _cost_lines(costs: dict[str, dict[str, dict[str, float]]], args: argparse.Namespace) -> list[str]:
    """Return what the stages cost."""
    short, long = args.minutes
    head = ["", f"Cost: stereo noise at 44.1 kHz, each in a process of its own{args.note and '; ' + args.note}.", ""]
    head += [
        f"| stage | x real time, {short} min | {long} min | memory, {short} min | {long} min |",
        "|---|---|---|---|---|",
    ]
    lines = []
    for name, by_length in costs.items():
        speeds, memory = (
            [by_length[str(minutes)][key] for minutes in args.minutes] for key in ("times_real", "memory_mb")
        )
        lines.append(f"| `{name}` | {speeds[0]:.0f} | {speeds[1]:.0f} | {memory[0]:.0f} MB | {memory[1]:.0f} MB |")
    return [*head, *lines]


def _stage_line(name: str, rows: list[dict], by_track: list[tuple[str, str]]) -> str:
    """Return one stage's line."""
    means = {key: np.mean([row["scores"][name][key] for row in rows]) for key in ("mel_db", "stft", "si_sdr_db")}
    pairs = np.array([_track_means(name, rows, key) for key in by_track])
    ratios = pairs[:, 1] / pairs[:, 0]
    base = np.mean([row["scores"]["none"]["mel_db"] for row in rows])
    low, high = _interval(pairs)
    return (
        f"| `{name}` | {means['mel_db']:.2f} | {1 - means['mel_db'] / base:+.1%} ({low:+.0%} to {high:+.0%}) "
        f"| {max(ratios) - 1:+.0%} | {(ratios > 1.05).sum()} | {means['stft']:.3f} | {means['si_sdr_db']:.2f} |"
    )


def _track_means(name: str, rows: list[dict], key: tuple[str, str]) -> tuple[float, float]:
    """Return a track's mean distance without polish, and with it."""
    own = [row["scores"] for row in rows if (row["artist"], row["track"]) == key]
    return float(np.mean([s["none"]["mel_db"] for s in own])), float(np.mean([s[name]["mel_db"] for s in own]))


def _interval(pairs: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the share removed."""
    drawn = pairs[np.random.default_rng(0).integers(len(pairs), size=(2000, len(pairs)))].mean(axis=1)
    low, high = np.quantile(1 - drawn[:, 1] / drawn[:, 0], [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", nargs="+", required=True)
    parser.add_argument("--count", type=int, default=12, help="stretches an artist")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--finishes", choices=("worsened", "jams"), default="worsened")
    parser.add_argument("--minutes", type=int, nargs=2, default=(10, 60), help="lengths whose cost is measured")
    parser.add_argument("--note", default="", help="said beside the cost")
    parser.add_argument("--out", default="benchmarks/results/polish")
    args = parser.parse_args()
    timed = ("loudness", *LEARNED_NAMES)
    # First of all: a child's highest memory counts what its parent held when it was started.
    costs = {name: {str(minutes): cost_of(name, minutes) for minutes in args.minutes} for name in timed}
    rows = run(args)
    Path(f"{args.out}.json").write_text(json.dumps({"cost": costs, "rows": rows}, indent=1) + "\n", encoding="utf-8")
    Path(f"{args.out}.md").write_text(table(rows, costs, args), encoding="utf-8")


if __name__ == "__main__":
    main()
