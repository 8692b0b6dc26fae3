"""Edits made of known stretches are found again, through what happens to edits."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from editorbot.corpus.alignment import Alignment, align
from editorbot.corpus.alignment.files import align_pair
from editorbot.corpus.alignment.frame_ops import FrameOp, frame_ops
from editorbot.corpus.batch import run_batch
from editorbot.corpus.labels.human_edit import infer_edit
from editorbot.corpus.labels.pair_sounds import PairSounds
from editorbot.corpus.pairs import Pair, find_pairs, pointer_paths, sample_of
from editorbot.errors import EditorbotError, EmptyError, MismatchError, NotFoundError, SilentError, TooShortError
from editorbot.recording import open_recording
from editorbot.timebase import FRAME_S
from tests.sounds import band, write

EXAMPLES = Path(__file__).parents[3] / "examples"
RATE = 22_050
PARTS = ((3.0, 11.0), (21.0, 27.5), (8.0, 12.0), (31.0, 37.0))
"""Stretches of the raw recording that the edit is made of [seconds]; the third was heard before."""


def raw_sound(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    sound = np.concatenate(
        [band(20.0, RATE, seed=seed, bpm=117), band(20.0, RATE, seed=seed + 1, bpm=93, root_hz=130.0)]
    )
    return sound + 1e-3 * rng.standard_normal(len(sound))


def edit_of(raw: np.ndarray, parts=PARTS) -> np.ndarray:
    return np.concatenate([raw[round(a * RATE) : round(b * RATE)] for a, b in parts])


def aligned(folder: Path, raw: np.ndarray, edit: np.ndarray, edit_rate: int = RATE) -> Alignment:
    write(folder / "raw.wav", raw, RATE)
    write(folder / "edit.wav", edit, edit_rate)
    with open_recording(folder / "raw.wav") as a, open_recording(folder / "edit.wav") as b:
        return align(a, b)


def frames_right(alignment: Alignment, parts=PARTS, speed: float = 1.0) -> float:
    """Return the share of frames within 25 ms of the truth."""
    at_s = np.arange(len(alignment.pointers)) * FRAME_S * speed
    starts = np.cumsum([0.0] + [b - a for a, b in parts])
    k = np.clip(np.searchsorted(starts, at_s, side="right") - 1, 0, len(parts) - 1)
    wanted_s = np.array([a for a, _ in parts])[k] + at_s - starts[k]
    return float(np.mean(np.abs(alignment.pointers * FRAME_S - wanted_s) <= 0.025))


def equalized(sound: np.ndarray) -> np.ndarray:
    return 0.4 * sound + signal.lfilter(*signal.butter(2, 800, fs=RATE), 2.0 * sound)


def noisy(sound: np.ndarray) -> np.ndarray:
    return sound + 0.1 * sound.std() * np.random.default_rng(9).standard_normal(len(sound))


def squashed(sound: np.ndarray) -> np.ndarray:
    return np.tanh(6 * sound) / 2


DAMAGES = {"none": np.copy, "gain": lambda x: -0.2 * x, "eq": equalized, "noise": noisy, "squashed": squashed}


@pytest.mark.parametrize("damage", DAMAGES)
def test_places_and_cuts_are_found(damage, tmp_path):
    raw = raw_sound()
    alignment = aligned(tmp_path, raw, DAMAGES[damage](edit_of(raw)))
    assert frames_right(alignment) >= 0.99
    cuts_s = np.cumsum([b - a for a, b in PARTS])[:-1]
    np.testing.assert_allclose(alignment.cuts_s, cuts_s, atol=0.05)
    assert alignment.speed.ratio == 1.0
    assert min(segment.confidence for segment in alignment.segments) > 0.3


def test_a_clean_copy_is_found_to_the_sample(tmp_path):
    raw = raw_sound()
    alignment = aligned(tmp_path, raw, 0.5 * edit_of(raw))
    for segment, (start_s, _) in zip(alignment.segments, PARTS):
        at_s = sum(b - a for a, b in PARTS[: alignment.segments.index(segment)])
        offset = segment.raw_start - segment.edit_start
        assert abs(offset - (round(start_s * RATE) - round(at_s * RATE))) <= 1
        assert segment.gain_db == pytest.approx(-6.02, abs=0.1)


def test_other_rate_and_channels(tmp_path):
    raw = raw_sound()
    edit = signal.resample_poly(edit_of(raw), 2, 1)
    alignment = aligned(tmp_path, raw, np.stack([edit, 0.5 * edit], axis=1), 2 * RATE)
    assert frames_right(alignment) >= 0.99
    assert alignment.edit_rate == 2 * RATE
    assert alignment.segments[0].raw_start == pytest.approx(3.0 * RATE, abs=2)


@pytest.mark.parametrize("speed", [0.96, 1.003, 1.04])
def test_speed_is_found(speed, tmp_path):
    raw = raw_sound()
    edit = edit_of(raw)
    at = np.arange(round(len(edit) / speed)) * speed
    alignment = aligned(tmp_path, raw, np.interp(at, np.arange(len(edit)), edit))
    assert alignment.speed.ratio == pytest.approx(speed, abs=2e-4)
    assert frames_right(alignment, speed=speed) >= 0.98


def test_what_is_not_from_the_raw_recording_is_marked(tmp_path):
    raw = raw_sound()
    other = band(4.0, RATE, seed=77, bpm=140, root_hz=87.0)
    edit = np.concatenate([raw[: 8 * RATE], other, raw[12 * RATE : 20 * RATE]])
    alignment = aligned(tmp_path, raw, edit)
    at_s = np.arange(len(alignment.pointers)) * FRAME_S
    foreign = (at_s > 8.1) & (at_s < 11.9)
    assert np.mean(alignment.pointers[foreign] == -1) > 0.97
    assert np.mean(alignment.pointers[(at_s < 7.9) | (at_s > 12.1)] >= 0) > 0.97
    assert np.isnan(alignment.gain_db[foreign]).mean() > 0.97
    assert np.all(frame_ops(alignment.pointers, alignment.gain_db)[alignment.pointers < 0] == FrameOp.OTHER)


def test_exact_repeats_are_reported(tmp_path):
    verse, rest = band(8.0, RATE, seed=5), raw_sound(3)
    raw = np.concatenate([verse, rest[: 10 * RATE], verse, rest[20 * RATE : 30 * RATE]])
    alignment = aligned(tmp_path, raw, np.concatenate([rest[4 * RATE : 10 * RATE], verse[RATE : 7 * RATE]]))
    last = alignment.segments[-1]
    places = sorted([last.raw_start, *last.exact_repeats])
    assert len(places) == 2
    assert abs(places[1] - places[0] - 18 * RATE) <= 2
    # Of equal places the one that goes on forward is taken.
    assert last.raw_start > alignment.segments[0].raw_start


def test_operations(tmp_path):
    raw = raw_sound()
    edit = edit_of(raw)
    edit[-2 * RATE :] *= np.linspace(1, 0, 2 * RATE) ** 2
    alignment = aligned(tmp_path, raw, edit)
    ops = frame_ops(alignment.pointers, alignment.gain_db)
    assert ops.dtype == np.int8
    assert np.sum(ops == FrameOp.SKIP) == 3
    looped_s = np.flatnonzero(ops == FrameOp.LOOP) * FRAME_S
    # The third part repeats 8 - 11 s of the raw recording.
    assert looped_s.min() == pytest.approx(14.5, abs=0.1)
    assert looped_s.max() == pytest.approx(17.5, abs=0.1)
    faded_s = np.flatnonzero(ops == FrameOp.FADE) * FRAME_S
    assert faded_s.min() > 22.5
    assert faded_s.max() > 24.3


def test_another_song_is_refused_with_its_share(tmp_path):
    other = band(20.0, RATE, seed=55, bpm=141, root_hz=87.0)
    with pytest.raises(MismatchError, match=r"only \d+% of it was found"):
        aligned(tmp_path, raw_sound(), other)


def test_a_tone_is_no_edit_at_any_speed(tmp_path):
    # At a speed near 0 it fits anywhere: it goes on as it is wherever the recording stands still.
    write(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 440 * np.arange(20 * 44_100) / 44_100), 44_100)
    with (
        open_recording(EXAMPLES / "jam.ogg") as raw,
        open_recording(tmp_path / "tone.wav") as tone,
        pytest.raises(MismatchError, match="% of it was found"),
    ):
        align(raw, tone)


def test_silence_and_short_files_are_refused(tmp_path):
    with pytest.raises(SilentError):
        aligned(tmp_path, raw_sound(), np.zeros(5 * RATE))
    with pytest.raises(TooShortError):
        aligned(tmp_path, raw_sound(), raw_sound()[:RATE])


def test_a_longer_edit_is_warned_about(tmp_path):
    raw = raw_sound()
    alignment = aligned(tmp_path, raw[: 15 * RATE], np.concatenate([raw[: 15 * RATE], raw[5 * RATE : 12 * RATE]]))
    assert any("LONGER" in line for line in alignment.warnings)


def data_folder(folder: Path) -> Path:
    (folder / "input").mkdir()
    (folder / "desired_output").mkdir()
    return folder


def test_files_of_a_pair_and_of_none(tmp_path):
    data, raw = data_folder(tmp_path), raw_sound()
    write(data / "input/one_raw.wav", raw, RATE)
    write(data / "desired_output/one_edit.wav", edit_of(raw), RATE)
    write(data / "input/two_raw.wav", raw, RATE)
    (data / "desired_output/two_edit.wav").write_text("no sound")
    write(data / "input/alone_raw.wav", raw[:RATE], RATE)
    write(data / "desired_output/orphan_edit.wav", raw[:RATE], RATE)
    write(data / "input/wrong.wav", raw[:RATE], RATE)
    listed = find_pairs(data)
    assert [pair.sample for pair in listed.pairs] == ["one", "two"]
    assert len(listed.problems) == 3
    results = list(run_batch(listed.pairs, partial(align_pair, folder=data / "pointer_sequences")))
    assert [done.error is None for done in results] == [True, False]
    assert isinstance(results[1].error, EditorbotError)
    paths = pointer_paths(data / "pointer_sequences", "one")
    pointers, ops = np.load(paths.pointers), np.load(paths.ops)
    assert (pointers.dtype, ops.dtype) == (np.dtype(np.int64), np.dtype(np.int8))
    assert len(pointers) == len(ops) == 1 + len(edit_of(raw)) // 512
    info = json.loads(paths.info.read_text())
    assert len(info["segments"]) == 4
    assert info["raw_digest"].startswith("sha256:")
    assert paths.picture.read_bytes().startswith(b"\x89PNG")


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(NotFoundError):
        find_pairs(tmp_path)
    with pytest.raises(EmptyError):
        find_pairs(data_folder(tmp_path))


def test_the_same_pair_gives_the_same_files(tmp_path):
    raw = raw_sound()
    pair = Pair("x", write(tmp_path / "x_raw.wav", raw, RATE), write(tmp_path / "x_edit.wav", edit_of(raw), RATE))
    for name in ("one", "two"):
        align_pair(pair, tmp_path / name, picture=False)
    for one, two in zip(pointer_paths(tmp_path / "one", "x").all, pointer_paths(tmp_path / "two", "x").all):
        assert one.exists() == two.exists()
        assert not one.exists() or one.read_bytes() == two.read_bytes()


def test_sample_names():
    assert sample_of(Path("a/blues_edit.wav")) == "blues"
    assert sample_of(Path("blues.flac")) == "blues"


def test_no_segment_reaches_beyond_the_recording(tmp_path):
    raw, more = raw_sound(4)[: 12 * RATE], raw_sound(51)[: 12 * RATE]
    write(tmp_path / "raw.wav", raw)
    write(tmp_path / "edit.wav", np.concatenate([raw, more]))
    with open_recording(tmp_path / "raw.wav") as a, open_recording(tmp_path / "edit.wav") as b:
        alignment = align(a, b)
        human = infer_edit(PairSounds(a, b), alignment, np.arange(0.0, 12.0, 0.5))
    assert all(0 <= s.raw_start < s.raw_end <= len(raw) for s in alignment.segments)
    assert any(line.startswith("LONGER") for line in alignment.warnings)
    first = human.edit_list.clips[0]
    assert (first.start, first.speed, first.reverse) == (0, 1.0, False)
    assert first.end >= 0.9 * len(raw)
