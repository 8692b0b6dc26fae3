import json
import re
from pathlib import Path

import pytest

from editorbot.cli import doctor
from editorbot.cli.main import main

PROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path))


def test_all_is_well_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["edit a track"]["ok"]
    assert checks["write and read FLAC"]["ok"]


def test_a_problem_is_told_and_ends_in_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> str:
        raise OSError("no such luck")

    monkeypatch.setattr(doctor, "_decode_m4a", fail)
    assert main(["doctor"]) == 1
    assert "PROBLEM read M4A: OSError: no such luck" in capsys.readouterr().out


def test_it_looks_for_exactly_what_is_required() -> None:
    required = re.search(r"\ndependencies = \[(.*?)\]", PROJECT, re.DOTALL)
    assert required is not None
    assert set(re.findall(r'"([\w-]+)>=', required.group(1))) == set(doctor.CORE_LIBRARIES)


def test_the_extras_are_those_of_the_project() -> None:
    for extra, package in doctor.EXTRAS.items():
        wanted = re.search(rf"^{extra} = \[(.*?)\]", PROJECT, re.MULTILINE | re.DOTALL)
        assert wanted is not None
        assert package in re.findall(r'"([\w-]+)>=', wanted.group(1))
