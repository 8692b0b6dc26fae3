"""Makes what training reads of a pair: mels, pointers, labels, analyses.

Conventions
-----------
``features/{sample}_raw.npz`` and ``{sample}_edit.npz`` hold ``mel`` (128, frames), ``beats_s`` and the ``digest`` of
the recording; ``labels/{sample}.npy`` is int8, one a beat of the raw recording: 1 kept, 0 cut. An entry of another
recording, or of another frame grid, counts as missing. Analyses go to the user's cache.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int8, Int64

from editorbot.analysis import BeatTracker
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.analysis.features import beat_frames
from editorbot.analysis.mel import MelReader
from editorbot.analysis.spectrum import MEL_BANDS
from editorbot.corpus.alignment.files import align_pair
from editorbot.corpus.cache_files import (
    CacheFolder,
    read_array,
    read_entry,
    text_array,
    text_of,
    write_array,
    write_entry,
)
from editorbot.corpus.labels.pair_labels import kept_beats, stored_edit
from editorbot.corpus.pairs import POINTER_FOLDER, Pair, pointer_paths
from editorbot.errors import MismatchError
from editorbot.recording import Recording, open_recording
from editorbot.timebase import frame_count, mono_samples

KEPT_SHARE = 0.5
"""Least share of a beat's frames in the edit for the beat to count as kept."""

_MOST_PASSED = 2
"""Frames that may be missing between two pointers without a cut; triple speed."""


@dataclass(frozen=True)
class PrecacheJob:
    """One pair."""

    pair: Pair
    """The two files."""
    data_folder: Path
    """The data folder."""
    cache: CacheFolder
    """Where the entries go."""
    analyses: AnalysisCache | None = None
    """Cache of analyses, if any."""
    picture: bool = False
    """Draw a picture of a new alignment."""
    force: bool = False
    """Make again what is there."""
    beat_tracker: BeatTracker = "embedded"
    """Who finds the beats."""


@dataclass(frozen=True)
class Precached:
    """What was made for one pair."""

    sample: str
    """Its name."""
    made: tuple[str, ...]
    """What was missing and was made: raw, edit, pointers, labels."""
    kept_share: float
    """Share of the raw recording's beats that the edit keeps."""


@dataclass(frozen=True)
class MelEntry:
    """The stored mel of a recording."""

    mel: Float32[np.ndarray, "128 frames"]
    """Mel, shape=(128, frames), in [0, 1]."""
    beats_s: Float[np.ndarray, " beats"]
    """Beat times, shape=(beats,) [seconds]."""
    digest: str
    """The recording's digest."""
    beat_tracker: str = "embedded"
    """Who found the beats."""

    def is_of(self, recording: Recording, beat_tracker: BeatTracker) -> bool:
        """Whether it was made of a recording with a beat tracker."""
        return (self.digest, self.beat_tracker) == (recording.digest, beat_tracker)


def precache(job: PrecacheJob) -> Precached:
    """Make what is missing of one pair.

    Raises
    ------
    EditorbotError
        If one of the two cannot be read or analyzed, they do not match, or the results cannot be written.
    """
    made = []
    entries = []
    for half, path, place in (
        ("raw", job.pair.raw, job.cache.raw(job.pair.sample)),
        ("edit", job.pair.edit, job.cache.edit(job.pair.sample)),
    ):
        with open_recording(path) as recording:
            entry = None if job.force else _fitting(read_mel(place), recording, job.beat_tracker)
            if entry is None:
                analysis = analyze(recording, beat_tracker=job.beat_tracker, cache=job.analyses)
                entry = make_mel(recording, analysis, job.beat_tracker)
                write_mel(place, entry)
                made.append(half)
        entries.append(entry)
    raw, edit = entries
    pointers = None if job.force else read_pointers(job.data_folder, job.pair.sample, raw, edit)
    if pointers is None:
        align_pair(job.pair, job.data_folder / POINTER_FOLDER, picture=job.picture)
        made.append("pointers")
        pointers = read_pointers(job.data_folder, job.pair.sample, raw, edit)
        if pointers is None:
            raise MismatchError("it changed while it was aligned; run this again", path=job.pair.edit)
    labels = _labels(job, raw, edit, pointers)
    place = job.cache.labels(job.pair.sample)
    old = read_array(place)
    if job.force or old is None or not np.array_equal(old, labels) or old.dtype != labels.dtype:
        write_array(place, labels)
        made.append("labels")
    return Precached(job.pair.sample, tuple(made), float(labels.mean()))


