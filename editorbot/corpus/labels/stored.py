"""An alignment read back from the files that `pairs align` wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.corpus.alignment import Alignment, Segment
from editorbot.corpus.alignment.speed import Speed
from editorbot.corpus.pairs import INFO_VERSION, Pair, PointerPaths, pointer_paths
from editorbot.errors import EditorbotError
from editorbot.recording import open_recording


def read_alignment(paths: PointerPaths, raw_digest: str, edit_digest: str) -> Alignment | None:
    """Return a stored alignment of two files; None where there is none, it is damaged, or of other files.

    Its gain curve is left out (NaN): what labels need of it is measured anew.
    """
    try:
        info = json.loads(paths.info.read_text(encoding="utf-8"))
        pointers = np.load(paths.pointers, allow_pickle=False)
        if info["version"] != INFO_VERSION or info["raw_digest"] != raw_digest or info["edit_digest"] != edit_digest:
            return None
        return _alignment(info, pointers.astype(np.int64))
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


def is_aligned(pair: Pair, folder: Path) -> bool:
    """Tell whether a folder holds the whole alignment of the two files of a pair, as they are now."""
    paths = pointer_paths(folder, pair.sample)
    if not (paths.info.exists() and paths.ops.exists()):
        return False
    try:
        with open_recording(pair.raw) as raw, open_recording(pair.edit) as edit:
            return read_alignment(paths, raw.digest, edit.digest) is not None
    except EditorbotError:
        # Aligning says what is wrong with it.
        return False


def _alignment(info: dict[str, Any], pointers: np.ndarray) -> Alignment:
    return Alignment(
        segments=tuple(Segment(**{**segment, "ties": tuple(segment["ties"])}) for segment in info["segments"]),
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
