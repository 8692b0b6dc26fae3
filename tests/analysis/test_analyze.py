"""The whole analysis: complete, finite and honest, whatever the recording."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.errors import SilentError, TooShortError
from editorbot.recording import open_recording
from editorbot.timebase import STEP_S
from tests.sounds import band, write


def _analyze(path: Path, **options: bool) -> Analysis:
    with open_recording(path) as recording:
        return analyze(recording, **options)


def assert_whole(analysis: Analysis) -> None:
    """Check what every editor relies on."""
    beats = len(analysis.beats_s)
    assert beats >= 1
    assert (np.diff(analysis.beats_s) > 0).all()
    assert analysis.beats_s[0] >= 0
    assert analysis.features.shape == (beats, 121)
    assert len(analysis.tempo_curve_bpm) == len(analysis.energy_db) == beats
    for values in (analysis.features, analysis.steps, analysis.energy_db, analysis.tempo_curve_bpm):
        assert np.isfinite(values).all()
    assert np.isfinite([analysis.overall_energy_db, analysis.tempo_bpm, analysis.mel_reference_db]).all()
    for spans in (analysis.sections, analysis.activity):
        assert spans[0].start_s == 0.0
        assert spans[-1].end_s == pytest.approx(analysis.duration_s)
        assert all(one.end_s == other.start_s for one, other in zip(spans, spans[1:]))
    assert len(analysis.steps) * STEP_S >= analysis.duration_s - STEP_S
    for indices in (analysis.downbeats, analysis.phrases):
        assert ((indices >= 0) & (indices < beats)).all()
    assert (analysis.beat_confidence == 0) == any(line.startswith("NO_BEAT") for line in analysis.warnings)


def test_a_jam_is_understood(analysis_of_jam: Analysis) -> None:
    assert_whole(analysis_of_jam)
    assert analysis_of_jam.has_beat
    assert min(abs(analysis_of_jam.tempo_bpm - bpm) for bpm in (60.0, 120.0)) < 2.0
    assert -40 < analysis_of_jam.overall_energy_db < -5


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
@pytest.mark.parametrize("channels", [1, 6])
def test_any_rate_and_channel_count(tmp_path: Path, rate: int, channels: int) -> None:
    sound = np.repeat(0.5 * band(3.0, rate)[:, None], channels, axis=1)
    assert_whole(_analyze(write(tmp_path / "jam.wav", sound, rate)))


def test_an_inverted_channel_changes_nothing(tmp_path: Path) -> None:
    left = 0.5 * band(12.0, 22_050)
    plain = _analyze(write(tmp_path / "plain.wav", np.stack([left, left], axis=1)))
    inverted = _analyze(write(tmp_path / "inverted.wav", np.stack([left, -left], axis=1)))
    np.testing.assert_allclose(plain.beats_s, inverted.beats_s, atol=0.03)


def test_twice_is_the_same(jam_path: str, analysis_of_jam: Analysis) -> None:
    again = _analyze(Path(jam_path))
    np.testing.assert_array_equal(again.features, analysis_of_jam.features)
    np.testing.assert_array_equal(again.steps, analysis_of_jam.steps)


def test_half_the_gain_moves_no_beat(tmp_path: Path) -> None:
    sound = 0.8 * band(12.0, 22_050)
    loud = _analyze(write(tmp_path / "loud.wav", sound, subtype="FLOAT"))
    soft = _analyze(write(tmp_path / "soft.wav", sound / 2, subtype="FLOAT"))
    np.testing.assert_allclose(loud.beats_s, soft.beats_s, atol=0.03)
    assert loud.overall_energy_db - soft.overall_energy_db == pytest.approx(6.02, abs=0.01)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_nothing_to_hear_is_refused_or_laid_on_the_grid(tmp_path: Path, level: float) -> None:
    path = write(tmp_path / "silence.wav", np.full(22_050 * 4, level))
    with pytest.raises(SilentError):
        _analyze(path)
    analysis = _analyze(path, allow_silent=True)
    assert_whole(analysis)
    assert not analysis.has_beat
    np.testing.assert_allclose(analysis.beats_s, np.arange(8) * 0.5)
    assert analysis.key == "unknown"


def test_short_is_refused_or_analyzed(tmp_path: Path) -> None:
    path = write(tmp_path / "short.wav", 0.5 * band(1.9, 22_050))
    with pytest.raises(TooShortError, match=r"1\.900 s"):
        _analyze(path)
    assert_whole(_analyze(path, allow_short=True))


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(samples=st.integers(1, 60_000), rate=st.sampled_from([4_000, 22_050, 44_100]))
def test_any_length_is_whole(tmp_path: Path, samples: int, rate: int) -> None:
    sound = 0.1 * np.random.default_rng(samples).standard_normal(samples)
    assert_whole(_analyze(write(tmp_path / "tiny.wav", sound, rate), allow_silent=True, allow_short=True))


def test_one_sample(tmp_path: Path) -> None:
    assert_whole(_analyze(write(tmp_path / "one.wav", np.array([0.5]), 44_100), allow_silent=True, allow_short=True))


@pytest.mark.parametrize("peak", [7.5, 1e30])
def test_absurd_levels_stay_finite(tmp_path: Path, peak: float) -> None:
    sound = band(4.0, 22_050)
    path = write(tmp_path / "loud.wav", sound / np.abs(sound).max() * peak, 22_050, "DOUBLE")
    assert_whole(_analyze(path))


def test_white_noise_has_no_beat(tmp_path: Path) -> None:
    sound = 0.1 * np.random.default_rng(0).standard_normal(22_050 * 20)
    analysis = _analyze(write(tmp_path / "noise.wav", sound))
    assert_whole(analysis)
    assert not analysis.has_beat
    assert len(analysis.downbeats) == 0


def test_progress_never_goes_back(jam_path: str) -> None:
    shares: list[float] = []
    with open_recording(jam_path) as recording:
        analyze(recording, progress=lambda stage, share: shares.append(share))
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