def _labels(
    job: PrecacheJob, raw: MelEntry, edit: MelEntry, pointers: Int64[np.ndarray, " edit_frames"]
) -> Int8[np.ndarray, " beats"]:
    """Return which beats are kept: as `pairs labels` found if it was run, else by the pointers."""
    edit_list = stored_edit(job.data_folder, job.cache, job.pair.sample, raw.digest, edit.digest)
    if edit_list is None:
        return keep_labels(pointers, raw.beats_s, raw.mel.shape[1])
    return kept_beats(edit_list, np.rint(raw.beats_s * edit_list.source.sample_rate).astype(np.int64))


def make_mel(recording: Recording, analysis: Analysis, beat_tracker: BeatTracker = "embedded") -> MelEntry:
    """Compute the mel of an analyzed recording."""
    reader = MelReader(recording, analysis.mel_reference_db)
    return MelEntry(reader.read(0, reader.frames), analysis.beats_s, recording.digest, beat_tracker)


def write_mel(path: Path, entry: MelEntry) -> None:
    """Write a mel; errors as in `write_entry`."""
    other = {} if entry.beat_tracker == "embedded" else {"beat_tracker": text_array(entry.beat_tracker)}
    write_entry(path, {"mel": entry.mel, "beats_s": entry.beats_s, "digest": text_array(entry.digest)} | other)


def read_mel(path: Path) -> MelEntry | None:
    """Read a stored mel; None if there is no whole one."""
    arrays = read_entry(path)
    if arrays is None:
        return None
    mel, beats_s = arrays.get("mel"), arrays.get("beats_s")
    if mel is None or mel.dtype != np.float32 or mel.ndim != 2 or mel.shape[0] != MEL_BANDS or not mel.shape[1]:
        return None
    if beats_s is None or beats_s.dtype != np.float64 or beats_s.ndim != 1 or not len(beats_s):
        return None
    entry = MelEntry(mel, beats_s, text_of(arrays, "digest"), text_of(arrays, "beat_tracker") or "embedded")
    # The archive's checksums detect damage; values that are not finite were written by another program.
    return entry if np.isfinite(mel).all() else None


def _fitting(entry: MelEntry | None, recording: Recording, beat_tracker: BeatTracker) -> MelEntry | None:
    """Return an entry where it is the recording's own, by the same tracker."""
    if entry is None or not entry.is_of(recording, beat_tracker):
        return None
    frames = frame_count(mono_samples(recording.samples, recording.sample_rate))
    return entry if entry.mel.shape[1] == frames else None


def read_pointers(data_folder: Path, sample: str, raw: MelEntry, edit: MelEntry) -> Int64[np.ndarray, " frames"] | None:
    """Read the pointers of a pair; None if there are none that fit the two recordings."""
    paths = pointer_paths(data_folder / POINTER_FOLDER, sample)
    pointers, ops = read_array(paths.pointers), read_array(paths.ops)
    if pointers is None or ops is None or pointers.dtype != np.int64 or ops.dtype != np.int8:
        return None
    if pointers.shape != (edit.mel.shape[1],) or ops.shape != pointers.shape:
        return None
    if pointers.min() < -1 or pointers.max() >= raw.mel.shape[1]:
        return None
    return pointers if _info_digests(paths.info) == (raw.digest, edit.digest) else None


def _info_digests(path: Path) -> tuple[str, str] | None:
    """Read the digests of the two recordings of an alignment."""
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        return info["raw_digest"], info["edit_digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_labels(
    pointers: Int64[np.ndarray, " edit_frames"], beats_s: Float[np.ndarray, " beats"], raw_frames: int
) -> Int8[np.ndarray, " beats"]:
    """Return which beats of the raw recording an edit keeps, shape=(beats,): 1 kept, 0 cut.

    A beat is kept if at least `KEPT_SHARE` of its frames are in the edit. Sound before the first beat has no label.
    """
    played = np.zeros(raw_frames)
    played[pointers[pointers >= 0]] = 1.0
    # Faster playback skips frames without cutting them.
    here, step = pointers[:-1], np.diff(pointers)
    for missed in range(1, _MOST_PASSED + 1):
        played[here[(here >= 0) & (step > missed) & (step <= _MOST_PASSED + 1)] + missed] = 1.0
    starts = beat_frames(beats_s, raw_frames)
    counts = np.maximum(np.diff(np.append(starts, raw_frames)), 1)
    return (np.add.reduceat(played, starts) >= KEPT_SHARE * counts).astype(np.int8)
