"""The sounds and the flaws of simulated jams, and the tools that they are made with."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.corpus.simulate import flaws, instruments, junk, signal, time_map, voices
from editorbot.corpus.simulate.time_map import PHASES, TAPS, sinc_table
from editorbot.corpus.simulate.track import Track
from tests.sounds import band

RATE = 8_000


@pytest.fixture(scope="module")
def track() -> Track:
    beats_s = np.arange(0, 24, 0.5)
    sound = np.stack([band(24, RATE), band(24, RATE, seed=1)]).astype(np.float32)
    return Track(sound, RATE, beats_s, np.arange(0, len(beats_s), 4), True)


def scene(track: Track, seconds: float, seed: int) -> junk.Scene:
    rng = np.random.default_rng(seed)
    speakers = [voices.draw_speaker(rng), voices.draw_speaker(rng)]
    return junk.Scene(track, [track], speakers, seconds, track.sound[:, :RATE], rng, may_use_programs=False)


@pytest.mark.parametrize("name", sorted(junk.SOUNDS))
def test_every_sound_is_heard_and_differs_each_time(track: Track, name: str) -> None:
    heard = [junk.SOUNDS[name](scene(track, 2.5, seed)) for seed in (0, 1)]
    for sound in heard:
        assert sound.shape == (2, round(2.5 * RATE))
        assert np.isfinite(sound).all()
        assert signal.level(sound) > 1e-4
    assert not np.allclose(heard[0], heard[1])
    np.testing.assert_array_equal(heard[0], junk.SOUNDS[name](scene(track, 2.5, 0)))


@pytest.mark.parametrize("name", sorted(junk.SOUNDS))
@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_short_sounds_do_not_fail(track: Track, name: str, seconds: float) -> None:
    sound = junk.SOUNDS[name](scene(track, seconds, 2))
    assert sound.shape == (2, round(seconds * RATE))
    assert np.isfinite(sound).all()


def test_recorded_talk_is_used(track: Track) -> None:
    recording = np.ones((1, 5 * RATE), np.float32) * 0.25
    heard = []
    for seed in range(12):
        one = scene(track, 2.0, seed)
        given = junk.Scene(one.track, (), one.speakers, 2.0, one.before, one.rng, [recording], False)
        heard.append(bool(np.all(junk.talk(given) == 0.25)))
    assert 2 < sum(heard) < 12


@pytest.mark.parametrize("kind", sorted(flaws.FLAWS))
@pytest.mark.parametrize("has_stems", [False, True])
def test_every_flaw_changes_the_sound_and_keeps_its_length(track: Track, kind: str, has_stems: bool) -> None:
    sound = track.sound[:, : 6 * RATE]
    stems = tuple(signal.bands(sound, RATE, (200.0, 1500.0))) if has_stems else ()
    changed = [
        flaws.apply_flaw(kind, flaws.Passage(sound, RATE, 0.5, 0.9, np.random.default_rng(seed), stems))
        for seed in (0, 0, 1)
    ]
    assert changed[0].shape == sound.shape
    assert np.isfinite(changed[0]).all()
    assert signal.level(changed[0] - sound) > 0.03 * signal.level(sound)
    np.testing.assert_array_equal(changed[0], changed[1])
    assert not np.array_equal(changed[0], changed[2])


@pytest.mark.parametrize("samples", [1, 70, 500])
def test_flaws_of_next_to_nothing_do_not_fail(track: Track, samples: int) -> None:
    for kind in flaws.FLAWS:
        stretch = flaws.Passage(track.sound[:, :samples], RATE, 0.5, 1.0, np.random.default_rng(0))
        assert flaws.apply_flaw(kind, stretch).shape == (2, samples)


def test_talk_has_the_rhythm_and_the_formants_of_talk() -> None:
    rng = np.random.default_rng(1)
    speaker = voices.draw_speaker(rng)
    talk = voices.speech(20.0, 16_000, speaker, rng)
    levels = np.sqrt((talk[: len(talk) // 320 * 320].reshape(-1, 320) ** 2).mean(axis=1))
    spectrum = np.abs(np.fft.rfft(levels - levels.mean()))
    hz = np.fft.rfftfreq(len(levels), 0.02)
    assert spectrum[(hz > 2) & (hz < 9)].sum() > spectrum[(hz > 12) & (hz < 25)].sum()  # syllables
    assert np.mean(levels < 0.03 * levels.max()) > 0.03  # pauses
    power = np.abs(np.fft.rfft(talk)) ** 2
    hz = np.fft.rfftfreq(len(talk), 1 / 16_000)
    assert power[(hz > 200) & (hz < 3500)].sum() > 0.6 * power.sum()


def test_notes_have_their_pitch() -> None:
    rng = np.random.default_rng(0)
    for seed in range(6):
        instrument = instruments.draw_instrument(np.random.default_rng(seed))
        sound = instruments.note(instrument, 57.0, 1.0, RATE, rng)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(sound, 4 * RATE)) ** 2)
        lag = 20 + int(np.argmax(correlation[20:60]))
        assert RATE / lag == pytest.approx(220, rel=0.06)


def test_reading_between_samples_is_what_the_sum_of_sincs_says() -> None:
    sound = np.random.default_rng(0).standard_normal((2, 200)).astype(np.float32)
    positions = np.array([0.0, 3.0, 10.25, 57.5, 120.75, 199.0, 230.0, -4.5])
    at = np.arange(-TAPS, 200 + TAPS)
    padded = np.pad(sound, ((0, 0), (TAPS, TAPS))).astype(float)
    naive = np.zeros((2, len(positions)))
    for n, position in enumerate(positions):
        distance = at - position
        window = np.where(np.abs(distance) <= TAPS / 2, np.cos(np.pi * distance / TAPS) ** 2, 0)
        weights = np.sinc(distance) * window
        if abs(position - 98) < 102:
            naive[:, n] = padded @ (weights / max(weights.sum(), 1e-9))
    np.testing.assert_allclose(time_map.read_at(sound, positions)[:, 1:5], naive[:, 1:5], atol=0.01)
    assert (time_map.read_at(sound, positions)[:, 6] == 0).all()
    assert sinc_table().shape == (PHASES + 1, TAPS)


def test_bands_add_up_to_the_whole(track: Track) -> None:
    sound = track.sound[:, : 3 * RATE]
    parts = signal.bands(sound, RATE, (200.0, 1000.0, 3000.0))
    np.testing.assert_allclose(np.sum(parts, axis=0), sound, atol=1e-5)


def test_sound_can_be_longer_at_the_same_pitch() -> None:
    now_s = np.arange(3 * RATE) / RATE
    tone = np.sin(2 * np.pi * 300 * now_s, dtype=np.float32)[None]
    out = time_map.follow(tone, RATE, np.array([0.0, 3.3 * RATE]), np.array([0.0, 3 * RATE]), bends_pitch=False)
    assert out.shape == (1, round(3.3 * RATE))
    peak = np.argmax(np.abs(np.fft.rfft(out[0, : 3 * RATE]))) / 3
    assert peak == pytest.approx(300, abs=1)
    higher = time_map.transposed(tone, RATE, 12.0)
    assert higher.shape == tone.shape
    assert np.argmax(np.abs(np.fft.rfft(higher[0]))) / 3 == pytest.approx(600, abs=2)


def test_cutting_beyond_the_ends_gives_silence() -> None:
    sound = np.ones((2, 10), np.float32)
    assert signal.cut(sound, -3, 12).tolist() == [[0] * 3 + [1] * 10 + [0] * 2] * 2
    assert signal.cut(sound, 20, 25).tolist() == [[0] * 5] * 2
