"""What is embedded: how much of it, where it begins, and that it is the track."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.recording import open_recording
from editorbot.report import sounds
from editorbot.report.sounds import embed_sounds, encode_mp3, riskiest_joins


def decoded(mp3_base64: str) -> tuple[np.ndarray, int]:
    return sf.read(io.BytesIO(base64.b64decode(mp3_base64)), always_2d=True)


def click_track(path: Path, rate: int, channels: int, seconds: float, click_s: float) -> Path:
    """Write a file that holds one loud burst in every channel."""
    content = np.zeros((round(seconds * rate), channels))
    at = round(click_s * rate)
    content[at : at + rate // 50] = 0.5 * np.sin(np.arange(rate // 50) * 2 * np.pi * 1000 / rate)[:, None]
    sf.write(path, content, rate)
    return path


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 44_101, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_embedded_sound_keeps_length_and_place(tmp_path: Path, rate: int, channels: int) -> None:
    with open_recording(click_track(tmp_path / "t.wav", rate, channels, 3.0, 2.0)) as track:
        content, mp3_rate = decoded(encode_mp3(track.read, rate, 3 * rate, rate, channels))
    assert content.shape[1] == min(channels, 2 if channels == 2 else 1)
    assert len(content) / mp3_rate == pytest.approx(2.0, abs=0.1)
    loud = np.flatnonzero(np.abs(content).max(axis=1) > 0.15)
    assert loud[0] / mp3_rate == pytest.approx(1.0, abs=0.06)


def edit_of(joins: int, rate: int, *, clip_s: float = 1.0) -> EditList:
    length = round(clip_s * rate)
    clips = tuple(Clip(2 * k * length, 2 * k * length + length) for k in range(joins + 1))
    risks = tuple(Join(0, k * 7 % joins / joins) for k in range(joins))
    return EditList(Source("j.wav", "sha256:" + "0" * 64, rate, 1, 2 * (joins + 1) * length), clips, risks)


def test_short_tracks_are_embedded_whole(tmp_path: Path) -> None:
    edit_list = edit_of(3, 8_000)
    shares: list[float] = []
    with open_recording(click_track(tmp_path / "t.wav", 8_000, 1, 4.0, 1.0)) as track:
        embedded = embed_sounds(edit_list, track, shares.append)
    assert embedded.preview is not None
    assert embedded.joins == {}
    assert shares[-1] == pytest.approx(1.0)


def test_of_long_tracks_the_riskiest_joins_are_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "LONGEST_PREVIEW_S", 10.0)
    edit_list = edit_of(40, 8_000)
    with open_recording(click_track(tmp_path / "t.wav", 8_000, 1, 41.0, 20.0)) as track:
        embedded = embed_sounds(edit_list, track)
    assert embedded.preview is None
    assert set(embedded.joins) == set(riskiest_joins(edit_list, sounds.MOST_EXCERPTS))
    least = min(edit_list.joins[number].risk for number in embedded.joins)
    assert sum(join.risk > least for join in edit_list.joins) < sounds.MOST_EXCERPTS
    middle = embedded.joins[next(number for number in embedded.joins if number > 3)]
    content, mp3_rate = decoded(middle.mp3_base64)
    assert len(content) / mp3_rate == pytest.approx(2 * sounds.AROUND_JOIN_S, abs=0.1)


def test_joins_where_the_audio_runs_on_are_no_joins_to_hear() -> None:
    clips = (Clip(0, 10), Clip(10, 20), Clip(30, 40))
    edit_list = EditList(Source("j.wav", "sha256:" + "0" * 64, 8_000, 1, 50), clips, (Join(), Join(4, 0.1)))
    assert riskiest_joins(edit_list, 5) == (1,)


def test_ten_minutes_stay_small() -> None:
    bytes_a_second = 96_000 / 8 * 4 / 3
    assert sounds.LONGEST_PREVIEW_S * bytes_a_second < 10e6
    assert sounds.MOST_EXCERPTS * 2 * sounds.AROUND_JOIN_S * bytes_a_second < 10e6
