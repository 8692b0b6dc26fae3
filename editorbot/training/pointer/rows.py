"""The rows that the pointer network trains on: a previous pointer each, and what comes next.

The edit's own rows ask, after each of its frames, for the next one. But decoding takes every raw frame as the previous
pointer, also those that no edit plays. So each of these has a row too, whose target is the next raw frame that the edit
plays, or the end. Some of the edit's rows are repeated with a previous pointer that is off by some frames, so that
decoding survives its own errors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int64

from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.corpus.truth import Truth
from editorbot.errors import MismatchError
from editorbot.models.pointer_config import PointerConfig
from editorbot.timebase import FRAME_S

NEAR_FRAMES = 24
"""Rows this near to a cut are always taken [frames], half a second."""

NOISE_FRAMES = 8
"""Most frames that a noisy previous pointer is off."""


@dataclass(frozen=True)
class PointerRows:
    """Rows of one pair; all arrays have one length."""

    previous: Int64[np.ndarray, " rows"]
    """Previous pointer, -1 before the first."""
    expected: Int64[np.ndarray, " rows"]
    """Center of the attention window."""
    target: Int64[np.ndarray, " rows"]
    """Raw frame that comes next; 0 at the edit's end."""
    is_stop: Bool[np.ndarray, " rows"]
    """Whether the edit ends here."""
    op: Int64[np.ndarray, " rows"]
    """Edit operation, -1 for none to learn."""
    is_copied: Bool[np.ndarray, " rows"]
    """Whether it is one of the edit's own rows."""
    weight: Float32[np.ndarray, " rows"]
    """How many rows it stands for."""

    @property
    def distance(self) -> Int64[np.ndarray, " rows"]:
        """Distance from the expected to the target frame."""
        return self.target - self.expected

    @property
    def is_cut(self) -> Bool[np.ndarray, " rows"]:
        """Which of the edit's own rows do not just go on."""
        return self.is_copied & ~self.is_stop & (np.abs(self.target - self.previous - 1) > 1)


class _Columns(NamedTuple):
    """Rows before the window's center is known; fields as in `PointerRows`, `output` is the frame of the edit."""

    previous: np.ndarray
    output: np.ndarray
    target: np.ndarray
    is_stop: np.ndarray
    op: np.ndarray
    is_copied: np.ndarray


