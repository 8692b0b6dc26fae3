"""What the pointer network is asked in training, and what the right answers are.

Every frame of the edit asks a row: after the last pointer, which frame is next? Decoding, however, takes every raw
frame as the last one, also those that no edit holds. So each of those asks too, and the answer is the way back: the
next raw frame that the edit plays, or the end. Beside them some rows of the edit are asked with a last pointer that
is off by some frames: the noise that lets decoding survive its own errors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int8, Int64

from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.corpus.truth import Truth
from editorbot.errors import MismatchError
from editorbot.models.pointer_config import PointerConfig
from editorbot.timebase import FRAME_S


@dataclass(frozen=True)
class PointerRows:
    """Questions and answers about one pair; all arrays are of one length, a row each."""

    previous: Int64[np.ndarray, " rows"]
    """Last pointer, -1 before the first."""
    expected: Int64[np.ndarray, " rows"]
    """Where the window of attention lies."""
    target: Int64[np.ndarray, " rows"]
    """Raw frame that comes next; 0 where the edit ends."""
    is_stop: Bool[np.ndarray, " rows"]
    """Whether the edit ends here."""
    op: Int64[np.ndarray, " rows"]
    """Edit operation, -1 for none to learn."""
    is_copied: Bool[np.ndarray, " rows"]
    """Whether the row is one of the edit's own, rather than one off its way."""
    weight: Float32[np.ndarray, " rows"]
    """How many rows it stands for."""

    @property
    def distance(self) -> Int64[np.ndarray, " rows"]:
        """Distance from the expected to the right frame."""
        return self.target - self.expected

    @property
    def is_cut(self) -> Bool[np.ndarray, " rows"]:
        """Which of the edit's own rows do not just go on."""
        return self.is_copied & ~self.is_stop & (np.abs(self.target - self.previous - 1) > 1)


def rows_of(
    pointers: Int64[np.ndarray, " edit_frames"],
    ops: Int8[np.ndarray, " edit_frames"],
    raw_frames: int,
    config: PointerConfig,
    *,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> PointerRows:
    """Return the questions about a pair.

    Parameters
    ----------
    pointers : np.ndarray, shape=(edit frames,), int64
        Raw frame of each frame of the edit, -1 = not from the raw recording.
    ops : np.ndarray, shape=(edit frames,), int8
        See `frame_ops.FrameOp`.
    raw_frames : int
        Frames of the raw recording.
    config : PointerConfig
        Says where the window lies.
    noise : float, in [0, 1]
        Share of the edit's rows that are asked once more with a wrong last pointer.
    rng : np.random.Generator, optional
        Draws them.

    Raises
    ------
    MismatchError
        If a pointer lies past the raw recording, or none comes from it.
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
    off = _off_rows(played, at, raw_frames)
    parts = [own, off]
    if noise > 0 and rng is not None:
        parts.append(_noisy(own, raw_frames, noise, rng))
    previous, output, target, is_stop, op, is_copied = (np.concatenate(columns) for columns in zip(*parts))
    expected = previous + 1 if config.expected == "previous" else np.rint(output / config.ratio).astype(np.int64)
    weight = np.ones(len(previous), np.float32)
    return PointerRows(previous, np.minimum(expected, raw_frames), target, is_stop, op, is_copied, weight)


NEAR_FRAMES = 24
"""Rows this near to a cut are always asked [frames], half a second."""


def some_rows(rows: PointerRows, most: int, rng: np.random.Generator) -> PointerRows:
    """Return about `most` of the rows: all near the cuts, and of the others some that stand for the rest.

    Neighbors far from any cut ask nearly the same question, so most of them teach nothing new.
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


def _own_rows(played: np.ndarray, at: np.ndarray, ops: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the edit's own rows and its end: previous, output, target, is_stop, op, is_copied."""
    count = len(played)
    previous = np.concatenate([[-1], played])
    is_stop = np.arange(count + 1) == count
    return (
        previous,
        np.append(at, at[-1] + 1),
        np.append(played, 0),
        is_stop,
        np.append(ops, -1),
        np.ones(count + 1, bool),
    )


def _off_rows(played: np.ndarray, at: np.ndarray, raw_frames: int) -> tuple[np.ndarray, ...]:
    """Return a row for each raw frame that the edit does not play: the way back is the next that it plays."""
    heard = np.zeros(raw_frames, bool)
    heard[played] = True
    order = np.unique(played, return_index=True)
    off = np.flatnonzero(~heard)
    after = np.searchsorted(order[0], off)
    is_stop = after == len(order[0])
    after = np.minimum(after, len(order[0]) - 1)
    target = np.where(is_stop, 0, order[0][after])
    output = np.where(is_stop, at[-1] + 1, at[order[1][after]])
    return off, output, target, is_stop, np.full(len(off), -1), np.zeros(len(off), bool)


def _noisy(
    own: tuple[np.ndarray, ...], raw_frames: int, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, ...]:
    """Return some of the edit's rows with a last pointer that is off by up to 8 frames."""
    picked = np.flatnonzero((rng.random(len(own[0])) < noise) & ~own[3])
    previous, output, target, is_stop, op, _ = (column[picked] for column in own)
    moved = np.clip(previous + rng.integers(-8, 9, len(picked)), -1, raw_frames - 1)
    return moved, output, target, is_stop, np.full_like(op, -1), np.zeros(len(picked), bool)


def truth_pointers(truth: Truth, edit_frames: int, raw_frames: int) -> Int64[np.ndarray, " edit_frames"]:
    """Return where each frame of a finished track lies in the jam that was made from it.

    Each take keeps one whole number of frames between the two, so that a pointer never stutters at half frames.

    Parameters
    ----------
    truth : Truth
        The jam's.
    edit_frames, raw_frames : int
        Frames of the finished track and of the jam.

    Returns
    -------
    pointers : np.ndarray, shape=(edit_frames,), int64
        Raw frame, -1 where the finished track is not in the jam.
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


def learned_ratio(lengths: Float[np.ndarray, "pairs 2"]) -> float:
    """Return the usual length of an edit over that of its raw recording, from (raw, edit) frames of pairs."""
    return float(np.median(lengths[:, 1] / lengths[:, 0]))
