from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize

from benchmarks.beat_scores import f_measure, fitted_offset_s
from editorbot.analysis.beat_decoder import REACH, DecoderCosts, decode_beats
from editorbot.analysis.beat_grid import SURE, BeatGrid, TrackedBeats, even_out_gaps, extend_to_ends, local_tempo_bpm
from editorbot.analysis.beats import track_beats
from editorbot.analysis.novelty import NOVELTY_COLUMNS, RANGE, novelty
from editorbot.analysis.tempo import (
    MAX_LAG_FRAMES,
    PERIODS_FRAMES,
    WINDOW_FRAMES,
    autocorrelation,
    tempo_features,
    tempo_prior_features,
)
from editorbot.analysis.trackers import choose_tracker
from editorbot.errors import UsageError
from editorbot.timebase import ANALYSIS_RATE, FRAME_S
from tests.analysis.rhythm_sounds import (
    drums,
    duration_of,
    jittered,
    rain,
    rubato,
    speech_like,
    steady,
    tracks_of,
)

RNG = np.random.default_rng


def hit_share(true_s: np.ndarray, found_s: np.ndarray, tolerance_s: float = 0.05) -> float:
    """Share of true beats with a found one nearby, less the share of found ones that are not true."""
    near_true = np.abs(true_s[:, None] - found_s[None, :]).min(axis=1) <= tolerance_s
    inside = found_s[(found_s > true_s[0] - 0.1) & (found_s < true_s[-1] + 0.1)]
    near_found = np.abs(inside[:, None] - true_s[None, :]).min(axis=1) <= tolerance_s
    return float(near_true.mean() - (~near_found).mean())


def track(mono: np.ndarray) -> BeatGrid:
    grid = track_beats(tracks_of(mono), duration_of(mono))
    check_invariants(grid, duration_of(mono))
    return grid


def check_invariants(grid: BeatGrid, duration_s: float) -> None:
    beats = len(grid.beats_s)
    assert beats >= 1
    assert (np.diff(grid.beats_s) > 0).all()
    assert grid.beats_s[0] >= 0
    assert grid.beats_s[-1] < duration_s
    assert grid.beats_s.dtype == np.float64
    for row in (grid.tempo_curve_bpm, grid.strength, grid.beat_confidence):
        assert len(row) == beats
        assert np.isfinite(row).all()
    assert ((grid.beat_confidence >= 0) & (grid.beat_confidence <= 1)).all()
    assert ((grid.strength >= 0) & (grid.strength <= 1)).all()
    assert 0 <= grid.confidence <= 1
    assert (np.diff(grid.downbeats) > 0).all()
    assert ((grid.downbeats >= 0) & (grid.downbeats < beats)).all()
    assert (grid.confidence == 0) == any("NO_BEAT" in line for line in grid.warnings)


# Slower with hats between the beats is counted by the hats: it may as well be twice as fast.
@pytest.mark.parametrize("tempo_bpm", [90.0, 96.0, 104.0, 120.0, 133.0, 150.0])
def test_a_steady_band_is_followed(tempo_bpm: float) -> None:
    true_s = steady(tempo_bpm, 0.31, 40.0)
    grid = track(drums(true_s, 4, 40.0))
    assert hit_share(true_s, grid.beats_s) > 0.95
    assert np.median(grid.tempo_curve_bpm) == pytest.approx(tempo_bpm, rel=0.01)
    assert grid.confidence > 0.5


def test_beats_lie_on_the_onsets_within_12_ms() -> None:
    true_s = steady(112.0, 0.4, 40.0)
    found_s = track(drums(true_s, 4, 40.0)).beats_s
    late_s = found_s[np.abs(true_s[:, None] - found_s).argmin(axis=1)] - true_s
    assert abs(np.median(late_s)) < 0.012
    assert np.percentile(np.abs(late_s), 90) < 0.03


def test_bars_of_four_are_found() -> None:
    true_s = steady(118.0, 0.5, 50.0)
    grid = track(drums(true_s, 4, 50.0))
    assert grid.beats_per_bar == 4
    assert hit_share(true_s[::4], grid.beats_s[grid.downbeats]) > 0.8


def test_bars_of_three_are_found() -> None:
    true_s = steady(126.0, 0.5, 50.0)
    grid = track(drums(true_s, 3, 50.0))
    assert grid.beats_per_bar in (3, 6)
    assert hit_share(true_s, grid.beats_s) > 0.95


