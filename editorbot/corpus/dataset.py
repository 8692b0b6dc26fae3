"""The data set of behavioral cloning: one npz of states, actions and the features they were made from.

Keys
----
``states`` (N, 861) float32, raw; ``type_labels``, ``size_labels``, ``amount_labels``, ``good_bad`` (N,)
int64; ``pair_ids`` (N,) fixed-width text; ``recording_ids`` (N,) int64, ``beat_index`` (N,) int64;
``features`` (beats of all recordings, 121) float32; ``offsets`` (recordings + 1,) int64: recording r has
rows ``offsets[r]`` to ``offsets[r + 1]`` of ``features``. Beside them ``format``, ``vocabulary``,
``type_names``, ``feature_names``, ``state_names``, ``recording_names``, ``artists`` and ``data_dir`` (text): what
made it, and of what. Older files have no ``artists``.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from jaxtyping import Float32, Int64, Shaped

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.atomic import write_whole
from editorbot.corpus.splits import artist_of_sample
from editorbot.editlist.edit_list import ACTIONS
from editorbot.environment.state import STATE_NAMES, STATE_SIZE
from editorbot.errors import (
    EmptyError,
    ExistsError,
    FormatError,
    NotFoundError,
    OutputError,
    UnreadableError,
    VersionError,
)

FORMAT = "editorbot.bc/1"
"""Value of the ``format`` key."""
WRITER = "python -m scripts.infer_rich_bc_labels --data_dir training_data --out bc_rich.npz"
"""The command that writes such a file."""

_NAMES = (("type_names", ACTIONS), ("feature_names", FEATURE_NAMES), ("state_names", STATE_NAMES))
"""Meaning of every column and label; another order is another format."""
_LABEL_KEYS = ("type_labels", "size_labels", "amount_labels", "good_bad", "recording_ids", "beat_index")
_ZIP_MAGIC = b"PK"
"""First bytes of an npz, even of an empty one."""
_LABEL_ENDS = (len(ACTIONS), 5, 5, 2)


@dataclass(frozen=True)
class BcDataset:
    """Samples for behavioral cloning, and the recordings that they are about."""

    states: Float32[np.ndarray, "samples state"]
    """Observations, shape=(samples, STATE_SIZE), not normalized."""
    type_labels: Int64[np.ndarray, " samples"]
    """Action types, shape=(samples,), 0-19."""
    size_labels: Int64[np.ndarray, " samples"]
    """Sizes, shape=(samples,), 0-4."""
    amount_labels: Int64[np.ndarray, " samples"]
    """Amounts, shape=(samples,), 0-4."""
    good_bad: Int64[np.ndarray, " samples"]
    """1 where the beat at the cursor is kept, 0 where it is cut."""
    pair_ids: Shaped[np.ndarray, " samples"]
    """Name of the pair of each sample, fixed-width text."""
    recording_ids: Int64[np.ndarray, " samples"]
    """Recording of each sample, shape=(samples,)."""
    beat_index: Int64[np.ndarray, " samples"]
    """Beat at the cursor, within its recording, shape=(samples,)."""
    features: Float32[np.ndarray, "beats columns"]
    """Features of all beats of all recordings, shape=(beats, features)."""
    offsets: Int64[np.ndarray, " recordings_plus_1"]
    """First row of each recording in `features`, and the end."""
    recording_names: tuple[str, ...]
    """Name of each recording: its pair, or the pair with what was done to it."""
    data_dir: str
    """Folder of the pairs; more samples can be made of their audio."""
    vocabulary: str = "v3"
    """Vocabulary of the labels."""
    artists: tuple[str, ...] = ()
    """Artist of each recording; empty if not known."""

    def __post_init__(self) -> None:
        if not self.artists:
            object.__setattr__(self, "artists", ("",) * len(self.recording_names))
        samples = len(self.states)
        for key in (*_LABEL_KEYS, "pair_ids"):
            if len(getattr(self, key)) != samples:
                raise FormatError(f"{key} has {len(getattr(self, key))} entries, states {samples}")
        if self.states.shape[1:] != (STATE_SIZE,):
            raise FormatError(f"states must be {STATE_SIZE} wide, but their shape is {self.states.shape}")
        if self.features.shape[1:] != (len(FEATURE_NAMES),):
            raise FormatError(f"features must be {len(FEATURE_NAMES)} wide, but their shape is {self.features.shape}")
        self._check_labels()
        self._check_recordings()

    def _check_labels(self) -> None:
        for key, end in zip(_LABEL_KEYS, _LABEL_ENDS):
            values = getattr(self, key)
            if len(values) and not 0 <= values.min() <= values.max() < end:
                raise FormatError(f"{key} must be in 0-{end - 1}, but reach from {values.min()} to {values.max()}")
        if not np.isfinite(self.states).all():
            raise FormatError(f"state {int(np.argwhere(~np.isfinite(self.states))[0][0])} holds what is no number")

    def _check_recordings(self) -> None:
        offsets, recordings = self.offsets, len(self.recording_names)
        if len(offsets) != recordings + 1 or (np.diff(offsets) < 0).any():
            raise FormatError(f"offsets must be {recordings + 1} rising numbers, one more than the recordings")
        if len(offsets) and (offsets[0] != 0 or offsets[-1] != len(self.features)):
            raise FormatError(f"offsets must reach from 0 to the {len(self.features)} rows of features")
        if len(self.artists) != recordings:
            raise FormatError(f"artists has {len(self.artists)} entries, but there are {recordings} recordings")
        if not len(self.states):
            return
        if not 0 <= self.recording_ids.min() <= self.recording_ids.max() < recordings:
            raise FormatError(f"recording_ids must be in 0-{recordings - 1}")
        beats = np.diff(offsets)[self.recording_ids]
        if ((self.beat_index < 0) | (self.beat_index >= beats)).any():
            raise FormatError("beat_index must be within its recording")

    @property
    def type_counts(self) -> Int64[np.ndarray, " types"]:
        """Number of samples of each type, shape=(20,)."""
        return np.bincount(self.type_labels, minlength=len(ACTIONS)).astype(np.int64)

    @property
    def recording_pairs(self) -> tuple[str, ...]:
        """Pair that each recording was made of, by its samples; its own name if it has none."""
        pairs = list(self.recording_names)
        for number, first in zip(*np.unique(self.recording_ids, return_index=True)):
            pairs[number] = str(self.pair_ids[first])
        return tuple(pairs)

    def rows(self, picked: Shaped[np.ndarray, " rows"]) -> BcDataset:
        """Keep some samples, and all recordings."""
        per_sample = ("states", "pair_ids", *_LABEL_KEYS)
        return replace(self, **{key: getattr(self, key)[picked] for key in per_sample})


def joined(parts: Sequence[BcDataset], data_dir: str) -> BcDataset:
    """Join data sets in order; recordings keep their names and are renumbered.

    Raises
    ------
    EmptyError, VersionError
        If there are none, or they have different vocabularies.
    """
    if not parts:
        raise EmptyError("there is nothing to write: no pair gave any label")
    vocabularies = {part.vocabulary for part in parts}
    if len(vocabularies) > 1:
        raise VersionError(f"samples of different vocabularies cannot be joined: {', '.join(sorted(vocabularies))}")
    first_recording = np.cumsum([0, *(len(part.recording_names) for part in parts)])
    first_row = np.cumsum([0, *(len(part.features) for part in parts)])
    arrays = {
        key: np.concatenate([getattr(part, key) for part in parts])
        for key in ("states", "pair_ids", "features", *_LABEL_KEYS)
    }
    shifted = [part.recording_ids + at for part, at in zip(parts, first_recording)]
    arrays["recording_ids"] = np.concatenate(shifted).astype(np.int64)
    offsets = [part.offsets[:-1] + at for part, at in zip(parts, first_row)]
    arrays["offsets"] = np.append(np.concatenate(offsets), first_row[-1]).astype(np.int64)
    names = tuple(name for part in parts for name in part.recording_names)
    artists = tuple(artist for part in parts for artist in part.artists)
    vocabulary = parts[0].vocabulary
    return BcDataset(**arrays, recording_names=names, data_dir=data_dir, vocabulary=vocabulary, artists=artists)


def with_artists(data: BcDataset, data_dir: Path) -> BcDataset:
    """Add the artists that a data set does not name, from the truths of a data folder; errors as in `find_truth`."""
    known = {pair: artist for pair, artist in zip(data.recording_pairs, data.artists) if artist}
    for pair in dict.fromkeys(data.recording_pairs):
        known[pair] = known.get(pair) or artist_of_sample(data_dir, pair)
    return replace(data, artists=tuple(known[pair] for pair in data.recording_pairs))


def check_dataset_place(path: Path) -> None:
    """Refuse a place for a data set before hours are spent on it.

    Raises
    ------
    OutputError
        If its folder does not exist, or it is a folder.
    ExistsError
        If it is a file, but no data set, which may be replaced.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError("its folder does not exist; make it first", path=path)
    if path.is_dir():
        raise OutputError("this is a folder; name a file in it", path=path)
    if os.path.lexists(path) and not _is_dataset(path):
        raise ExistsError("it is there, and no data set that may be replaced; give another name", path=path)


