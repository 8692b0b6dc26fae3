"""The recipes of docs/extending.md, each applied as it stands and run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.sounds import jam, write
from tests.training.demonstrations import dataset_of, demonstrations

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text("utf-8")
RECIPES = dict(re.findall(r"^## (An? [\w ]+)\n.*?```diff\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git applies the recipes")


def test_there_are_five_recipes() -> None:
    names = ["An editor", "An export", "A reward component", "A feature column", "A training method"]
    assert list(RECIPES) == names


@pytest.fixture
def checkout(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a copy of the package and its tests with one recipe applied."""
    for name in ("editorbot", "tests"):  # compiled files too, so that little is compiled again
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = subprocess.run(
        ["git", "apply", "-"], cwd=tmp_path, input=RECIPES[request.param], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{request.param} no longer applies; make the change anew: {done.stderr}"
    return tmp_path


def run(checkout: Path, *arguments: str, exit_code: int = 0) -> str:
    """Run Python in a copy; return what it printed."""
    environment = {"PYTHONPATH": str(checkout), "EDITORBOT_CACHE_DIR": str(checkout / "cache"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout + done.stderr


def editorbot(checkout: Path, *arguments: str, exit_code: int = 0) -> str:
    return run(checkout, "-m", "editorbot", *arguments, exit_code=exit_code)


@pytest.mark.parametrize("checkout", ["An editor"], indirect=True)
def test_the_editor_edits(checkout: Path) -> None:
    write(checkout / "jam.wav", np.pad(jam(), ((3 * 22_050, 0), (0, 0))))
    editorbot(checkout, "edit", "jam.wav", "--editor", "trim")
    edit_list = json.loads((checkout / "jam.edited.json").read_text("utf-8"))
    assert edit_list["made_by"]["editor"] == "trim"
    (clip,) = edit_list["clips"]
    assert 2 * 22_050 < clip["start"] < 5 * 22_050
    assert clip["end"] > 40 * 22_050
    assert clip["reason"] == "from the first music to the last"


@pytest.mark.parametrize("checkout", ["An export"], indirect=True)
def test_the_export_is_written(checkout: Path) -> None:
    write(checkout / "jam.wav", jam())
    editorbot(checkout, "edit", "jam.wav", "--editor", "keep-all", "--export", "table")
    assert (checkout / "jam.edited.tsv").read_text("utf-8").splitlines() == [
        "start_s\tend_s\treason",
        "0.000\t40.000\tthe whole recording",
    ]
    editorbot(checkout, "export", "jam.edited.json", "--to", "table", "--force")


@pytest.mark.parametrize("checkout", ["A reward component"], indirect=True)
def test_the_reward_component_equals_its_naive_twin(checkout: Path) -> None:
    code = "from editorbot.environment.settings import COMPONENTS; print(COMPONENTS[-1])"
    assert run(checkout, "-c", code).strip() == "few_joins"
    chosen = "tests/environment/test_reward.py::test_every_component_equals_its_naive_twin"
    assert "6 passed" in run(checkout, "-m", "pytest", "-q", chosen)


@pytest.mark.parametrize("checkout", ["A feature column"], indirect=True)
def test_the_feature_is_computed_and_its_column_is_in_the_state(checkout: Path) -> None:
    write(checkout / "jam.wav", jam())
    editorbot(checkout, "analyze", "jam.wav", "--features", "jam.npz")
    with np.load(checkout / "jam.npz") as arrays:
        names = arrays["feature_names"].tolist()
        tempo, length = (arrays["features"][:, names.index(name)] for name in ("local_tempo_bpm", "beat_length_s"))
        assert arrays["features"].shape[1] == 122
    np.testing.assert_allclose(length, 60 / tempo, rtol=1e-5)
    assert run(checkout, "-c", "from editorbot.environment.state import STATE_SIZE; print(STATE_SIZE)").strip() == "868"
    assert "train it again" in editorbot(checkout, "edit", "jam.wav", "--editor", "policy", exit_code=7)


@pytest.mark.parametrize("checkout", ["A training method"], indirect=True)
def test_the_method_trains_and_resumes(checkout: Path) -> None:
    dataset_of(demonstrations(6), checkout / "bc.npz")
    train = ("train", "linear", "--data", "bc.npz")
    shown = editorbot(checkout, *train, "--epochs", "3", "--save-dir", "whole")
    losses = [float(loss) for loss in re.findall(r"train/loss (\S+)", shown)]
    assert losses[0] > losses[1] > losses[2]
    editorbot(checkout, *train, "--epochs", "2", "--save-dir", "part")
    editorbot(checkout, *train, "--epochs", "3", "--resume", "part/latest.pt")
    assert (checkout / "part/linear.safetensors").read_bytes() == (checkout / "whole/linear.safetensors").read_bytes()
    refused = editorbot(checkout, *train, "--epochs", "3", "--resume", "part/latest.pt", "--lr", "1", exit_code=7)
    assert "learning_rate 0.01, but 1.0" in refused
