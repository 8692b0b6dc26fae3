"""``editorbot pairs align`` on the command line."""

import json

import numpy as np
import pytest

from editorbot.cli.main import main
from tests.sounds import band, write

RATE = 22_050


@pytest.fixture
def sounds(tmp_path):
    raw = band(12.0, RATE, seed=2) + 1e-3 * np.random.default_rng(0).standard_normal(12 * RATE)
    write(tmp_path / "blues_raw.wav", raw, RATE)
    write(tmp_path / "blues_edit.wav", raw[2 * RATE : 9 * RATE], RATE)
    return tmp_path


def test_one_pair(sounds, capsys):
    out = sounds / "out"
    command = ["pairs", "align", "--raw", str(sounds / "blues_raw.wav"), "--edit", str(sounds / "blues_edit.wav")]
    assert main([*command, "--out", str(out), "--no-picture"]) == 0
    assert "blues: 0:07.00, 1 segments" in capsys.readouterr().out
    info = json.loads((out / "blues_info.json").read_text())
    assert info["segments"][0]["raw_start"] == pytest.approx(2 * RATE, abs=1)
    assert main([*command, "--out", str(out)]) == 6
    assert main(command) == 2


def test_a_folder_goes_on_after_a_failure(sounds, capsys):
    for half, name in (("input", "raw"), ("desired_output", "edit")):
        (sounds / half).mkdir()
        (sounds / half / f"blues_{name}.wav").write_bytes((sounds / f"blues_{name}.wav").read_bytes())
        (sounds / half / f"a_{name}.wav").write_text("text")
    assert main(["pairs", "align", "--data_dir", str(sounds), "--no-picture"]) == 3
    seen = capsys.readouterr()
    assert "error[NOT_AUDIO]" in seen.err
    assert "1 pairs aligned, 1 problems" in seen.out
    assert main(["pairs", "align", "--data-dir", str(sounds), "--no-picture"]) == 3
    assert "0 pairs aligned, 1 were there already" in capsys.readouterr().out
    (sounds / "pointer_sequences" / "blues_info.json").write_text("{damaged")
    assert main(["pairs", "align", "--data-dir", str(sounds), "--no-picture"]) == 3
    assert "1 pairs aligned, 1 problems" in capsys.readouterr().out


def test_an_empty_folder(tmp_path, capsys):
    assert main(["pairs", "align", "--data-dir", str(tmp_path)]) == 3
    assert "there is no such folder" in capsys.readouterr().err
