"""Names that results may have, and what must not be overwritten."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from editorbot.errors import ExistsError, NotFoundError, OutputError, SameFileError, UnreadableError, UsageError
from editorbot.recording import check_name, check_output, names_in, safe_output_name
from editorbot.recording.file_names import LONGEST_NAME_BYTES, SPARE_BYTES


def test_a_free_name_in_a_folder_is_allowed(tmp_path: Path) -> None:
    check_output(tmp_path / "new.wav", [tmp_path / "jam.wav"], force=False)


def test_what_exists_needs_force(tmp_path: Path) -> None:
    (tmp_path / "old.wav").touch()
    with pytest.raises(ExistsError, match="--force"):
        check_output(tmp_path / "old.wav", [], force=False)
    check_output(tmp_path / "old.wav", [], force=True)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_the_source_is_recognized_by_any_name(tmp_path: Path) -> None:
    source = tmp_path / "jam.wav"
    source.touch()
    os.link(source, tmp_path / "hard.wav")
    (tmp_path / "soft.wav").symlink_to(source)
    for name in ("jam.wav", "hard.wav", "soft.wav"):
        with pytest.raises(SameFileError):
            check_output(tmp_path / name, [source], force=True, in_place=False)
        check_output(tmp_path / name, [source], force=True, in_place=True)


def test_only_a_command_with_the_flag_offers_it(tmp_path: Path) -> None:
    source = tmp_path / "jam.wav"
    source.touch()
    with pytest.raises(SameFileError) as without:
        check_output(source, [source], force=True)
    with pytest.raises(SameFileError) as with_flag:
        check_output(source, [source], force=True, in_place=False)
    assert "--in-place" not in without.value.message
    assert "--in-place" in with_flag.value.message


@pytest.mark.parametrize(("name", "words"), [("", "this is a folder"), ("no/such.wav", "does not exist")])
def test_a_place_that_is_none_is_refused(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        check_output(tmp_path / name, [], force=True)


@pytest.mark.parametrize("name", ["", "-"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name)


@pytest.mark.parametrize("stem", ["x" * 400, "é" * 200, "con", "LPT1.take", "plain"])
def test_any_name_becomes_one_that_fits(tmp_path: Path, stem: str) -> None:
    name = safe_output_name(stem + ".edited.wav")
    assert name.endswith(".wav")
    assert len(os.fsencode(name)) <= LONGEST_NAME_BYTES - SPARE_BYTES
    assert name.split(".")[0].lower() not in ("con", "lpt1")
    (tmp_path / name).touch()


def test_long_names_that_differ_at_their_end_stay_different() -> None:
    assert safe_output_name("x" * 400 + "a.wav") != safe_output_name("x" * 400 + "b.wav")


def test_a_folder_is_listed_in_order(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).touch()
    assert names_in(tmp_path) == ["a", "b", "c"]
    with pytest.raises(NotFoundError):
        names_in(tmp_path / "none")
    with pytest.raises(UnreadableError):
        names_in(tmp_path / "a")
