"""Error lines say what is wrong with which file, and name no flag that a command has not."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.cli.main import main
from tests.sounds import band, write

RATE = 8_000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "jam.wav", 0.5 * band(3, RATE), RATE)
    return tmp_path


@pytest.fixture
def edit_list(here: Path) -> Path:
    assert main(["edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--output", "out.wav"]) == 0
    return here / "out.json"


def line_of(command: list[str], exit_code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the last line that a command ends with."""
    capsys.readouterr()
    assert main(command) == exit_code
    return capsys.readouterr().err.strip().splitlines()[-1]


@pytest.mark.parametrize("command", [["edit", "jam.wav"], ["render", "out.json"], ["export", "out.json"]])
@pytest.mark.parametrize(
    ("output", "exit_code", "line"),
    [
        ("", 2, "error[USAGE]: the name of the output is empty; name a file, or leave the flag out"),
        (
            "-",
            2,
            "error[USAGE]: results are files and do not go to standard output; name a file (./- for one called -)",
        ),
        ("null", 6, "error[OUTPUT]: null: this is a device or a pipe, and results are files; name a file"),
    ],
)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_what_is_no_output_is_refused(
    command: list[str], output: str, exit_code: int, line: str, edit_list: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("null")
    before = set(os.listdir())
    assert line_of([*command, "--force", "--output", output], exit_code, capsys) == line
    assert set(os.listdir()) == before


def test_a_track_without_an_ending_is_told_which_there_are(edit_list: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(["render", "out.json", "--output", "track"], 6, capsys)
    assert line.startswith("error[OUTPUT]: track: a track's name must end in its format: .wav, ")


def test_only_edit_offers_to_work_in_place(edit_list: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--in-place" in line_of(["edit", "jam.wav", "--output", "jam.wav"], 6, capsys)
    for command in (
        ["analyze", "jam.wav", "--features", "jam.wav", "--force"],
        ["render", "out.json", "--output", "jam.wav", "--force"],
        ["export", "out.json", "--output", "out.json", "--force"],
    ):
        line = line_of(command, 6, capsys)
        assert line.startswith("error[SAME_FILE]")
        assert "--in-place" not in line


def test_what_is_no_number_is_healed_by_a_command_that_can(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = 0.5 * band(3, RATE)
    sound[1_000] = np.nan
    sf.write(here / "nan.wav", sound, RATE, subtype="FLOAT")
    for command in (
        ["pairs", "align", "--raw", "jam.wav", "--edit", "nan.wav", "--out", "o"],
        ["edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--reference", "nan.wav"],
    ):
        assert "; edit --repair heals runs of up to 10 ms" in line_of(command, 4, capsys)
    assert main(["edit", "nan.wav", "--editor", "keep-all", "--no-cache", "--repair", "--output", "healed.wav"]) == 0


@pytest.mark.parametrize("step", [{"name": "nonsense"}, {"name": "reference", "tone_db": [1.0]}])
def test_a_stage_that_is_none_names_its_list(
    step: dict[str, object], edit_list: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_list.write_text(json.dumps({**json.loads(edit_list.read_text()), "polish": [step]}))
    line = line_of(["render", "out.json", "--output", "again.wav"], 7, capsys)
    assert line.startswith("error[FORMAT]: out.json: polish ")


def test_an_export_into_a_missing_folder_says_so(edit_list: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = line_of(["export", "out.json", "--output", "no/out.rpp"], 6, capsys)
    assert line == "error[OUTPUT]: no/out.rpp: its folder does not exist; make it first"


def test_a_data_set_that_is_none_is_told_what_it_lacks(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "text.npz").write_text("no npz at all")
    line = line_of(["train", "bc", "--data", "text.npz"], 7, capsys)
    assert line.startswith("error[FORMAT]: text.npz: it is damaged, or no npz file; ")
    np.savez(here / "plain.npz", states=np.zeros((2, 861), np.float32), type_labels=np.zeros(2, np.int64))
    line = line_of(["train", "bc", "--data", "plain.npz"], 7, capsys)
    assert line.startswith("error[FORMAT]: plain.npz: it is no data set of editorbot: it lacks format, size_labels, ")
    assert " type_labels" not in line
