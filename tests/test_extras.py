"""The commands that error lines tell people to run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from editorbot import extras
from editorbot.errors import MissingExtraError

ROOT = Path(__file__).parents[1]

METADATA = """Metadata-Version: 2.4
Name: editorbot
Version: 0.1.0
Requires-Dist: numpy>=2.1
Provides-Extra: stems
Requires-Dist: demucs>=4.1; extra == "stems"
Provides-Extra: learn
Requires-Dist: tensorboard>=2.18; extra == "learn"
Requires-Dist: torch>=2.6; python_version >= "3.10" and extra == "learn"
"""


def words(command: str) -> list[str]:
    interpreter, *rest = shlex.split(command)
    assert interpreter == sys.executable
    assert rest[:3] == ["-m", "pip", "install"]
    return rest[3:]


@pytest.mark.parametrize("extra", sorted(extras.EXTRAS))
def test_a_checkout_installs_itself_under_its_constraints(extra: str) -> None:
    constraint, constraints, editable, project = words(extras.install_extra(extra))
    assert (constraint, editable) == ("-c", "-e")
    assert Path(constraints) == ROOT / "constraints.txt"
    assert project == f"{ROOT}[{extra}]"
    section = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1]
    declared = re.search(rf"^{extra} = \[(.*?)\]$", section, re.MULTILINE | re.DOTALL)
    assert declared is not None
    assert f'"{extras.EXTRAS[extra]}>=' in declared[1]


def test_packages_of_no_extra_are_constrained_too() -> None:
    assert words(extras.install_packages("--no-deps", "tinysoundfont"))[2:] == ["--no-deps", "tinysoundfont"]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A folder with what a wheel installs of the package, its metadata beside it."""
    package = tmp_path / "site packages" / "editorbot"
    package.mkdir(parents=True)
    for name in ("__init__.py", "errors.py", "extras.py"):
        (package / name).write_text((ROOT / "editorbot" / name).read_text())
    told = package.parent / "editorbot-0.1.0.dist-info" / "METADATA"
    told.parent.mkdir()
    told.write_text(METADATA)
    return package.parent


def command_of(wheel: Path, extra: str) -> list[str]:
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); from editorbot import extras; "
    code += f"print(extras.install_extra({extra!r}))"
    run = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return words(run.stdout.strip())


def test_a_wheel_names_the_packages_of_the_extra(wheel: Path) -> None:
    assert command_of(wheel, "stems") == ["demucs>=4.1"]
    assert command_of(wheel, "learn") == ["tensorboard>=2.18", 'torch>=2.6; python_version >= "3.10"']
    assert command_of(wheel, "beats") == ["beat-this"]  # its metadata is older than the extra


def test_pip_understands_the_command(wheel: Path) -> None:
    pytest.importorskip("torch")
    told = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-index", *command_of(wheel, "learn")]
    assert subprocess.run(told, capture_output=True, text=True).stdout.count("already satisfied: t") >= 2


def test_windows_gets_double_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.os, "name", "nt")
    assert extras._quoted(r"C:\a b\python.exe") == r'"C:\a b\python.exe"'
    assert extras._quoted("torch>=2.6") == '"torch>=2.6"'
    assert extras._quoted(r"C:\python.exe") == r"C:\python.exe"


def test_the_error_names_what_is_missing_and_the_command() -> None:
    error = extras.missing_extra("stems", "stems need demucs")
    assert isinstance(error, MissingExtraError)
    assert error.message == f"stems need demucs; run: {extras.install_extra('stems')}"


def test_no_other_line_of_the_package_tells_what_to_install() -> None:
    telling = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "editorbot").rglob("*.py"))
        if "pip install" in path.read_text(encoding="utf-8")
    ]
    assert telling == ["editorbot/extras.py"]
