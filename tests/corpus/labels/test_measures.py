"""Every effect of the renderer is applied to a known sound and read back."""

import contextlib

import numpy as np
import pytest
import soundfile as sf
import soxr

from editorbot.analysis.downmix import MonoReader
from editorbot.corpus.alignment import align
from editorbot.corpus.labels.effects import find_beat_effects, fit_effect
from editorbot.corpus.labels.fidelity import measure_fidelity
from editorbot.corpus.labels.human_edit import infer_edit
from editorbot.corpus.labels.levels import Envelope, Fade, fade_shape, find_fades, steady_gains_db
from editorbot.corpus.labels.pair_sounds import PairSounds, cross_power, mono, short_spectra
from editorbot.corpus.labels.transformed import find_transformed
from editorbot.corpus.pairs import find_pairs
from editorbot.editlist.edit_list import Clip, Effect
from editorbot.recording import open_recording
from tests.corpus.labels.label_pairs import BEAT, RATE, make_pair
from tests.sounds import write


@pytest.fixture
def opened():
    with contextlib.ExitStack() as stack:

        def open_pair(folder):
            pair = find_pairs(folder).pairs[0]
            raw, edit = (stack.enter_context(open_recording(path)) for path in (pair.raw, pair.edit))
            return PairSounds(raw, edit)

        yield open_pair


def test_the_best_gain_and_what_it_leaves():
    rng = np.random.default_rng(0)
    source, other = rng.standard_normal(RATE), rng.standard_normal(RATE)
    heard = 0.5 * source + 0.05 * other
    found = cross_power(short_spectra(source, RATE), short_spectra(heard, RATE))
    assert found.gain == pytest.approx(0.5, abs=0.01)
    # The noise holds a hundredth of the power.
    assert found.residual_db() == pytest.approx(-20, abs=0.7)
    assert found.coherence > 0.95
    assert cross_power(short_spectra(other, RATE), short_spectra(source, RATE)).coherence < 0.1


@pytest.mark.parametrize(
    "effect",
    [
        Effect("EQ_LOW", 3.0), Effect("EQ_LOW", -1.5), Effect("EQ_HIGH", 1.5), Effect("EQ_HIGH", -3.0),
        Effect("DISTORTION", 0.6), Effect("REVERB", 0.3),
    ],
    ids=str,
)  # fmt: skip
def test_an_effect_is_read_back(effect, tmp_path, opened):
    sounds = opened(make_pair(tmp_path, [Clip(0, 6), Clip(6, 10, gain_db=-2.0, effects=(effect,)), Clip(10, 14)]))
    heard = find_beat_effects(sounds, [k * BEAT for k in range(15)], 0)
    kinds = [beat.effect.type if beat.effect else None for beat in heard]
    # A beat in which nothing lies where the effect acts tells nothing.
    assert kinds[:6] + kinds[10:] == [None] * 10
    assert kinds[6:10].count(effect.type) >= 3
    measured = fit_effect(sounds, 6 * BEAT, 10 * BEAT, 0, heard[8].effect)
    assert measured.effect.value == pytest.approx(effect.value, rel=0.15)
    assert 20 * np.log10(measured.gain) == pytest.approx(-2.0, abs=0.6)


@pytest.mark.parametrize(
    "changed",
    [
        Clip(8, 12, reverse=True), Clip(8, 12, pitch_semitones=1.0), Clip(8, 12, pitch_semitones=-2.0),
        Clip(8, 12, speed=1.08), Clip(8, 12, speed=0.92), Clip(8, 12, speed=2.0), Clip(8, 16, speed=1.02),
    ],
    ids=lambda clip: f"speed {clip.speed} pitch {clip.pitch_semitones} reverse {clip.reverse}",
)  # fmt: skip
def test_what_was_done_to_a_stretch_without_a_common_waveform(changed, tmp_path, opened):
    sounds = opened(make_pair(tmp_path, [Clip(0, 8), changed, Clip(changed.end, 24)]))
    hole = (8 * BEAT, changed.end * BEAT)
    end = 8 * BEAT + round((changed.end - 8) * BEAT / changed.speed)
    for known in (hole, None):
        found = find_transformed(MonoReader(sounds.raw), MonoReader(sounds.edit), 8 * BEAT, end, known)
        assert (found.transform.semitones, found.transform.reverse) == (changed.pitch_semitones, changed.reverse)
        assert found.transform.speed == pytest.approx(changed.speed, rel=1e-3 if known else 0.04)
        assert found.raw_start == pytest.approx(8 * BEAT, abs=0 if known else 0.05 * RATE)


