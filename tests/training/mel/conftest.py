"""Examples, tracks and pairs for the mel networks."""

from __future__ import annotations

import pytest

from editorbot.timebase import ANALYSIS_RATE
from tests.sounds import band, write
from tests.training.mel.mel_runs import add_pair, write_examples


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"))


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
