"""Aligns pairs of a data folder, and writes and reads the files of an alignment (see `pairs`)."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from editorbot import __version__
from editorbot.atomic import write_whole
from editorbot.corpus.alignment.align import Alignment, Segment, align
from editorbot.corpus.alignment.coarse_match import Speed
from editorbot.corpus.alignment.frame_ops import frame_ops
from editorbot.corpus.pairs import Pair, PointerPaths, pointer_paths
from editorbot.errors import EditorbotError, OutputError
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE, FRAME_S, HOP_SAMPLES, s_to_frames

INFO_VERSION = 1
"""Version of the ``_info.json`` format."""

_GAIN_EVERY_S = 0.5


def align_pair(pair: Pair, folder: Path, *, picture: bool = True) -> Alignment:
    """Align a pair and write the result into a folder, with a picture if wanted.

    Raises
    ------
    EditorbotError
        Whatever `open_recording` and `align` raise, or OutputError if the results cannot be written.
    """
    with open_recording(pair.raw) as raw, open_recording(pair.edit) as edit:
        alignment = align(raw, edit)
        info = _info_of(alignment, pair) | {"raw_digest": raw.digest, "edit_digest": edit.digest}
    paths = pointer_paths(folder, pair.sample)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder cannot be made: {error.strerror}", path=folder) from error
    write_whole(paths.pointers, _npy(alignment.pointers))
    write_whole(paths.ops, _npy(frame_ops(alignment.pointers, alignment.gain_db)))
    if picture:
        from editorbot.corpus.alignment.picture import draw

        write_whole(paths.picture, draw(alignment, pair.sample))
    # Written last: an alignment that has it is complete.
    write_whole(paths.info, (json.dumps(info, indent=1) + "\n").encode())
    return alignment


def _info_of(alignment: Alignment, pair: Pair) -> dict[str, Any]:
    """Return an alignment as plain values, the content of ``_info.json``."""
    lengths = np.array([segment.edit_end - segment.edit_start for segment in alignment.segments], dtype=float)
    confidence = np.average([segment.confidence for segment in alignment.segments], weights=np.maximum(lengths, 1.0))
    return {
        "format": "editorbot.alignment",
        "version": INFO_VERSION,
        "made_by": __version__,
        "sample": pair.sample,
        "grid": {"sample_rate": ANALYSIS_RATE, "hop": HOP_SAMPLES},
        "raw": {"path": pair.raw.name, "sample_rate": alignment.raw_rate, "samples": alignment.raw_samples},
        "edit": {"path": pair.edit.name, "sample_rate": alignment.edit_rate, "samples": alignment.edit_samples},
        "speed": alignment.speed.ratio,
        "speed_keeps_pitch": alignment.speed.keeps_pitch,
        "matched_share": round(alignment.matched_share, 6),
        "confidence": round(float(confidence), 4),
        "segments": [_plain(segment) for segment in alignment.segments],
        "gain_curve": _gain_curve(alignment),
        "warnings": list(alignment.warnings),
    }


def _plain(segment: Segment) -> dict[str, Any]:
    fields = asdict(segment)
    repeats = fields.pop("exact_repeats")
    gain_db, confidence = round(fields.pop("gain_db"), 3), round(fields.pop("confidence"), 4)
    return fields | {"gain_db": gain_db, "confidence": confidence, "ties": list(repeats)}


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


def read_alignment(paths: PointerPaths, raw_digest: str, edit_digest: str) -> Alignment | None:
    """Read the alignment of two files; None if there is none, it is damaged, or of other files.

    Its gain curve is left out (NaN): labels measure anew what they need of it.
    """
    try:
        info = json.loads(paths.info.read_text(encoding="utf-8"))
        pointers = np.load(paths.pointers, allow_pickle=False)
        if info["version"] != INFO_VERSION or info["raw_digest"] != raw_digest or info["edit_digest"] != edit_digest:
            return None
        return _alignment_of(info, pointers.astype(np.int64))
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def is_aligned(pair: Pair, folder: Path) -> bool:
    """Whether a folder holds the complete alignment of the two files of a pair, as they are now."""
    paths = pointer_paths(folder, pair.sample)
    if not (paths.info.exists() and paths.ops.exists()):
        return False
    try:
        with open_recording(pair.raw) as raw, open_recording(pair.edit) as edit:
            return read_alignment(paths, raw.digest, edit.digest) is not None
    except EditorbotError:
        # Aligning says what is wrong with it.
        return False


def _alignment_of(info: dict[str, Any], pointers: np.ndarray) -> Alignment:
    segments = ({key: value for key, value in entry.items() if key != "ties"} for entry in info["segments"])
    repeats = (tuple(entry["ties"]) for entry in info["segments"])
    return Alignment(
        segments=tuple(Segment(**fields, exact_repeats=starts) for fields, starts in zip(segments, repeats)),
        pointers=pointers,
        gain_db=np.full(len(pointers), np.nan, dtype=np.float32),
        matched_share=float(info["matched_share"]),
        speed=Speed(float(info["speed"]), bool(info["speed_keeps_pitch"]), 1.0),
        raw_rate=int(info["raw"]["sample_rate"]),
        raw_samples=int(info["raw"]["samples"]),
        edit_rate=int(info["edit"]["sample_rate"]),
        edit_samples=int(info["edit"]["samples"]),
        warnings=tuple(str(line) for line in info["warnings"]),
    )
