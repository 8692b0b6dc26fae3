"""Where results go: batches with equal names, folders, dry runs, copies, and what the summary says of them."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editorbot import atomic
from editorbot.cli.main import main
from editorbot.recording import TrackWriter
from tests.sounds import band, write

RATE = 8_000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the test works in."""
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keep_all(*arguments: str) -> int:
    return main(["edit", "--editor", "keep-all", "--no-cache", *arguments])


def two_of_a_name(here: Path) -> None:
    for folder, seconds in (("monday", 3.0), ("tuesday", 4.0)):
        (here / folder).mkdir()
        write(here / folder / "jam.wav", band(seconds, RATE), RATE)


@pytest.mark.parametrize("force", [False, True])
def test_equal_names_of_a_batch_never_take_each_others_place(
    here: Path, force: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    two_of_a_name(here)
    assert keep_all("monday", "tuesday", "--output", "made", *(["--force"] if force else [])) == 6
    shown = capsys.readouterr()
    assert "error[EXISTS]: tuesday" in shown.err
    assert "monday" in shown.err.splitlines()[-1]
    assert "2 recordings: 1 edited, 1 EXISTS" in shown.out
    assert json.loads((here / "made" / "jam.edited.json").read_text())["source"]["samples"] == 3 * RATE


def test_one_stem_with_two_endings_is_noticed_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "jam.wav", band(3.0, RATE), RATE)
    with TrackWriter(here / "jam.flac", RATE, 1) as writer:
        writer.write(0.1 * np.ones((2 * RATE, 1)))
    assert keep_all(".", "--force") == 6
    assert "rename one" in capsys.readouterr().err


def test_many_recordings_do_not_fit_into_one_track(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two_of_a_name(here)
    assert keep_all("monday", "tuesday", "--output", "album.wav") == 2
    assert "error[USAGE]" in capsys.readouterr().err
    assert not (here / "album.wav").exists()


def test_a_dry_run_makes_no_folder(here: Path) -> None:
    write(here / "jam.wav", band(3.0, RATE), RATE)
    assert keep_all("jam.wav", "--output", "made/", "--dry-run") == 0
    assert {entry.name for entry in here.iterdir()} == {"jam.wav"}
    assert keep_all("jam.wav", "--output", "made/") == 0
    assert (here / "made" / "jam.edited.wav").is_file()


def test_a_folder_that_cannot_be_made_is_refused_dry_or_not(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "jam.wav", band(3.0, RATE), RATE)
    (here / "page").write_text("")
    for dry in (["--dry-run"], []):
        assert keep_all("jam.wav", "--output", "page/sub/", *dry) == 6
        assert "error[OUTPUT]" in capsys.readouterr().err


def test_silence_is_valid_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "still.wav", np.zeros(3 * RATE), RATE)
    assert keep_all("still.wav", "--json") == 0

    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is no JSON")

    (entry,) = [json.loads(capsys.readouterr().out, parse_constant=refuse)]
    assert entry["loudness_before_lufs"] is None
    assert entry["loudness_after_lufs"] is None


def test_exports_are_named_in_the_summary(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "jam.wav", band(3.0, RATE), RATE)
    assert keep_all("jam.wav", "--export", "reaper", "audacity", "--json") == 0
    exports = json.loads(capsys.readouterr().out)["exports"]
    assert exports == ["jam.edited.rpp", "jam.edited.txt", "jam.edited.joins.txt"]
    assert all((here / name).is_file() for name in exports)
    assert main(["export", "jam.edited.json", "--to", "audacity", "--force"]) == 0
    assert capsys.readouterr().out.split() == ["jam.edited.txt", "jam.edited.joins.txt"]


def test_copying_short_recordings_obeys_every_other_flag(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "blip.wav", band(0.5, RATE), RATE)
    before = (here / "blip.wav").read_bytes()
    assert main(["edit", "blip.wav", "--copy-short", "--dry-run"]) == 0
    assert {entry.name for entry in here.iterdir()} == {"blip.wav"}
    assert main(["edit", "blip.wav", "--copy-short", "--export", "reaper"]) == 0
    assert (here / "blip.edited.rpp").is_file()
    assert "--copy-short copies it" not in capsys.readouterr().err
    assert main(["edit", "blip.wav", "--copy-short", "--in-place"]) == 0
    assert (here / "blip.wav").read_bytes()[-len(before) + 44 :] == before[44:]


