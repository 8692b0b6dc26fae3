"""Makes many jams of files with finished tracks, and writes them as a folder of pairs.

Each jam depends on the seed, its own number and the list of tracks, and on
nothing else: not on how many processes make them, nor on which were there
already. Its truth is written last, so a jam that has a truth is complete.
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
from editorbot.corpus.simulate.plan import Simulation
from editorbot.corpus.simulate.signal import Sound
from editorbot.corpus.simulate.track import MIDI_ENDINGS, Track, track_of, track_of_midi
from editorbot.corpus.truth import TRUTH_FOLDER, truth_path, write_truth
from editorbot.errors import EditorbotError, EmptyError, NotFoundError, OutputError, read_error, without_frames
from editorbot.recording import Recording, TrackWriter, open_recording

LONGEST_READ_S = 900.0
"""Of longer tracks only the beginning is used [seconds]."""

LONGEST_SCRAP_S = 150.0
"""How much of another track is read for scraps [seconds]."""

SOUND_ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".w64", ".caf")
"""Endings of the files in a folder that count as tracks."""

_BLOCK = 1 << 18


@dataclass(frozen=True)
class JamRequest:
    """Which jams to make, of what, and how."""

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
class JamResult:
    """What was made of one request for a jam."""

    sample: str
    """Its name."""
    track: Path
    """The finished track."""
    duration_s: float = 0.0
    """Length of the raw recording [seconds]."""
    faults: tuple[str, ...] = ()
    """Faults that happen in it."""
    was_there: bool = False
    """Whether it was there already."""
    error: EditorbotError | None = None
    """What went wrong."""


def find_tracks(paths: Sequence[str | os.PathLike[str]]) -> tuple[Path, ...]:
    """Find the sound files among paths and in folders among them, at any depth, by name.

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


def sample_name(request: JamRequest, number: int) -> str:
    """Name a jam by its track, the seed and its number."""
    stem = re.sub(r"[^\w-]+", "_", track_for(request, number).stem).strip("_")[:60] or "track"
    return f"{stem}_s{request.seed}_{number:04d}"


def track_for(request: JamRequest, number: int) -> Path:
    """Choose the track of a jam: every track comes once before any comes twice."""
    turns = np.random.default_rng([request.seed, 1]).permutation(len(request.tracks))
    return request.tracks[turns[number % len(turns)]]


def make_jam(request: JamRequest, number: int) -> Jam:
    """Return one jam of an request.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` and `track_of` raise for its track; other tracks that cannot be read are passed over.
    """
    rng = np.random.default_rng([request.seed, 2, number])
    path = track_for(request, number)
    track = load_track(path, request.rate, request.beat_tracker)
    rest = [other for other in request.tracks if other != path]
    lenders = [rest[k] for k in rng.permutation(len(rest))[:3]]
    others = list(_loaded(lenders, request.rate, track.sound.shape[0], rng))
    talk = [request.talk[k] for k in rng.permutation(len(request.talk))[:3]]
    recordings = [load_sound(one, request.rate, LONGEST_SCRAP_S) for one in talk]
    return simulate_jam(track, rng, others=others, settings=request.settings, recordings=recordings)


def _loaded(paths: Sequence[Path], rate: int, channels: int, rng: np.random.Generator) -> Iterator[Track]:
    """Yield excerpts of tracks for scraps; tracks that cannot be used are passed over."""
    for path in paths:
        if path.suffix.lower() in MIDI_ENDINGS:
            continue  # would have to be played first
        place = float(rng.random())
        try:
            sound = load_sound(path, rate, LONGEST_SCRAP_S, place=place)
            yield track_of(sound.T, rate, channels=channels, name=path.stem, find_beats=False)
        except EditorbotError:
            continue  # its error is shown for the jams that are made of it


_last_track: list[tuple[tuple[Path, int, BeatTracker], Track]] = []
"""The track that this process loaded last: jams of one track are made in a row."""


def load_track(path: Path, rate: int, beat_tracker: BeatTracker = "embedded") -> Track:
    """Read a file as a track; the artist is the name of its folder.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` and `track_of` raise, with the file's name.
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
    """Read at most so many seconds of a file at a rate, with one or two channels, shape=(channels, samples).

    `place` is where reading starts: 0 at the beginning, 1 as late as possible.
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


def make_and_write(request: JamRequest, number: int) -> JamResult:
    """Make and write one jam, unless it is there; an error becomes part of the result."""
    sample, track = sample_name(request, number), track_for(request, number)
    if truth_path(request.out, sample).exists() and not request.force:
        return JamResult(sample, track, was_there=True)
    try:
        jam = make_jam(request, number)
        write_jam(jam, request.out, sample)
    except EditorbotError as error:
        return JamResult(sample, track, error=without_frames(error))
    return JamResult(sample, track, jam.truth.duration_s, jam.plan.faults)


def _make_some(request: JamRequest, numbers: Sequence[int]) -> list[JamResult]:
    return [make_and_write(request, number) for number in numbers]


def make_jams(request: JamRequest, *, workers: int = 1, on_result: Callable[[JamResult], None]) -> None:
    """Make and write all jams of a request; a failure does not stop the others, and `workers` do not change them."""
    for done in run_batch(_batches(request, workers), partial(_make_some, request), workers=workers):
        for result in done.result or [_failed(request, number, done.error) for number in done.job]:
            on_result(result)


def _batches(request: JamRequest, workers: int) -> list[tuple[int, ...]]:
    """Return the numbers of the jams that a worker makes in one go.

    They are of one track, so that it is read once; not many, so that all workers have some. A lone worker keeps
    the track in memory anyway, and reports each jam at once.
    """
    batches: dict[tuple[Path, int], list[int]] = {}
    for number in range(request.count):
        batches.setdefault((track_for(request, number), number // (8 * len(request.tracks))), []).append(number)
    if workers <= 1:
        return [(number,) for numbers in batches.values() for number in numbers]
    return [tuple(numbers) for numbers in batches.values()]


def _failed(request: JamRequest, number: int, error: EditorbotError | None) -> JamResult:
    """Return the result of a jam whose worker died, of memory for example."""
    return JamResult(sample_name(request, number), track_for(request, number), error=error)
