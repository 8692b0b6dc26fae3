"""Each effect does what its name says, measured on signals whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from editorbot.editlist.edit_list import EFFECT_RANGES, Clip, EditList, Effect
from editorbot.recording import as_float
from editorbot.render.effects import effect_stream
from editorbot.render.render import render_blocks

RATE = 44_100


def sine(frequency_hz: float, seconds: float = 3.0, channels: int = 1) -> np.ndarray:
    time_s = np.arange(round(RATE * seconds)) / RATE
    return np.repeat(0.5 * np.sin(2 * np.pi * frequency_hz * time_s)[:, None], channels, axis=1)


def played(recording, clip: Clip, **options) -> np.ndarray:
    blocks = render_blocks(EditList(recording.source, (clip,), ()), recording, **options)
    return np.concatenate([as_float(block) for block in blocks])


def frequency_hz(sound: np.ndarray) -> float:
    middle = sound[len(sound) // 4 : -len(sound) // 4, 0]
    padded = 8 * len(middle)
    return float(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle)), padded))) * RATE / padded)


def level_db(sound: np.ndarray) -> float:
    return 10 * math.log10(np.mean(np.square(sound[len(sound) // 4 : -len(sound) // 4])))


def test_gain_of_minus_six_db_halves(make_recording):
    recording = make_recording(sine(440), RATE)
    half = played(recording, Clip(0, recording.samples, gain_db=20 * math.log10(0.5)))
    assert np.allclose(half, 0.5 * recording.read(0, recording.samples), atol=1e-12)


def test_reverse_turns_the_samples_round(make_recording):
    recording = make_recording(np.random.default_rng(0).uniform(-0.5, 0.5, (5_000, 2)), RATE)
    backwards = played(recording, Clip(1_000, 4_000, reverse=True))
    assert np.array_equal(backwards[::-1], recording.read(1_000, 4_000))


def test_reverse_of_reverse_is_the_source(make_recording):
    recording = make_recording(np.random.default_rng(0).uniform(-0.5, 0.5, (5_000, 2)), RATE)
    backwards = make_recording(played(recording, Clip(0, 5_000, reverse=True)), RATE)
    assert np.array_equal(played(backwards, Clip(0, 5_000, reverse=True)), recording.read(0, 5_000))


@pytest.mark.parametrize("speed", [0.5, 0.88, 0.98, 1.02, 1.12, 2.0])
def test_speed_keeps_the_pitch_and_sets_the_length(make_recording, speed):
    recording = make_recording(sine(440, 4.0), RATE)
    sound = played(recording, Clip(0, recording.samples, speed=speed))
    assert len(sound) == round(recording.samples / speed)
    assert frequency_hz(sound) == pytest.approx(440, abs=1.0)
    assert level_db(sound) == pytest.approx(level_db(sine(440)), abs=1.0)


@pytest.mark.parametrize("speed", [0.92, 1.05, 1.12])
def test_speed_keeps_time_within_a_millisecond(make_recording, speed):
    clicks = np.zeros((5 * RATE, 1))
    clicks[RATE // 2 :: RATE // 2] = 0.9
    recording = make_recording(clicks, RATE)
    sound = np.abs(played(recording, Clip(1_000, 5 * RATE, speed=speed))[:, 0])
    for place in range(RATE // 2, 5 * RATE - 5_000, RATE // 2):
        expected = (place - 1_000) / speed
        near = round(expected) + np.arange(-2_000, 2_000)
        found = near[np.argmax(sound[near])]
        assert abs(found - expected) < 0.001 * RATE


@pytest.mark.parametrize("semitones", [-2.0, -1.0, 1.0, 2.0])
def test_pitch_moves_the_spectrum_and_keeps_the_length(make_recording, semitones):
    recording = make_recording(sine(440), RATE)
    sound = played(recording, Clip(0, recording.samples, pitch_semitones=semitones))
    assert len(sound) == recording.samples
    cents = 1200 * math.log2(frequency_hz(sound) / (440 * 2 ** (semitones / 12)))
    assert abs(cents) < 10


def test_long_stretched_clips_are_seamless_between_chunks(make_recording, monkeypatch):
    recording = make_recording(sine(440, 8.0), RATE)
    monkeypatch.setattr("editorbot.render.stretch.CHUNK_S", 1.0)
    sound = played(recording, Clip(0, recording.samples, speed=1.1))
    assert len(sound) == round(recording.samples / 1.1)
    calm = np.abs(np.diff(sine(440)[:, 0], 2)).max()
    inside = sound[RATE // 2 : -RATE // 2, 0]
    assert np.abs(np.diff(inside, 2)).max() < 3 * calm
    steps = np.abs(inside[: len(inside) // 441 * 441].reshape(-1, 441)).max(axis=1)
    assert steps.min() > 0.35
    assert steps.max() < 0.65


@pytest.mark.parametrize(("name", "low_hz", "high_hz"), [("EQ_LOW", 60, 3_000), ("EQ_HIGH", 12_000, 200)])
@pytest.mark.parametrize("gain_db", [-3.0, -1.5, 1.5, 3.0])
def test_shelves_change_their_band_and_no_other(make_recording, name, low_hz, high_hz, gain_db):
    for frequency, expected in ((low_hz, gain_db), (high_hz, 0.0)):
        recording = make_recording(sine(frequency, 1.0), RATE)
        sound = played(recording, Clip(0, recording.samples, effects=(Effect(name, gain_db),)))
        assert level_db(sound) - level_db(sine(frequency, 1.0)) == pytest.approx(expected, abs=0.35)


def test_distortion_adds_harmonics_and_keeps_the_level(make_recording):
    recording = make_recording(sine(441, 1.0), RATE)
    spectra = []
    for strength in (0.3, 1.0):
        sound = played(recording, Clip(0, recording.samples, effects=(Effect("DISTORTION", strength),)))
        spectrum = np.abs(np.fft.rfft(sound[:, 0]))
        spectra.append(spectrum[1_323] / spectrum[441])
        assert np.abs(sound).max() < 0.51
        assert level_db(sound) == pytest.approx(level_db(sine(441, 1.0)), abs=3.0)
    assert 0.01 < spectra[0] < spectra[1]


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_reverb_rings_on_but_not_beyond_the_clip(make_recording, channels):
    click = np.zeros((2 * RATE, channels))
    click[1_000] = 0.9
    recording = make_recording(click, RATE)
    sound = played(recording, Clip(0, RATE, effects=(Effect("REVERB", 0.8),)))
    assert sound.shape == (RATE, channels)
    assert np.allclose(sound[1_000], 0.9, atol=0.01)
    assert (np.abs(sound[5_000:15_000]).max(axis=0) > 1e-4).all()


@pytest.mark.parametrize("effect", [Effect("EQ_LOW", 0.0), Effect("DISTORTION", 0.0), Effect("REVERB", 0.0)])
def test_an_effect_of_nothing_changes_nothing(make_recording, effect):
    recording = make_recording(sine(440, 0.5, 2), RATE)
    assert np.array_equal(
        played(recording, Clip(0, recording.samples, effects=(effect,))), recording.read(0, recording.samples)
    )


@pytest.mark.parametrize("rate", [4_000, 192_000, 768_000])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_effect_takes_any_rate_and_channel_count(make_recording, rate, channels):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (rate // 2, channels))
    recording = make_recording(sound, rate)
    chain = tuple(Effect(name, 0.5) for name in ("EQ_LOW", "EQ_HIGH", "DISTORTION", "REVERB"))
    clip = Clip(100, recording.samples - 100, speed=1.05, pitch_semitones=1.0, reverse=True, effects=chain)
    out = played(recording, clip)
    assert out.shape == (clip.output_samples, channels)
    assert np.isfinite(out).all()
    assert np.square(out).mean() > 1e-4


def test_fades_rise_from_and_fall_to_silence(make_recording):
    recording = make_recording(np.full((RATE, 1), 0.5), RATE)
    sound = played(recording, Clip(0, RATE, fade_in=1_000, fade_out=2_000))[:, 0]
    assert abs(sound[0]) < 1e-5
    assert abs(sound[-1]) < 1e-5
    assert sound[500] == pytest.approx(0.25, abs=0.001)
    assert sound[-1_000] == pytest.approx(0.25, abs=0.001)
    assert (np.diff(sound[:1_000]) > 0).all()
    assert np.allclose(sound[1_000:-2_000], 0.5, atol=1e-6)


def test_effects_do_not_depend_on_the_block_length(make_recording, monkeypatch):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, (30_000, 2))
    recording = make_recording(sound, RATE)
    clip = Clip(5_000, 25_000, gain_db=-1.0, effects=(Effect("EQ_LOW", 3.0), Effect("REVERB", 0.5)))
    whole = played(recording, clip)
    monkeypatch.setattr("editorbot.render.clip_reader.CHAIN_BLOCK_SAMPLES", 1_000)
    assert np.array_equal(played(recording, clip, block_samples=777), whole)


@pytest.mark.parametrize("kind", sorted(EFFECT_RANGES))
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_blocks_of_any_length_sound_like_one(kind: str, channels: int) -> None:
    """Blocks as short as the channels are many look the same either way round."""
    sound = 0.3 * np.random.default_rng(0).standard_normal((40, channels))
    effect = Effect(kind, EFFECT_RANGES[kind][2] / 2)
    whole = effect_stream(effect, 44_100, channels)(sound)
    stream = effect_stream(effect, 44_100, channels)
    pieces = [stream(piece) for piece in np.split(sound, [1, 2, 4, 6, 9, 12, 20])]
    assert np.allclose(np.concatenate(pieces), whole, atol=1e-6)
