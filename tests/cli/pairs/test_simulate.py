"""``editorbot pairs simulate``: from files to a folder of pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.cli.main import main
from editorbot.corpus.pairs import find_pairs
from editorbot.corpus.simulate.folder import find_tracks, load_sound
from editorbot.corpus.truth import read_truth
from editorbot.errors import EmptyError, NotFoundError
from tests.sounds import band, write

RATE = 8_000


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music") / "The Band"
    folder.mkdir()
    write(folder / "first.wav", np.repeat(band(22, RATE)[:, None], 2, axis=1), RATE)
    write(folder / "second song.wav", band(21, 11_025, seed=1, bpm=100)[:, None], 11_025)
    write(folder / "third.wav", np.repeat(band(23, RATE, seed=2)[:, None], 6, axis=1), RATE)
    return folder


def simulate(tracks: Path, out: Path, *flags: str) -> int:
    fast = ["--rate", "8000", "--without", "drift", "codec", "--count", "3"]
    return main(["pairs", "simulate", str(tracks), "--out", str(out), *fast, *flags])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_of_pairs_is_made_whatever_the_workers(
    tracks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulate(tracks, tmp_path / "one") == 0
    assert "3 jams made, 0 problems" in capsys.readouterr().out
    pairs = find_pairs(tmp_path / "one").pairs
    assert len(pairs) == 3
    for pair in pairs:
        truth = read_truth(tmp_path / "one" / "truth" / f"{pair.sample}.json")
        raw, edit = sf.info(pair.raw), sf.info(pair.edit)
        assert raw.frames / raw.samplerate == pytest.approx(truth.duration_s)
        assert edit.frames / edit.samplerate == pytest.approx(truth.finished_s)
        assert raw.channels == edit.channels <= 2
        assert truth.artist == "The Band"
    assert {pair.sample for pair in pairs} == {"first_s0_0001", "second_song_s0_0002", "third_s0_0000"}
    assert simulate(tracks, tmp_path / "two", "--workers", "2") == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert simulate(tracks, tmp_path / "two") == 0
    assert "0 jams made, 3 were there already, 0 problems" in capsys.readouterr().out


def test_the_edit_is_the_track_itself(tracks: Path, tmp_path: Path) -> None:
    assert simulate(tracks / "first.wav", tmp_path, "--count", "1", "--only", "talk") == 0
    (pair,) = find_pairs(tmp_path).pairs
    edit, track = sf.read(pair.edit)[0], sf.read(tracks / "first.wav")[0]
    np.testing.assert_allclose(edit, track, atol=2 / 32768)
    truth = read_truth(tmp_path / "truth" / f"{pair.sample}.json")
    assert {segment.kind for segment in truth.segments} <= {"music", "talk", "silence"}


def test_what_cannot_be_used_is_said_and_the_rest_is_made(
    tracks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    write(bad / "short.wav", band(5, RATE)[:, None], RATE)
    write(bad / "silent.wav", np.zeros((25 * RATE, 1)), RATE)
    (bad / "text.mp3").write_text("no music")
    (bad / "good.wav").write_bytes((tracks / "first.wav").read_bytes())
    assert simulate(bad, tmp_path / "out", "--count", "8", "--only", "hum") == 3
    said = capsys.readouterr()
    assert "2 jams made, 6 problems" in said.out
    for code, name in (("TOO_SHORT", "short"), ("SILENT", "silent"), ("NOT_AUDIO", "text")):
        assert said.err.count(f"error[{code}]") == 1
        assert name in said.err
    assert len(find_pairs(tmp_path / "out").pairs) == 2


@pytest.mark.parametrize(
    ("flags", "line"),
    [(["--only", "yodelling"], "'yodelling' is no fault; known: talk"), (["--count", "0"], "at least 1"),
     (["--rate", "100"], "--rate must be"), (["--workers", "0"], "at least 1")],
)  # fmt: skip
def test_flags_that_make_no_sense_are_refused(
    tracks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], line: str
) -> None:
    assert simulate(tracks, tmp_path / "out", *flags) == 2
    assert line in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_tracks_are_found_in_folders_of_folders(tracks: Path, tmp_path: Path) -> None:
    assert [path.name for path in find_tracks([tracks.parent])] == ["first.wav", "second song.wav", "third.wav"]
    assert find_tracks([tracks / "first.wav", tracks / "first.wav"]) == (tracks / "first.wav",)
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(EmptyError):
        find_tracks([tmp_path])
    with pytest.raises(NotFoundError):
        find_tracks([tmp_path / "nowhere"])


def test_sound_is_read_at_any_rate_and_from_any_place(tracks: Path) -> None:
    assert load_sound(tracks / "first.wav", 16_000, 5.0).shape == (2, 5 * 16_000)
    assert load_sound(tracks / "third.wav", RATE, 900.0).shape == (1, 23 * RATE)
    late = load_sound(tracks / "first.wav", RATE, 5.0, place=1.0)
    whole = load_sound(tracks / "first.wav", RATE, 900.0)
    np.testing.assert_array_equal(late, whole[:, -5 * RATE :])