def test_foreign_sound_is_not_explained(tmp_path, opened):
    sounds = opened(make_pair(tmp_path, [Clip(0, 8)]))
    rng = np.random.default_rng(4)

    write(tmp_path / "noise.wav", 0.3 * rng.standard_normal(4 * RATE), RATE)
    with open_recording(tmp_path / "noise.wav") as noise:
        assert find_transformed(MonoReader(sounds.raw), MonoReader(noise), 0, 4 * RATE, None) is None


def test_fades_are_found_at_their_beats():
    frames = np.arange(0, 81, 8)
    power = np.random.default_rng(1).uniform(0.5, 2.0, 80)
    gain = np.ones(80)
    gain[16:32], gain[48:80] = fade_shape(16), fade_shape(32)[::-1]
    envelope = Envelope(gain * power, power, gain**2 * power)
    assert find_fades(envelope, frames.tolist(), 1.0) == [Fade(2, 4, True), Fade(6, 10, False)]


def test_nearly_equal_gains_are_one():
    given = np.array([0.0, 0.1, -0.1, 3.0, 3.1, 2.9, 0.0])
    assert steady_gains_db(given).tolist() == pytest.approx([0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 0.0])


def test_a_downmix_that_cancels_takes_one_channel():
    one = np.sin(np.arange(1_000) / 7)
    assert np.allclose(mono(np.stack([one, -one], axis=1)), one)


def test_the_whole_edit_is_read_back(tmp_path, opened):
    clips = [
        Clip(0, 8), Clip(8, 12, reverse=True), Clip(12, 20), Clip(20, 24, gain_db=3.0), Clip(24, 28),
        Clip(28, 32, pitch_semitones=2.0), Clip(32, 40), Clip(44, 48, fade_out=4), Clip(48, 56),
        Clip(56, 60, effects=(Effect("EQ_HIGH", 3.0),)), Clip(60, 64), Clip(60, 64),
    ]  # fmt: skip
    sounds = opened(make_pair(tmp_path, clips))
    human = infer_edit(sounds, align(sounds.raw, sounds.edit), np.arange(64) * 0.5)
    found = [(clip.start / BEAT, clip.end / BEAT, clip.action) for clip in human.edit_list.clips]
    expected = [
        (0, 8, "KEEP"), (8, 12, "REVERSE"), (12, 20, "KEEP"), (20, 24, "GAIN"), (24, 28, "KEEP"), (28, 32, "PITCH_UP"),
        (32, 40, "KEEP"), (44, 48, "FADE_OUT"), (48, 56, "KEEP"), (56, 60, "EQ_HIGH"),
        (60, 64, "KEEP"), (60, 64, "KEEP"),
    ]  # fmt: skip
    assert [action for *_, action in found] == [action for *_, action in expected]
    assert np.abs(np.array([f[:2] for f in found]) - [e[:2] for e in expected]).max() < 0.05
    assert human.matched_share > 0.99
    result = measure_fidelity(sounds, human)
    assert result.frames_share > 0.95
    assert result.log_spectrum_db < 1.0


def test_other_rates_and_channels(tmp_path, opened):
    folder = make_pair(tmp_path, [Clip(0, 8), Clip(12, 20), Clip(20, 24, gain_db=-3.0), Clip(24, 32)])
    path = folder / "desired_output" / "blues_edit.wav"
    sound, _ = sf.read(path)
    other = soxr.resample(sound, RATE, 32_000)
    sf.write(path, np.stack([other, 0.8 * other], axis=1), 32_000, subtype="PCM_16")
    sounds = opened(folder)
    human = infer_edit(sounds, align(sounds.raw, sounds.edit), np.arange(32) * 0.5)
    assert [clip.action for clip in human.edit_list.clips] == ["KEEP", "KEEP", "GAIN", "KEEP"]
    gains_db = [clip.gain_db for clip in human.edit_list.clips]
    # Mixed to one channel the edit has 0.9 of the level.
    assert gains_db == pytest.approx([-0.92, -0.92, -3.92, -0.92], abs=0.2)
    assert human.level_db == pytest.approx(-0.92, abs=0.1)
    assert measure_fidelity(sounds, human).frames_share > 0.9


def test_an_edit_that_runs_faster_as_a_whole(tmp_path, opened):
    folder = make_pair(tmp_path, [Clip(0, 32, speed=1.03)])
    sounds = opened(folder)
    human = infer_edit(sounds, align(sounds.raw, sounds.edit), np.arange(32) * 0.5)
    assert {clip.action for clip in human.edit_list.clips} == {"SPEED_UP"}
    assert np.mean([clip.speed for clip in human.edit_list.clips]) == pytest.approx(1.03, abs=0.004)
