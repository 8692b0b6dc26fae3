"""Augmentation, and the data set that hands pairs out."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editorbot.analysis.mel import MelReader
from editorbot.corpus.augment import (
    Augmentation,
    AugmentSettings,
    augment_sound,
    augmented_samples,
    draw_augmentation,
    moved_beats,
    moved_ops,
    moved_pointers,
)
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.mel_scan import mel_of
from editorbot.corpus.paired_audio import PairedAudioDataset, PairExample
from editorbot.errors import DamagedError, EmptyError, UsageError
from editorbot.recording import open_recording
from tests.corpus.ready_pairs import ready_pair
from tests.sounds import band, write

RATE = 22_050


def sine(hertz: float, seconds: float = 4.0) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def loudest_hz(sound: np.ndarray) -> float:
    middle = sound[RATE : 2 * RATE]
    return float(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))))


def test_nothing_changes_nothing() -> None:
    sound = band(3.0, RATE).astype(np.float32)
    np.testing.assert_array_equal(augment_sound(sound, Augmentation()), sound)
    assert Augmentation(noise_seed=4).is_nothing
    assert not Augmentation(low_db=1.0).is_nothing


@pytest.mark.parametrize(("semitones", "speed"), [(12.0, 1.0), (-12.0, 1.0), (0.0, 1.25), (0.0, 0.8), (2.0, 1.05)])
def test_pitch_and_speed_are_what_they_say(semitones: float, speed: float) -> None:
    changed = augment_sound(sine(440.0), Augmentation(pitch_semitones=semitones, speed=speed))
    assert len(changed) == augmented_samples(4 * RATE, Augmentation(speed=speed)) == round(4 * RATE / speed)
    assert loudest_hz(changed) == pytest.approx(440.0 * 2 ** (semitones / 12), abs=3.0)


def test_gain_and_noise_are_what_they_say() -> None:
    sound = sine(440.0)
    louder = augment_sound(sound, Augmentation(gain_db=6.0))
    np.testing.assert_allclose(louder, sound * 10**0.3, atol=1e-6)
    noisy = augment_sound(sound, Augmentation(noise_db=20.0, noise_seed=1))
    noise_db = 20 * np.log10(np.std(noisy - sound) / np.std(sound))
    assert noise_db == pytest.approx(-20.0, abs=0.1)
    np.testing.assert_array_equal(augment_sound(sound, Augmentation(noise_db=20.0), with_noise=False), sound)


def test_tone_is_what_it_says() -> None:
    low = Augmentation(low_db=6.0)
    assert np.std(augment_sound(sine(50.0), low)) == pytest.approx(2 * np.std(sine(50.0)), rel=0.05)
    assert np.std(augment_sound(sine(4_000.0), low)) == pytest.approx(np.std(sine(4_000.0)), rel=0.05)
    high = Augmentation(high_db=-6.0)
    assert np.std(augment_sound(sine(9_000.0), high)) == pytest.approx(0.5 * np.std(sine(9_000.0)), rel=0.1)


def test_draws_stay_in_bounds_and_follow_the_seed() -> None:
    settings = AugmentSettings()
    drawn = [draw_augmentation(np.random.default_rng(seed), settings) for seed in range(300)]
    assert drawn == [draw_augmentation(np.random.default_rng(seed), settings) for seed in range(300)]
    assert max(abs(one.pitch_semitones) for one in drawn) <= 2
    assert all(1 / 1.08 <= one.speed <= 1.08 for one in drawn)
    assert all(one.noise_db is None or 20 <= one.noise_db <= 40 for one in drawn)
    assert 0.4 < np.mean([one.speed != 1 for one in drawn]) < 0.6
    never = AugmentSettings(probability=0.0)
    assert all(draw_augmentation(np.random.default_rng(seed), never).is_nothing for seed in range(20))
    # One setting does not move the others.
    other = draw_augmentation(np.random.default_rng(3), replace(settings, eq_db=0.0))
    assert other == replace(drawn[3], low_db=0.0, high_db=0.0)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(UsageError, match="probability"):
        AugmentSettings(probability=1.5)
    with pytest.raises(UsageError, match="speed"):
        AugmentSettings(speed=float("nan"))


@pytest.mark.parametrize("speed", [0.8, 0.93, 1.0, 1.07, 1.25])
def test_pointers_keep_their_place_in_time(speed: float) -> None:
    pointers = np.concatenate([np.arange(50, 150), np.full(20, -1), np.arange(300, 400), np.arange(100, 200)])
    drawn = Augmentation(speed=speed)
    frames, raw_frames = round(320 / speed), round(500 / speed)
    moved = moved_pointers(pointers, drawn, edit_frames=frames, raw_frames=raw_frames)
    assert moved.dtype == np.int64
    for new, pointer in enumerate(moved):
        old = pointers[min(round(new * speed), 319)]
        assert (pointer == -1) == (old == -1)
        if old >= 0:
            assert abs(pointer * speed - old) <= 1.5
    # A stretch runs on frame by frame: there are no more breaks than there were.
    assert np.sum(np.diff(moved[moved >= 0]) != 1) == np.sum(np.diff(pointers[pointers >= 0]) != 1)
    np.testing.assert_allclose(moved_beats(np.array([1.0, 2.0]), drawn), np.array([1.0, 2.0]) / speed)


@pytest.mark.parametrize("speed", [0.5, 0.9, 1.0, 1.1, 1.5])
def test_each_cut_stays_one_frame(speed: float) -> None:
    ops = np.zeros(200, dtype=np.int8)
    ops[[40, 41 + 60, 150]] = 2
    ops[60:80] = 3
    moved = moved_ops(ops, Augmentation(speed=speed), edit_frames=round(200 / speed))
    np.testing.assert_allclose(np.flatnonzero(moved == 2) * speed, np.flatnonzero(ops == 2), atol=1.5)
    assert np.sum(moved == 3) == pytest.approx(20 / speed, abs=1)


def test_the_mel_of_a_sound_is_that_of_its_recording(tmp_path: Path) -> None:
    sound = band(30.0, RATE)
    path = write(tmp_path / "a.wav", sound, RATE, subtype="FLOAT")
    with open_recording(path) as recording:
        reader = MelReader(recording, 0.0)
        # The reference is the largest value: what is read relative to 0 dB is brought to it.
        theirs_db = reader.read(0, reader.frames) * 80
    ours = mel_of(sound.astype(np.float32))
    assert ours.shape == theirs_db.shape
    assert ours.max() == pytest.approx(1.0)
    inside = (theirs_db > 0) & (theirs_db < 80) & (ours > 0)
    shift = (ours * 80 - theirs_db)[inside]
    assert np.ptp(shift) < 1e-2


def equal(one: PairExample, other: PairExample) -> bool:
    names = ("raw_mel", "edit_mel", "pointers", "ops", "beats_s", "labels")
    same = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
    return same and one.sample == other.sample and one.augmentation == other.augmentation


def test_pairs_are_handed_out_as_they_are_kept(tmp_path: Path) -> None:
    for number in range(3):
        ready_pair(tmp_path, f"s{number}", number)
    data = PairedAudioDataset(tmp_path, tmp_path / "cache")
    assert len(data) == 3
    example = data[1]
    assert example.sample == "s1"
    assert example.labels.tolist() == [0] * 4 + [1] * 8 + [0] * 4 + [1] * 8 + [0] * 4
    assert equal(example, data.example(1, np.random.default_rng(0)))
    given = [one.sample for one in data.epoch(0, seed=0)]
    assert sorted(given) == ["s0", "s1", "s2"]
    assert given == [one.sample for one in data.epoch(0, seed=0)]
    assert PairedAudioDataset(tmp_path, tmp_path / "cache", samples=("s2",))[0].sample == "s2"


def test_a_changed_pair_still_belongs_together(tmp_path: Path) -> None:
    ready_pair(tmp_path, "s0", 0)
    settings = AugmentSettings(probability=1.0, noise_db=120.0, speed=0.2)
    data = PairedAudioDataset(tmp_path, tmp_path / "cache", augment=settings)
    example = data.example(0, np.random.default_rng(5))
    assert example.augmentation is not None
    assert example.augmentation.speed != 1
    assert len(example.pointers) == len(example.ops) == example.edit_mel.shape[1]
    assert example.pointers.max() < example.raw_mel.shape[1]
    gathered = example.raw_mel[:, example.pointers]
    differs = np.abs(gathered - example.edit_mel).mean(axis=0)
    assert np.median(differs) < 0.05
    shifted = example.raw_mel[:, np.minimum(example.pointers + 11, example.raw_mel.shape[1] - 1)]
    assert np.median(differs) < 0.5 * np.median(np.abs(shifted - example.edit_mel).mean(axis=0))


def test_the_number_of_workers_does_not_matter(tmp_path: Path) -> None:
    for number in range(2):
        ready_pair(tmp_path, f"s{number}", number)
    data = PairedAudioDataset(tmp_path, tmp_path / "cache", augment=AugmentSettings())
    alone, together = list(data.epoch(1, seed=3)), list(data.epoch(1, seed=3, workers=2))
    assert all(equal(one, other) for one, other in zip(alone, together))
    assert not all(equal(one, other) for one, other in zip(alone, data.epoch(2, seed=3)))


def test_what_is_not_ready_or_damaged_is_said(tmp_path: Path) -> None:
    ready_pair(tmp_path, "s0", 0)
    with pytest.raises(EmptyError, match="precache"):
        PairedAudioDataset(tmp_path, tmp_path / "other")
    with pytest.raises(UsageError):
        PairedAudioDataset(tmp_path, tmp_path / "cache", augment=AugmentSettings(), use_stems=True)
    data = PairedAudioDataset(tmp_path, tmp_path / "cache")
    path = CacheFolder(tmp_path / "cache").raw("s0")
    path.write_bytes(path.read_bytes()[:-1_000])
    with pytest.raises(DamagedError, match="mels of s0"):
        data[0]


def test_no_torch_is_loaded() -> None:
    code = "import sys, editorbot.corpus.paired_audio, editorbot.corpus.stem_cache; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
