import hashlib
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot import pipeline
from editorbot.cli.main import main
from editorbot.editlist.json_format import read_edit_list
from tests.sounds import band, jam, write


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("sound") / "jam.wav", jam())


@pytest.fixture
def here(recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of its own that holds the jam, and work there."""
    (tmp_path / "jam.wav").write_bytes(recording.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def last_error(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_track_a_list_and_a_page_stand_beside_the_recording(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "jam.wav"]) == 0
    assert names(here) == {"jam.wav", "jam.edited.wav", "jam.edited.json", "jam.edited.html"}
    edit = read_edit_list(here / "jam.edited.json")
    assert edit.source.path == "jam.wav"
    assert edit.source.digest == "sha256:" + digest(here / "jam.wav")
    assert sf.info(here / "jam.edited.wav").frames == edit.output_samples
    assert sf.info(here / "jam.edited.wav").subtype == "PCM_16"
    shown = capsys.readouterr()
    assert shown.err.splitlines()[0] == "device: cpu"
    assert "jam.edited.html" in shown.out


def test_dead_air_is_cut(here: Path) -> None:
    assert main(["edit", "jam.wav"]) == 0
    edit = read_edit_list(here / "jam.edited.json")
    silent = range(9 * 22_050, 13 * 22_050)
    assert sum(len(range(max(c.start, silent.start), min(c.end, silent.stop))) for c in edit.clips) < 22_050


def test_rendering_again_gives_the_same_bytes(here: Path) -> None:
    assert main(["edit", "jam.wav", "--output", "out/", "--polish", "loudness"]) == 0
    assert main(["render", "out/jam.edited.json", "--output", "again.wav"]) == 0
    assert digest(here / "again.wav") == digest(here / "out" / "jam.edited.wav")


def test_a_level_that_cannot_be_reached_is_said(here: Path) -> None:
    write(here / "offset.wav", 0.02 * np.tile(band(20, 22_050), 1) + 0.85, 22_050)
    assert main(["edit", "offset.wav", "--editor", "keep-all", "--polish", "loudness"]) == 0
    assert any(line.startswith("LOUDNESS_MISSED") for line in read_edit_list(here / "offset.edited.json").warnings)


def test_the_same_seed_gives_the_same_files_with_and_without_cache(here: Path) -> None:
    made = []
    for name, more in (("a", []), ("b", []), ("c", ["--no-cache"])):
        assert main(["edit", "jam.wav", "--output", f"{name}.wav", *more]) == 0
        made.append((digest(here / f"{name}.wav"), (here / f"{name}.json").read_bytes()))
    assert made[0] == made[1] == made[2]


def test_another_track_of_the_take_is_cut_alike(here: Path) -> None:
    sound, rate = sf.read(here / "jam.wav", dtype="int16")
    sf.write(here / "inverted.wav", -sound[:, :1], rate)
    assert main(["edit", "jam.wav"]) == 0
    assert main(["render", "jam.edited.json", "--source", "inverted.wav", "--output", "other.wav"]) == 0
    first, _ = sf.read(here / "jam.edited.wav", dtype="int16", always_2d=True)
    other, _ = sf.read(here / "other.wav", dtype="int16", always_2d=True)
    assert len(first) == len(other)
    assert np.abs(first[:, 0].astype(int) + other[:, 0]).max() <= 1


def test_a_changed_source_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "jam.wav"]) == 0
    with open(here / "jam.wav", "r+b") as file:
        file.seek(5000)
        file.write(b"\x01\x02")
    assert main(["render", "jam.edited.json", "--output", "again.wav"]) == 7
    assert last_error(capsys).startswith("error[MISMATCH]")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize(("channels", "rate"), [(1, 8_000), (2, 44_100), (6, 192_000)])
def test_keeping_all_gives_the_same_samples(tmp_path: Path, subtype: str, channels: int, rate: int) -> None:
    sound = np.random.default_rng(channels).uniform(-1, 1, (3 * rate, channels))
    write(tmp_path / "in.wav", sound, rate, subtype)
    assert main(["edit", str(tmp_path / "in.wav"), "--editor", "keep-all"]) == 0
    kind = "float64" if subtype in ("FLOAT", "DOUBLE") else "int32"
    before, after = (sf.read(tmp_path / name, dtype=kind)[0] for name in ("in.wav", "in.edited.wav"))
    assert (before == after).all()
    assert sf.info(tmp_path / "in.edited.wav").subtype == subtype


def test_json_says_what_was_done(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "jam.wav", "--json", "--export", "reaper", "audacity"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["before_s"] == 40.0
    assert shown["after_s"] + sum(b - a for a, b in shown["cuts_s"]) == pytest.approx(40.0, abs=0.05)
    assert {"jam.edited.rpp", "jam.edited.txt"} < names(here)


def test_a_dry_run_writes_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "jam.wav", "--dry-run"]) == 0
    assert names(here) == {"jam.wav"}
    assert "nothing was written" in capsys.readouterr().out


@pytest.mark.parametrize("ratio", [0.3, 0.6])
@pytest.mark.parametrize("editor", ["scored", "retarget"])
def test_a_wanted_length_is_met_within_a_bar(
    here: Path, editor: str, ratio: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "jam.wav", "--json"]) == 0
    analysis = json.loads(capsys.readouterr().out)
    bar_s = analysis["beats_per_bar"] * 60 / analysis["tempo_bpm"]
    assert main(["edit", "jam.wav", "--editor", editor, "--keep-ratio", str(ratio)]) == 0
    edit = read_edit_list(here / "jam.edited.json")
    missed_s = abs(edit.output_samples / 22_050 - ratio * 40)
    assert missed_s <= bar_s or any("TARGET_MISSED" in line for line in edit.warnings)


def test_ranges_stay_and_go(here: Path) -> None:
    assert main(["edit", "jam.wav", "--must-keep", "0:10-0:11", "--must-cut", "0:20-0:22"]) == 0
    edit = read_edit_list(here / "jam.edited.json")
    played = np.zeros(edit.source.samples, bool)
    for clip in edit.clips:
        played[clip.start : clip.end] = True
    slack = round(0.01 * 22_050)
    assert played[10 * 22_050 + slack : 11 * 22_050 - slack].all()
    assert not played[20 * 22_050 + slack : 22 * 22_050 - slack].any()


def test_nothing_is_overwritten_unasked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "jam.edited.html").write_text("mine")
    assert main(["edit", "jam.wav"]) == 6
    assert last_error(capsys).startswith("error[EXISTS]: jam.edited.html")
    assert names(here) == {"jam.wav", "jam.edited.html"}
    assert main(["edit", "jam.wav", "--force"]) == 0


def test_the_input_is_never_the_output_unasked(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = digest(here / "jam.wav")
    os.link(here / "jam.wav", here / "link.wav")
    for output in ("jam.wav", "./jam.wav", "link.wav"):
        assert main(["edit", "jam.wav", "--output", output, "--force"]) == 6
        assert last_error(capsys).startswith("error[SAME_FILE]")
        assert digest(here / "jam.wav") == before
    assert main(["edit", "jam.wav", "--in-place"]) == 0
    assert digest(here / "jam.wav") != before
    assert {"jam.json", "jam.html"} < names(here)


def test_a_batch_goes_on_and_says_what_failed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "page.wav").write_text("<html>")
    write(here / "blip.wav", band(0.5, 8_000), 8_000)
    assert main(["edit", ".", "--output", "made"]) == 4
    shown = capsys.readouterr()
    assert "error[NOT_AUDIO]: " in shown.err
    assert "error[TOO_SHORT]: " in shown.err
    assert "3 recordings: 1 TOO_SHORT, 1 edited, 1 NOT_AUDIO" in shown.out
    assert names(here / "made") == {"jam.edited.wav", "jam.edited.json", "jam.edited.html"}


def test_a_bug_in_one_recording_leaves_the_others_alone(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "other.wav").write_bytes((here / "jam.wav").read_bytes())
    real = pipeline.edit_recording

    def faulty(path: str, *rest: object, **options: object) -> pipeline.Edited:
        if path == "jam.wav":
            raise ZeroDivisionError("by\nzero")
        return real(path, *rest, **options)

    monkeypatch.setattr(pipeline, "edit_recording", faulty)
    assert main(["edit", "jam.wav", "other.wav"]) == 70
    assert "error[BUG]: jam.wav: ZeroDivisionError: by zero" in capsys.readouterr().err
    assert (here / "other.edited.wav").is_file()


def test_what_is_too_short_is_copied_if_asked(tmp_path: Path) -> None:
    write(tmp_path / "blip.wav", band(0.5, 8_000), 8_000)
    assert main(["edit", str(tmp_path / "blip.wav"), "--copy-short"]) == 0
    before, after = (sf.read(tmp_path / name, dtype="int16")[0] for name in ("blip.wav", "blip.edited.wav"))
    assert (before == after).all()
    assert any(line.startswith("COPIED:") for line in read_edit_list(tmp_path / "blip.edited.json").warnings)


def test_strict_makes_a_warning_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(10 * 8_000)
    write(tmp_path / "noise.wav", noise, 8_000)
    assert main(["edit", str(tmp_path / "noise.wav"), "--strict"]) == 9
    assert "NO_BEAT" in last_error(capsys)
    assert names(tmp_path) == {"noise.wav"}


ODD_NAMES = [
    "with space.wav", "ünï cödé.wav", "日本語.wav", "🎸.wav", "e\u0301.wav", "-x.wav", "--help.wav", "100%.wav",
    "%41.wav", "quote'.wav", 'double".wav', "new\nline.wav", "tab\t.wav", "<img src=x onerror=alert(1)>.wav",
    "a&b.wav", "#hash.wav", "q?.wav", "semi;.wav", "back\\slash.wav", "star*.wav", "dollar$HOME.wav", "dots...wav",
    ".wav.wav", "noending", "UPPER.WAV", "{brace}.wav", "[red]markup.wav", "x" * 240 + ".wav", "rtl\u202e.wav",
    "zero\u200bwidth.wav",
]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows few of these names")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_name_is_edited_rendered_and_exported(here: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "jam.wav").rename(here / name)
    assert main(["edit", "--editor", "keep-all", "--export", "reaper", "audacity", "--json", "--", name]) == 0
    written = json.loads(capsys.readouterr().out)
    assert all((here / written[kind]).is_file() for kind in ("track", "edit_list", "report"))
    assert main(["render", "--force", "--output", "again.wav", "--", written["edit_list"]]) == 0
    assert digest(here / "again.wav") == digest(here / written["track"])


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_name_that_is_no_text_is_edited(here: Path) -> None:
    os.rename(b"jam.wav", b"j\xff\xfem.wav")
    assert main(["edit", "--editor", "keep-all", "--export", "reaper", "--", os.fsdecode(b"j\xff\xfem.wav")]) == 0
    assert os.path.exists(b"j\xff\xfem.edited.html")


@pytest.mark.parametrize("editor", ["scored", "pointer", "policy"])
def test_an_empty_checkpoint_is_not_taken_for_none(here: Path, editor: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "jam.wav", "--editor", editor, "--checkpoint", "", "--dry-run"]) == 3
    assert "this is a folder" in last_error(capsys)


def test_silence_is_told_with_a_command_that_works_here_too(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("EDITORBOT_CACHE_DIR", str(tmp_path / "cache"))
    write(tmp_path / "silence.wav", np.zeros(80_000), 8_000)
    assert main(["analyze", str(tmp_path / "silence.wav")]) == 4
    assert "editorbot edit --editor keep-all" in capsys.readouterr().err


def test_what_is_asked_in_vain_and_what_keeps_hardly_anything_is_said(
    here: Path, capsys: pytest.CaptureFixture
) -> None:
    most = f"0-{0.94 * sf.info('jam.wav').duration:.1f}"
    asked = ["--temperature", "1", "--must-cut", most, "--dry-run"]
    assert main(["edit", "jam.wav", *asked]) == 0
    said = capsys.readouterr().err
    assert "IGNORED: --temperature is for the editor policy; scored has no use for it" in said
    assert "LITTLE: only " in said
    assert main(["edit", "jam.wav", "--editor", "retarget", "--target", "0:20", "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert "IGNORED" not in said
    assert "LITTLE" not in said


def test_gentle_is_said_in_the_list_and_on_the_page_and_passes_strict(
    here: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["edit", "jam.wav", "--tightness", "gentle", "--strict", "--output", "gentle.wav"]) == 0
    assert "TIGHTNESS: gentle: only talk, noise" in capsys.readouterr().err
    assert json.loads(Path("gentle.json").read_text())["warnings"][0].startswith("TIGHTNESS: gentle: only talk")
    page = Path("gentle.html").read_text()
    assert re.search(r"Tightness.{0,200}gentle", page, re.DOTALL)
    assert main(["edit", "jam.wav", "--output", "normal.wav"]) == 0
    assert re.search(r"Tightness.{0,200}normal", Path("normal.html").read_text(), re.DOTALL)
    assert "TIGHTNESS" not in Path("normal.json").read_text()


@pytest.mark.parametrize("asked", [["--editor", "keep-all"], ["--editor", "retarget"], ["--target", "0:20"]])
def test_a_tightness_that_changes_nothing_is_said(here: Path, capsys: pytest.CaptureFixture, asked: list[str]) -> None:
    assert main(["edit", "jam.wav", "--tightness", "gentle", "--dry-run", *asked]) == 0
    assert "IGNORED: --tightness gentle" in capsys.readouterr().err
