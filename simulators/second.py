"""Turns finished tracks into raw jams with exact truth: the second of two independent simulators.

    python -m simulators.second --tracks FOLDER_OR_FILES --out JAMS --count 10 --seed 1

It simulates an evening in a rehearsal room. A band plays the song, and things
happen: it stops and starts again from the top or some bars earlier, plays a
stretch badly and once more well, repeats a vamp too often. In between there
is talk, dead air, tuning, noodling, counting in, applause, and scraps of other
songs. A room, its noise, and a recorder's level and tone color all of it.

Three rules make a set fit for scoring: no take is a copy of another, junk is
sometimes as loud as the band, and about the same share of every jam is worth
keeping (`PURITY`, `LOUD_SHARE`).

``--tracks`` takes files, folders (every file in them; a folder with ``song.ogg``
and ``guitar.ogg`` is one track, the sum of both), each as ``ARTIST=PATH`` where
the artist's name matters. Writes ``input/{sample}_raw.wav``,
``desired_output/{sample}_edit.wav`` and ``truth/{sample}.json`` below ``--out``.
Needs the program ``espeak-ng`` for the talk.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from scipy import signal

from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editlist.operations import subtract
from simulators import second_sounds as sounds
from simulators.second_sounds import RATE
from simulators.second_takes import TakeStyle, draw_sloppy_style, draw_style, fall_apart, perform, ring_out, spoil

PURITY = (0.38, 0.48)
"""Share of a jam that is worth keeping, drawn from this range: keep-all then scores F1 0.55 - 0.65."""

LOUD_SHARE = (0.60, 0.78)
"""Share of what is not worth keeping that is about as loud as the band."""

FINISHED_S = (100.0, 160.0)
"""Length of the finished tracks [seconds]; longer ones are cut."""

FRAME_S = 0.02
"""Frame of the song's timbre [seconds]."""

FADE_S = 0.012
"""Crossfade between the pieces of a jam [seconds]; the truth's borders are its middle."""

JUNK = (
    # kind, share among quiet junk, share among loud junk
    ("talk", 0.38, 0.16),
    ("silence", 0.22, 0.0),
    ("noise", 0.08, 0.06),
    ("tuning", 0.12, 0.18),
    ("noodling", 0.16, 0.40),
    ("applause", 0.04, 0.02),
    ("other_song", 0.0, 0.18),
)
"""What junk there is."""


