"""The loudness cutter on sounds whose loud places are known."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile as sf

from editorbot.editlist.edit_list import Source
from editorbot.evaluation.loudness_cutter import LoudnessCut, cut_by_levels, cut_by_loudness, window_levels_db
from editorbot.recording import open_recording

RATE = 8_000


def record(path, levels, seconds=1.0):
    tone = np.sin(2 * np.pi * 200 * np.arange(round(seconds * RATE)) / RATE)
    sound = np.concatenate([level * tone for level in levels])
    sf.write(path, np.stack([sound, -sound], axis=1), RATE, subtype="FLOAT")
    return path


def test_loud_stretches_are_kept_with_padding(tmp_path):
    path = record(tmp_path / "jam.wav", [0.001] * 5 + [0.5] * 4 + [0.001] * 5)
    with open_recording(path) as recording:
        edit = cut_by_loudness(recording)
    assert [(clip.start, clip.end) for clip in edit.clips] == [(round(4.5 * RATE), round(9.5 * RATE))]


def test_stretches_that_touch_after_padding_are_one(tmp_path):
    path = record(tmp_path / "jam.wav", [0.5, 0.001, 0.5, 0.001, 0.001, 0.001, 0.5])
    with open_recording(path) as recording:
        edit = cut_by_loudness(recording)
    assert [(clip.start / RATE, clip.end / RATE) for clip in edit.clips] == [(0.0, 3.5), (5.5, 7.0)]


def test_levels_survive_anti_phase_stereo(tmp_path):
    path = record(tmp_path / "jam.wav", [0.5, 0.0])
    with open_recording(path) as recording:
        levels_db = window_levels_db(recording)
    assert levels_db[:10] == pytest.approx(np.full(10, 20 * np.log10(0.5 / np.sqrt(2))), abs=0.1)
    assert levels_db[10:] == pytest.approx(np.full(10, -120.0))


def test_something_is_always_kept():
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, 10 * RATE)
    edit = cut_by_levels(np.full(100, -120.0), source, LoudnessCut(threshold_db=+6.0))
    assert len(edit.clips) >= 1
