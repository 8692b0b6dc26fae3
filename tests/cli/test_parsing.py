import typing

import pytest

from editorbot.cli.edit import Edit, list_recordings, parse_range
from editorbot.cli.export import Export
from editorbot.cli.main import main
from editorbot.editors.registry import EDITOR_NAMES
from editorbot.errors import NotFoundError, TargetError, UsageError
from editorbot.export import EXPORT_NAMES
from editorbot.polish import POLISH_NAMES
from editorbot.timebase import clock, parse_clock


def choices(command: type, field: str) -> set[str]:
    """Return the texts that a field's annotation allows."""
    annotation = typing.get_type_hints(command)[field]
    while typing.get_origin(annotation) is not typing.Literal:
        annotation = typing.get_args(annotation)[0]
    return set(typing.get_args(annotation))


def test_the_command_line_offers_what_is_there() -> None:
    assert choices(Edit, "editor") == set(EDITOR_NAMES)
    assert choices(Edit, "polish") == set(POLISH_NAMES)
    assert choices(Edit, "export") == choices(Export, "to") == set(EXPORT_NAMES)


def test_ranges_are_read_as_times() -> None:
    assert parse_range("1:20-1:45.5") == (80.0, 105.5)
    assert parse_range("0-2") == (0.0, 2.0)
    with pytest.raises(UsageError, match="recordings before the options"):
        parse_range("jam.wav")
    with pytest.raises(UsageError, match="not a time"):
        parse_range("take-2.wav")
    with pytest.raises(TargetError):
        parse_range("1:45-1:20")


@pytest.mark.parametrize("time_s", [0.0, 0.01, 59.99, 60.0, 3599.99, 3600.0, 37_230.5])
def test_times_are_read_as_they_are_shown(time_s: float) -> None:
    assert parse_clock(clock(time_s)) == pytest.approx(time_s)


def test_a_folder_gives_its_recordings_but_not_our_own_tracks(tmp_path) -> None:
    for name in ("b.wav", "a.FLAC", "a.edited.wav", "notes.txt", ".hidden.wav"):
        (tmp_path / name).touch()
    assert list_recordings((str(tmp_path),)) == [str(tmp_path / "a.FLAC"), str(tmp_path / "b.wav")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError):
        list_recordings((str(tmp_path / "empty"),))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["edit"], "error[USAGE]: no recording was given"),
        (["edit", "x.wav", "--target", "1:30", "--keep-ratio", "0.5"], "error[TARGET]: a target length and a keep"),
        (["edit", "x.wav", "--target", "soon"], "error[USAGE]: 'soon' is not a time"),
        (["edit", "x.wav", "--keep_ratio", "1.5"], "error[TARGET]: the keep ratio must be in (0, 1]"),
        (["edit", "x.wav", "--must-keep", "5-9", "--must-cut", "8-10"], "error[TARGET]: 0:08.00-0:10.00 must be both"),
        (["edit", "x.wav", "--seed", "-1"], "error[USAGE]: --seed must be a whole number from 0"),
        (["pairs", "simulate", "x.wav", "--seed", str(2**63)], "error[USAGE]: --seed must be a whole number from 0"),
        (["edit", "x.wav", "--polish-amount", "nan"], "error[USAGE]: --polish-amount must be a finite number"),
        (["train", "scored", "--learning-rate", "-1"], "error[USAGE]: --learning-rate must be above 0"),
        (["train", "bc", "--lr", "0"], "error[USAGE]: learning_rate must be above 0, but is 0.0"),
        (["train", "mel2mel", "--l1-weight", "-1"], "error[USAGE]: --l1-weight must not be negative"),
        (["edit", "missing.wav"], "error[NOT_FOUND]: missing.wav"),
        (["edit", "--", "-missing.wav"], "error[NOT_FOUND]: -missing.wav"),
        (["render", "missing.json"], "error[NOT_FOUND]: missing.json"),
        (["analyze", "missing.wav"], "error[NOT_FOUND]: missing.wav"),
    ],
)
def test_a_wrong_call_ends_in_one_line(arguments, line, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) in range(2, 7)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(line)
