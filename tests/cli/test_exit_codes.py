import errno
import re
from pathlib import Path

import pytest

from editorbot import errors
from editorbot.cli.interrupted import INTERRUPTED_EXIT_CODE

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def test_the_page_lists_every_error_as_its_class_says() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    children = errors.EditorbotError.__subclasses__()
    assert rows == [(str(child.exit_code), child.code, child.__doc__) for child in children]
    assert f"| {INTERRUPTED_EXIT_CODE} |" in PAGE.read_text("utf-8")


def test_an_error_is_one_line_whatever_the_name_holds() -> None:
    error = errors.EmptyError("it holds no samples", path="a\nb\udcff<img>.wav")
    assert str(error) == "error[EMPTY]: a\\x0ab\ufffd<img>.wav: it holds no samples"


def test_the_page_lists_every_warning() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.M))
    package = Path(errors.__file__).parent
    used = set()
    for path in package.rglob("*.py"):
        used |= set(re.findall(r"[\"']([A-Z][A-Z_]{3,}): (?![A-Z])", path.read_text("utf-8")))
    assert used <= listed


def test_a_folder_that_is_none_is_no_bug(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as raised:
        (tmp_path / "file" / "folder").mkdir(parents=True)
    told = errors.as_one_line(raised.value)
    assert isinstance(told, errors.OutputError)
    assert "cannot be written" in str(told)
    assert isinstance(errors.as_one_line(OSError(errno.ENOSPC, "full")), errors.NoSpaceError)
    assert isinstance(errors.as_one_line(OSError("no name")), errors.BugError)
    assert isinstance(errors.as_one_line(KeyError("x")), errors.BugError)
    ours = errors.EmptyError("nothing")
    assert errors.as_one_line(ours) is ours