def rows_of(
    pointers: Int64[np.ndarray, " edit_frames"],
    ops: Int8[np.ndarray, " edit_frames"],
    raw_frames: int,
    config: PointerConfig,
    *,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> PointerRows:
    """Make the rows of a pair.

    Parameters
    ----------
    pointers : np.ndarray, shape=(edit frames,), int64
        Raw frame of each frame of the edit, -1 = not from the raw recording.
    ops : np.ndarray, shape=(edit frames,), int8
        See `frame_ops.FrameOp`.
    raw_frames : int
        Frames of the raw recording.
    config : PointerConfig
        Says where the window is.
    noise : float, in [0, 1]
        Share of the edit's rows that are repeated with a wrong previous pointer.
    rng : np.random.Generator, optional
        Draws them.

    Raises
    ------
    MismatchError
        If a pointer is past the end of the raw recording, or none comes from it.
    """
    if len(pointers) and not -1 <= pointers.min() <= pointers.max() < raw_frames:
        worst = int(pointers.max() if pointers.max() >= raw_frames else pointers.min())
        raise MismatchError(
            f"a pointer is {worst}, but the raw recording has {raw_frames} frames; "
            "run: python -m pointer_network.precache_samples"
        )
    at = np.flatnonzero(pointers >= 0)
    if not len(at):
        raise MismatchError("nothing of the edit comes from the raw recording; there is nothing to learn from it")
    played = pointers[at]
    own = _own_rows(played, at, np.where(ops[at] == FrameOp.OTHER, -1, ops[at]).astype(np.int64))
    parts = [own, _off_rows(played, at, raw_frames)]
    if noise > 0 and rng is not None:
        parts.append(_noisy(own, raw_frames, noise, rng))
    every = _Columns(*(np.concatenate(columns) for columns in zip(*parts)))
    if config.expected == "previous":
        expected = every.previous + 1
    else:
        expected = np.rint(every.output / config.ratio).astype(np.int64)
    return PointerRows(
        every.previous, np.minimum(expected, raw_frames), every.target, every.is_stop, every.op, every.is_copied,
        weight=np.ones(len(every.previous), np.float32),
    )  # fmt: skip


def some_rows(rows: PointerRows, most: int, rng: np.random.Generator) -> PointerRows:
    """Sample about `most` of the rows: all near the cuts, and some of the others, which stand for the rest.

    Rows far from any cut are nearly the same as their neighbors, so most of them teach nothing new.
    """
    count = len(rows.previous)
    if count <= most:
        return rows
    special = rows.is_cut | (rows.is_stop & rows.is_copied)
    edges = np.sort(np.concatenate([rows.previous[special], rows.target[rows.is_cut]]))
    after = np.minimum(np.searchsorted(edges, rows.previous), len(edges) - 1)
    nearest = np.minimum(np.abs(edges[after] - rows.previous), np.abs(edges[np.maximum(after - 1, 0)] - rows.previous))
    near = np.flatnonzero((nearest <= NEAR_FRAMES) | special)
    others = np.flatnonzero((nearest > NEAR_FRAMES) & ~special)
    some = rng.choice(others, min(max(most - len(near), most // 2), len(others)), replace=False)
    picked = np.concatenate([near, some])
    weight = rows.weight[picked]
    weight[len(near) :] *= len(others) / max(len(some), 1)
    columns = {name: value[picked] for name, value in vars(rows).items() if name != "weight"}
    return PointerRows(**columns, weight=weight)


def _own_rows(played: np.ndarray, at: np.ndarray, ops: np.ndarray) -> _Columns:
    """Make the edit's own rows, its end last."""
    count = len(played)
    return _Columns(
        previous=np.append(-1, played),
        output=np.append(at, at[-1] + 1),
        target=np.append(played, 0),
        is_stop=np.arange(count + 1) == count,
        op=np.append(ops, -1),
        is_copied=np.ones(count + 1, bool),
    )


def _off_rows(played: np.ndarray, at: np.ndarray, raw_frames: int) -> _Columns:
    """Make a row of each raw frame that the edit does not play; its target is the next frame that it plays."""
    off = np.setdiff1d(np.arange(raw_frames), played)
    frames, first = np.unique(played, return_index=True)
    after = np.searchsorted(frames, off)
    is_stop = after == len(frames)
    after = np.minimum(after, len(frames) - 1)
    target = np.where(is_stop, 0, frames[after])
    output = np.where(is_stop, at[-1] + 1, at[first[after]])
    return _Columns(off, output, target, is_stop, np.full(len(off), -1), np.zeros(len(off), bool))


def _noisy(own: _Columns, raw_frames: int, noise: float, rng: np.random.Generator) -> _Columns:
    """Repeat some of the edit's rows with a previous pointer that is off by some frames."""
    picked = np.flatnonzero((rng.random(len(own.previous)) < noise) & ~own.is_stop)
    rows = _Columns(*(column[picked] for column in own))
    shift = rng.integers(-NOISE_FRAMES, NOISE_FRAMES + 1, len(picked))
    previous = np.clip(rows.previous + shift, -1, raw_frames - 1)
    return rows._replace(previous=previous, op=np.full_like(rows.op, -1), is_copied=np.zeros(len(picked), bool))


def truth_pointers(truth: Truth, edit_frames: int, raw_frames: int) -> Int64[np.ndarray, " edit_frames"]:
    """Find each frame of a finished track in the jam that was made from it.

    Each take keeps one whole number of frames between the two, so that a pointer never stutters at half frames.

    Returns
    -------
    pointers : np.ndarray, shape=(edit_frames,), int64
        Raw frame, -1 if it is not in the jam.
    """
    pointers = np.full(edit_frames, -1, dtype=np.int64)
    for segment in truth.segments:
        if segment.kind != "music" or segment.source_s is None:
            continue
        first = max(int(np.ceil(segment.source_s / FRAME_S)), 0)
        end = min(int(np.ceil(segment.source_end_s / FRAME_S)), edit_frames)
        into = np.arange(first, end) - segment.source_s / FRAME_S
        raw = segment.start_s / FRAME_S + into / segment.speed
        shift = np.rint(raw[:1] - first)
        found = np.arange(first, end) + shift if segment.speed == 1 else np.rint(raw)
        pointers[first:end] = np.where((found >= 0) & (found < raw_frames), found, -1)
    return pointers