def test_silence_in_front_shifts_the_beats() -> None:
    true_s = steady(110.0, 0.2, 30.0)
    music = drums(true_s, 4, 30.0)
    shift_s = 141 * FRAME_S
    silence = np.zeros(round(shift_s * ANALYSIS_RATE))
    plain, later = track(music), track(np.concatenate([silence, music]))
    assert hit_share(plain.beats_s[2:] + shift_s, later.beats_s) > 0.95
    assert later.beats_s[0] < 1.0
    assert hit_share(true_s + shift_s, later.beats_s) > 0.95


def test_gain_does_not_move_the_beats() -> None:
    music = drums(steady(100.0, 0.2, 25.0), 4, 25.0)
    assert hit_share(track(music).beats_s, track(0.25 * music).beats_s, 0.012) > 0.95


def test_a_tempo_change_is_followed() -> None:
    true_s = np.concatenate([steady(96.0, 0.3, 30.0), steady(132.0, 30.3, 60.0)])
    grid = track(drums(true_s, 4, 60.0))
    steady_part = np.abs(true_s - 30.0) > 4.0
    assert hit_share(true_s[steady_part & (true_s < 30)], grid.beats_s) > 0.9
    assert hit_share(true_s[steady_part & (true_s > 30)], grid.beats_s) > 0.9
    at = np.searchsorted(grid.beats_s, [15.0, 45.0])
    assert grid.tempo_curve_bpm[at] == pytest.approx([96.0, 132.0], rel=0.03)


def test_a_drifting_tempo_is_followed() -> None:
    tempo_bpm = np.linspace(100.0, 122.0, 110)
    true_s = 0.3 + np.concatenate([[0.0], np.cumsum(60.0 / tempo_bpm)])
    grid = track(drums(true_s, 4, true_s[-1] + 1.0))
    assert hit_share(true_s, grid.beats_s) > 0.9


def test_uneven_bars_of_three_and_five_keep_their_beats() -> None:
    bars = [3, 5] * 14
    true_s = steady(140.0, 0.3, 0.3 + 60.0 / 140.0 * (sum(bars) - 0.5))
    rng = RNG(3)
    sound = drums(true_s, 4, true_s[-1] + 1.0) * 0.2
    starts = np.cumsum([0, *bars[:-1]])
    for start in starts:
        at = round(true_s[start] * ANALYSIS_RATE)
        sound[at : at + 4000] += 0.5 * rng.standard_normal(4000) * np.exp(-np.arange(4000) / 900)
    grid = track(sound)
    assert hit_share(true_s, grid.beats_s) > 0.9


NO_BEAT_SOUNDS = {
    "white noise": lambda: 0.1 * RNG(0).standard_normal(40 * ANALYSIS_RATE),
    "loud white noise": lambda: 0.7 * RNG(1).standard_normal(90 * ANALYSIS_RATE),
    "silence": lambda: np.zeros(30 * ANALYSIS_RATE),
    "direct current": lambda: np.full(30 * ANALYSIS_RATE, 0.5),
    "drone": lambda: 0.2 * np.sin(2 * np.pi * 110 * np.arange(40 * ANALYSIS_RATE) / ANALYSIS_RATE),
    "speech": lambda: speech_like(RNG(2), 60.0),
    "more speech": lambda: speech_like(RNG(5), 120.0),
    "jittered impulses": lambda: jittered(RNG(3), 60.0),
    "more jittered impulses": lambda: jittered(RNG(8), 120.0),
    "rubato": lambda: rubato(RNG(4), 60.0),
    "rain": lambda: rain(RNG(5), 40.0),
    "one blow": lambda: np.eye(1, 20 * ANALYSIS_RATE, 5 * ANALYSIS_RATE)[0],
}


@pytest.mark.parametrize("name", NO_BEAT_SOUNDS)
def test_no_beat_is_invented(name: str) -> None:
    mono = NO_BEAT_SOUNDS[name]()
    grid = track(mono)
    assert grid.confidence == 0
    assert any(line.startswith("NO_BEAT: ") for line in grid.warnings)
    assert len(grid.downbeats) == 0
    np.testing.assert_allclose(grid.beats_s, np.arange(0, duration_of(mono), 0.5))
    assert (grid.tempo_curve_bpm == 120.0).all()


def test_talk_inside_a_song_is_unsure_and_the_rest_is_not() -> None:
    first, second = steady(108.0, 0.3, 45.0), steady(108.0, 75.4, 120.0)
    music = drums(np.concatenate([first, second]), 4, 120.0)
    music[45 * ANALYSIS_RATE : 75 * ANALYSIS_RATE] = 0.5 * speech_like(RNG(7), 30.0)[: 30 * ANALYSIS_RATE]
    grid = track(music)
    talk = (grid.beats_s > 51) & (grid.beats_s < 69)
    song = (grid.beats_s < 40) | (grid.beats_s > 80)
    assert grid.beat_confidence[talk].max() < SURE
    assert grid.beat_confidence[song].min() > SURE
    assert not np.isin(np.flatnonzero(talk), grid.downbeats).any()
    assert np.diff(grid.beats_s)[talk[:-1]] == pytest.approx(60 / 108, rel=0.15)
    assert hit_share(first[:-8], grid.beats_s) > 0.9
    assert hit_share(second[8:], grid.beats_s) > 0.9


