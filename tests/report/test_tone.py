"""The page lets one hear and see what polish did to the tone."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from editorbot.editlist.edit_list import Clip, EditList, Join, PolishStep, Source
from editorbot.polish import compare_tone, measure
from editorbot.recording import open_recording
from editorbot.report.tone import RANGE_DB, ToneCompared, spectrum_path, tone_view
from tests.sounds import band, write

RATE = 22_050


@pytest.fixture
def pair(tmp_path):
    """Return an edit list, its recording, and a track that is louder and otherwise the same."""
    sound = 0.2 * band(6.0, RATE)[:, None]
    raw = write(tmp_path / "raw.wav", sound, RATE)
    track = write(tmp_path / "track.wav", 2 * sound[: 4 * RATE], RATE)
    source = Source(str(raw), "sha256:" + "0" * 64, RATE, 1, len(sound))
    clips = (Clip(0, 2 * RATE), Clip(2 * RATE, 4 * RATE))
    return EditList(source, clips, (Join(),), polish=(PolishStep("loudness"),)), raw, track


def test_excerpts_are_the_same_place_at_one_loudness(pair):
    edit_list, raw, track = pair
    with open_recording(str(raw)) as recording, open_recording(str(track)) as polished:
        tone = compare_tone(edit_list, recording, polished)
    assert tone.before.shape == tone.after.shape == (4 * RATE, 1)
    assert np.allclose(tone.before, tone.after, atol=2e-4)
    assert measure([tone.after], RATE, 1).integrated_lufs <= -13.9
    assert np.allclose(tone.before_db, tone.after_db, atol=0.1)


def test_silence_has_no_tone_to_show(tmp_path, pair):
    edit_list, _, _ = pair
    silent = write(tmp_path / "silent.wav", np.zeros((6 * RATE, 1)), RATE)
    with open_recording(str(silent)) as recording, open_recording(str(silent)) as track:
        assert compare_tone(edit_list, recording, track) is None


def test_spectra_are_drawn_on_one_scale():
    across = np.array([0.0, 0.5, 1.0])
    path = spectrum_path(across, np.array([-10.0, -10.0 - RANGE_DB / 2, -200.0]), -10.0)
    assert path == "M0.0 0.0L500.0 50.0L1000.0 100.0"


def test_what_is_shown_can_be_played(pair):
    sound = 0.1 * band(1.0, RATE)[:, None]
    bands_hz = np.geomspace(50, 11_000, 16)
    shown = tone_view(ToneCompared(bands_hz, -bands_hz / 500, -bands_hz / 300, sound, sound, RATE))
    assert len(base64.b64decode(shown.before_mp3)) > 1_000
    assert shown.after_mp3 == shown.before_mp3
    assert [name for _, name in shown.marks] == ["100 Hz", "300 Hz", "1 kHz", "3 kHz", "10 kHz"]
