"""``edit --stems``: refused, ignored, or done, before minutes are spent on it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from editorbot import pipeline
from editorbot.analysis.analysis import Analysis
from editorbot.cli.main import main
from editorbot.editors.policy_inference.learned import SHIPPED
from tests.sounds import jam, write

STEMS = ("--stems", "--stem-model", "mine.safetensors", "--device", "cpu", "--no-cache", "--dry-run")


@pytest.fixture(autouse=True)
def separated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The models that were asked to separate; a jam lies in the working folder."""
    models: list[str] = []

    def fill(analysis: Analysis, recording: object, model: str, **_: object) -> Analysis:
        models.append(model)
        return analysis

    monkeypatch.setattr(pipeline, "add_stem_features", fill)
    write(tmp_path / "jam.wav", jam())
    monkeypatch.chdir(tmp_path)
    return models


@pytest.mark.parametrize("editor", ["scored", "pointer", "policy"])
def test_shipped_weights_refuse_stems_before_a_file_is_read(
    editor: str, separated: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edit", "missing.wav", "--editor", editor, *STEMS]) == 2
    why = f"the weights of the editor {editor} were trained without stems; leave it out"
    assert capsys.readouterr().err == f"error[USAGE]: --stems is of no use: {why}\n"
    assert not separated


@pytest.mark.parametrize("editor", ["scored-rules", "retarget", "keep-all"])
def test_editors_without_weights_ignore_stems_and_say_so(
    editor: str, separated: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["edit", "jam.wav", "--editor", editor, *STEMS]) == 0
    assert capsys.readouterr().err.count("IGNORED: --stems is for editors with weights") == 1
    assert not separated


def test_weights_that_were_trained_with_stems_get_them(tmp_path: Path, separated: list[str]) -> None:
    shutil.copy(SHIPPED, tmp_path / "mine.safetensors")
    card = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    (tmp_path / "mine.json").write_text(json.dumps(card | {"use_stems": True}))
    assert main(["edit", "jam.wav", "--editor", "policy", "--checkpoint", "mine.safetensors", *STEMS]) == 0
    assert separated == ["mine.safetensors"]


def test_a_model_that_would_be_unpickled_is_refused() -> None:
    assert main(["edit", "jam.wav", "--editor", "retarget", "--dry-run", "--stems", "--stem-model", "htdemucs"]) == 2
