from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from editorbot.analysis import activity
from editorbot.analysis.activity import (
    FIRST_PROBES,
    MORE_PROBES,
    MUSIC,
    NOISE,
    PROBE_STEPS,
    SILENCE,
    TALK,
    find_activity,
    find_talk,
    quiet_kinds,
    spans_of,
    talk_candidates,
    tone_change_db,
    without_short_runs,
)
from editorbot.analysis.analysis import ACTIVITY_KINDS
from editorbot.analysis.analyze import analyze
from editorbot.recording import open_recording
from editorbot.timebase import STEP_S
from tests import sounds
from tests.editors.step_grids import quiet_steps, song_steps, talk_steps

RATE = 22_050


def seconds_of(spans, kind: str, start_s: float, end_s: float) -> float:
    return sum(max(0.0, min(s.end_s, end_s) - max(s.start_s, start_s)) for s in spans if s.kind == kind)


@pytest.fixture(scope="module")
def spans(tmp_path_factory):
    """Eight seconds each of a band, nothing, the band, and faint noise."""
    rng = np.random.default_rng(0)
    band = sounds.band(8.0, RATE)
    sound = np.concatenate([band, np.zeros(8 * RATE), band, 0.002 * rng.standard_normal(8 * RATE)])
    path = sounds.write(tmp_path_factory.mktemp("activity") / "jam.wav", sound, RATE)
    with open_recording(path) as recording:
        return analyze(recording).activity


def test_music_silence_and_noise_are_told_apart(spans):
    assert seconds_of(spans, "music", 0, 8) > 7.5
    assert seconds_of(spans, "silence", 8, 16) > 7.0
    assert seconds_of(spans, "music", 16, 24) > 7.5
    assert seconds_of(spans, "noise", 24, 32) > 6.5


def test_spans_cover_everything_in_order(spans):
    assert spans[0].start_s == 0.0
    assert spans[-1].end_s == pytest.approx(32.0)
    assert all(a.end_s == b.start_s and a.kind != b.kind for a, b in zip(spans, spans[1:]))
    assert min(span.end_s - span.start_s for span in spans) >= 1.0 - STEP_S


def test_gain_changes_nothing():
    steps = np.concatenate([song_steps(0, 100), quiet_steps(30, -45.0), talk_steps(60)])
    softer = steps.copy()
    softer[:, :40] -= 12.0
    softer[:, 52:55] -= 12.0
    np.testing.assert_array_equal(quiet_kinds(steps), quiet_kinds(softer))
    kinds = quiet_kinds(steps)
    np.testing.assert_array_equal(talk_candidates(steps, kinds), talk_candidates(softer, kinds))


def test_speech_is_suspected_and_a_steady_song_is_not():
    steps = np.concatenate([song_steps(0, 200), talk_steps(100)])
    suspects = talk_candidates(steps, quiet_kinds(steps))
    assert suspects[:190].mean() < 0.05
    assert suspects[205:295].mean() > 0.9


def test_tone_change_is_the_same_in_parts(monkeypatch):
    steps = np.concatenate([song_steps(0, 200), talk_steps(100)])
    whole = tone_change_db(steps)
    monkeypatch.setattr(activity, "_CHUNK_STEPS", 7)
    np.testing.assert_allclose(tone_change_db(steps), whole, atol=1e-3)


class Listener:
    """Knows where talk is, and counts how often it is asked."""

    def __init__(self, is_talk: np.ndarray) -> None:
        self.is_talk, self.asked = is_talk, 0

    def __call__(self, first_steps: np.ndarray) -> np.ndarray:
        self.asked += len(first_steps)
        return np.array([self.is_talk[step : step + PROBE_STEPS].mean() for step in first_steps])


def test_few_suspects_are_all_asked_about():
    suspects = np.zeros(600, dtype=bool)
    suspects[100:160] = suspects[300:400] = True
    is_talk = np.arange(600) >= 250
    np.testing.assert_array_equal(find_talk(suspects, Listener(is_talk)), suspects & is_talk)


def test_an_hour_of_suspects_costs_a_bounded_number_of_questions():
    suspects = np.ones(19_400, dtype=bool)
    quiet, talkative = Listener(np.zeros(19_400, dtype=bool)), Listener(np.ones(19_400, dtype=bool))
    assert not find_talk(suspects, quiet).any()
    assert quiet.asked <= FIRST_PROBES
    assert find_talk(suspects, talkative).all()
    assert talkative.asked <= FIRST_PROBES + MORE_PROBES


def test_a_suspect_shorter_than_a_probe_is_asked_about_once():
    suspects = np.zeros(50, dtype=bool)
    suspects[20:22] = True
    listener = Listener(np.ones(50, dtype=bool))
    np.testing.assert_array_equal(find_talk(suspects, listener), suspects)
    assert listener.asked == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([MUSIC, TALK, NOISE, SILENCE]), min_size=1, max_size=60), st.integers(1, 8))
def test_no_run_stays_shorter_than_asked(kinds, shortest):
    smoothed = without_short_runs(np.array(kinds), shortest)
    edges = np.flatnonzero(np.diff(smoothed)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [len(kinds)]]))
    assert len(smoothed) == len(kinds)
    assert len(lengths) == 1 or lengths.min() >= shortest


def test_a_recording_without_steps_is_silence():
    (span,) = spans_of(np.zeros(0, dtype=int), 0.01)
    assert (span.start_s, span.end_s, span.kind) == (0.0, 0.01, "silence")


def test_a_recording_of_one_step_has_one_span(tmp_path):
    path = sounds.write(tmp_path / "short.wav", sounds.band(0.1, RATE), RATE)
    with open_recording(path) as recording:
        (span,) = find_activity(recording, song_steps(0, 1), 0.1)
    assert span.kind in ACTIVITY_KINDS
    assert (span.start_s, span.end_s) == (0.0, 0.1)
