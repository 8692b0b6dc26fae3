"""Where results go, and that they go there together or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from editorbot import outputs as module
from editorbot.errors import ExistsError, OutputError, UsageError
from editorbot.outputs import OutputPaths, output_paths, path_from, source_path, staged_outputs


@pytest.mark.parametrize(
    ("source", "output", "track", "page"),
    [
        ("a/jam.flac", None, "a/jam.edited.wav", "a/jam.edited.html"),
        ("a/jam.flac", "b/out.mp3", "b/out.mp3", "b/out.html"),
        ("a/jam.flac", "b/out", "b/out.wav", "b/out.html"),
        ("a/jam.flac", "b/", "b/jam.edited.wav", "b/jam.edited.html"),
        ("a/. .wav", None, "a/recording.edited.wav", "a/recording.edited.html"),
    ],
)
def test_results_are_named_by_the_recording_or_the_output(
    source: str, output: str | None, track: str, page: str
) -> None:
    paths = output_paths(source, output)
    assert (paths.track, paths.report, paths.warnings) == (track, page, ())


def test_in_place_the_track_takes_the_recordings_name() -> None:
    assert output_paths("a/jam.wav", in_place=True).track == "a/jam.wav"
    with pytest.raises(UsageError):
        output_paths("a/jam.wav", "b.wav", in_place=True)


def test_a_long_name_is_shortened_with_a_warning() -> None:
    paths = output_paths("x" * 300 + ".wav")
    assert len(os.path.basename(paths.report)) < 255
    (warning,) = paths.warnings
    assert warning.startswith("NAME_SHORTENED: ")


def test_a_folder_that_cannot_be_made_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="where a folder is needed"):
        output_paths("jam.wav", f"{tmp_path}/file/new/").check("jam.wav")
    output_paths("jam.wav", f"{tmp_path}/a/b/").check("jam.wav")
    assert not (tmp_path / "a").exists()


def test_a_list_names_its_source_from_its_own_folder(tmp_path: Path) -> None:
    listed = path_from(str(tmp_path / "lists" / "jam.json"), tmp_path / "raw" / "jam.wav")
    assert listed == "../raw/jam.wav"
    assert source_path(str(tmp_path / "lists" / "jam.json"), listed) == str(tmp_path / "raw" / "jam.wav")


def make(paths: OutputPaths, content: str) -> None:
    for path in paths.files:
        Path(path).write_text(content)


def make_and_commit(outputs: OutputPaths, content: str, appearing: Path | None = None) -> None:
    with staged_outputs(outputs) as stage:
        make(stage.paths, content)
        if appearing is not None:
            appearing.write_text("another's")
        stage.commit()


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_all_files_appear_together(tmp_path: Path) -> None:
    outputs = output_paths("jam.wav", str(tmp_path / "out.wav"), exports=("audacity",))
    with staged_outputs(outputs) as stage:
        make(stage.paths, "new")
        assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
        stage.commit()
    assert contents(tmp_path) == dict.fromkeys(("out.wav", "out.json", "out.html", "out.txt", "out.joins.txt"), "new")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("failing", ["out.json", "out.html", "out.wav"])
def test_where_one_cannot_be_moved_all_places_stay_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, force: bool
) -> None:
    outputs = output_paths("jam.wav", str(tmp_path / "out.wav"), force=force)
    if force:
        make(outputs, "old")
    before, usual = contents(tmp_path), module.move

    def move(staged: str, final: str, *, may_replace: bool) -> None:
        if final.endswith(failing):
            raise PermissionError(13, "no")
        usual(staged, final, may_replace=may_replace)

    monkeypatch.setattr(module, "move", move)
    with pytest.raises(OutputError) as caught:
        make_and_commit(outputs, "new")
    assert caught.value.path == str(tmp_path / failing)
    assert contents(tmp_path) == before


def test_what_appeared_meanwhile_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    outputs = output_paths("jam.wav", str(tmp_path / "out.wav"))
    with pytest.raises(ExistsError):
        make_and_commit(outputs, "new", tmp_path / "out.html")
    assert contents(tmp_path) == {"out.html": "another's"}


def test_only_the_track_may_replace_the_recording(tmp_path: Path) -> None:
    source = tmp_path / "jam.wav"
    source.write_text("raw")
    make_and_commit(output_paths(str(source), in_place=True), "new")
    assert contents(tmp_path) == dict.fromkeys(("jam.wav", "jam.json", "jam.html"), "new")
    with pytest.raises(ExistsError):
        make_and_commit(output_paths(str(source), in_place=True), "newer")
    assert contents(tmp_path)["jam.wav"] == "new"


def test_errors_inside_name_the_final_places_and_leave_no_folder(tmp_path: Path) -> None:
    outputs = output_paths("jam.wav", str(tmp_path / "out.wav"))
    with pytest.raises(OutputError) as caught, staged_outputs(outputs) as stage:
        raise OutputError("full", path=stage.paths.report)
    assert caught.value.path == str(tmp_path / "out.html")
    assert list(tmp_path.iterdir()) == []
