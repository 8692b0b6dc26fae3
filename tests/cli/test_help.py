"""What `--help` shows, of every command."""

import re

import pytest

from editorbot.cli.main import COMMANDS, main
from editorbot.cli.train import METHODS

BELOW = {
    "pairs": ("align", "simulate", "labels", "augment", "precache", "stems"),
    "train": tuple(METHODS),
}
ALONE = [[command] for command in COMMANDS if command not in BELOW]
EVERY = [*ALONE, *([command, name] for command, names in BELOW.items() for name in names)]


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    shown = re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out)
    return " ".join(shown.split())


def test_these_are_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for command, names in BELOW.items():
        shown = re.match(rf"usage: editorbot {command} \[-h\] \[?{{(.*?)}}", help_of([command], capsys))
        assert shown is not None
        assert set(shown.group(1).split(",")) == set(names)


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_shows_no_python(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_of(words, capsys)
    assert shown.startswith(f"usage: editorbot {' '.join(words)} ")
    for python in ("{None}", "default: None", "default: False", "default: )"):
        assert python not in shown


@pytest.mark.parametrize("words", ALONE, ids=" ".join)
def test_help_reads_as_people_speak(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    stiff = r"\b(shall|hears?|heard|told|lies|stands|where left out|where there is|that are none)\b"
    assert re.findall(stiff, help_of(words, capsys)) == []


def test_examples_of_the_help_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_of(["edit"], capsys)
    examples = re.findall(r"Example: (--\S+ .*?)\.? (?:\(default|--|$)", shown)
    assert len(examples) >= 6
    for example in examples:
        assert main(["edit", "missing.wav", *example.split()]) == 3, example
        assert "missing.wav: there is no such file" in capsys.readouterr().err
