"""Turns finished tracks into jams with exact truth: the set that `scored` was tuned on.

A finished track is cut to two or three minutes and played again as a band
might in a rehearsal: people talk and tune, a song breaks down and starts
again some bars earlier, a take goes wrong, a vamp is played too often. The
truth says for every stretch of the jam what it is, and from where in the
finished track it comes. Results are reported on the set of `simulators.second`,
which was written independently.

    python -m simulators.first MUSIC_FOLDER OUT_FOLDER --sets tune validate

MUSIC_FOLDER holds Debian packages, each unpacked below a folder of its name.
OUT_FOLDER gets ``NAME_raw.flac`` and ``NAME.json``, the truth in the format of
``docs/truth-format.md``.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import mido
import numpy as np
import scipy.signal
import soundfile
import soxr

from benchmarks import known_beats
from editorbot.corpus.truth import Segment, Truth, write_truth
from simulators import first_junk as junk

RATE = junk.RATE
"""Rate of all audio here [Hz]."""

TUNE_SETS = ("nexuiz", "ufoai", "warzone", "asc", "openarena", "planetblupi", "freedoom")
"""Artists that the editor is tuned on."""

VALIDATE_SETS = ("colobot", "hyperrogue")
"""Artists that it is checked on."""

FOLDERS = {
    "freedoom": "freedoom",
    "nexuiz": "nexuiz-music", "ufoai": "ufoai-music", "warzone": "warzone2100-music", "asc": "asc-music",
    "openarena": "openarena-088-data", "planetblupi": "planetblupi-music-ogg", "colobot": "colobot-common-sounds",
    "hyperrogue": "hyperrogue-music",
}  # fmt: skip
"""Package of each set."""


def tracks_of(folder: Path) -> list[tuple[str, bytes | Path]]:
    """Return name and content of every music track below a folder, packs opened."""
    found: list[tuple[str, bytes | Path]] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".ogg", ".opus", ".mp3") and path.stat().st_size > 400_000 and "music" in str(path):
            found.append((path.stem, path))
        elif path.suffix == ".pk3":
            with zipfile.ZipFile(path) as pack:
                names = [i for i in pack.infolist() if i.filename.endswith(".ogg") and i.file_size > 600_000]
                found += [
                    (Path(i.filename).stem, pack.read(i))
                    for i in names
                    if "music" in i.filename or "cdtracks" in i.filename
                ]
    return found


def midi_tracks(folder: Path, soundfont: Path) -> list[tuple[str, Callable[[], np.ndarray]]]:
    """Return the MIDI pieces of WADs below a folder, each played when it is called."""

    def played(lump: bytes) -> np.ndarray:
        mono = known_beats.render_midi(mido.MidiFile(file=io.BytesIO(lump)), soundfont)
        return np.repeat(mono[:, None], 2, 1)

    lumps = {name: lump for wad in sorted(folder.rglob("*.wad")) for name, lump in known_beats.midi_lumps(wad)}
    return [(name, partial(played, lump)) for name, lump in lumps.items() if len(lump) > 8_000]


def read(content: bytes | Path) -> np.ndarray:
    """Return a track at RATE, shape=(samples, 2), float32."""
    sound, rate = soundfile.read(
        io.BytesIO(content) if isinstance(content, bytes) else content, dtype="float32", always_2d=True
    )
    sound = soxr.resample(sound[:, :2], rate, RATE)
    return (sound if sound.shape[1] == 2 else np.repeat(sound, 2, 1)).astype(np.float32)


@dataclass
class Jam:
    """A jam while it is put together."""

    pieces: list[np.ndarray] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    samples: int = 0

    def add(self, sound: np.ndarray, kind: str, source: int | None = None, source_samples: int | None = None) -> None:
        """Append a stretch that plays `source_samples` of the finished music from `source` on."""
        if len(sound) == 0:
            return
        start_s, end_s = self.samples / RATE, (self.samples + len(sound)) / RATE
        speed = 1.0 if source_samples is None else min(max(source_samples / len(sound), 0.25), 4.0)
        self.segments.append(Segment(start_s, end_s, kind, None if source is None else source / RATE, speed))
        self.pieces.append(sound.astype(np.float32))
        self.samples += len(sound)

    def relabel(self, samples: int, kind: str) -> None:
        """Call the last `samples` of the last stretch `kind`."""
        last = self.segments.pop()
        middle_s = last.end_s - samples / RATE
        if middle_s > last.start_s + 1e-6:
            self.segments.append(replace(last, end_s=middle_s))
        middle_s = self.segments[-1].end_s if middle_s > last.start_s + 1e-6 else last.start_s
        source_s = None if last.source_s is None else last.source_s + middle_s - last.start_s
        self.segments.append(replace(last, start_s=middle_s, kind=kind, source_s=source_s))


def tilt(sound: np.ndarray, rng: np.random.Generator, amount_db: float) -> np.ndarray:
    """Return the sound with a gently different tone."""
    edges = [0, 150, 500, 1500, 4000, RATE / 2]
    gains = 10 ** (rng.uniform(-amount_db, amount_db, len(edges)) / 20)
    taps = scipy.signal.firwin2(257, edges, gains, fs=RATE)
    return scipy.signal.fftconvolve(sound, taps[:, None], mode="same").astype(np.float32)


def warp(sound: np.ndarray, rng: np.random.Generator, speed: float, jitter_s: float) -> np.ndarray:
    """Return the sound at another speed, its time wobbling by `jitter_s`."""
    count = int(len(sound) / speed)
    knots = max(4, int(count / RATE * 2))
    wobble = np.interp(np.linspace(0, knots - 1, count), np.arange(knots), rng.normal(0, jitter_s * RATE, knots))
    at = np.clip(np.arange(count) * speed + wobble, 0, len(sound) - 1)
    return np.stack([np.interp(at, np.arange(len(sound)), channel) for channel in sound.T], 1).astype(np.float32)


def played_again(sound: np.ndarray, rng: np.random.Generator, soundfont: Path) -> np.ndarray:
    """Return the same music as if played once more: the same to the sample, or a little different."""
    if rng.random() < 0.3:
        return sound * np.float32(10 ** (rng.uniform(-1, 1) / 20))
    sound = warp(sound, rng, rng.uniform(0.985, 1.015) if rng.random() < 0.6 else 1.0, rng.choice([0.0, 0.002, 0.01]))
    sound = tilt(sound, rng, rng.uniform(0, 4)) * 10 ** (rng.uniform(-3, 3) / 20)
    if rng.random() < 0.4:
        extra = junk.noodling(rng, len(sound), soundfont)
        sound = sound + extra[:, None] * level(sound) * 10 ** (rng.uniform(-16, -7) / 20)
    return sound.astype(np.float32)


def sloppy(sound: np.ndarray, rng: np.random.Generator, soundfont: Path) -> np.ndarray:
    """Return the same music played badly, in two to four ways."""
    ways = rng.choice(
        ["time", "gaps", "wrong", "dull", "wobble", "stutter", "extra", "quiet"], rng.integers(2, 5), replace=False
    )
    out = sound.copy()
    if "time" in ways:
        out = warp(out, rng, rng.uniform(0.96, 1.04), rng.uniform(0.015, 0.05))
    for _ in range(max(1, int(len(out) / RATE / 4))):
        at = int(rng.uniform(0, max(1, len(out) - RATE)))
        count = int(rng.uniform(0.1, 0.6) * RATE)
        part = out[at : at + count]
        if "gaps" in ways:
            out[at : at + count] = part * rng.uniform(0, 0.2)
        if "wrong" in ways and len(part) > 100:
            shifted = warp(part, rng, 2 ** (rng.choice([-2, -1, 1, 2]) / 12), 0.0)
            out[at : at + len(part)] = junk_fit(shifted, len(part)) * 0.7 + part * 0.3
        if "stutter" in ways and rng.random() < 0.4:
            out = np.concatenate([out[: at + count], out[at:]])
    if "dull" in ways:
        out = scipy.signal.sosfilt(scipy.signal.butter(2, rng.uniform(1500, 5000), fs=RATE, output="sos"), out, axis=0)
    if "wobble" in ways:
        knots = max(3, int(len(out) / RATE))
        out = (
            out
            * 10
            ** (np.interp(np.linspace(0, knots, len(out)), np.arange(knots), rng.normal(0, 3, knots)) / 20)[:, None]
        )
    if "extra" in ways:
        out = out + junk.noodling(rng, len(out), soundfont)[:, None] * level(sound) * 10 ** (rng.uniform(-8, 0) / 20)
    if "quiet" in ways:
        out = out * 10 ** (rng.uniform(-8, -2) / 20)
    return tilt(out.astype(np.float32), rng, 2)


def fallen_apart(sound: np.ndarray, count: int, rng: np.random.Generator, soundfont: Path) -> np.ndarray:
    """Return the sound with its last `count` samples played a little differently, the very end falling apart."""
    head, tail = sound[:-count], sound[-count:]
    again = tilt(warp(tail, rng, 1.0, rng.choice([0.0, 0.004, 0.012])), rng, rng.uniform(0, 3))
    again = again[: len(tail)] * 10 ** (rng.uniform(-2, 2) / 20)
    crash = min(len(again), int(rng.uniform(0.3, 3.0) * RATE))
    if rng.random() < 0.5:
        again[-crash:] *= np.linspace(1, rng.uniform(0, 0.5), crash)[:, None]
    if rng.random() < 0.5:
        extra = junk.fit(junk.noodling(rng, crash, soundfont), crash)
        again[-crash:] += extra[:, None] * level(tail) * 10 ** (rng.uniform(-12, -2) / 20)
    return np.concatenate([head, again]).astype(np.float32)


def junk_fit(sound: np.ndarray, length: int) -> np.ndarray:
    """Return the sound repeated or cut to `length`."""
    return np.resize(sound, (length, sound.shape[1]))


def level(sound: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt((sound.astype(np.float64) ** 2).mean())) + 1e-9


@dataclass(frozen=True)
class Setting:
    """What a jam is made of."""

    music: np.ndarray
    """The finished music, shape=(samples, 2)."""
    strangers: list[np.ndarray]
    """Other songs, for scraps."""
    beat_s: float
    """Length of a beat [s]."""
    cuts: np.ndarray
    """Places in the music where something may happen [samples]."""
    soundfont: Path
    """Instrument sounds."""
    hard: float
    """How hard the jam is, in [0, 1]: loud junk, changed repeats."""


def one_junk(kind: str, setting: Setting, rng: np.random.Generator) -> np.ndarray:
    """Return a stretch of junk at a believable level, shape=(samples, 2)."""
    loud = level(setting.music)
    count_s = 4 * setting.beat_s
    seconds = {
        "talk": (2.5, 16), "silence": (1.5, 12), "hum": (2, 10), "tuning": (4, 14), "noodling": (4, 18),
        "applause": (3, 9), "scrap": (5, 18), "count_in": (count_s, count_s + 0.1),
    }[kind]  # fmt: skip
    length = int(rng.uniform(*seconds) * RATE)
    lift = 6 * setting.hard
    if kind == "scrap":
        song = setting.strangers[rng.integers(len(setting.strangers))]
        at = int(rng.integers(0, max(1, len(song) - length)))
        part = song[at : at + length]
        return part / level(part) * loud * 10 ** (rng.uniform(-6, 2) / 20)
    if kind == "silence":
        return np.zeros((length, 2), np.float32)
    gain_db = {
        "talk": (-16, -4),
        "hum": (-34, -16),
        "tuning": (-16, -4),
        "noodling": (-12, -2),
        "applause": (-14, -3),
        "count_in": (-14, -2),
    }[kind]
    makers = {"talk": junk.talk, "hum": junk.hum, "applause": junk.applause}
    if kind == "count_in":
        sound = junk.count_in(rng, length, setting.beat_s)
    elif kind in makers:
        sound = makers[kind](rng, length)
    else:
        sound = getattr(junk, kind)(rng, length, setting.soundfont)
    sound = junk.fit(sound, length) * loud * 10 ** (min(2, rng.uniform(*gain_db) + lift * rng.random()) / 20)
    if kind in ("talk", "noodling") and rng.random() < 0.25:
        other = junk.noodling(rng, length, setting.soundfont) if kind == "talk" else junk.talk(rng, length)
        sound = sound + junk.fit(other, length) * loud * 10 ** (rng.uniform(-20, -9) / 20)
    if rng.random() < 0.3:  # another place in the room
        pan = rng.uniform(0.2, 1.0)
        return np.stack([sound, sound * pan], 1)
    wide = junk.room(sound, rng, 0.2)
    return np.stack([sound, wide if rng.random() < 0.5 else sound], 1)


NAMES = {"hum": "noise", "scrap": "other_song"}
"""Kinds here -> what the truth's format calls them."""


