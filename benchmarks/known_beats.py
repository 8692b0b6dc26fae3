"""Music whose beats and bars are known, read from a folder of unpacked packages.

The pieces are MIDI files played through a soundfont, so the tempo map and the
time signatures give every beat and bar exactly; and a few recordings with a
MIDI track beside them, whose constant offset to the audio is fitted.

Expected below the folder, each as the Debian package of that name unpacks it:
``freedoom``, ``planetblupi-music-midi``, ``fretsonfire-songs-muldjord``, ``fretsonfire-songs-sectoid``,
``timgm6mb-soundfont``. Needs ``mido`` and ``tinysoundfont``. Run as a script,
``known_beats.py MUSIC FOLDER``, it writes the MIDI pieces that may be trained on.

Conventions
-----------
Times are seconds from the start of the audio. MIDI without a time signature
is in 4/4, as the MIDI standard says. A compound meter (6/8, 12/8) is counted
in dotted quarters, other meters in their own unit.
"""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import mido
import numpy as np
import soundfile
import soxr
import tinysoundfont

from editorbot.corpus.band import Score, excerpt, humanized, play, read_midi
from editorbot.training.beats.examples import mixed, on_another_instrument, roughened

RATE = 22_050
"""Rate of the audio handed out [Hz]."""

RENDER_RATE = 44_100
"""Rate at which MIDI is played [Hz]."""

OTHER_SOUND_S, OTHER_SOUND_SEED = 120.0, 777
"""Length of a held-out piece played again with another sound [s], and what that sound is drawn from."""

MAX_PIECE_S = 240.0
"""Longest excerpt of a piece [s]; the planetblupi pieces last half an hour."""

TRACKER_RESOLUTIONS = (89,)
"""MIDI files converted from MUS have this many ticks a quarter: their tempo is the format's clock, not the music's."""

DRUM_CHANNEL = 9
"""MIDI channel of the drums, counted from 0."""


@dataclass(frozen=True)
class Performance:
    """How a MIDI piece is played; the default plays what is written."""

    speed: float = 1.0
    """Tempo as a multiple of what is written."""
    jitter_s: float = 0.0
    """Deviation of note starts [s]."""
    seed: int = 0
    """Seed of the deviations."""


AS_WRITTEN = Performance()
"""Plays what is written."""


@dataclass(frozen=True)
class KnownPiece:
    """A piece with its true beats."""

    name: str
    """Short name, unique in its set."""
    set_name: str
    """The set it belongs to: tune, held-out, other-sound, recorded."""
    beats_s: np.ndarray
    """True beats, shape=(beats,) [s]."""
    downbeats_s: np.ndarray
    """True first beats of bars, shape=(bars,) [s]; empty where not known."""
    read_mono: Callable[[Performance], np.ndarray]
    """Gives the audio, shape=(samples,), float32 at RATE; recorded pieces are what they are."""
    fit_offset: bool = False
    """Whether the beats lie a constant, unknown offset from the audio."""


@dataclass(frozen=True)
class _Meter:
    """A time signature and the tick it starts at."""

    tick: int
    numerator: int
    denominator: int