@pytest.mark.parametrize("samples", [1, 100, 2_048, 11_025, 44_100, 88_200, 100_000])
def test_short_recordings_get_the_fallback_grid(samples: int) -> None:
    mono = 0.1 * RNG(0).standard_normal(samples)
    grid = track(mono)
    assert grid.confidence == 0
    assert grid.beats_s[0] == 0


def test_novelty_is_bounded_and_flat_in_a_drone() -> None:
    drone = novelty(tracks_of(NO_BEAT_SOUNDS["drone"]()))
    music = novelty(tracks_of(drums(steady(120.0, 0.2, 10.0), 4, 10.0)))
    assert music.shape[1] == NOVELTY_COLUMNS
    assert music.min() >= RANGE[0]
    assert music.max() <= RANGE[1]
    assert np.abs(drone[20:-20]).max() < 2.0


def test_novelty_does_not_depend_on_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = tracks_of(drums(steady(120.0, 0.2, 40.0), 4, 40.0) * np.linspace(0.01, 1, 40 * ANALYSIS_RATE))
    whole = novelty(frames)
    monkeypatch.setattr("editorbot.analysis.novelty.BLOCK_FRAMES", 500)
    np.testing.assert_allclose(novelty(frames), whole, atol=1e-3)


def naive_decode(
    profile: np.ndarray, tempo: np.ndarray, hop: int, periods: np.ndarray, price: float
) -> tuple[np.ndarray, float]:
    """The same model, written for reading: best score of a chain ending at each (frame, period)."""
    frames, count = profile.shape[1], len(periods)
    best: dict[tuple[int, int], float] = {}
    back: dict[tuple[int, int], tuple[int, int] | None] = {}
    for t in range(frames):
        for k, period in enumerate(periods):
            fit = profile[0, t] + tempo[min((t + hop // 2) // hop, len(tempo) - 1), k]
            for quarter in (1, 2, 3):
                at = round(t - period + quarter * period / 4)
                fit += profile[quarter, at] if at >= 0 else 0.0
            origins = []
            for origin in (t - int(period), t - int(period) - 1):
                for other in range(max(0, k - REACH), min(count, k + REACH + 1)):
                    if origin >= 0:
                        miss = abs(t - origin - period)
                        origins.append((best[origin, other] - price * abs(k - other) - 0.01 * miss, (origin, other)))
            if origins:
                value, back[t, k] = max(origins)
                best[t, k] = value + fit * period
            else:
                back[t, k] = None
                best[t, k] = fit * period * min(1.0, (t + 1) / period)
    ends = {
        key: value * (frames - 1) / key[0]
        for key, value in best.items()
        if key[0] >= max(1, frames - int(periods[-1]) - 1) and key[0] >= frames - periods[key[1]]
    }
    at_end: tuple[int, int] | None = max(ends, key=lambda key: ends[key])
    chain = []
    while at_end is not None:
        chain.append(at_end[0])
        at_end = back[at_end]
    return np.array(chain[::-1]), max(ends.values())


@pytest.mark.parametrize("seed", range(6))
def test_without_a_network_the_decoder_equals_its_naive_twin(seed: int) -> None:
    rng = RNG(seed)
    periods = np.exp(np.linspace(np.log(5), np.log(12), 9))
    profile = rng.standard_normal((4, 90)).astype(np.float32)
    tempo = rng.standard_normal((12, 9)).astype(np.float32)
    expected, _ = naive_decode(profile.astype(float), tempo.astype(float), 8, periods, 2.0)
    costs = DecoderCosts(tempo_change=2.0, off_tempo=0.01)
    np.testing.assert_array_equal(decode_beats(None, profile, tempo, 8, periods, costs), expected)


def test_nothing_is_decoded_of_less_than_a_period() -> None:
    nothing = np.zeros((4, 20), np.float32), np.zeros((1, 58), np.float32)
    assert len(decode_beats(None, *nothing, 32, PERIODS_FRAMES, DecoderCosts())) == 0


def test_autocorrelation_equals_its_definition() -> None:
    rng = RNG(1)
    groups = rng.standard_normal((900, 2)).astype(np.float32)
    center, lag = 450, 37
    taper = np.hanning(WINDOW_FRAMES + 2)[1:-1]
    part = groups[center - WINDOW_FRAMES // 2 :][:WINDOW_FRAMES, 1].astype(float)
    part = (part - part.mean()) * taper
    decay = (taper[lag:] * taper[:-lag]).sum() / (taper**2).sum()
    expected = (part[lag:] * part[:-lag]).sum() / ((part**2).sum() + 1e-3 * WINDOW_FRAMES) / decay
    found = autocorrelation(groups, np.array([center]))
    assert found.shape == (1, 2, MAX_LAG_FRAMES)
    assert found[0, 1, lag] == pytest.approx(expected, abs=1e-4)


def test_the_tempo_features_peak_at_the_period() -> None:
    pulse = np.zeros((900, 5), dtype=np.float32)
    pulse[::20] = 3.0
    features = tempo_features(autocorrelation(pulse, np.array([450])))
    at_beat = features[0, :, 5 * 5]
    assert PERIODS_FRAMES[at_beat.argmax()] == pytest.approx(20.0, rel=0.03)


def test_the_tempo_prior_covers_every_period() -> None:
    assert (tempo_prior_features().max(axis=1) > 0.3).all()


def test_local_tempo_ignores_a_skipped_beat() -> None:
    beats_s = np.delete(np.arange(40) * 0.5, 20)
    np.testing.assert_allclose(local_tempo_bpm(beats_s), 120.0)
    assert len(local_tempo_bpm(np.array([1.0]))) == 1
    assert local_tempo_bpm(np.array([1.0, 1.6]))[0] == pytest.approx(100.0)


def test_gaps_are_laid_out_evenly_and_ends_are_covered() -> None:
    beats_s = np.concatenate([np.arange(10) * 0.5 + 3, [8.9, 9.1, 11.7, 14.0], np.arange(10) * 0.5 + 16])
    trust = np.concatenate([np.full(10, 0.9), np.full(4, 0.1), np.full(10, 0.9)])
    evened = even_out_gaps(TrackedBeats(beats_s, trust))
    np.testing.assert_allclose(np.diff(evened.beats_s), 0.5, rtol=0.04)
    assert (evened.confidence[10:-10] < SURE).all()
    whole = extend_to_ends(evened, 30.0)
    assert whole.beats_s[0] <= 0.5
    assert whole.beats_s[-1] >= 29.5
    assert whole.confidence[0] == pytest.approx(0.45)


def test_an_unknown_tracker_is_refused() -> None:
    with pytest.raises(UsageError, match="embedded, beat-this"):
        choose_tracker("magic")


def test_the_embedded_tracker_never_reads_the_sound() -> None:
    mono = drums(steady(120.0, 0.2, 12.0), 4, 12.0)

    def refuse() -> np.ndarray:
        raise AssertionError("the embedded tracker needs no sound")

    grid = choose_tracker("embedded")(tracks_of(mono), duration_of(mono), refuse)
    np.testing.assert_array_equal(grid.beats_s, track(mono).beats_s)


def naive_f(true_s: np.ndarray, found_s: np.ndarray, tolerance_s: float) -> float:
    """F by the largest matching, found as an assignment."""
    near = np.abs(true_s[:, None] - found_s[None, :]) <= tolerance_s
    rows, columns = scipy.optimize.linear_sum_assignment(near, maximize=True)
    return 2.0 * near[rows, columns].sum() / (len(true_s) + len(found_s))


@pytest.mark.parametrize("seed", range(8))
def test_f_equals_the_largest_matching(seed: int) -> None:
    rng = RNG(seed)
    true_s, found_s = np.sort(rng.uniform(0, 10, 40)), np.sort(rng.uniform(0, 10, 33))
    assert f_measure(true_s, found_s, 0.07) == pytest.approx(naive_f(true_s, found_s, 0.07))


def test_f_does_not_forgive_double_tempo() -> None:
    beats_s = np.arange(20) * 0.5
    assert f_measure(beats_s, beats_s) == 1.0
    assert f_measure(beats_s, np.arange(40) * 0.25) == pytest.approx(2 / 3)
    assert f_measure(beats_s, beats_s + 0.2) == 0.0
    assert f_measure(beats_s, np.empty(0)) == 0.0
    assert f_measure(np.empty(0), np.empty(0)) == 1.0


def test_the_offset_is_fitted() -> None:
    beats_s = np.arange(20) * 0.7
    shift_s = fitted_offset_s(beats_s, beats_s + 0.11)
    assert abs(shift_s - 0.11) <= 0.07