def pause(jam: Jam, setting: Setting, rng: np.random.Generator, kinds: tuple[str, ...], count: int) -> None:
    """Add a stop: perhaps the last sound ringing out, then junk."""
    if jam.pieces and rng.random() < 0.5:
        last = jam.pieces[-1]
        length = int(rng.uniform(0.5, 3.0) * RATE)
        tail = np.stack([junk.ringing(rng, channel, length) for channel in last.T], 1)
        jam.add(tail, "ring_out")
    for _ in range(count):
        kind = str(rng.choice(kinds))
        jam.add(one_junk(kind, setting, rng), NAMES.get(kind, kind))
    if rng.random() < 0.3:
        jam.add(one_junk("count_in", setting, rng), "count_in")


JUNK = ("talk", "talk", "talk", "silence", "silence", "hum", "tuning", "noodling", "noodling", "applause", "scrap")
"""What fills a stop, by how often."""


def make_jam(setting: Setting, rng: np.random.Generator) -> Jam:
    """Play the finished music as a jam, straight through with five to nine faults."""
    jam, music = Jam(), setting.music
    if rng.random() < 0.8:
        pause(jam, setting, rng, JUNK, int(rng.integers(1, 4)))
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 3))):
            stop = int(setting.cuts[np.argmin(np.abs(setting.cuts - rng.uniform(3, 22) * RATE))])
            jam.add(played_again(music[:stop], rng, setting.soundfont), "false_start", 0, stop)
            pause(jam, setting, rng, JUNK, int(rng.integers(1, 3)))
    at, faults = 0, int(rng.integers(1, 9))
    places = np.sort(
        rng.choice(
            setting.cuts[(setting.cuts > 8 * RATE) & (setting.cuts < len(music) - 8 * RATE)], faults, replace=False
        )
    )
    for place in places:
        if place - at < 6 * RATE:
            continue
        jam.add(music[at:place], "music", at)
        at = int(place)
        fault = str(rng.choice(["pause", "breakdown", "sloppy", "vamp"], p=[0.3, 0.25, 0.2, 0.25]))
        if fault == "pause":
            pause(jam, setting, rng, JUNK, int(rng.integers(1, 3)))
        elif fault == "breakdown":
            back = int(rng.choice([2, 4, 8, 16, 32]) * setting.beat_s * RATE)
            last = jam.segments[-1]
            back = min(back, int((last.duration_s) * RATE), at)
            if back <= 0:
                continue
            jam.relabel(back, "breakdown")
            if rng.random() < 0.7:
                jam.pieces[-1] = fallen_apart(jam.pieces[-1], back, rng, setting.soundfont)
            pause(jam, setting, rng, JUNK, int(rng.integers(1, 3)))
            at -= back
        elif fault == "sloppy":
            length = min(int(rng.choice([8, 16, 32, 48]) * setting.beat_s * RATE), len(music) - at - RATE)
            jam.add(sloppy(music[at : at + length], rng, setting.soundfont), "sloppy", at, length)
            pause(jam, setting, rng, JUNK, int(rng.integers(1, 3)))
        else:
            length = min(int(rng.choice([4, 8, 16, 32]) * setting.beat_s * RATE), at)
            for _ in range(int(rng.integers(1, 5))):
                again = played_again(music[at - length : at], rng, setting.soundfont)
                jam.add(again, "repeat", at - length, length)
    jam.add(music[at:], "music", at)
    if rng.random() < 0.8:
        pause(jam, setting, rng, JUNK, int(rng.integers(1, 3)))
    return jam


