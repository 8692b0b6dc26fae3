from pathlib import Path

import numpy as np
import pytest

from editorbot.errors import EditorbotError
from editorbot.recording import SampleScan, open_recording
from tests.audio_corpus import Case, make_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return make_corpus(tmp_path_factory.mktemp("corpus"))


def read_whole(path: Path) -> str:
    """Open a file and read it whole; return 'ok' or the code of its first warning."""
    with open_recording(path) as recording:
        scan = SampleScan(recording.channels)
        read = 0
        for start in range(0, recording.samples, 4_096):
            block = recording.read_native(start, start + 4_096)
            scan.update(block)
            read += len(block)
        assert read == recording.samples
        assert scan.is_silent or np.isfinite(recording.read(0, 10)).all()
        return recording.warnings[0].split(":")[0] if recording.warnings else "ok"


def outcome(case: Case) -> str:
    """Say what came of a file."""
    try:
        return read_whole(case.path)
    except EditorbotError as error:
        line = str(error)
        return error.code if str(case.path) in line and "\n" not in line else f"bad message {line!r}"


def test_every_file_comes_to_its_end(corpus: list[Case]) -> None:
    seen = [(case.path.name, case.opening, outcome(case)) for case in corpus]
    assert [one for one in seen if one[2] not in one[1].split("|")] == []


def test_the_corpus_is_as_large_as_it_says(corpus: list[Case]) -> None:
    assert len(corpus) >= 200
    assert len({case.fault for case in corpus}) >= 30