def test_a_full_disk_names_the_file_that_was_asked_for(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here / "jam.wav", band(3.0, RATE), RATE)

    def full(self: TrackWriter, block: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, "full")

    from editorbot.recording.encoders import WavEncoder

    monkeypatch.setattr(WavEncoder, "write", full)
    assert keep_all("jam.wav", "--output", "out.wav") == 6
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error[NOSPACE]: ")
    assert ".editorbot-" not in line
    assert "out.wav" in line


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot flush a folder")
def test_a_rename_is_flushed_with_its_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    sync, rename, link = os.fsync, os.replace, os.link

    def noted_sync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def noted_rename(source: str, target: str) -> None:
        steps.append("rename")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)

    def noted_link(source: str, target: str, **options: bool) -> None:
        steps.append("link")
        link(source, target, **options)

    monkeypatch.setattr(os, "replace", noted_rename)
    monkeypatch.setattr(os, "link", noted_link)
    atomic.write_whole(here / "small", b"content")
    assert steps == ["file", "rename", "folder"]
    steps.clear()
    with TrackWriter(here / "track.wav", RATE, 1) as writer:
        writer.write(np.zeros((10, 1)))
    assert steps == ["file", "rename", "folder"]
    steps.clear()
    write(here / "jam.wav", band(3.0, RATE), RATE)
    assert keep_all("jam.wav") == 0
    assert steps[-4:] == ["link", "link", "link", "folder"]
    assert keep_all("jam.wav", "--force") == 0
    assert steps[-3:] == ["link", "rename", "folder"]  # what is replaced keeps a second name until all are placed


def test_a_folder_that_cannot_be_flushed_is_no_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *arguments, **options: (_ for _ in ()).throw(PermissionError()))
    atomic.sync_folder(str(here))


@pytest.mark.parametrize("field", ["samples", "sample_rate", "channels"])
def test_a_list_that_misstates_its_source_is_refused(
    here: Path, field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else a list changed by hand could play beyond the end, and the track be shorter than the list says."""
    write(here / "jam.wav", band(3.0, RATE), RATE)
    assert keep_all("jam.wav") == 0
    document = json.loads((here / "jam.edited.json").read_text())
    document["source"][field] += 1_000
    document["clips"][0]["end"] = document["source"]["samples"]
    (here / "changed.json").write_text(json.dumps(document))
    assert main(["render", "changed.json"]) == 7
    assert f"{field}, but the edit list says" in capsys.readouterr().err.splitlines()[-1]
    assert not (here / "changed.wav").exists()


def test_what_is_heard_twice_is_not_kept_twice(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "jam.wav", band(20.0, RATE), RATE)
    assert main(["edit", "jam.wav", "--editor", "retarget", "--target", "60", "--dry-run", "--no-cache"]) == 0
    line = capsys.readouterr().out
    assert "0:20.00 -> " in line
    assert int(line.split("(")[1].split("%")[0]) <= 100


def test_results_are_told_one_by_one(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stops a long batch has read what was done until then."""
    two_of_a_name(here)
    told: list[str] = []
    monkeypatch.setattr("builtins.print", lambda *words, **options: told.append(" ".join(map(str, words))))
    from editorbot import pipeline

    real = pipeline.edit_recording

    def noted(path: str, *rest: object, **options: object) -> pipeline.Edited:
        told.append(f"begin {path}")
        return real(path, *rest, **options)

    monkeypatch.setattr(pipeline, "edit_recording", noted)
    assert keep_all("monday", "tuesday") == 0
    first, second = (next(n for n, line in enumerate(told) if line.startswith("begin " + day))
                     for day in ("monday", "tuesday"))  # fmt: skip
    assert any("(100% kept, 1 clip)" in line for line in told[first:second])


@pytest.mark.parametrize("rate", [RATE, 768_000])
def test_a_single_sample_is_copied_and_told(here: Path, rate: int, capsys: pytest.CaptureFixture[str]) -> None:
    write(here / "blip.wav", np.full(1, 0.5), rate)
    assert main(["edit", "blip.wav", "--copy-short"]) == 0
    assert "blip.wav: 0:00.00 -> 0:00.00 (100% kept, 1 clip)" in capsys.readouterr().out


def test_what_is_missing_is_not_told_as_an_output(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for more in ([], ["--dry-run"]):
        assert keep_all("no/such/jam.wav", *more) == 3
        assert capsys.readouterr().err.splitlines()[-1] == "error[NOT_FOUND]: no/such/jam.wav: there is no such file"


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("locked", ["edit", "locked"]),
        ("input", ["pairs", "align", "--data-dir", "."]),
        ("input", ["evaluate", "."]),
        ("locked", ["pairs", "simulate", "locked"]),
    ],
)
def test_a_folder_that_may_not_be_looked_into_is_unreadable(
    here: Path, folder: str, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(look: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(path: Any = ".", *more: Any) -> Any:
            if os.path.basename(path) == folder:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return look(path, *more)

        return guarded

    for name in (folder, "desired_output", "truth"):
        (here / name).mkdir()
    monkeypatch.setattr(os, "listdir", refused(os.listdir))
    monkeypatch.setattr(os, "scandir", refused(os.scandir))
    assert main(command) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"error[UNREADABLE]: {folder}: cannot be read: Permission denied"
