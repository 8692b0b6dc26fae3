"""Many jams, from files to a folder of pairs.

Each jam depends on the seed, its own number and the list of tracks, and on
nothing else: not on how many processes make them, nor on which were there
already. Its truth is written last, so what has a truth is whole.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from editorbot.analysis import BeatTracker
from editorbot.corpus.batch import run_batch
from editorbot.corpus.pairs import EDIT_END, EDIT_FOLDER, RAW_END, RAW_FOLDER
from editorbot.corpus.simulate.jam import Jam, simulate_jam
from editorbot.corpus.simulate.replay import MIDI_ENDINGS, track_of_midi
from editorbot.corpus.simulate.settings import Simulation
from editorbot.corpus.simulate.signal import Sound
from editorbot.corpus.simulate.track import Track, track_of
from editorbot.corpus.truth import TRUTH_FOLDER, truth_path, write_truth
from editorbot.errors import EditorbotError, EmptyError, NotFoundError, OutputError, read_error, without_frames
from editorbot.recording import Recording, TrackWriter, open_recording

LONGEST_READ_S = 900.0
"""Of longer tracks only the beginning is used [seconds]."""

LONGEST_SCRAP_S = 150.0
"""How much of another track is read for scraps [seconds]."""

SOUND_ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".w64", ".caf")
"""Endings of the files in a folder that are taken for tracks."""

_BLOCK = 1 << 18


@dataclass(frozen=True)
class Order:
    """What jams are made of, and how."""

    tracks: tuple[Path, ...]
    """Finished tracks."""
    out: Path
    """The data folder."""
    count: int
    """How many jams."""
    seed: int = 0
    """The same seed gives the same jams."""
    rate: int = 22_050
    """Rate of the jams [Hz]."""
    settings: Simulation = field(default_factory=Simulation)
    """What may happen."""
    talk: tuple[Path, ...] = ()
    """Recordings of talk."""
    force: bool = False
    """Make again what is there."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats of the tracks; those of MIDI are known."""


@dataclass(frozen=True)
class Made:
    """What came of one jam."""

    sample: str
    """Its name."""
    track: Path
    """The finished track."""
    duration_s: float = 0.0
    """Length of the raw recording [seconds]."""
    faults: tuple[str, ...] = ()
    """What happens in it."""
    was_there: bool = False
    """Whether it was there already."""
    error: EditorbotError | None = None
    """What went wrong."""


def find_tracks(paths: Sequence[str | os.PathLike[str]]) -> tuple[Path, ...]:
    """Return the sound files among paths and in folders among them, at any depth, by name.

    Raises
    ------
    NotFoundError
        If a path is not there.
    UnreadableError
        If a folder may not be looked into.
    EmptyError
        If no sound file is among them.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (Path(folder) / name for folder, _, names in os.walk(path, onerror=_refuse) for name in names)
            found += sorted(
                one for one in inside if one.suffix.lower() in (*SOUND_ENDINGS, *MIDI_ENDINGS) and one.name[0] != "."
            )
        elif path.exists():
            found.append(path)
        else:
            raise NotFoundError("there is no such file or folder", path=path)
    if not found:
        where = paths[0] if paths else None
        raise EmptyError(f"no tracks are in it; sound files end in {', '.join(SOUND_ENDINGS)}", path=where)
    return tuple(dict.fromkeys(found))


def _refuse(error: OSError) -> None:
    """Refuse a folder that may not be looked into."""
    raise read_error(error, error.filename) from error


def sample_name(order: Order, number: int) -> str:
    """Return the name of a jam: its track, the seed, its number."""
    stem = re.sub(r"[^\w-]+", "_", track_for(order, number).stem).strip("_")[:60] or "track"
    return f"{stem}_s{order.seed}_{number:04d}"


def track_for(order: Order, number: int) -> Path:
    """Return the track of a jam: every track comes once before any comes twice."""
    turns = np.random.default_rng([order.seed, 1]).permutation(len(order.tracks))
    return order.tracks[turns[number % len(turns)]]


def make_jam(order: Order, number: int) -> Jam:
    """Return one jam of an order.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` and `track_of` say about its track; other tracks that cannot be read lend no scraps.
    """
    rng = np.random.default_rng([order.seed, 2, number])
    path = track_for(order, number)
    track = load_track(path, order.rate, order.beat_tracker)
    rest = [other for other in order.tracks if other != path]
    lenders = [rest[k] for k in rng.permutation(len(rest))[:3]]
    others = list(_loaded(lenders, order.rate, track.sound.shape[0], rng))
    talk = [order.talk[k] for k in rng.permutation(len(order.talk))[:3]]
    recordings = [load_sound(one, order.rate, LONGEST_SCRAP_S) for one in talk]
    return simulate_jam(track, rng, others=others, settings=order.settings, recordings=recordings)


def _loaded(paths: Sequence[Path], rate: int, channels: int, rng: np.random.Generator) -> Iterator[Track]:
    """Yield excerpts of tracks for scraps; those that cannot be used yield nothing."""
    for path in paths:
        if path.suffix.lower() in MIDI_ENDINGS:
            continue  # would have to be played first
        place = float(rng.random())
        try:
            sound = load_sound(path, rate, LONGEST_SCRAP_S, place=place)
            yield track_of(sound.T, rate, channels=channels, name=path.stem, find_beats=False)
        except EditorbotError:
            continue  # it is named where it is the track itself


_last_track: list[tuple[tuple[Path, int, BeatTracker], Track]] = []
"""The track that this process loaded last: jams of one track are made in a row."""


def load_track(path: Path, rate: int, beat_tracker: BeatTracker = "embedded") -> Track:
    """Return a file as a track; the artist is the name of its folder.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` and `track_of` say, with the file's name.
    """
    asked = (path, rate, beat_tracker)
    if not _last_track or _last_track[0][0] != asked:
        _last_track[:] = [(asked, _track_of_file(*asked))]
    return _last_track[0][1]


def _track_of_file(path: Path, rate: int, beat_tracker: BeatTracker) -> Track:
    artist = path.resolve().parent.name
    if path.suffix.lower() in MIDI_ENDINGS:
        # The same track each time it is read, so that its jams have one finished track.
        return track_of_midi(path, rate, np.random.default_rng(0), artist=artist)
    sound = load_sound(path, rate, LONGEST_READ_S)
    try:
        return track_of(sound.T, rate, name=path.stem, artist=artist, beat_tracker=beat_tracker)
    except EditorbotError as error:
        raise type(error)(error.message, path=path) from error


def load_sound(path: Path, rate: int, longest_s: float, *, place: float = 0.0) -> Sound:
    """Return the sound of a file at a rate, one or two channels, shape=(channels, samples).

    Parameters
    ----------
    path : path
        The file.
    rate : int [Hz]
        Wanted rate.
    longest_s : float [seconds]
        How much is read at most.
    place : float
        From where, between the earliest (0) and the latest (1) start.
    """
    with open_recording(path) as recording:
        length = min(recording.samples, round(longest_s * recording.sample_rate))
        first = round(place * (recording.samples - length))
        kept = recording.channels if recording.channels <= 2 else 1
        resampler = soxr.ResampleStream(recording.sample_rate, rate, kept, dtype="float32", quality="HQ")
        blocks = [
            resampler.resample_chunk(block, last=last)
            for block, last in _blocks(recording, first, first + length, kept)
        ]
    return np.ascontiguousarray(np.concatenate(blocks).reshape(-1, kept).T)


def _blocks(recording: Recording, first: int, end: int, channels: int) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield blocks of a recording as float32 with few channels, and whether each is the last."""
    for start in range(first, end, _BLOCK):
        block = recording.read(start, min(start + _BLOCK, end))
        block = block if block.shape[1] == channels else block.mean(axis=1, keepdims=True)
        yield np.ascontiguousarray(block, dtype=np.float32), start + _BLOCK >= end