def recorded(jam: Jam, rng: np.random.Generator, loud: float) -> np.ndarray:
    """Return the jam as one microphone pair heard it: room, noise floor, tone, drift, perhaps mono."""
    sound = np.concatenate(jam.pieces)
    for at in np.cumsum([len(p) for p in jam.pieces])[:-1]:  # no clicks between the pieces
        ramp = np.linspace(0, 1, 110, dtype=np.float32)[:, None]
        sound[at : at + 110] *= ramp[: len(sound[at : at + 110])]
        sound[max(0, at - 110) : at] *= ramp[::-1][: len(sound[max(0, at - 110) : at])]
    amount = rng.choice([0.0, 0.1, 0.3])
    sound = np.stack([junk.room(channel, rng, amount) for channel in sound.T], 1)
    sound = tilt(sound, rng, rng.uniform(0, 4))
    knots = max(3, int(len(sound) / RATE / 20))
    drift = np.interp(np.linspace(0, knots - 1, len(sound)), np.arange(knots), rng.normal(0, 1.0, knots))
    sound = sound * 10 ** (drift / 20)[:, None]
    floor = junk.noise(rng, len(sound), rng.uniform(-6, 0)) * loud * 10 ** (rng.uniform(-60, -28) / 20)
    sound = sound + floor[:, None]
    if rng.random() < 0.3:
        sound = np.repeat(sound.mean(1, keepdims=True), 2, 1)
    return (sound / np.abs(sound).max() * rng.uniform(0.3, 0.98)).astype(np.float32)


