"""How well the labels of a known edit are found again, type by type, on real music.

From each track an excerpt is cut; an edit list of known operations on its beats (every type that changes the sound,
and every way of ordering) is rendered, and some edits are then encoded as MP3 or equalized as a whole. The pair is
aligned and labelled, and what was found is compared with what was done, beat by beat of the raw recording.

Some operations sound alike: leaving out by SKIP is CUT, playing again by JUMP_BACK or REPEAT_PREV at once is LOOP.
They are counted as what they sound like, and said so in the table.

    python benchmarks/labels.py MUSIC_FOLDER [--tracks 8] [--seed 0] [--out benchmarks/results/labels]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.corpus.alignment import align
from editorbot.corpus.labels.fidelity import measure_fidelity
from editorbot.corpus.labels.human_edit import infer_edit
from editorbot.corpus.labels.pair_sounds import PairSounds
from editorbot.corpus.labels.samples import replay_actions, without_inaudible_changes
from editorbot.editlist.edit_list import ACTIONS, EFFECT_RANGES, Clip, EditList, Effect, Join
from editorbot.environment.actions import V3
from editorbot.environment.episodes import transcript_of
from editorbot.environment.material import beat_bounds
from editorbot.environment.spans import span_lengths
from editorbot.recording import open_recording
from editorbot.render.render import render_blocks

ARTISTS = ("warzone2100-music", "planetblupi-music-ogg", "ufoai-music", "nexuiz-music")
"""Packages that may be tuned on; test and validation artists stay out."""
EXCERPT_S, RATE = 100.0, 44_100
CROSSFADE = 882
"""Length of the crossfades of the known edits [samples]."""
DAMAGES = ("none", "mp3", "master")
SOUNDS_LIKE = {"SKIP": "CUT", "JUMP_BACK": "LOOP", "REPEAT_PREV": "LOOP"}


@dataclass(frozen=True)
class Deed:
    """What was done to some beats."""

    type: str
    first: int
    end: int


def treated(rng: np.random.Generator, type_: str, start: int, end: int) -> Clip:
    """Return a clip of one treatment at a random amount of the action table, an open one."""
    row = V3.rows[V3.index(type_)]
    value = float(rng.choice([value for value, is_open in zip(row.values, row.distinct_amounts) if is_open]))
    plain = Clip(start, end, type_)
    changes = {
        "GAIN": {"gain_db": value},
        "FADE_IN": {"fade_in": end - start},
        "FADE_OUT": {"fade_out": end - start},
        "REVERSE": {"reverse": True},
    }
    if type_ in EFFECT_RANGES:
        return replace(plain, effects=(Effect(type_, value),))
    if type_.startswith("PITCH"):
        return replace(plain, pitch_semitones=value)
    if type_.startswith("SPEED"):
        return replace(plain, speed=value)
    return replace(plain, **changes.get(type_, {}))


def known_edit(rng: np.random.Generator, bounds: np.ndarray) -> tuple[list[Clip], list[Deed]]:
    """Return the clips of an edit that uses every type once or more, and what was done; bounds in samples."""
    clips: list[Clip] = []
    deeds: list[Deed] = []
    tail: list[Clip] = []
    order = [t for t in ACTIONS if t != "KEEP"]
    rng.shuffle(order)
    beats, at = len(bounds) - 1, 0

    def play(first: int, end: int, type_: str = "KEEP") -> Clip:
        clip = treated(rng, type_, int(bounds[first]), int(bounds[end]))
        clips.append(clip)
        return clip

    for type_ in order * 4:
        gap, size = int(rng.choice([4, 6, 8])), int(rng.choice([4, 4, 8]))
        if at + gap + 2 * size + 4 > beats:
            break
        play(at, at + gap)
        deeds.append(Deed("KEEP", at, at + gap))
        at += gap
        end = at + size
        deeds.append(Deed(type_, at, end))
        if type_ in ("CUT", "SKIP"):
            pass
        elif type_ in ("LOOP", "REPEAT_PREV"):
            for _ in range(int(rng.integers(2, 4))):
                play(at, end)
        elif type_ == "JUMP_BACK":
            play(at, end)
            play(at, end)
        elif type_ == "REORDER":
            tail.append(Clip(int(bounds[at]), int(bounds[end]), "REORDER"))
        elif type_ == "SWAP_NEXT":
            play(end, end + size)
            play(at, end)
            end += size
            deeds[-1] = Deed(type_, at, end)
        else:
            play(at, end, type_)
        at = end
    play(at, beats)
    deeds.append(Deed("KEEP", at, beats))
    return clips + tail, deeds


def wanted_by_beat(deeds: list[Deed], beats: int) -> list[str]:
    """Return the type of each beat; of a swap both spans, of a loop its span."""
    types = ["CUT"] * beats
    for deed in deeds:
        for beat in range(deed.first, min(deed.end, beats)):
            types[beat] = SOUNDS_LIKE.get(deed.type, deed.type)
    return types


def found_by_beat(edit_list: EditList, level_db: float, analysis: Analysis) -> list[str]:
    """Return the type of each beat that the labels say."""
    lengths = span_lengths(analysis)
    types = ["CUT"] * len(lengths)
    for moment in replay_actions(
        transcript_of(without_inaudible_changes(edit_list, level_db), analysis).actions, lengths
    ):
        name, first = V3.names[moment.action.type], moment.state.cursor
        beats_long = int(lengths[first, moment.action.size]) * (2 if name == "SWAP_NEXT" else 1)
        span = range(first, min(first + beats_long, len(types)))
        if name == "JUMP_BACK":
            span = range(max(0, first - (int(V3.value(moment.action)) or 1)), first)
        elif name == "REPEAT_PREV":
            continue
        for beat in span:
            if types[beat] != "LOOP":
                types[beat] = SOUNDS_LIKE.get(name, name)
    return types


def damaged(sound: np.ndarray, damage: str, folder: Path) -> np.ndarray:
    """Return the edit behind a codec, or a master equalizer and gain."""
    import pedalboard as pb

    if damage == "mp3":
        path = folder / "coded.mp3"
        sf.write(path, np.clip(sound, -1, 1), RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.4)
        coded = sf.read(path, always_2d=True)[0]
        return coded[: len(sound)]
    if damage == "master":
        board = pb.Pedalboard([pb.PeakFilter(900.0, -2.0, 0.7), pb.Gain(2.0)])
        return board(sound.T.astype(np.float32), RATE).T
    return sound


def one(track: Path, damage: str, rng: np.random.Generator, folder: Path) -> dict[str, object]:
    """Make a pair, label it, and return the confusion of types and how close the edit list came."""
    sound = sf.read(track, always_2d=True)[0]
    start = max(0, int((len(sound) - EXCERPT_S * RATE) * rng.uniform(0.2, 0.7)))
    sf.write(folder / "raw.wav", 0.6 * sound[start : start + round(EXCERPT_S * RATE)], RATE, subtype="PCM_16")
    with open_recording(folder / "raw.wav") as raw:
        analysis = analyze(raw)
        bounds = beat_bounds(analysis)
        clips, truth = known_edit(rng, bounds)
        edit_list = EditList(raw.source, tuple(clips), tuple(Join(CROSSFADE) for _ in clips[1:]))
        blocks = [b / 2**15 if b.dtype.kind == "i" else b for b in render_blocks(edit_list, raw)]
        sf.write(folder / "edit.wav", damaged(np.concatenate(blocks), damage, folder), RATE, subtype="PCM_16")
        with open_recording(folder / "edit.wav") as edit:
            started = time.perf_counter()
            alignment = align(raw, edit)
            sounds = PairSounds(raw, edit)
            human = infer_edit(sounds, alignment, analysis.beats_s)
            seconds = time.perf_counter() - started
            close = measure_fidelity(sounds, human)
    found = found_by_beat(human.edit_list, human.level_db, analysis)
    beats = len(found)
    pairs = Counter(zip(wanted_by_beat(truth, beats), found))
    return {
        "track": track.name, "damage": damage, "beats": beats, "seconds": round(seconds, 2),
        "matched_share": round(human.matched_share, 4), **close.as_dict(),
        "beats_right": round(sum(n for (a, b), n in pairs.items() if a == b) / beats, 4),
        "confusion": [[a, b, n] for (a, b), n in sorted(pairs.items())],
    }  # fmt: skip


def table(rows: list[dict[str, object]]) -> str:
    """Return the results as Markdown."""
    said = [paragraph.replace("\n", " ") for paragraph in (__doc__ or "").split("\n\n")[1:3]]
    lines = ["# Labels found again", "", said[0], "", said[1], ""]
    for damage in DAMAGES:
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        picked = [row for row in rows if row["damage"] == damage]
        if not picked:
            continue
        for row in picked:
            for wanted, got, count in row["confusion"]:  # type: ignore[attr-defined]
                counts[wanted][got] += count
        lines += [f"## Damage: {damage}", ""]
        for key in ("beats_right", "matched_share", "frames_share", "log_spectrum_db", "snr_db"):
            lines.append(f"- {key}, mean over {len(picked)} pairs: {np.mean([row[key] for row in picked]):.3f}")
        lines += ["", "| type | beats | recall | precision | taken for |", "|---|---|---|---|---|"]
        for type_ in ACTIONS:
            total = sum(counts[type_].values())
            if not total:
                continue
            claimed = sum(row[type_] for row in counts.values())
            wrong = ", ".join(f"{name} {n}" for name, n in counts[type_].most_common() if name != type_)
            right = counts[type_][type_]
            lines.append(f"| {type_} | {total} | {right / total:.2f} | {right / max(claimed, 1):.2f} | {wrong} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark and write its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("music", type=Path)
    parser.add_argument("--tracks", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/labels"))
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    tracks = sorted(p for a in ARTISTS for p in (args.music / a).rglob("*") if p.suffix in (".ogg", ".opus", ".mp3"))
    tracks = [path for path in tracks if sf.info(path).samplerate == RATE and sf.info(path).duration > EXCERPT_S]
    if not tracks:
        raise SystemExit(f"no music of at least {EXCERPT_S:.0f} s lies under {args.music}")
    rows: list[dict[str, object]] = []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for k, index in enumerate(rng.permutation(len(tracks))[: args.tracks].tolist()):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(one(tracks[index], DAMAGES[k % len(DAMAGES)], rng, Path(folder)))
        print({key: value for key, value in rows[-1].items() if key != "confusion"}, flush=True)
        # Written after every pair, so that a run that is stopped leaves what it found.
        args.out.with_suffix(".json").write_text(json.dumps({"seed": args.seed, "rows": rows}, indent=1) + "\n")
        args.out.with_suffix(".md").write_text(table(rows) + "\n")


if __name__ == "__main__":
    main()
