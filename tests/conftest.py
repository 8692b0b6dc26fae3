"""Checks the shapes that annotations promise, in every test."""

import os

# Workers share the cores; libraries that start a thread a core in each of them only wait for one another.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from hypothesis import settings  # noqa: E402
from jaxtyping import install_import_hook  # noqa: E402

# No deadlines: a busy machine is no bug. In CI the examples are the same each time; elsewhere they are new ones.
settings.register_profile("steady", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("steady")

# Loaded before the hook: numba cannot compile a function that is wrapped.
import editorbot.analysis.kernels  # noqa: E402
import editorbot.corpus.alignment.coarse_match  # noqa: E402, F401

install_import_hook("editorbot", "beartype.beartype")

from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
import soundfile as sf  # noqa: E402

from editorbot.recording import Recording, open_recording  # noqa: E402

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