@dataclass(frozen=True)
class Song:
    """A finished track with what a musician would know about it."""

    sound: np.ndarray
    """Samples, shape=(samples, 2)."""
    beats_s: np.ndarray
    """Beats [seconds]; a plain half-second grid where none were found."""
    has_beat: bool
    """Whether the beats were found."""
    tonic: int
    """Pitch class of the key, 0 is C."""
    timbre: np.ndarray
    """Mel spectrum [dB, mean 0, unit length over 2 s], shape=(frames, values); what a moment leads on to."""
    name: str
    """Name of the track."""
    artist: str
    """Who made it."""

    @property
    def duration_s(self) -> float:
        """Length [seconds]."""
        return len(self.sound) / RATE

    @property
    def beat_s(self) -> float:
        """Length of a beat [seconds]."""
        return float(np.median(np.diff(self.beats_s)))

    @property
    def level(self) -> float:
        """RMS of its loud parts."""
        windows = self.sound[: len(self.sound) // 4410 * 4410].reshape(-1, 4410 * 2)
        return float(np.sqrt(np.quantile((windows**2).mean(axis=1), 0.7)))

    def turn_s(self, start_s: float, wanted_s: float) -> float:
        """Return how long a stretch from `start_s` is that leads back to its own start as well as any can.

        Beats alone do not tell: where the tracker finds two thirds of the tempo, every bar is wrong. So among lengths
        within a third of `wanted_s` the one is taken after which the song sounds most like it did at the start.
        """
        first = round(start_s / FRAME_S)
        shortest, longest = round(wanted_s * 0.67 / FRAME_S), round(wanted_s * 1.33 / FRAME_S)
        later = self.timbre[first + shortest : first + longest]
        if len(later) == 0:
            return wanted_s
        return (shortest + int(np.argmax(later @ self.timbre[first]))) * FRAME_S

    def bar_near(self, time_s: float) -> float:
        """Return the start of the bar nearest to a time [seconds]."""
        bars_s = self.beats_s[::4]
        return float(bars_s[np.argmin(abs(bars_s - time_s))])


@dataclass(frozen=True)
class Piece:
    """A stretch of the jam, before the room."""

    sound: np.ndarray
    """Samples, shape=(samples, 2)."""
    kind: str
    """A kind of the truth; "good" for music whose take is named later."""
    source_s: float | None = None
    """Where in the song it starts [seconds]."""
    speed: float = 1.0
    """Seconds of the song in one of its seconds."""


@dataclass(frozen=True)
class Incident:
    """Something that happens while the song is played."""

    kind: str
    """restart, sloppy, vamp or pause."""
    at_s: float
    """Where in the song [seconds]."""
    length_s: float
    """How much of the song is played again, or badly [seconds]."""
    passes: int = 0
    """How often a vamp is played beyond the once that it should be."""

    @property
    def cost_s(self) -> float:
        """What it adds to the jam [seconds]."""
        return self.length_s * max(1, self.passes)


# --- the song -------------------------------------------------------------------------------------------------------


def load_song(
    paths: Sequence[Path], artist: str, name: str, rng: np.random.Generator, *, finished_s: float | None = None
) -> Song:
    """Read a track (the sum of its files), trim it, cut it to a drawn length or the given one, find beats and key."""
    import librosa

    layers = [_read(path) for path in paths]
    sound = sum(
        (np.pad(layer, ((0, max(map(len, layers)) - len(layer)), (0, 0))) for layer in layers), np.zeros((1, 1))
    )
    loud = np.flatnonzero(abs(sound).max(axis=1) > 0.003)
    sound = sound[loud[0] : loud[-1] + 1]
    wanted = int((finished_s or rng.uniform(*FINISHED_S)) * RATE)
    if len(sound) > wanted:
        start = 0 if finished_s or rng.random() < 0.6 else int(rng.uniform(0, 0.5) * (len(sound) - wanted))
        sound = sound[start : start + wanted].copy()
        fade = 2 * RATE
        sound[-fade:] *= np.linspace(1, 0, fade)[:, None] ** 2
    sound = sound / max(1.0, abs(sound).max() / 0.9)
    mono = soxr.resample(sound.mean(axis=1), RATE, 22_050)
    beats_s = np.asarray(librosa.beat.beat_track(y=mono, sr=22_050, units="time")[1])
    has_beat = len(beats_s) >= 32
    if not has_beat:
        beats_s = np.arange(0, len(sound) / RATE, 0.5)
    tonic = int(np.argmax(librosa.feature.chroma_stft(y=mono, sr=22_050, tuning=0).mean(axis=1)))
    return Song(sound, beats_s, has_beat, tonic, _timbre(mono), name, artist)


def _timbre(mono: np.ndarray) -> np.ndarray:
    """Return what each moment of a 22,050 Hz sound leads on to over 2 s, shape=(frames, values)."""
    import librosa

    mel = librosa.feature.melspectrogram(y=mono, sr=22_050, hop_length=round(FRAME_S * 22_050), n_mels=32)
    level_db = librosa.power_to_db(mel, top_db=60).T
    level_db = np.diff(level_db - level_db.mean(axis=0), axis=0, prepend=level_db[:1]) + 0.2 * level_db
    span = round(2 / FRAME_S)
    ahead = np.lib.stride_tricks.sliding_window_view(level_db, span, axis=0)[:, :, ::2]
    flat = ahead.reshape(len(ahead), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))


def _read(path: Path) -> np.ndarray:
    sound, rate = sf.read(path, always_2d=True)
    if sound.shape[1] == 1:
        sound = np.repeat(sound, 2, axis=1)
    return np.asarray(soxr.resample(sound[:, :2], rate, RATE))


def find_tracks(arguments: Sequence[str]) -> list[tuple[str, str, list[Path]]]:
    """Return (artist, name, files) of every track that the arguments name."""
    found = []
    for argument in arguments:
        artist, _, where = argument.rpartition("=")
        path = Path(where)
        if path.is_file():
            found.append((artist or path.parent.name, path.stem, [path]))
            continue
        folders = [path, *sorted(folder for folder in path.rglob("*") if folder.is_dir())]
        for folder in folders:
            files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
            if {"song.ogg", "guitar.ogg"} <= {file.name for file in files}:
                both = [file for file in files if file.stem in ("song", "guitar")]
                found.append((artist or path.name, folder.name, both))
            else:
                found += [(artist or path.name, file.stem, [file]) for file in files]
    return found


