"""Recordings made for the tests of rendering."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.recording import Recording, open_recording

MakeRecording = Callable[..., Recording]


@pytest.fixture
def make_recording(tmp_path: Path) -> Iterator[MakeRecording]:
    """Return a function that writes samples to a file and opens it."""
    opened: list[Recording] = []

    def make(sound: np.ndarray, sample_rate: int = 8_000, subtype: str = "PCM_24") -> Recording:
        path = tmp_path / f"source{len(opened)}.wav"
        sf.write(path, sound, sample_rate, subtype=subtype)
        opened.append(open_recording(path))
        return opened[-1]

    yield make
    for recording in opened:
        recording.close()