def setting_of(track: np.ndarray, strangers: list[np.ndarray], rng: np.random.Generator, soundfont: Path) -> Setting:
    """Cut two or three minutes out of a track and find where things may happen in it."""
    import librosa

    length = int(rng.uniform(100, 175) * RATE)
    at = 0 if rng.random() < 0.4 else int(rng.uniform(0, max(1, len(track) - length)))
    music = track[at : at + length]
    tempo, beats = librosa.beat.beat_track(y=music.mean(1), sr=RATE, hop_length=512)
    beat_s = 60 / float(np.clip(np.atleast_1d(tempo)[0], 60, 200)) if np.atleast_1d(tempo)[0] > 0 else 0.5
    cuts = beats * 512 if len(beats) > 40 and rng.random() < 0.8 else np.sort(rng.integers(0, len(music), 200))
    return Setting(music, strangers, beat_s, cuts, soundfont, float(rng.choice([0.0, 0.5, 1.0])))


def main() -> None:
    """Make jams of the asked sets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("music", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sets", nargs="+", default=["tune", "validate"])
    parser.add_argument("--jams", type=int, default=8, help="jams of each artist")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    soundfont = options.music / "timgm6mb-soundfont/usr/share/sounds/sf2/TimGM6mb.sf2"
    names = [n for s in options.sets for n in {"tune": TUNE_SETS, "validate": VALIDATE_SETS}.get(s, (s,))]
    for set_name in names:
        rng = np.random.default_rng([options.seed, *set_name.encode()])
        tracks = tracks_of(options.music / FOLDERS[set_name]) or midi_tracks(
            options.music / FOLDERS[set_name], soundfont
        )
        order = rng.permutation(len(tracks))
        songs: list[tuple[str, np.ndarray]] = []
        for index in order[: options.jams + 2]:
            content = tracks[index][1]
            song = content() if callable(content) else read(content)
            if len(song) > 60 * RATE and level(song) > 1e-3:
                songs.append((tracks[index][0], song[: 400 * RATE]))
        for number in range(options.jams):
            name, song = songs[number % len(songs)]
            setting = setting_of(song, [s for n, s in songs if n != name], rng, soundfont)
            jam = make_jam(setting, rng)
            raw = recorded(jam, rng, level(setting.music))
            stem = f"{set_name}_{number:02d}_{name}"
            soundfile.write(options.out / f"{stem}_raw.flac", raw, RATE)
            segments = tuple(jam.segments)
            finished_s = len(setting.music) / RATE
            truth = Truth(len(raw) / RATE, finished_s, segments, track=name, artist=set_name)
            write_truth(options.out / f"{stem}.json", truth)
            print(stem, f"{len(raw) / RATE:.0f} s", flush=True)


if __name__ == "__main__":
    main()
