"""The second simulator's truth is exact: it says of each second what is heard there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal

from editorbot.corpus.truth import Segment
from simulators.second import FADE_S, Incident, Piece, Song, assemble, name_takes, play_through
from simulators.second_sounds import RATE, noodling, talk, tuning
from simulators.second_takes import TakeStyle, draw_style, perform

STILL = TakeStyle(looseness_s=0.0)


def a_song(seconds: float = 20.0) -> Song:
    """Return noise whose loudness changes all the time, so that every moment is like no other."""
    rng = np.random.default_rng(0)
    samples = round(seconds * RATE)
    loudness = np.repeat(rng.uniform(0.1, 1, samples // 441 + 1), 441)[:samples]
    sound = rng.normal(size=(samples, 2)) * 0.1 * loudness[:, None]
    beats_s = np.arange(0, seconds, 0.5)
    return Song(sound, beats_s, True, 0, np.zeros((1, 1)), "song", "nobody")


def lag_s(heard: np.ndarray, song: np.ndarray, most_s: float = 0.05) -> float:
    """Return how much later `heard` is than `song`, by cross-correlation."""
    most = round(most_s * RATE)
    scores = signal.correlate(song[:, 0], heard[most:-most, 0], mode="valid", method="fft")
    return (most - int(np.argmax(scores))) / RATE


def test_a_take_without_quirks_is_the_song_but_for_its_level_curve():
    song = a_song(6.0)
    take = perform(song.sound, 1.0, 5.0, STILL, np.random.default_rng(0))
    part = song.sound[RATE : 5 * RATE]
    assert take.shape == part.shape
    assert np.corrcoef(take[:, 0], part[:, 0])[0, 1] > 0.97


@pytest.mark.parametrize("speed", [0.985, 1.0, 1.015])
def test_a_take_is_as_long_as_its_speed_says(speed):
    take = perform(a_song(6.0).sound, 1.0, 5.0, replace(STILL, speed=speed), np.random.default_rng(0))
    assert len(take) == round(4.0 / speed * RATE)


def test_every_good_second_is_where_the_truth_says():
    song, rng = a_song(), np.random.default_rng(1)
    steady = replace(draw_style(rng), speed=1.0, cents=0.0, looseness_s=0.002)
    runs = [
        Piece(perform(song.sound, 0.0, 6.0, steady, rng), "good", 0.0),
        Piece(rng.normal(size=(RATE, 2)) * 0.01, "noise"),
        Piece(perform(song.sound, 4.0, 20.0, steady, rng), "good", 4.0),
    ]
    jam, segments = assemble(runs)
    for segment in name_takes(segments):
        if segment.source_s is None:
            continue
        for at_s in np.linspace(segment.start_s + 0.1, segment.end_s - 0.6, 4):
            source_s = segment.source_s + at_s - segment.start_s
            heard = jam[round(at_s * RATE) : round((at_s + 0.5) * RATE)]
            part = song.sound[round(source_s * RATE) : round(source_s * RATE) + len(heard)]
            assert abs(lag_s(heard, part)) < 0.008


def test_segments_cover_the_jam_and_meet_inside_the_crossfades():
    pieces = [Piece(np.ones((RATE, 2)), "talk"), Piece(np.ones((2 * RATE, 2)), "good", 3.0, 1.01)]
    jam, segments = assemble(pieces)
    assert len(jam) == 3 * RATE - round(FADE_S * RATE)
    assert segments[0].start_s == 0
    assert segments[0].end_s == pytest.approx(segments[1].start_s)
    assert segments[1].end_s == pytest.approx(len(jam) / RATE)
    assert segments[1].source_s == pytest.approx(3.0 + FADE_S / 2 * 1.01, abs=1e-3)


def test_the_last_take_of_each_moment_is_the_music():
    played = [Segment(0.0, 10.0, "music", 0.0), Segment(10.0, 12.0, "talk"), Segment(12.0, 20.0, "music", 6.0)]
    assert [(s.kind, s.start_s, s.end_s, s.source_s) for s in name_takes(played)] == [
        ("music", 0.0, pytest.approx(6.0), 0.0),
        ("repeat", pytest.approx(6.0), 10.0, pytest.approx(6.0)),
        ("talk", 10.0, 12.0, None),
        ("music", 12.0, 20.0, 6.0),
    ]


def test_an_evening_plays_every_second_of_the_song_well():
    song, rng = a_song(12.0), np.random.default_rng(2)
    incidents = [Incident("top", 3.0, 3.0), Incident("sloppy", 5.0, 2.0), Incident("restart", 9.0, 3.0)]
    pieces = [piece for run in play_through(song, incidents, rng) for piece in run]
    _, segments = assemble(pieces)
    music = sorted((s.source_s, s.source_end_s) for s in name_takes(segments) if s.kind == "music")
    assert music[0][0] < 0.02
    assert music[-1][1] > 11.95
    assert all(after[0] - before[1] < 0.03 for before, after in zip(music, music[1:]))
    assert {"sloppy", "breakdown"} <= {s.kind for s in segments}


@pytest.mark.parametrize("make", [tuning, lambda n, rng: noodling(n, rng, a_song(3.0).sound[:, 0], 4, 0.5)])
def test_junk_has_its_length_and_level(make):
    sound = make(3 * RATE, np.random.default_rng(3))
    assert sound.shape == (3 * RATE,)
    assert np.isfinite(sound).all()
    assert 0.05 < np.sqrt((sound**2).mean()) < 2


def test_people_talk_with_an_installed_synthesizer():
    from shutil import which

    if which("espeak-ng") is None:
        pytest.skip("espeak-ng is not installed")
    assert np.isfinite(talk(2 * RATE, np.random.default_rng(0))).all()
