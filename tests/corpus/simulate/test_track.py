"""Jams of pieces that the virtual band plays."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from editorbot.corpus.pairs import find_pairs
from editorbot.corpus.simulate import Simulation, simulate_jam
from editorbot.corpus.simulate.plan import Flaw
from editorbot.corpus.simulate.signal import level
from editorbot.corpus.simulate.track import track_of_midi
from editorbot.errors import TooShortError

mido = pytest.importorskip("mido")
pytest.importorskip("tinysoundfont")
soundfonts = import_module("tests.corpus.band.soundfonts")

RATE = 8_000


@pytest.fixture
def soundfont(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "sine.sf2"
    path.write_bytes(soundfonts.sine_soundfont())
    monkeypatch.setenv("EDITORBOT_SOUNDFONT", str(path))
    return path


def write_midi(path: Path, *, bars: int) -> Path:
    """Write two players in 4/4 at 120 beats a minute."""
    midi = mido.MidiFile(ticks_per_beat=480)
    for channel, keys in ((0, (60, 64, 67, 72)), (1, (36, 43, 36, 41))):
        track = mido.MidiTrack()
        midi.tracks.append(track)
        for beat in range(4 * bars):
            key = keys[beat % 4] + beat // 16 % 5
            track.append(mido.Message("note_on", channel=channel, note=key, velocity=90, time=0))
            track.append(mido.Message("note_off", channel=channel, note=key, velocity=0, time=480))
    midi.save(path)
    return path


def test_a_piece_is_a_track_with_players_and_exact_beats(soundfont: Path, tmp_path: Path) -> None:
    track = track_of_midi(write_midi(tmp_path / "piece.mid", bars=12), RATE, np.random.default_rng(0))
    assert 23 < track.duration_s < 26
    np.testing.assert_allclose(np.diff(track.beats_s), 0.5)
    np.testing.assert_allclose(np.sum(track.stems, axis=0), track.sound, atol=1e-6)
    assert track.score_player is not None
    good, same, late = (
        track.score_player.play_range(4 * RATE, 9 * RATE, flaws, 1)
        for flaws in ((), (), (Flaw("late", 5.0, 8.0, 1.0, 2),))
    )
    np.testing.assert_array_equal(good, same)
    assert level(good - track.sound[:, 4 * RATE : 9 * RATE]) > 1e-3  # another performance
    assert level((late - good)[:, round(1.2 * RATE) : 4 * RATE]) > 1e-3
    np.testing.assert_allclose(late[:, : round(0.7 * RATE)], good[:, : round(0.7 * RATE)], atol=1e-6)
    jam = simulate_jam(track, np.random.default_rng(0), settings=Simulation(may_use_programs=False))
    assert jam.truth.segments[-1].end_s == pytest.approx(jam.truth.duration_s, abs=1e-4)
    assert len(jam.truth.beats_s) > 40


def test_pieces_can_be_short_and_stand_among_tracks(soundfont: Path, tmp_path: Path) -> None:
    from editorbot.cli.main import main

    folder = tmp_path / "music"
    folder.mkdir()
    with pytest.raises(TooShortError):
        track_of_midi(write_midi(tmp_path / "short.mid", bars=3), RATE, np.random.default_rng(0))
    write_midi(folder / "piece.mid", bars=11)
    out = tmp_path / "out"
    command = ["pairs", "simulate", str(folder), "--out", str(out), "--count", "1", "--only", "tuning"]
    assert main([*command, "--rate", "8000"]) == 0
    assert len(find_pairs(out).pairs) == 1