def write_jam(jam: Jam, out: Path, sample: str) -> None:
    """Write a jam into a data folder: raw recording, finished track, then truth.

    Raises
    ------
    OutputError, NoSpaceError
        If it cannot be written.
    """
    folders = [out / name for name in (RAW_FOLDER, EDIT_FOLDER, TRUTH_FOLDER)]
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"the folder cannot be made: {error.strerror}", path=folder) from error
    for folder, end, sound in ((folders[0], RAW_END, jam.samples), (folders[1], EDIT_END, jam.finished)):
        path = folder / f"{sample}{end}.wav"
        with TrackWriter(path, jam.sample_rate, sound.shape[1], "PCM_16", total_samples=len(sound)) as file:
            for start in range(0, len(sound), _BLOCK):
                file.write(np.ascontiguousarray(sound[start : start + _BLOCK]))
    write_truth(truth_path(out, sample), jam.truth)


def make_one(order: Order, number: int) -> Made:
    """Make and write one jam; an error becomes part of the result."""
    sample, track = sample_name(order, number), track_for(order, number)
    if truth_path(order.out, sample).exists() and not order.force:
        return Made(sample, track, was_there=True)
    try:
        jam = make_jam(order, number)
        write_jam(jam, order.out, sample)
    except EditorbotError as error:
        return Made(sample, track, error=without_frames(error))
    return Made(sample, track, jam.truth.duration_s, jam.plan.faults)


def _make_some(order: Order, numbers: Sequence[int]) -> list[Made]:
    return [make_one(order, number) for number in numbers]


def make_all(order: Order, *, workers: int = 1, on_made: Callable[[Made], None]) -> None:
    """Make all jams of an order; one failure never stops the rest.

    Parameters
    ----------
    order : Order
        What is wanted.
    workers : int
        Processes at work; the jams do not depend on it.
    on_made : callable
        Told of each jam as it is done.
    """
    for done in run_batch(_batches(order, workers), partial(_make_some, order), workers=workers):
        for made in done.result or [_failed(order, number, done.error) for number in done.job]:
            on_made(made)


def _batches(order: Order, workers: int) -> list[tuple[int, ...]]:
    """Return the numbers of the jams that are made in one go.

    Jams of one track in a row, so that it is read once; not many, so that all workers have some. A lone worker keeps
    the track anyway, and tells of each jam at once.
    """
    batches: dict[tuple[Path, int], list[int]] = {}
    for number in range(order.count):
        batches.setdefault((track_for(order, number), number // (8 * len(order.tracks))), []).append(number)
    if workers <= 1:
        return [(number,) for numbers in batches.values() for number in numbers]
    return [tuple(numbers) for numbers in batches.values()]


def _failed(order: Order, number: int, error: EditorbotError | None) -> Made:
    """Return what came of a jam whose worker died, of memory for example."""
    return Made(sample_name(order, number), track_for(order, number), error=error)
