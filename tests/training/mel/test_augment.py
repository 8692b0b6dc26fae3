"""Augmented examples stay examples, and say what was done to them."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.models.mel_config import BANDS, SUMMARY_PLANES
from editorbot.polish.mel_summary import SummaryMeter, power_db
from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel.augment import augmented, degraded_mel, finished_example, summary_of, with_shared_curve
from editorbot.training.mel.examples import mel_power_of, read_example
from tests.sounds import band


def test_summaries_of_the_track_and_of_a_mel_agree(files):
    example = read_example(files[0])
    assert np.abs(summary_of(example.raw.astype(np.float32)) - example.summary).max() < 0.05
    whole, parts = SummaryMeter(), SummaryMeter()
    mel_db = power_db(mel_power_of(band(3.0, ANALYSIS_RATE)[None].astype(np.float32)))
    whole.add(mel_db)
    for at in range(0, len(mel_db), 7):
        parts.add(mel_db[at : at + 7])
    assert np.abs(whole.summary() - parts.summary()).max() < 0.1


def planes(mel):
    return dict(zip(SUMMARY_PLANES, summary_of(mel).reshape(len(SUMMARY_PLANES), -1)))


def test_levels_and_steps_of_a_summary_are_quantiles():
    mel = np.random.default_rng(5).uniform(0, 1, (200, 128)).astype(np.float32)
    told, ordered = planes(mel), np.sort(mel, axis=0)
    assert np.allclose(told["floor"], ordered[3] - 0.5)
    assert np.allclose(told["middle"], ordered[99] - 0.5)
    assert np.allclose(told["peak"], ordered[195] - 0.5)
    steps = np.sort(mel[3:] - mel[:-3], axis=0)
    assert np.allclose(told["fall"], 2 * steps[9])
    assert np.allclose(told["rise"], 2 * steps[187])


def test_noise_lifts_the_floor_and_a_room_slows_the_fall():
    beats = np.where(np.arange(240)[:, None] % 24 < 4, 1.0, 0.2).astype(np.float32) * np.ones(128, np.float32)
    noisy = np.maximum(beats, 0.45)
    tail = np.maximum(beats, (1.0 - 0.01 * (np.arange(240) % 24)).astype(np.float32)[:, None])
    plain = planes(beats)
    assert (planes(noisy)["floor"] > plain["floor"] + 0.2).all()
    assert (planes(tail)["fall"] > plain["fall"] + 0.5).all()
    assert np.allclose(planes(tail)["rise"], 2 * (1.0 - 0.79), atol=0.1)


def test_augmenteds_stay_examples(files):
    example = read_example(files[0])
    changed = [augmented(example, np.random.default_rng(seed)) for seed in range(12)]
    assert all(one.raw.shape == example.raw.shape and np.isfinite(one.summary).all() for one in changed)
    assert sum(one is example for one in changed) < 12
    again = augmented(example, np.random.default_rng(3))
    assert np.array_equal(again.raw, changed[3].raw)
    for one in changed:
        assert one.raw.min() >= 0
        assert one.raw.max() == pytest.approx(1.0, abs=2e-3)


def test_music_degraded_mel_gets_a_floor_and_a_tail(files):
    finished = finished_example(read_example(files[0])).raw.astype(np.float32)
    quiet = finished.copy()
    quiet[len(quiet) // 2 :] = 0
    for seed in range(6):
        ruined = degraded_mel(quiet, np.random.default_rng(seed))
        assert ruined.shape == quiet.shape
        assert np.isfinite(ruined).all()
        assert np.array_equal(ruined, degraded_mel(quiet, np.random.default_rng(seed)))
        # Where nothing is played there is a noise, further below the music the later.
        assert ruined[-5:].mean() > quiet[-5:].mean() - 0.5
        assert ruined[-5:].mean() < ruined[: len(quiet) // 2].mean()


def test_a_curve_over_both_sides_leaves_their_difference(files):
    example = read_example(files[0])
    moved = with_shared_curve(example, np.linspace(-6, 6, BANDS).astype(np.float32))
    inner = np.s_[20:60, 20:60]
    before, after = (one.edit.astype(float)[inner] - one.raw.astype(float)[inner] for one in (example, moved))
    heard = (example.raw[inner] > 0.2) & (example.edit[inner] > 0.2)
    assert np.ptp((after - before)[heard]) < 0.01
    same = finished_example(example)
    assert np.array_equal(with_shared_curve(same, np.ones(BANDS, np.float32)).raw, same.raw)
