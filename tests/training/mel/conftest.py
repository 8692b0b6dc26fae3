"""Examples, tracks and pairs for the mel networks."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel.examples import example_of, write_example
from tests.sounds import band, write
from tests.training.mel.mel_runs import add_pair, dulled


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    paths = []
    for seed in range(4):
        finished = band(3.0, ANALYSIS_RATE, seed=seed, root_hz=90.0 + 20 * seed)[None].astype(np.float32)
        paths.append(folder / f"{seed}.npz")
        write_example(paths[-1], example_of(dulled(finished), finished))
    return paths


@pytest.fixture
def artists(tmp_path):
    for name in ("band", "others"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "song.wav", band(6.5, ANALYSIS_RATE), ANALYSIS_RATE)
    return tmp_path


@pytest.fixture
def pairs(tmp_path):
    """Five pairs of two artists, of which one made four, and what is kept of them."""
    for seed, (sample, artist) in enumerate({"a": "us", "b": "us", "c": "us", "d": "them", "e": "us"}.items()):
        add_pair(tmp_path / "pairs", sample, artist, seed)
    return tmp_path
