"""Pairs of raw recording and edit: finding them in a folder, aligning them, writing what was found.

Conventions
-----------
``input/{sample}_raw.*`` and ``desired_output/{sample}_edit.*`` are a pair; what is found goes to
``pointer_sequences/{sample}_pointers.npy``, ``_ops.npy``, ``_info.json`` and ``_alignment.png``.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from editorbot import __version__
from editorbot.atomic import write_whole
from editorbot.corpus.alignment import Alignment, align
from editorbot.corpus.alignment.frame_ops import frame_ops
from editorbot.errors import EditorbotError, EmptyError, MismatchError, NotFoundError, OutputError
from editorbot.recording import names_in, open_recording
from editorbot.timebase import ANALYSIS_RATE, FRAME_S, HOP_SAMPLES, s_to_frames

RAW_FOLDER, EDIT_FOLDER, POINTER_FOLDER = "input", "desired_output", "pointer_sequences"
"""Folders of a data folder; truths lie in another, `corpus.truth.TRUTH_FOLDER`."""
RAW_END, EDIT_END = "_raw", "_edit"
"""Ends of the names of the two files of a pair, before the file ending."""
INFO_VERSION = 1
"""Version of the ``_info.json`` format."""

_GAIN_EVERY_S = 0.5


@dataclass(frozen=True)
class Pair:
    """A raw recording and its edit."""

    sample: str
    """Their common name."""
    raw: Path
    """The raw recording."""
    edit: Path
    """The edit."""


@dataclass(frozen=True)
class PairList:
    """What a data folder holds."""

    pairs: tuple[Pair, ...]
    """The pairs, by name."""
    problems: tuple[EditorbotError, ...]
    """One for each file that belongs to no pair."""


@dataclass(frozen=True)
class PointerPaths:
    """The files that an alignment is written to."""

    pointers: Path
    """int64 (edit frames,): raw frame, -1 = not from the raw recording."""
    ops: Path
    """int8 (edit frames,): see `frame_ops.FrameOp`."""
    info: Path
    """Segments, confidence, gain curve, speed, versions."""
    picture: Path
    """The picture."""

    @property
    def all(self) -> tuple[Path, ...]:
        """The four of them."""
        return (self.pointers, self.ops, self.info, self.picture)


def pointer_paths(folder: Path, sample: str) -> PointerPaths:
    """Return where the alignment of a sample goes."""
    names = ("_pointers.npy", "_ops.npy", "_info.json", "_alignment.png")
    return PointerPaths(*(folder / (sample + name) for name in names))


def find_pairs(data_folder: Path) -> PairList:
    """Return the pairs of a data folder, and what is wrong with the rest.

    Raises
    ------
    NotFoundError
        If the folder, or one of its two halves, is not there.
    EmptyError
        If it holds no audio file that could be half of a pair.
    """
    problems: list[EditorbotError] = []
    raws = _by_sample(data_folder / RAW_FOLDER, RAW_END, problems)
    edits = _by_sample(data_folder / EDIT_FOLDER, EDIT_END, problems)
    if not raws and not edits and not problems:
        raise EmptyError(
            f"no pairs are in it; put {RAW_FOLDER}/NAME{RAW_END}.wav and {EDIT_FOLDER}/NAME{EDIT_END}.wav there",
            path=data_folder,
        )
    for sample in sorted(raws.keys() - edits.keys()):
        missing = f"{EDIT_FOLDER}/{sample}{EDIT_END}.wav"
        problems.append(MismatchError(f"it has no edit; {missing} is missing", path=raws[sample]))
    for sample in sorted(edits.keys() - raws.keys()):
        missing = f"{RAW_FOLDER}/{sample}{RAW_END}.wav"
        problems.append(MismatchError(f"it has no raw recording; {missing} is missing", path=edits[sample]))
    both = sorted(raws.keys() & edits.keys())
    return PairList(tuple(Pair(sample, raws[sample], edits[sample]) for sample in both), tuple(problems))


def _by_sample(folder: Path, end: str, problems: list[EditorbotError]) -> dict[str, Path]:
    """Return the files of one half by sample; hidden files do not count."""
    if not folder.is_dir():
        raise NotFoundError("there is no such folder; the files of the pairs belong there", path=folder)
    result: dict[str, Path] = {}
    for path in (folder / name for name in names_in(folder)):
        if path.name.startswith(".") or path.is_dir():
            continue
        sample = path.stem[: -len(end)] if path.stem.endswith(end) else ""
        if not sample:
            problems.append(MismatchError(f"its name does not end in {end}; call it NAME{end}{path.suffix}", path=path))
        elif sample in result:
            problems.append(MismatchError(f"{result[sample].name} is there too; keep one of them", path=path))
        else:
            result[sample] = path
    return result


def align_pair(pair: Pair, folder: Path, *, picture: bool = True) -> Alignment:
    """Align a pair and write what was found.

    Parameters
    ----------
    pair : Pair
        The two files.
    folder : path
        Where the results go; made where it is missing.
    picture : bool
        Whether the picture is drawn too.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` and `align` say, or OutputError if the results cannot be written.
    """
    with open_recording(pair.raw) as raw, open_recording(pair.edit) as edit:
        alignment = align(raw, edit)
        info = info_of(alignment, pair) | {"raw_digest": raw.digest, "edit_digest": edit.digest}
    paths = pointer_paths(folder, pair.sample)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made: {error.strerror}", path=folder) from error
    write_whole(paths.pointers, _npy(alignment.pointers))
    write_whole(paths.ops, _npy(frame_ops(alignment)))
    if picture:
        from editorbot.corpus.alignment.picture import draw

        write_whole(paths.picture, draw(alignment, pair.sample))
    # Written last: where it is there, the rest is whole.
    write_whole(paths.info, (json.dumps(info, indent=1) + "\n").encode())
    return alignment


def align_all(
    pairs: tuple[Pair, ...],
    folder: Path,
    *,
    picture: bool = True,
    on_done: Callable[[Pair, Alignment | EditorbotError], None],
) -> int:
    """Align pairs one after another; a failure never stops the rest. Return how many failed."""
    failed = 0
    for pair in pairs:
        try:
            result: Alignment | EditorbotError = align_pair(pair, folder, picture=picture)
        except EditorbotError as error:
            result, failed = error, failed + 1
        on_done(pair, result)
    return failed


def info_of(alignment: Alignment, pair: Pair) -> dict[str, Any]:
    """Return an alignment as plain values, the content of ``_info.json``."""
    return {
        "format": "editorbot.alignment",
        "version": INFO_VERSION,
        "made_by": __version__,
        "sample": pair.sample,
        "grid": {"sample_rate": ANALYSIS_RATE, "hop": HOP_SAMPLES},
        "raw": {"path": pair.raw.name, "sample_rate": alignment.raw_rate, "samples": alignment.raw_samples},
        "edit": {"path": pair.edit.name, "sample_rate": alignment.edit_rate, "samples": alignment.edit_samples},
        "speed": alignment.speed.ratio,
        "speed_keeps_pitch": alignment.speed.is_pitch_kept,
        "matched_share": round(alignment.matched_share, 6),
        "confidence": round(_confidence(alignment), 4),
        "segments": [
            {
                "edit_start": s.edit_start,
                "edit_end": s.edit_end,
                "raw_start": s.raw_start,
                "raw_end": s.raw_end,
                "speed": s.speed,
                "gain_db": round(s.gain_db, 3),
                "confidence": round(s.confidence, 4),
                "ties": list(s.ties),
            }
            for s in alignment.segments
        ],
        "gain_curve": _gain_curve(alignment),
        "warnings": list(alignment.warnings),
    }


def _confidence(alignment: Alignment) -> float:
    """Return the mean confidence of the segments by their lengths."""
    lengths = np.array([s.edit_end - s.edit_start for s in alignment.segments], dtype=float)
    return float(np.average([s.confidence for s in alignment.segments], weights=np.maximum(lengths, 1.0)))


def _gain_curve(alignment: Alignment) -> dict[str, list[float | None]]:
    """Return the gain every half second; null where the edit is not from the raw recording."""
    step = s_to_frames(_GAIN_EVERY_S)
    gain_db = alignment.gain_db[::step]
    return {
        "edit_s": [round(k * step * FRAME_S, 4) for k in range(len(gain_db))],
        "gain_db": [round(float(value), 2) if np.isfinite(value) else None for value in gain_db],
    }


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def sample_of(edit: Path) -> str:
    """Return the sample name that one edit gives: its stem without ``_edit``.

    Examples
    --------
    >>> sample_of(Path("takes/blues_edit.wav"))
    'blues'
    """
    stem = os.path.splitext(edit.name)[0]
    return stem[: -len(EDIT_END)] if stem.endswith(EDIT_END) and stem != EDIT_END else stem