_SUFFIXES = {".ogg", ".opus", ".mp3", ".flac", ".wav"}


# --- the plan -------------------------------------------------------------------------------------------------------


def draw_incidents(song: Song, budget_s: float, rng: np.random.Generator) -> list[Incident]:
    """Draw what goes wrong with the song, worth about `budget_s` seconds, in the order of the song."""
    incidents: list[Incident] = []
    for _ in range(60):
        left_s = budget_s - sum(one.cost_s for one in incidents)
        if left_s < 6:
            break
        one = _draw_incident(song, left_s, rng, has_false_start=any(i.kind == "top" for i in incidents))
        if one is not None and all(abs(one.at_s - other.at_s) > 5 for other in incidents):
            incidents.append(one)
    return sorted(incidents, key=lambda one: one.at_s)


def _draw_incident(song: Song, left_s: float, rng: np.random.Generator, *, has_false_start: bool) -> Incident | None:
    """Draw one incident of at most about `left_s`, None where it fits nowhere."""
    bar_s = 4 * song.beat_s
    end_s = song.duration_s
    kind = str(rng.choice(["top", "restart", "sloppy", "vamp", "pause"], p=[0.2, 0.27, 0.27, 0.19, 0.07]))
    if kind == "top":
        at_s = float(rng.uniform(5, min(25, left_s + 2, 0.4 * end_s)))
        return None if has_false_start else Incident("top", at_s, at_s)
    if kind == "vamp":
        at_s = song.bar_near(rng.uniform(0.1, 0.8) * end_s)
        length_s = song.turn_s(at_s, bar_s * int(rng.choice([2, 4, 4, 8])))
        passes = min(int(rng.integers(1, 5)), int(left_s / length_s))
        fits = at_s + length_s < end_s - 5 and passes > 0 and length_s < 24
        return Incident("vamp", at_s, length_s, passes) if fits else None
    if kind == "sloppy":
        length_s = min(left_s, rng.uniform(9, 40))
        at_s = song.bar_near(rng.uniform(0, 0.8) * end_s)
        return Incident("sloppy", at_s, length_s) if at_s + length_s < end_s else None
    at_s = float(rng.uniform(0.15, 0.9) * end_s)
    if kind == "pause":
        return Incident("pause", song.bar_near(at_s), 0.0)
    length_s = min(bar_s * int(rng.integers(1, 13)), left_s, at_s)
    return Incident("restart", at_s, length_s)


def play_through(song: Song, incidents: Sequence[Incident], rng: np.random.Generator) -> list[list[Piece]]:
    """Play the song with its incidents; between the lists that come back the band stands still."""
    runs: list[list[Piece]] = [[]]
    style, at_s = draw_style(rng), 0.0
    for one in incidents:
        if at_s > one.at_s:  # an earlier incident has moved on beyond it
            continue
        runs[-1] += _good(song, at_s, one.at_s, style, rng)
        at_s = one.at_s
        if one.kind == "vamp":
            for _ in range(one.passes):
                runs[-1] += _good(song, at_s, at_s + one.length_s, _varied(style, rng), rng)
            continue
        if one.kind == "sloppy":
            sloppy = draw_sloppy_style(rng)
            take = spoil(perform(song.sound, at_s, at_s + one.length_s, sloppy, rng), rng)
            runs[-1].append(Piece(take, "sloppy", at_s, sloppy.speed))
            back_s = float(rng.choice([0, 0, 4, 8])) * song.beat_s
            end_s, at_s = at_s + one.length_s, max(0.0, song.bar_near(at_s - back_s) if back_s else at_s)
        else:
            end_s, at_s = at_s, _restart_s(song, one)
        runs[-1] += _halt(song, end_s, style, rng, falls_apart=one.kind != "pause")
        runs.append([])
        style = draw_style(rng)
    runs[-1] += _good(song, at_s, song.duration_s, style, rng)
    return runs