def _is_dataset(path: Path) -> bool:
    """Whether a file is a data set of any version, by its format alone."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return str(archive["format"]).startswith(FORMAT.rpartition("/")[0])
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile):
        return False


def write_dataset(path: Path, data: BcDataset) -> None:
    """Write a data set, whole or not at all; errors as in `check_dataset_place` and `write_whole`."""
    check_dataset_place(path)
    arrays = {field.name: getattr(data, field.name) for field in fields(data)}
    # A trailing empty character would be lost in fixed-width text; names hold none.
    arrays["recording_names"] = np.array(data.recording_names, dtype=np.str_)
    arrays["artists"] = np.array(data.artists, dtype=np.str_)
    text = {"data_dir": data.data_dir, "vocabulary": data.vocabulary, "format": FORMAT}
    arrays |= {key: np.array(value, dtype=np.str_) for key, value in text.items()}
    arrays |= {key: np.array(names) for key, names in _NAMES}
    body = io.BytesIO()
    np.savez(body, allow_pickle=False, **arrays)
    write_whole(path, body.getvalue())


def read_dataset(path: Path) -> BcDataset:
    """Read a data set.

    Raises
    ------
    NotFoundError, UnreadableError
        If there is no such file, or it cannot be read.
    FormatError
        If it is no such data set, is damaged, or holds objects, which are never loaded.
    VersionError
        If its labels or features are of another version; both are named.
    """
    try:
        with open(path, "rb") as file:
            arrays = _arrays_of(file)
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no such file; write it with: {WRITER}", path=path) from error
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or error}", path=path) from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        has_objects = "Object arrays" in str(error)
        what = "it holds Python objects, which are never loaded" if has_objects else "it is damaged, or no npz file"
        raise FormatError(f"{what}; write it anew with: {WRITER}", path=path) from error
    if "format" not in arrays:
        wanted = ("format", *(field.name for field in fields(BcDataset)), *(key for key, _ in _NAMES))
        lacking = ", ".join(key for key in wanted if key not in arrays)
        raise FormatError(f"it is no data set of editorbot: it lacks {lacking}; write one with: {WRITER}", path=path)
    try:
        return _dataset_of(arrays)
    except (FormatError, VersionError) as error:
        raise type(error)(f"{error.message}; write it anew with: {WRITER}", path=path) from error


def _arrays_of(file: IO[bytes]) -> dict[str, np.ndarray]:
    """Read the arrays of an npz; raise a ValueError for other files, which NumPy would take for a pickle."""
    if file.read(len(_ZIP_MAGIC)) != _ZIP_MAGIC:
        raise ValueError("no npz file")
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def _dataset_of(arrays: dict[str, np.ndarray]) -> BcDataset:
    """Check formats, names, types and shapes; `BcDataset` checks the rest."""
    found = str(arrays.pop("format"))
    if found != FORMAT:
        raise VersionError(f"it is {found}, this editorbot reads {FORMAT}")
    for key, known in _NAMES:
        names = tuple(arrays.pop(key, np.array([])).tolist())
        if names != known:
            raise VersionError(f"its {key} are {_short(names)}, but this editorbot has {_short(known)}")
    arrays.setdefault("artists", np.array([], dtype=np.str_))
    wrong = ", ".join(sorted(arrays.keys() ^ {field.name for field in fields(BcDataset)}))
    if wrong:
        raise FormatError(f"its keys are not those of a data set ({wrong})")
    text = {key: str(arrays.pop(key)) for key in ("data_dir", "vocabulary")}
    types = {"states": "f4", "features": "f4", "pair_ids": "U", "recording_names": "U", "artists": "U"}
    for key, array in arrays.items():
        wanted = types.get(key, "i8")
        if not (array.dtype.kind == "U" if wanted == "U" else array.dtype == np.dtype(wanted)):
            raise FormatError(f"{key} must be {wanted}, but is {array.dtype}")
        if array.ndim != (2 if key in ("states", "features") else 1):
            raise FormatError(f"{key} has the shape {array.shape}")
    lists = {key: tuple(map(str, arrays.pop(key).tolist())) for key in ("recording_names", "artists")}
    everything: dict[str, Any] = {**arrays, **text, **lists}
    return BcDataset(**everything)


def _short(names: Sequence[str]) -> str:
    return f"{len(names)} ({', '.join(names[:3])} ...)"
