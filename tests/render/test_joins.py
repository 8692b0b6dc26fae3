"""Refined joins: aligned, in front of attacks, long where tonal, risky where the sound jumps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editorbot.editlist.edit_list import Clip, EditList, Join
from editorbot.render.join_features import attack_offset, best_lag, lag_correlations, tonality
from editorbot.render.joins import MAX_LAG_S, MAX_SLIDE_S, refine_joins

RATE = 22_050


def refined(recording, *clips: Clip, risk: float = 0.0) -> EditList:
    joins = tuple(Join(risk=risk) for _ in clips[1:])
    return refine_joins(EditList(recording.source, clips, joins), recording)


def naive_correlation(outgoing: np.ndarray, incoming: np.ndarray, window: int, lag: int) -> float:
    middle = len(outgoing) // 2
    a = outgoing[middle + lag - window : middle + lag + window]
    b = incoming[middle - window : middle + window]
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def test_lag_correlations_match_the_naive_ones():
    rng = np.random.default_rng(0)
    outgoing, incoming = rng.standard_normal((2, 400, 3))
    fast = lag_correlations(outgoing, incoming, 100, 20)
    assert np.allclose(fast, [naive_correlation(outgoing, incoming, 100, lag) for lag in range(-20, 21)])


def test_anti_phase_stereo_is_aligned_too():
    wave = np.random.default_rng(0).standard_normal(430)
    sound = np.stack([wave, -wave], 1)
    assert best_lag(lag_correlations(sound[15:415], sound[:400], 100, 20)) == -15


def test_a_loop_cut_a_little_off_its_period_is_put_right(make_recording):
    period = 11_025
    one = np.random.default_rng(1).standard_normal((period, 2)) * 0.1
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(64) / 8, "same"), 0, np.tile(one, (6, 1)))
    recording = make_recording(smooth, RATE)
    # The second clip starts 60 samples later in the period than the first one ends.
    edit_list = refined(recording, Clip(0, 2 * period - 60), Clip(period, 4 * period))
    assert edit_list.clips == (Clip(0, 2 * period), Clip(period, 4 * period))


def test_silence_and_chance_move_nothing(make_recording):
    sound = np.zeros((100_000, 1))
    sound[50_000:] = np.random.default_rng(0).uniform(-0.5, 0.5, (50_000, 1))
    recording = make_recording(sound, RATE)
    clips = (Clip(0, 20_000), Clip(30_000, 40_000), Clip(60_000, 70_000), Clip(80_000, 90_000))
    assert refined(recording, *clips).clips == clips


def test_the_attack_of_the_incoming_clip_is_kept_whole(make_recording):
    rng = np.random.default_rng(2)
    sound = rng.standard_normal((100_000, 1)) * 0.003
    hit = 60_000
    sound[hit : hit + 4_000] += 0.5 * rng.uniform(-1, 1, (4_000, 1)) * np.exp(-np.arange(4_000) / 800)[:, None]
    recording = make_recording(sound, RATE)
    edit_list = refined(recording, Clip(10_000, 30_000), Clip(hit, 90_000))
    incoming, join = edit_list.clips[1], edit_list.joins[0]
    assert join.crossfade == round(0.005 * RATE)
    assert incoming.start + join.crossfade // 2 <= hit
    assert hit - incoming.start <= MAX_SLIDE_S * RATE
    assert edit_list.output_samples == 20_000 + 30_000


def test_attack_is_found_to_the_millisecond():
    side = np.random.default_rng(3).standard_normal((4_410, 2)) * 0.001
    side[2_205 + 100 :] *= 300
    found = attack_offset(side, RATE, 176)
    assert found is not None
    assert abs(found - 100) <= RATE * 0.001
    assert attack_offset(side[:2_205].repeat(2, axis=0), RATE, 176) is None


def test_crossfades_are_long_in_held_notes_and_short_in_noise(make_recording):
    time_s = np.arange(200_000) / RATE
    chord = 0.1 * sum(np.sin(2 * np.pi * f * time_s) for f in (220.0, 277.2, 329.6))[:, None]
    noise = np.random.default_rng(4).uniform(-0.3, 0.3, (200_000, 1))
    lengths_s = [
        refined(make_recording(sound, RATE), Clip(0, 50_000), Clip(100_000, 150_000)).joins[0].crossfade / RATE
        for sound in (chord, noise)
    ]
    assert lengths_s[0] == pytest.approx(0.050, abs=0.001)
    assert lengths_s[1] == pytest.approx(0.010, abs=0.002)


def test_tonality_orders_sine_chord_noise():
    rng = np.random.default_rng(5)
    time_s = np.arange(4_410) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 330 * time_s)[:, None]
    noise = 0.5 * rng.uniform(-1, 1, (4_410, 1))
    assert tonality(tone) == 1.0
    assert tonality(noise) < 0.1
    assert tonality(noise) <= tonality(tone + 0.3 * noise) <= 1.0


def test_risk_grows_with_the_jump_and_never_falls_below_the_editors(make_recording):
    rng = np.random.default_rng(6)
    sound = rng.uniform(-0.1, 0.1, (200_000, 1))
    sound[100_000:] *= 0.03
    recording = make_recording(sound, RATE)
    calm = refined(recording, Clip(0, 30_000), Clip(60_000, 90_000)).joins[0].risk
    jump = refined(recording, Clip(0, 30_000), Clip(150_000, 190_000)).joins[0].risk
    assert calm < 0.2 < 0.6 < jump <= 1.0
    assert refined(recording, Clip(0, 30_000), Clip(60_000, 90_000), risk=0.7).joins[0].risk == 0.7


def test_contiguous_joins_are_left_alone(make_recording):
    recording = make_recording(np.random.default_rng(7).uniform(-0.1, 0.1, (50_000, 1)), RATE)
    edit_list = refined(recording, Clip(0, 20_000), Clip(20_000, 50_000), risk=0.5)
    assert edit_list.joins == (Join(0, 0.0),)
    assert edit_list.clips == (Clip(0, 20_000), Clip(20_000, 50_000))


@st.composite
def clip_lists(draw, total: int) -> tuple[Clip, ...]:
    def one() -> Clip:
        start = draw(st.integers(0, total - 2))
        changed = draw(st.sampled_from([{}, {}, {"reverse": True}, {"speed": 1.05}, {"gain_db": 3.0}]))
        return Clip(start, draw(st.integers(start + 1, total)), **changed)

    return tuple(one() for _ in range(draw(st.integers(1, 5))))


@given(clips=clip_lists(20_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edit_stays_valid_and_close_to_what_it_was(make_recording, clips):
    recording = make_recording(np.random.default_rng(8).uniform(-0.5, 0.5, (20_000, 2)).cumsum(0) % 0.5, RATE)
    edit_list = refined(recording, *clips)
    farthest = (MAX_LAG_S + MAX_SLIDE_S) * RATE + 2
    for before, after in zip(clips, edit_list.clips):
        assert abs(before.start - after.start) <= farthest
        assert abs(before.end - after.end) <= farthest
        assert after == before or before.is_copy
    for join, before, after in zip(edit_list.joins, edit_list.clips, edit_list.clips[1:]):
        assert join.crossfade <= min(before.output_samples, after.output_samples) // 2
    assert refine_joins(EditList(recording.source, clips, tuple(Join() for _ in clips[1:])), recording) == edit_list


def test_fades_over_whole_clips_fit_after_their_edges_have_moved(make_recording):
    period = 11_025
    one = np.random.default_rng(1).standard_normal((period, 2)) * 0.1
    smooth = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(64) / 8, "same"), 0, np.tile(one, (6, 1)))
    recording = make_recording(smooth, RATE)
    # Both line up when the first clip ends 60 samples earlier than its fade was made for.
    first = Clip(0, 2 * period + 60, action="FADE_OUT", fade_out=2 * period + 60)
    edit_list = refined(recording, first, Clip(period, 4 * period))
    assert edit_list.clips[0] == Clip(0, 2 * period, action="FADE_OUT", fade_out=2 * period)
