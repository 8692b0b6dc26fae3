"""The loudness stage reaches its target, and nothing gets above the ceiling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import resample_poly

from editorbot.editlist.edit_list import PolishStep
from editorbot.errors import FormatError
from editorbot.polish import POLISH_NAMES, measure, missed_loudness, polish_blocks

RATE = 44_100
LOUDNESS = (PolishStep("loudness"),)


def polished(sound: np.ndarray, steps=LOUDNESS, rate: int = RATE, length: int = 8_192) -> np.ndarray:
    def make_blocks():
        return iter([sound[at : at + length] for at in range(0, len(sound), length)])

    return np.concatenate(list(polish_blocks(make_blocks, rate, sound.shape[1], steps)))


def true_peak_db(sound: np.ndarray) -> float:
    """Return the true peak by another method than the package's: 8 x, with a filter of its own."""
    padded = np.pad(sound, ((64, 64), (0, 0)))
    return 20 * math.log10(np.abs(resample_poly(padded, 8, 1, axis=0)).max())


def quiet_music(seconds: float = 10.0, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    time_s = np.arange(round(RATE * seconds)) / RATE
    tone = np.sin(2 * np.pi * 220 * time_s) * (1 + 0.5 * np.sin(2 * np.pi * 2 * time_s))
    return 0.02 * (tone[:, None] + 0.3 * rng.standard_normal((len(time_s), channels)))


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


def hard_cases() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    clicks = quiet_music(4.0)
    clicks[::7_919] += 0.9
    quarter = 0.05 * rng.standard_normal((4 * RATE, 1))
    quarter[RATE : 2 * RATE, 0] += 0.9 * np.sin(2 * np.pi * (0.25 * np.arange(RATE) + 0.125))
    square = np.sign(np.sin(2 * np.pi * 97.3 * np.arange(4 * RATE) / RATE))[:, None] * 0.9
    square[: 3 * RATE] *= 0.05
    bursts = 0.01 * rng.standard_normal((4 * RATE, 2))
    bursts[::RATE] = 1.0
    bursts[1::RATE] = -1.0
    loud_end = np.concatenate([quiet_music(3.0), rng.uniform(-1, 1, (3_000, 2))])
    return [clicks, quarter, square, bursts, loud_end]


@pytest.mark.parametrize("case", range(5))
def test_no_true_peak_gets_above_the_ceiling(case):
    out = polished(hard_cases()[case])
    assert true_peak_db(out) <= -1.0 + 0.05
    assert np.isfinite(out).all()


def test_the_gain_moves_slowly():
    sound = hard_cases()[0]
    gain = polished(sound)[:, 0] / np.where(np.abs(sound[:, 0]) > 1e-6, sound[:, 0], np.nan)
    steps = np.abs(np.diff(gain[np.isfinite(gain)]))
    # 5 ms from open to closed is at most 1 part in 110 a sample at the window's steepest point.
    assert steps.max() < 0.02 * np.nanmax(gain)


def test_a_lone_peak_lowers_the_gain_only_near_itself():
    sound = quiet_music(6.0)
    sound[3 * RATE] = 0.99
    out = polished(sound)
    gain = np.median(out / sound, axis=1)
    open_gain = np.median(gain)
    assert np.median(gain[3 * RATE - 50 : 3 * RATE + 50]) < 0.8 * open_gain
    assert np.allclose(gain[: 3 * RATE - 1_000], open_gain, rtol=1e-9)
    assert np.allclose(gain[5 * RATE :], open_gain, rtol=1e-4)


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


def test_none_hands_on_the_samples_untouched():
    native = np.arange(-500, 500, dtype=np.int16).reshape(-1, 1)
    assert np.array_equal(polished(native, (PolishStep("none"),)), native)
    assert np.array_equal(polished(native, ()), native)


def test_an_unknown_stage_is_refused_by_name():
    with pytest.raises(FormatError, match="'shine' is unknown; known: none, loudness"):
        polished(quiet_music(), (PolishStep("shine"),))
    assert POLISH_NAMES[:2] == ("none", "loudness")


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