def midi_lumps(wad: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every MIDI lump of a WAD file."""
    data = wad.read_bytes()
    _, count, offset = struct.unpack("<4sii", data[:12])
    for index in range(count):
        at, size, name = struct.unpack("<ii8s", data[offset + 16 * index : offset + 16 * index + 16])
        if data[at : at + 4] == b"MThd":
            yield name.rstrip(b"\0").decode("ascii"), data[at : at + size]


def _tick_clock(midi: mido.MidiFile) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from ticks to seconds of a file's tempo map."""
    changes = {0: 500_000}
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                changes[tick] = message.tempo
    ticks = np.array(sorted(changes), dtype=np.float64)
    per_tick_s = np.array([changes[int(tick)] for tick in ticks]) / 1e6 / midi.ticks_per_beat
    starts_s = np.concatenate([[0.0], np.cumsum(np.diff(ticks) * per_tick_s[:-1])])

    def clock(at: np.ndarray) -> np.ndarray:
        segment = np.searchsorted(ticks, at, side="right") - 1
        return starts_s[segment] + (at - ticks[segment]) * per_tick_s[segment]

    return clock


def _meters(midi: mido.MidiFile) -> list[_Meter]:
    """Return the time signatures of a file in order; 4/4 where there are none."""
    found = {0: _Meter(0, 4, 4)}
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "time_signature":
                found[tick] = _Meter(tick, message.numerator, message.denominator)
    return [found[tick] for tick in sorted(found)]


def _note_ticks(midi: mido.MidiFile) -> np.ndarray:
    """Return the ticks of all note starts, in order."""
    ticks = []
    for track in midi.tracks:
        tick = 0
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                ticks.append(tick)
    return np.sort(np.array(ticks))


def midi_beats(midi: mido.MidiFile) -> tuple[np.ndarray, np.ndarray]:
    """Return beats and downbeats of a file, from its first note to its last [s]."""
    notes = _note_ticks(midi)
    meters = _meters(midi)
    ends = [meter.tick for meter in meters[1:]] + [int(notes[-1]) + 1]
    beats: list[int] = []
    downbeats: list[int] = []
    for meter, end in zip(meters, ends):
        compound = meter.denominator == 8 and meter.numerator % 3 == 0
        unit = midi.ticks_per_beat * 4 // meter.denominator * (3 if compound else 1)
        per_bar = meter.numerator // (3 if compound else 1)
        ticks = range(meter.tick, end, unit)
        beats += ticks
        downbeats += ticks[::per_bar]
    clock = _tick_clock(midi)
    first_s = clock(notes[:1].astype(float))[0] - 0.03
    last_s = min(clock(notes[-1:].astype(float))[0] + 0.03, MAX_PIECE_S)
    beats_s, downbeats_s = clock(np.array(beats, dtype=float)), clock(np.array(downbeats, dtype=float))
    return tuple(x[(x >= first_s) & (x <= last_s)] for x in (beats_s, downbeats_s))


def render_midi(midi: mido.MidiFile, soundfont: Path, performance: Performance = AS_WRITTEN) -> np.ndarray:
    """Play a file through a soundfont; mono float32 at RATE, at most MAX_PIECE_S long."""
    synth = tinysoundfont.Synth(gain=-6.0, samplerate=RENDER_RATE)
    sfid = synth.sfload(str(soundfont))
    for channel in range(16):
        synth.program_select(channel, sfid, 128 if channel == DRUM_CHANNEL else 0, 0, channel == DRUM_CHANNEL)
    blocks: list[np.ndarray] = []
    done = 0
    for time_s, message in _performed(midi, performance):
        if time_s > MAX_PIECE_S:
            break
        wanted = round(time_s * RENDER_RATE) - done
        if wanted > 0:
            blocks.append(np.frombuffer(synth.generate(wanted), dtype=np.float32).reshape(-1, 2).mean(axis=1))
            done += wanted
        _play(synth, message)
    blocks.append(np.frombuffer(synth.generate(RENDER_RATE), dtype=np.float32).reshape(-1, 2).mean(axis=1))
    return soxr.resample(np.concatenate(blocks), RENDER_RATE, RATE).astype(np.float32)


def _performed(midi: mido.MidiFile, performance: Performance) -> list[tuple[float, mido.Message]]:
    """Return the messages with the times they are played at [s], in order."""
    rng = np.random.default_rng(performance.seed)
    timed: list[tuple[float, mido.Message]] = []
    time_s = 0.0
    for message in midi:
        time_s += message.time
        starts = message.type == "note_on" and message.velocity > 0
        late_s = rng.normal(0, performance.jitter_s) if starts and performance.jitter_s else 0.0
        timed.append((max(0.0, time_s / performance.speed + late_s), message))
    return sorted(timed, key=lambda pair: pair[0])


def _play(synth: tinysoundfont.Synth, message: mido.Message) -> None:
    """Hand one MIDI message to the synthesizer."""
    if message.type == "note_on" and message.velocity > 0:
        synth.noteon(message.channel, message.note, message.velocity)
    elif message.type in ("note_on", "note_off"):
        synth.noteoff(message.channel, message.note)
    elif message.type == "control_change":
        synth.control_change(message.channel, message.control, message.value)
    elif message.type == "pitchwheel":
        synth.pitchbend(message.channel, message.pitch + 8192)
    elif message.type == "program_change":
        try:
            synth.program_change(message.channel, message.program, message.channel == DRUM_CHANNEL)
        except (RuntimeError, tinysoundfont.SoundFontException):
            return  # the soundfont lacks that instrument: the piano stays


def _piece(name: str, set_name: str, midi: mido.MidiFile, soundfont: Path) -> KnownPiece:
    beats_s, downbeats_s = midi_beats(midi)
    return KnownPiece(name, set_name, beats_s, downbeats_s, partial(render_midi, midi, soundfont))


def _with_another_sound(name: str, content: bytes, number: int, soundfont: Path) -> KnownPiece:
    """Return a piece on other instruments, by people, through another amplifier, room and microphone.

    The same way of drawing sounds as in the beat network's training, from a seed that it never saw.
    """
    score = excerpt(read_midi(content), 0.0, OTHER_SOUND_S)
    read_mono = partial(_play_otherwise, score, number, soundfont)
    return KnownPiece(name, "other-sound", score.beats_s, score.downbeats_s, read_mono)


def _play_otherwise(score: Score, number: int, soundfont: Path, performance: Performance = AS_WRITTEN) -> np.ndarray:
    """Play a score with the sound that belongs to its number."""
    rng = np.random.default_rng([OTHER_SOUND_SEED, number])
    played = humanized(score, rng, timing_s=0.008)
    parts = tuple(on_another_instrument(part, rng) for part in played.parts if part.notes)
    return roughened(mixed(play(replace(played, parts=parts), soundfont, sample_rate=RATE), rng), rng)


def _rendered(music: Path) -> Iterator[KnownPiece]:
    """Yield the MIDI pieces: even-numbered ones to tune on, the odd-numbered held out, these with another sound too."""
    soundfont = next(music.glob("**/timgm6mb-soundfont/**/*.sf2"))
    for number, (name, content) in enumerate(midi_pieces(music)):
        yield _piece(name, ("tune", "held-out")[number % 2], mido.MidiFile(file=io.BytesIO(content)), soundfont)
        if number % 2:
            yield _with_another_sound(name, content, number, soundfont)


def midi_pieces(music: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every MIDI piece in the order of the split: even ones to tune on, odd ones held out.

    `music` holds the packages as they unpack, or as ``make music`` lays them out, without the pieces that two of
    the WADs share: the split is another one then.
    """
    wads = sorted(music.glob("freedoom/**/*.wad"))
    lumps = [(f"{wad.stem}-{name}", lump) for wad in wads for name, lump in midi_lumps(wad)]
    if not wads:
        lumps = [(path.stem, path.read_bytes()) for path in sorted(music.glob("*/freedoom/**/*.mid"))]
    for name, lump in lumps:
        if mido.MidiFile(file=io.BytesIO(lump)).ticks_per_beat not in TRACKER_RESOLUTIONS:
            yield name, lump
    for path in sorted(music.glob("**/planetblupi-music-midi/**/*.mid")):
        yield path.stem, path.read_bytes()


def _read_mix(folder: Path, performance: Performance = AS_WRITTEN) -> np.ndarray:
    """Read the two stems of a Frets on Fire song and add them up."""
    stems = [soundfile.read(folder / name, dtype="float32", always_2d=True) for name in ("song.ogg", "guitar.ogg")]
    length = max(len(audio) for audio, _ in stems)
    mix = sum(np.pad(audio.mean(axis=1), (0, length - len(audio))) for audio, _ in stems)
    return soxr.resample(mix, stems[0][1], RATE).astype(np.float32)


def _recorded(music: Path) -> Iterator[KnownPiece]:
    """Yield the recorded pieces; their bars are not known."""
    for set_name, package in (("recorded", "fretsonfire-songs-muldjord"), ("recorded-2", "fretsonfire-songs-sectoid")):
        for path in sorted(music.glob(f"{package}/**/notes.mid")):
            beats_s, _ = midi_beats(mido.MidiFile(path))
            yield KnownPiece(path.parent.name, set_name, beats_s, np.empty(0), partial(_read_mix, path.parent), True)


def known_pieces(music: Path) -> Iterator[KnownPiece]:
    """Yield every piece with known beats below `music`."""
    yield from _rendered(music)
    yield from _recorded(music)


def main() -> None:
    """Write the MIDI pieces to train and tune on into a folder, for `editorbot train beats --midi`."""
    music, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in list(midi_pieces(music))[::2]:
        (folder / f"{name}.mid").write_bytes(content)


if __name__ == "__main__":
    main()
