"""The loudness stage reaches its target."""

from __future__ import annotations

import math

import numpy as np
import pytest

from editorbot.editlist.edit_list import PolishStep
from editorbot.polish import measure, missed_loudness
from tests.polish.polished_sounds import LOUDNESS, RATE, hard_cases, polished, quiet_music, true_peak_db


def test_quiet_and_loud_music_come_out_at_the_target():
    for gain in (1.0, 20.0):
        out = polished(gain * quiet_music())
        assert out.shape == quiet_music().shape
        assert measure([out], RATE, 2).integrated_lufs == pytest.approx(-14.0, abs=0.1)


@pytest.mark.parametrize(
    ("steps", "lufs", "said"),
    [
        (LOUDNESS, -14.9, ""),
        (LOUDNESS, -24.0, "-24.0 LUFS instead of -14: its peaks"),
        (LOUDNESS, -math.inf, "loud enough to be measured"),
        ((PolishStep("loudness"), PolishStep("reconstruct")), -24.0, "name loudness last"),
        ((PolishStep("reconstruct"), PolishStep("loudness")), -24.0, "its peaks"),
        ((PolishStep("loudness", amount=0.5),), -24.0, ""),
        ((), -24.0, ""),
    ],
)
def test_a_level_that_was_missed_is_said(steps, lufs, said):
    lines = missed_loudness(steps, lufs)
    assert len(lines) == bool(said)
    assert all(line.startswith("LOUDNESS_MISSED: ") and said in line for line in lines)


def test_without_peaks_it_is_plain_gain():
    sound = quiet_music()
    out = polished(sound)
    ratio = out / sound
    assert np.allclose(ratio, ratio[0, 0], rtol=1e-9)


def test_blocks_do_not_matter():
    sound = hard_cases()[0]
    assert np.allclose(polished(sound, length=999), polished(sound, length=100_000), atol=1e-9)


@pytest.mark.parametrize("amount", [0.0, 0.5, 1.0])
def test_amount_scales_the_gain(amount):
    sound = quiet_music()
    before = measure([sound], RATE, 2).integrated_lufs
    after = measure([polished(sound, (PolishStep("loudness", amount),))], RATE, 2).integrated_lufs
    assert after - before == pytest.approx(amount * (-14.0 - before), abs=0.1)


def test_silence_stays_silence_in_its_own_type():
    silence = np.zeros((RATE, 2), dtype=np.int16)
    assert np.array_equal(polished(silence), silence)
    assert polished(silence).dtype == np.int16


@pytest.mark.parametrize("samples", [1, 10, 400, 10_000])
def test_the_shortest_tracks_are_handled(samples):
    out = polished(quiet_music()[:samples])
    assert out.shape == (samples, 2)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 10 ** (-1 / 20) + 1e-6


@pytest.mark.parametrize("rate", [4_000, 192_000])
def test_any_rate(rate):
    sound = 0.05 * np.random.default_rng(0).standard_normal((2 * rate, 3))
    out = polished(sound, rate=rate)
    assert measure([out], rate, 3).integrated_lufs == pytest.approx(-14.0, abs=0.3)


def test_what_the_limiter_takes_away_is_foreseen():
    rng = np.random.default_rng(3)
    sound = quiet_music(20.0)
    # A drum every half second, 10 dB above the rest: its peaks are what the limiter works on.
    for hit in range(0, len(sound) - 3_000, RATE // 2):
        sound[hit : hit + 3_000] += 0.06 * rng.standard_normal((3_000, 2)) * np.exp(-np.arange(3_000) / 500)[:, None]
    before, after = measure([sound], RATE, 2), measure([polished(sound)], RATE, 2)
    assert before.true_peak_db - before.integrated_lufs - 14.0 > 3.0
    assert after.integrated_lufs == pytest.approx(-14.0, abs=0.25)
    assert after.true_peak_db <= -1.0


def test_a_click_behind_the_last_window_is_kept_below_the_ceiling_too():
    sound = np.zeros((RATE + 4_000, 1))
    sound[-100] = 1.0
    assert math.isinf(measure([sound], RATE, 1).integrated_lufs)
    assert true_peak_db(polished(sound)) <= -0.95
