"""Every file of the corpus through the command line, each to the end that it must come to."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from editorbot import errors
from editorbot.cli.main import main
from tests.audio_corpus import CANARY, FAULTS, Case, make_corpus

EXIT_CODES = {child.code: child.exit_code for child in errors.EditorbotError.__subclasses__()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def ends_as(case: Case, folder: Path, capsys: pytest.CaptureFixture[str]) -> str | None:
    """Edit one file; return what is wrong with its end, None where it is right."""
    before = digest(case.path)
    exit_code = main(["edit", "--output", str(folder / "out.wav"), "--no-cache", *case.options, "--", str(case.path)])
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    left = {path.name for path in folder.iterdir()}
    wanted = case.editing.split("|")
    if digest(case.path) != before:
        return "the recording was changed"
    if any(CANARY.encode() in path.read_bytes() for path in folder.iterdir()) or CANARY in shown.out + shown.err:
        return "a file beside it was read"
    if lines[0] != "device: cpu":
        return f"the first line is {lines[0]!r}"
    if exit_code == 0:
        return success_fault(wanted, folder, lines[1:], left)
    if len(lines) != 2 or not lines[1].startswith("error["):
        return f"not one line: {lines}"
    code = lines[1][6 : lines[1].index("]")]
    if code not in wanted or exit_code != EXIT_CODES.get(code):
        return f"exit {exit_code}, {lines[1]}"
    if case.path.name not in lines[1]:
        return f"it does not name the file: {lines[1]}"
    return f"left behind: {left}" if left else None


def success_fault(wanted: list[str], folder: Path, lines: list[str], left: set[str]) -> str | None:
    """Return what is wrong with a finished edit."""
    if left != {"out.wav", "out.json", "out.html"}:
        return f"in the folder: {left}"
    listed = json.loads((folder / "out.json").read_text())["warnings"]
    if [line.partition(".wav: ")[2] or line for line in lines if not line.startswith("warning: ")]:
        return f"on standard error: {lines}"
    page = (folder / "out.html").read_text()
    for warning in listed:
        code = warning.split(":")[0]
        if not any(f": {code}: " in line for line in lines) or code not in page:
            return f"{code} does not stand everywhere"
    codes = {warning.split(":")[0] for warning in listed}
    healthy = "ok" in wanted and not codes & (set(EXIT_CODES) | {"TRUNCATED", "RECOVERED", "REPAIRED"})
    return None if healthy or codes & set(wanted) else f"warnings: {listed}"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_file_comes_to_its_end(fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    wrong = []
    for number, case in enumerate(make_corpus(tmp_path / "in", [fault])):
        folder = tmp_path / str(number)
        folder.mkdir()
        if (fault_seen := ends_as(case, folder, capsys)) is not None:
            wrong.append((case.path.name, case.editing, fault_seen))
        shutil.rmtree(folder)
    assert wrong == []
