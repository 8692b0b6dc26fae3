"""One analyzed jam for the tests that only read it."""

import pytest

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.recording import open_recording
from tests.sounds import jam, write


@pytest.fixture(scope="session")
def jam_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("jam") / "jam.wav", jam()))


@pytest.fixture(scope="session")
def analysis_of_jam(jam_path: str) -> Analysis:
    with open_recording(jam_path) as recording:
        return analyze(recording)
