"""``editorbot train``: each setting is declared once, and is a flag, a key of a file, and a line of the help."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest

from editorbot.cli.main import main
from editorbot.cli.train import METHODS, presets_of

EVERY = sorted(METHODS)


def settings_below(settings: Any) -> Iterator[tuple[Any, str]]:
    """Yield each configuration inside another one, and its fields that are no configurations themselves."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            yield from settings_below(value)
        else:
            yield settings, field.name


def flag_of(settings: Any, name: str) -> str:
    """Return the flag that sets a field: its own name, or the one that its annotation gives."""
    hint = get_type_hints(type(settings), include_extras=True)[name]
    named = [arg.name for arg in getattr(hint, "__metadata__", ()) if getattr(arg, "name", None)]
    return "--" + (named[0] if named else name).replace("_", "-")


def help_of(method: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main(["train", method, "--help"])
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize("method", EVERY)
def test_every_setting_is_one_flag_with_an_example(method: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_of(method, capsys)
    settings = presets_of(method)["default"]
    flags = [flag_of(*one) for one in settings_below(settings)]
    assert len(set(flags)) == len(flags)
    for (config, name), flag in zip(settings_below(settings), flags):
        is_on = getattr(config, name) is True
        flag = flag.replace("--", "--no-", 1) if is_on else flag
        text = re.search(rf" {flag}\b(.*?)( --[a-z]\S* [A-Z{{\[]| $)", f"{shown} ")
        assert text is not None, flag
    examples = shown.lower().count("e.g. --") + shown.lower().count("turns it off")
    assert examples >= len(flags)


@pytest.mark.parametrize("method", EVERY)
def test_settings_that_are_printed_can_be_read_again(method, capsys, tmp_path) -> None:
    assert main(["train", method, "--preset", "small", "--seed", "7", "--print-config"]) == 0
    printed = capsys.readouterr().out
    (tmp_path / "mine.json").write_text(printed)
    assert main(["train", method, "--config", str(tmp_path / "mine.json"), "--print-config"]) == 0
    assert capsys.readouterr().out == printed
    assert '"seed": 7' in printed
    assert main(["train", method, "--config", str(tmp_path / "mine.json"), "--seed=3", "--print-config"]) == 0
    assert capsys.readouterr().out == printed.replace('"seed": 7', '"seed": 3')


@pytest.mark.parametrize("method", EVERY)
def test_both_names_of_the_learning_rate_and_both_spellings_work(method, capsys) -> None:
    shown = set()
    for flag in ("--lr", "--learning-rate", "--learning_rate"):
        assert main(["train", method, flag, "0.125", "--print-config"]) == 0
        shown.add(capsys.readouterr().out)
    assert len(shown) == 1
    assert json.loads(shown.pop())["training"]["learning_rate"] == 0.125


@pytest.mark.parametrize("method", EVERY)
def test_presets_have_the_same_names_and_others_are_refused(method, capsys) -> None:
    assert set(presets_of(method)) == {"default", "small"}
    assert main(["train", method, "--preset=huge"]) == 2
    assert "there is no preset 'huge'; there are default, small" in capsys.readouterr().err


@pytest.mark.parametrize("method", EVERY)
def test_a_run_that_is_resumed_stays_in_its_folder(method, tmp_path, capsys) -> None:
    (tmp_path / "c.json").write_text('{"save_dir": "elsewhere"}')
    resume, config = ["--resume", "run/member_0/latest.pt"], ["--config", str(tmp_path / "c.json")]
    assert main(["train", method, *config, *resume, "--print-config"]) == 0
    assert json.loads(capsys.readouterr().out)["save_dir"] is None
    assert main(["train", method, *config, "--print-config"]) == 0
    assert json.loads(capsys.readouterr().out)["save_dir"] == "elsewhere"


def test_settings_load_no_torch() -> None:
    code = (
        "import sys; from editorbot.cli.main import main\n"
        f"ended = [main(['train', method, '--print-config']) for method in {EVERY}]\n"
        "print(ended, 'torch' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == f"{[0] * len(EVERY)} False"


def test_without_torch_training_says_what_to_install(monkeypatch, capsys) -> None:
    monkeypatch.setattr("editorbot.cli.train.find_spec", lambda name: None)
    assert main(["train", "beats"]) != 0
    assert capsys.readouterr().err.startswith("error[MISSING_EXTRA]: training needs torch; run: ")
