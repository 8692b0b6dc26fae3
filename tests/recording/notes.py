"""Notes in noise as files, and what opening them gives."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile as sf

from editorbot.recording import open_recording

RATE = 8_000


def notes(seconds: float = 20.0) -> np.ndarray:
    """Return notes in noise, long enough for several pages and frames."""
    time_s = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time_s))
    return 0.3 * np.sin(2_000 * time_s) + 0.05 * noise


def encoded(kind: str, seconds: float = 20.0) -> bytearray:
    """Return notes as the bytes of a file."""
    content = io.BytesIO()
    sf.write(content, notes(seconds), RATE, format=kind)
    return bytearray(content.getvalue())


def opened(path: Path, content: bytes) -> tuple[int, tuple[str, ...]]:
    path.write_bytes(content)
    with open_recording(path) as recording:
        return recording.samples, recording.warnings
