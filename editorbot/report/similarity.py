"""How similar any two moments of a recording are, as a small picture.

The step grid is averaged to at most 400 places, however long the recording
is. Two places are similar when timbre (mel bands) and harmony (chroma), each
column around its own mean, point the same way.

References
----------
J. Foote, "Visualizing music and audio using self-similarity", ACM Multimedia 1999.
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from jaxtyping import Float, Float32, UInt8

from editorbot.analysis.spectrum import STEP_MEL_BANDS

MOST_PLACES = 400
"""Rows and columns of the picture at most."""

PITCH_CLASSES = 12
"""Chroma columns, which follow the mel bands in the step grid."""

PALETTE_ANCHORS = ((13, 17, 43), (38, 54, 104), (74, 92, 130), (128, 132, 140), (186, 176, 130), (250, 234, 160))
"""Dark blue to pale yellow in even steps of lightness, which every kind of color vision tells apart (after cividis)."""


def self_similarity(steps: Float32[np.ndarray, "steps columns"]) -> Float32[np.ndarray, "places places"]:
    """Compare every place with every other, in [-1, 1].

    Parameters
    ----------
    steps : np.ndarray, shape=(steps, columns), float32
        The step grid of an analysis, mel bands first, then chroma.

    Returns
    -------
    similarity : np.ndarray, shape=(places, places), float32
        Mean of the cosines of timbre and of harmony; at most MOST_PLACES on a side.
    """
    group = max(1, -(-len(steps) // MOST_PLACES))
    firsts = np.arange(0, len(steps), group)
    sizes = np.diff(np.append(firsts, len(steps)))[:, None]
    used = steps[:, : STEP_MEL_BANDS + PITCH_CLASSES]
    pooled = np.add.reduceat(used, firsts, axis=0, dtype=np.float64) / sizes if len(steps) else used.astype(float)
    timbre = _unit(pooled[:, :STEP_MEL_BANDS] - pooled[:, :STEP_MEL_BANDS].mean(axis=0, keepdims=True))
    harmony = _unit(pooled[:, STEP_MEL_BANDS:] - pooled[:, STEP_MEL_BANDS:].mean(axis=0, keepdims=True))
    return ((timbre @ timbre.T + harmony @ harmony.T) / 2).astype(np.float32)


def _unit(rows: Float[np.ndarray, "places columns"]) -> Float[np.ndarray, "places columns"]:
    """Scale rows to length 1; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def similarity_uri(similarity: Float32[np.ndarray, "places places"]) -> str:
    """Draw the picture as a PNG data URI, contrast stretched between its 20th and 99.5th percentile."""
    low, high = np.percentile(similarity, (20, 99.5))
    shades = np.clip((similarity - low) / max(high - low, 1e-6), 0, 1) * 255
    return "data:image/png;base64," + base64.b64encode(png(np.rint(shades).astype(np.uint8), palette())).decode()


def palette() -> UInt8[np.ndarray, "256 3"]:
    """The picture's colors from different to similar."""
    anchors = np.array(PALETTE_ANCHORS, float)
    at = np.linspace(0, len(anchors) - 1, 256)
    colors = [np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T]
    return np.rint(np.stack(colors, axis=1)).astype(np.uint8)


def png(pixels: UInt8[np.ndarray, "rows columns"], colors: UInt8[np.ndarray, "256 3"]) -> bytes:
    """Encode a picture with a palette as a PNG file (https://www.w3.org/TR/png-3/)."""
    rows, columns = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    lines = np.concatenate((np.zeros((rows, 1), np.uint8), pixels), axis=1)  # each line starts with its filter, 0
    parts = (
        (b"IHDR", header),
        (b"PLTE", colors.tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 6)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
