"""Readers that leave early, and streams that were closed: what is told is lost, what is made is not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sounds import band, write

ROOT = Path(__file__).parents[2]
EDIT = ("edit", "jam.wav", "--editor", "keep-all", "--no-cache", "--output", "out.wav")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write(tmp_path / "jam.wav", 0.5 * band(3, 8_000), 8_000)
    return tmp_path


def shell(here: Path, line: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `"$@"` is editorbot with its arguments; the exit code is that of editorbot."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDITORBOT_CACHE_DIR": str(here / "cache")}
    command = ["bash", "-c", line + "; exit ${PIPESTATUS[0]}", "bash", sys.executable, "-m", "editorbot", *arguments]
    return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_hindrance(here: Path, closed: str) -> None:
    done = shell(here, f'"$@" {closed}', *EDIT)
    assert done.returncode == 0, done
    assert (here / "out.wav").read_bytes()[:4] == b"RIFF"
    assert json.loads((here / "out.json").read_text())["source"]["samples"] == 24_000
    assert "Traceback" not in done.stdout + done.stderr


def test_an_error_ends_in_its_exit_code_where_nothing_can_be_told(here: Path) -> None:
    assert shell(here, '"$@" >&- 2>&-', "edit", "missing.wav").returncode == 3


def test_a_reader_that_leaves_at_once_stops_no_edit(here: Path) -> None:
    done = shell(here, '"$@" 2>&1 | true', *EDIT)
    assert done.returncode == 0, done
    assert {"out.wav", "out.json", "out.html"} <= set(os.listdir(here))
    assert done.stderr == ""


def test_a_reader_that_leaves_after_a_line_gets_no_less_of_a_batch_made(here: Path) -> None:
    for name in "abc":
        (here / f"{name}.wav").write_bytes((here / "jam.wav").read_bytes())
    batch = ("edit", "a.wav", "b.wav", "c.wav", "missing.wav", "--editor", "keep-all", "--no-cache", "--output", "d/")
    done = shell(here, '"$@" | head -1', *batch)
    assert done.returncode == 3, done
    assert "BrokenPipe" not in done.stderr
    assert {f"{name}.edited.wav" for name in "abc"} <= set(os.listdir(here / "d"))


def test_what_is_printed_for_nobody_ends_as_a_broken_pipe_does(here: Path) -> None:
    done = shell(here, '"$@" | true', "analyze", "jam.wav", "--no-cache")
    assert done.returncode == 141
    assert "BrokenPipe" not in done.stderr