def _restart_s(song: Song, one: Incident) -> float:
    """Return where in the song the band takes it up again [seconds]."""
    if one.kind == "top":
        return 0.0
    if one.kind == "pause":
        return one.at_s
    return min(one.at_s, song.bar_near(one.at_s - one.length_s))


def _varied(style: TakeStyle, rng: np.random.Generator) -> TakeStyle:
    """Return the style of another pass in the same take."""
    tone_db = tuple(db + float(rng.normal(0, 1.2)) for db in style.tone_db)
    speed = float(np.clip(style.speed * rng.uniform(0.993, 1.007), 0.985, 1.015))
    gain_db = style.gain_db + float(rng.normal(0, 0.7))
    return replace(style, tone_db=tone_db, speed=speed, gain_db=gain_db)  # type: ignore[arg-type]


def _good(song: Song, start_s: float, end_s: float, style: TakeStyle, rng: np.random.Generator) -> list[Piece]:
    if end_s - start_s < 0.3:
        return []
    return [Piece(perform(song.sound, start_s, end_s, style, rng), "good", start_s, style.speed)]


def _halt(song: Song, at_s: float, style: TakeStyle, rng: np.random.Generator, *, falls_apart: bool) -> list[Piece]:
    """Return how the band comes to a halt at `at_s`: some confused bars, a chord that rings out, or nothing."""
    pieces = []
    length_s = min(float(rng.uniform(0.6, 3.5)), song.duration_s - at_s)
    if falls_apart and length_s > 0.4:
        take = perform(song.sound, at_s, at_s + length_s, replace(style, looseness_s=0.03), rng)
        pieces.append(Piece(fall_apart(spoil(take, rng), rng), "breakdown", at_s, style.speed))
    if rng.random() < 0.6:
        pieces.append(Piece(ring_out(song.sound, at_s, int(rng.uniform(0.8, 4) * RATE), rng), "ring_out"))
    return pieces


# --- the junk -------------------------------------------------------------------------------------------------------


def draw_junk(
    song: Song, other: Song, total_s: float, loud: bool, rng: np.random.Generator, level: float
) -> list[Piece]:
    """Draw junk of about `total_s`, all loud or all quiet."""
    kinds = [kind for kind, *_ in JUNK]
    weights = np.array([shares[loud] for _, *shares in JUNK])
    pieces: list[Piece] = []
    left_s = total_s
    while left_s > 1.5:
        length_s = min(left_s, float(rng.uniform(2.5, 16)))
        kind = str(rng.choice(kinds, p=weights / weights.sum()))
        gain_db = rng.uniform(-5, 1.5) if loud else rng.uniform(-34, -13)
        sound = _junk_sound(kind, int(length_s * RATE), song, other, rng) * level * 10 ** (gain_db / 20)
        pieces.append(Piece(sound, kind))
        left_s -= length_s
    return pieces


def _junk_sound(kind: str, samples: int, song: Song, other: Song, rng: np.random.Generator) -> np.ndarray:
    """Return one stretch of junk at unit loudness, shape=(samples, 2)."""
    if kind == "other_song":
        start = int(rng.integers(0, max(1, len(other.sound) - samples)))
        part = np.pad(other.sound[start : start + samples], ((0, max(0, samples - len(other.sound))), (0, 0)))
        out = part[:samples] * (rng.uniform(0.7, 1) / other.level)
        fade = int(0.3 * RATE)
        out[-fade:] *= np.linspace(1, 0, len(out[-fade:]))[:, None]
        return out
    mono = song.sound.mean(axis=1)
    makers: dict[str, Callable[[], np.ndarray]] = {
        "talk": lambda: sounds.talk(samples, rng),
        "silence": lambda: sounds.dead_air(samples, rng) * rng.uniform(0, 0.5),
        "noise": lambda: sounds.amp_noise(samples, rng),
        "tuning": lambda: sounds.tuning(samples, rng),
        "noodling": lambda: sounds.noodling(samples, rng, mono, song.tonic, song.beat_s),
        "applause": lambda: sounds.applause(samples, rng),
    }
    return placed(makers[kind](), rng)


