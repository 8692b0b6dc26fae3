"""Makes examples of a folder of pairs: each frame of the edit beside the raw frame that it was made from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int8, Int64, UInt8

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment.files import is_aligned
from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.corpus.cache_files import CacheFolder, read_array
from editorbot.corpus.pairs import POINTER_FOLDER, Pair, find_pairs, pointer_paths
from editorbot.corpus.precache import PrecacheJob, precache
from editorbot.editlist.edit_list import ACTIONS
from editorbot.errors import DamagedError, EditorbotError
from editorbot.models.mel_config import INPUTS_VERSION, UNKNOWN_LABEL
from editorbot.polish.mel_stft import OVERLAP
from editorbot.recording import open_recording
from editorbot.timebase import HOP_SAMPLES
from editorbot.training.mel.examples import MelExample, example_of, read_example, write_example
from editorbot.training.run_folder import OnLine, silent

ACTION_OF_OP = {FrameOp.COPY: "KEEP", FrameOp.LOOP: "LOOP", FrameOp.SKIP: "KEEP", FrameOp.FADE: "FADE_OUT"}
"""Action of the frames of each operation; others are unknown."""

SHORTEST_RUN_FRAMES = 32
"""Shorter runs of consecutive frames are not aligned further."""

LONGEST_LAG_SAMPLES = HOP_SAMPLES
"""Largest shift of a run: pointers are right to about a frame."""


def examples_of_pairs(data_folder: Path, cache: Path, kept: Path, *, on_line: OnLine = silent) -> dict[str, Path]:
    """Make the examples of all pairs that have none yet; list their files by the pairs' names.

    Pairs without a valid alignment are aligned first, as `editorbot pairs precache` does. A pair that cannot be used
    is reported and left out.

    Raises
    ------
    EditorbotError
        If there is no folder of pairs.
    """
    files = {}
    for pair in find_pairs(data_folder).pairs:
        try:
            if not is_aligned(pair, data_folder / POINTER_FOLDER):
                precache(PrecacheJob(pair, data_folder, CacheFolder(cache)))
            file = kept / f"pair_{_content_of(pair, data_folder)}.npz"
            if read_example(file) is None:
                write_example(file, pair_example(pair, data_folder))
        except EditorbotError as error:
            on_line(str(error))
            continue
        files[pair.sample] = file
    return files


def _content_of(pair: Pair, data_folder: Path) -> str:
    """Digest of what an example is made of: an alignment holds the digests of its two recordings.

    Raises
    ------
    DamagedError
        If the alignment cannot be read.
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
    """Make the example of an aligned pair.

    Raises
    ------
    DamagedError
        If its alignment is not whole.
    """
    paths = pointer_paths(data_folder / POINTER_FOLDER, pair.sample)
    pointers, ops = read_array(paths.pointers), read_array(paths.ops)
    if pointers is None or ops is None or pointers.shape != ops.shape or len(pointers) == 0:
        raise DamagedError(
            f"the pointers of {pair.sample} are not whole; run: editorbot pairs precache --force", path=paths.pointers
        )
    raw, edit = mono_of(pair.raw), mono_of(pair.edit)
    hops = min(len(pointers), len(edit) // HOP_SAMPLES)
    return aligned_example(raw, edit[: hops * HOP_SAMPLES], pointers[:hops], ops[:hops])


def aligned_example(
    raw: Float32[np.ndarray, " raw_samples"],
    edit: Float32[np.ndarray, " edit_samples"],
    pointers: Int64[np.ndarray, " hops"],
    ops: Int8[np.ndarray, " hops"],
) -> MelExample:
    """Make an example of a raw recording, rearranged in the order of its edit; both at ANALYSIS_RATE.

    Parameters
    ----------
    raw, edit : np.ndarray, shape=(samples,), float32
        One channel each; of the edit a hop for each pointer.
    pointers : np.ndarray, shape=(hops,), int64
        Raw frame of each frame of the edit, -1 = not from the raw recording.
    ops : np.ndarray, shape=(hops,), int8
        Operation of each frame, a FrameOp.
    """
    rearranged = aligned_runs(raw, edit, pointers)
    known = frame_flags((pointers >= 0).astype(np.uint8), fill=0)
    labels = frame_flags(labels_of(ops), fill=UNKNOWN_LABEL)
    example = example_of(rearranged[None], edit[None], labels, known)
    return replace(example, labels=np.where(known == 1, labels, UNKNOWN_LABEL).astype(np.uint8))


def labels_of(ops: Int8[np.ndarray, " hops"]) -> UInt8[np.ndarray, " hops"]:
    """Look up the label of each frame's operation."""
    actions = (ACTION_OF_OP.get(op) for op in FrameOp)
    table = np.array([UNKNOWN_LABEL if name is None else ACTIONS.index(name) for name in actions], dtype=np.uint8)
    return table[np.clip(ops, 0, len(FrameOp) - 1)]


def frame_flags(values: UInt8[np.ndarray, " hops"], *, fill: int) -> UInt8[np.ndarray, " frames"]:
    """Turn values of hops into values of frames; a frame is four hops long, and gets the value of its middle."""
    return np.pad(values, (OVERLAP // 2, OVERLAP - 1 - OVERLAP // 2), constant_values=fill)


def aligned_runs(
    raw: Float32[np.ndarray, " raw_samples"],
    edit: Float32[np.ndarray, " edit_samples"],
    pointers: Int64[np.ndarray, " hops"],
) -> Float32[np.ndarray, " samples"]:
    """Rearrange the raw sound, and shift each run of consecutive frames to where it fits the edit best."""
    rearranged = rearranged_sound(raw, pointers)
    bounds = np.flatnonzero(np.diff(pointers) != 1) + 1
    for first, end in zip([0, *bounds], [*bounds, len(pointers)]):
        if pointers[first] < 0 or end - first < SHORTEST_RUN_FRAMES:
            continue
        inside = slice(first * HOP_SAMPLES, end * HOP_SAMPLES)
        lag = best_lag(rearranged[inside], edit[inside], LONGEST_LAG_SAMPLES)
        start = int(pointers[first]) * HOP_SAMPLES - lag
        length = inside.stop - inside.start
        if start >= 0 and start + length <= len(raw):
            rearranged[inside] = raw[start : start + length]
    return rearranged


def rearranged_sound(
    raw: Float32[np.ndarray, " raw_samples"], pointers: Int64[np.ndarray, " hops"]
) -> Float32[np.ndarray, " samples"]:
    """Copy the raw hop of each pointer; silence where there is none."""
    padded = np.pad(raw, (0, 2 * HOP_SAMPLES))
    starts = np.clip(pointers, 0, len(raw) // HOP_SAMPLES) * HOP_SAMPLES
    hops = padded[starts[:, None] + np.arange(HOP_SAMPLES)]
    hops[pointers < 0] = 0
    return np.ascontiguousarray(hops.reshape(-1), dtype=np.float32)


def best_lag(moved: Float32[np.ndarray, " samples"], there: Float32[np.ndarray, " samples"], most: int) -> int:
    """Find the lag of `moved` behind `there`, at most `most` samples either way, by generalized cross-correlation."""
    size = 1 << int(np.ceil(np.log2(len(moved) + most + 1)))
    product = np.conj(np.fft.rfft(moved, size)) * np.fft.rfft(there, size)
    correlation = np.fft.irfft(product / np.maximum(np.abs(product), 1e-12) ** 0.5, size)
    lags = np.arange(-most, most + 1)
    return int(lags[np.argmax(correlation[lags])])


def mono_of(path: Path | str) -> Float32[np.ndarray, " samples"]:
    """Read a recording as one channel at ANALYSIS_RATE."""
    with open_recording(str(path)) as recording:
        reader = MonoReader(recording)
        return np.asarray(reader.read(0, reader.samples), dtype=np.float32)
