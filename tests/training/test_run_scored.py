"""`editorbot train scored` whole: jams made, a network trained, the score that it writes can be used."""

import json

import pytest

from editorbot.cli.main import main
from editorbot.editors.scoring.learned import read_score
from tests.sounds import band, write

RATE = 22_050


@pytest.fixture
def artists(tmp_path):
    for name in ("band", "others"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "song.wav", band(30, RATE), RATE)
    return tmp_path


def train(folder, *more: str) -> int:
    """Run the command on two artists' songs, with the jams in a cache."""
    told = {"tracks": "band", "valid-tracks": "others", "cache-dir": "cache", "save-dir": "m", "log-dir": "logs"}
    flags = [word for flag, name in told.items() for word in (f"--{flag}", str(folder / name))]
    sizes = ["--count", "3", "--valid-count", "1", "--held-back", "1", "--members", "1", "--workers", "1"]
    return main(["train", "scored", *flags, *sizes, *more])


def test_a_whole_run_writes_a_score_that_can_be_read(artists, capsys):
    assert train(artists, "--epochs", "2", "--epoch-jams", "1") == 0
    said = capsys.readouterr().out
    assert "2 training jams, 2 validation jams" in said
    card = json.loads((artists / "m" / "scored.json").read_text())
    assert "2 jams to choose on, 1 of them of the same tracks" in card["data"]
    score = read_score(artists / "m" / "scored.safetensors")
    assert (score.scale, score.shift, score.switch_cost) == (card["scale"], card["shift"], card["switch_cost"])
    first = (artists / "m" / "scored.safetensors").read_bytes()
    assert train(artists, "--epochs", "2", "--epoch-jams", "1") == 0
    assert "epoch" not in capsys.readouterr().out.replace("epochs", "")
    assert (artists / "m" / "scored.safetensors").read_bytes() == first


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--held-back", "3"), "--held-back must be from 0 to below --count, 3"),
        (("--epoch-jams", "0"), "must be at least 1"),
    ],
)
def test_sizes_that_leave_nothing_are_refused(artists, capsys, more, said):
    assert train(artists, *more) == 2
    assert said in capsys.readouterr().err