def placed(mono: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return mono sound somewhere in the room: panned, and not quite the same on both sides."""
    pan = rng.uniform(0.15, 0.85)
    echo = rng.normal(size=int(0.05 * RATE)) * np.exp(-np.arange(int(0.05 * RATE)) / (0.012 * RATE)) * 0.03
    side = signal.fftconvolve(mono, echo)[: len(mono)]
    return np.stack([mono * np.sqrt(1 - pan) + side, mono * np.sqrt(pan) - side], axis=1)


def fill_gaps(
    runs: Sequence[Sequence[Piece]], junk: list[Piece], song: Song, rng: np.random.Generator, level: float
) -> list[Piece]:
    """Return the whole evening: junk first, between the runs and at the end, some runs counted in."""
    gaps: list[list[Piece]] = [[] for _ in range(len(runs) + 1)]
    weights = np.array([2.0, *[1.0] * (len(runs) - 1), 1.5])
    for number, one in enumerate(rng.permutation(len(junk))):
        place = number if number < len(gaps) else int(rng.choice(len(gaps), p=weights / weights.sum()))
        gaps[place].append(junk[one])
    evening = list(gaps[0])
    for run, gap in zip(runs, gaps[1:]):
        if rng.random() < 0.5:
            clicks = sounds.count_in(song.beat_s, rng) * level * rng.uniform(0.1, 0.7)
            evening.append(Piece(placed(clicks, rng), "count_in"))
        evening += [*run, *gap]
    return evening


# --- the jam --------------------------------------------------------------------------------------------------------


def assemble(evening: Sequence[Piece]) -> tuple[np.ndarray, list[Segment]]:
    """Lay the pieces end to end with short crossfades; return the sound and its segments, takes not named yet."""
    fade = round(FADE_S * RATE)
    evening = [piece for piece in evening if len(piece.sound) > 4 * fade]
    ramp = np.sqrt(np.linspace(0, 1, fade))[:, None]
    out = np.zeros((sum(len(piece.sound) - fade for piece in evening) + fade, 2))
    segments, at = [], 0
    for number, piece in enumerate(evening):
        sound = piece.sound.copy()
        sound[:fade] *= ramp
        sound[-fade:] *= ramp[::-1]
        out[at : at + len(sound)] += sound
        skip = fade / 2 / RATE if number else 0.0
        end_s = (at + len(sound) - fade / 2) / RATE if number < len(evening) - 1 else len(out) / RATE
        source_s = None if piece.source_s is None else piece.source_s + skip * piece.speed
        kind = "music" if piece.kind == "good" else piece.kind
        segments.append(Segment(at / RATE + skip, end_s, kind, source_s, speed=piece.speed))
        at += len(sound) - fade
    return out, segments


def name_takes(segments: Sequence[Segment]) -> list[Segment]:
    """Split good music into the last take of each moment ("music") and earlier ones ("repeat")."""
    named: list[Segment] = []
    taken: list[tuple[int, int]] = []
    for segment in reversed(segments):
        if segment.kind != "music" or segment.source_s is None:
            named.append(segment)
            continue
        whole = (round(segment.source_s * RATE), round(segment.source_end_s * RATE))
        music = subtract([whole], taken)
        parts = [(a, b, "music") for a, b in music] + [(a, b, "repeat") for a, b in subtract([whole], music)]
        named += reversed(_split(segment, sorted(parts)))
        taken.append(whole)
    return named[::-1]


def _split(segment: Segment, parts: Sequence[tuple[int, int, str]]) -> list[Segment]:
    """Return a segment split where the parts, given in song samples, meet; what is shorter than 1 ms is left out."""
    parts = [part for part in parts if part[1] - part[0] > RATE // 1000]
    assert segment.source_s is not None
    starts_s = [segment.start_s + (start / RATE - segment.source_s) / segment.speed for start, _, _ in parts]
    bounds_s = [segment.start_s, *starts_s[1:], segment.end_s]
    return [
        replace(
            segment,
            start_s=start_s,
            end_s=end_s,
            kind=kind,
            source_s=segment.source_s + (start_s - segment.start_s) * segment.speed,
        )
        for start_s, end_s, (_, _, kind) in zip(bounds_s, bounds_s[1:], parts)
    ]


def record(sound: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """Put a room, its noise, and a recorder's level and tone over everything."""
    tail = int(rng.uniform(0.15, 0.6) * RATE)
    decay = np.exp(-np.arange(tail) / (tail / 4.5))[:, None]
    room = rng.normal(size=(tail, 2)) * decay
    room *= 10 ** (rng.uniform(-20, -8) / 20) / np.sqrt((room**2).sum(axis=0))
    wet = np.stack([signal.oaconvolve(sound[:, c], room[:, c])[: len(sound)] for c in range(2)], axis=1)
    out = sound + wet
    noise = np.stack([signal.lfilter([1], [1, -0.97], rng.normal(size=len(out))) for _ in range(2)], axis=1)
    hum = sum(np.sin(2 * np.pi * 50 * k * np.arange(len(out)) / RATE) / k for k in (1, 2, 3, 5))
    out += noise / noise.std() * level * 10 ** (rng.uniform(-60, -38) / 20)
    out += np.asarray(hum)[:, None] * level * 10 ** (rng.uniform(-75, -42) / 20)
    drift_db = np.interp(np.linspace(0, 1, len(out)), np.linspace(0, 1, 8), rng.normal(0, 1.2, 8))
    out *= 10 ** (drift_db / 20)[:, None]
    top = signal.butter(1, rng.uniform(6_000, 18_000), fs=RATE, output="sos")
    bottom = signal.butter(1, rng.uniform(20, 90), "highpass", fs=RATE, output="sos")
    out = signal.sosfilt(bottom, signal.sosfilt(top, out, axis=0), axis=0)
    drive = rng.uniform(0.5, 1.6)
    out = np.tanh(out * drive) / drive
    return np.asarray(out / abs(out).max() * 10 ** (rng.uniform(-8, -0.5) / 20))


def simulate_jam(song: Song, other: Song, rng: np.random.Generator) -> tuple[np.ndarray, Truth]:
    """Simulate the recording of one evening with a song, and the truth about it."""
    purity = rng.uniform(*PURITY)
    unwanted_s = song.duration_s * (1 / purity - 1)
    loud_s = unwanted_s * rng.uniform(*LOUD_SHARE)
    runs = play_through(song, draw_incidents(song, loud_s * rng.uniform(0.4, 0.75), rng), rng)
    played_s = sum(len(piece.sound) / RATE for run in runs for piece in run) - song.duration_s
    level = song.level
    loud = draw_junk(song, other, max(0.0, loud_s - played_s), True, rng, level)
    quiet = draw_junk(song, other, unwanted_s - loud_s, False, rng, level)
    sound, segments = assemble(fill_gaps(runs, loud + quiet, song, rng, level))
    truth = Truth(
        duration_s=len(sound) / RATE,
        finished_s=song.duration_s,
        segments=tuple(name_takes(segments)),
        beats_s=tuple(round(float(beat), 4) for beat in song.beats_s) if song.has_beat else (),
        track=song.name,
        artist=song.artist,
    )
    return record(sound, level, rng), truth


def main() -> None:
    """Simulate the jams that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", nargs="+", required=True, help="files and folders, each as PATH or ARTIST=PATH")
    parser.add_argument("--out", type=Path, required=True, help="folder that gets the pairs")
    parser.add_argument("--count", type=int, help="how many jams; one a track where left out")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tracks = find_tracks(options.tracks)
    for folder in ("input", "desired_output", "truth"):
        (options.out / folder).mkdir(parents=True, exist_ok=True)
    for number in range(options.count or len(tracks)):
        rng = np.random.default_rng([options.seed, number])
        artist, name, files = tracks[number % len(tracks)]
        song = load_song(files, artist, name, rng)
        strange = tracks[(number + 1 + int(rng.integers(max(1, len(tracks) - 1)))) % len(tracks)]
        other = load_song(strange[2], strange[0], strange[1], rng)
        raw, truth = simulate_jam(song, other, rng)
        sample = f"second_{number:02d}_{artist}_{name}".replace(" ", "_").lower()
        sf.write(options.out / "input" / f"{sample}_raw.wav", raw, RATE, subtype="PCM_16")
        sf.write(options.out / "desired_output" / f"{sample}_edit.wav", song.sound, RATE, subtype="PCM_16")
        write_truth(options.out / "truth" / f"{sample}.json", truth)
        print(f"{sample}: {song.duration_s:.0f} s simulated as {truth.duration_s:.0f} s", flush=True)


if __name__ == "__main__":
    main()
