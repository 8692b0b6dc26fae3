"""Examples from a folder of pairs: each frame of the edit beside the raw frame that it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int8, Int64, UInt8

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.corpus.cache_files import CacheFolder, read_array
from editorbot.corpus.labels.stored import is_aligned
from editorbot.corpus.pairs import POINTER_FOLDER, Pair, pointer_paths
from editorbot.corpus.precache import PrecacheJob, find_samples, precache
from editorbot.editlist.edit_list import ACTIONS
from editorbot.errors import DamagedError, EditorbotError
from editorbot.models.mel_config import INPUTS_VERSION, UNKNOWN_LABEL
from editorbot.recording import open_recording
from editorbot.timebase import HOP_SAMPLES
from editorbot.training.mel.examples import (
    MelExample,
    example_of,
    frame_flags,
    gathered_sound,
    read_example,
    write_example,
)

LABEL_OF_OP = {
    FrameOp.COPY: ACTIONS.index("KEEP"),
    FrameOp.LOOP: ACTIONS.index("LOOP"),
    FrameOp.SKIP: ACTIONS.index("KEEP"),
    FrameOp.FADE: ACTIONS.index("FADE_OUT"),
    FrameOp.OTHER: UNKNOWN_LABEL,
}
"""The action that a frame's operation stands for."""

SHORTEST_RUN_FRAMES = 32
"""Shorter stretches that run on are not moved against the edit."""

LONGEST_LAG_SAMPLES = HOP_SAMPLES
"""How far a stretch is moved at most: pointers are right to about a frame."""


def examples_of_pairs(
    data_folder: Path, cache_folder: Path, kept: Path, *, on_line: Callable[[str], None] = lambda line: None
) -> dict[str, Path]:
    """Return the files of the examples of all pairs by their names, made where they miss.

    A pair that cannot be used is told of.

    What `editorbot pairs precache` makes is made first where the alignment misses, or is of other recordings.

    Raises
    ------
    EditorbotError
        If there is no folder of pairs.
    """
    files = {}
    for pair in find_samples(data_folder).pairs:
        try:
            if not is_aligned(pair, data_folder / POINTER_FOLDER):
                precache(PrecacheJob(pair, data_folder, CacheFolder(cache_folder)))
            file = kept / f"pair_{_content_of(pair, data_folder)}.npz"
            if read_example(file) is None:
                write_example(file, pair_example(pair, data_folder))
        except EditorbotError as error:
            on_line(str(error))
            continue
        files[pair.sample] = file
    return files


def _content_of(pair: Pair, data_folder: Path) -> str:
    """Return a digest of all that an example is made of: an alignment names the digests of its two recordings.

    Raises
    ------
    DamagedError
        If the alignment is not there.
    """
    paths = pointer_paths(data_folder / POINTER_FOLDER, pair.sample)
    total = hashlib.sha256(f"{INPUTS_VERSION}".encode())
    try:
        for path in (paths.info, paths.pointers, paths.ops):
            total.update(path.read_bytes())
    except OSError as error:
        raise DamagedError(f"the alignment of {pair.sample} cannot be read: {error.strerror}", path=path) from error
    return total.hexdigest()[:16]


def pair_example(pair: Pair, data_folder: Path) -> MelExample:
    """Return the example of one pair whose pointers are there.

    Raises
    ------
    DamagedError
        If they are not.
    """
    paths = pointer_paths(data_folder / POINTER_FOLDER, pair.sample)
    pointers, ops = read_array(paths.pointers), read_array(paths.ops)
    if pointers is None or ops is None or pointers.shape != ops.shape or len(pointers) == 0:
        raise DamagedError(
            f"the pointers of {pair.sample} are not whole; run: editorbot pairs precache --force", path=paths.pointers
        )
    raw, edit = mono_of(pair.raw), mono_of(pair.edit)
    hops = len(edit) // HOP_SAMPLES
    pointers, ops = pointers[:hops], ops[:hops]
    edit = edit[: len(pointers) * HOP_SAMPLES]
    return aligned_example(raw, edit, pointers, ops)


def aligned_example(
    raw: Float32[np.ndarray, " raw_samples"],
    edit: Float32[np.ndarray, " edit_samples"],
    pointers: Int64[np.ndarray, " hops"],
    ops: Int8[np.ndarray, " hops"],
) -> MelExample:
    """Return the example of a raw recording laid out in the order of its edit; both at ANALYSIS_RATE."""
    gathered = moved_runs(raw, edit, pointers)
    known = frame_flags((pointers >= 0).astype(np.uint8), fill=0)
    labels = frame_flags(labels_of(ops), fill=UNKNOWN_LABEL)
    example = example_of(gathered[None], edit[None], labels, known)
    return replace(example, labels=np.where(known == 1, labels, UNKNOWN_LABEL).astype(np.uint8))


def labels_of(ops: Int8[np.ndarray, " hops"]) -> UInt8[np.ndarray, " hops"]:
    """Return the label of each frame's operation."""
    table = np.full(len(FrameOp), UNKNOWN_LABEL, dtype=np.uint8)
    for op, label in LABEL_OF_OP.items():
        table[op] = label
    return table[np.clip(ops, 0, len(FrameOp) - 1)]


def moved_runs(
    raw: Float32[np.ndarray, " raw_samples"],
    edit: Float32[np.ndarray, " edit_samples"],
    pointers: Int64[np.ndarray, " hops"],
) -> Float32[np.ndarray, " samples"]:
    """Return the raw sound in the order of the edit, each stretch that runs on moved to where it fits best."""
    gathered = gathered_sound(raw, pointers, HOP_SAMPLES)
    bounds = np.flatnonzero(np.diff(pointers) != 1) + 1
    for first, end in zip([0, *bounds], [*bounds, len(pointers)]):
        if pointers[first] < 0 or end - first < SHORTEST_RUN_FRAMES:
            continue
        inside = slice(first * HOP_SAMPLES, end * HOP_SAMPLES)
        lag = best_lag(gathered[inside], edit[inside], LONGEST_LAG_SAMPLES)
        start = int(pointers[first]) * HOP_SAMPLES - lag
        length = inside.stop - inside.start
        if start >= 0 and start + length <= len(raw):
            gathered[inside] = raw[start : start + length]
    return gathered


def best_lag(moved: Float32[np.ndarray, " samples"], there: Float32[np.ndarray, " samples"], most: int) -> int:
    """Return by how many samples `moved` has to come later to be most like `there`, at most `most` either way."""
    size = 1 << int(np.ceil(np.log2(len(moved) + most + 1)))
    product = np.conj(np.fft.rfft(moved, size)) * np.fft.rfft(there, size)
    likeness = np.fft.irfft(product / np.maximum(np.abs(product), 1e-12) ** 0.5, size)
    lags = np.arange(-most, most + 1)
    return int(lags[np.argmax(likeness[lags])])


def mono_of(path: Path | str) -> Float32[np.ndarray, " samples"]:
    """Return a recording as one channel at ANALYSIS_RATE."""
    with open_recording(str(path)) as recording:
        reader = MonoReader(recording)
        return np.asarray(reader.read(0, reader.samples), dtype=np.float32)
