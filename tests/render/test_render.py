"""Length, identity, determinism and silence of clicks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from editorbot.editlist.edit_list import Clip, EditList, Effect, Join, is_contiguous
from editorbot.from_list import write_track
from editorbot.recording import as_float, open_recording
from editorbot.render.render import render_blocks

RATE = 8_000


def played(edit_list, recording, **options) -> np.ndarray:
    return np.concatenate([as_float(block) for block in render_blocks(edit_list, recording, **options)])


def noise(samples: int, channels: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (samples, channels))


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
@pytest.mark.parametrize("rate", [8_000, 44_100, 192_000])
def test_identity_edit_gives_the_same_samples(make_recording, channels, subtype, rate):
    recording = make_recording(noise(20_000, channels), rate, subtype)
    edit_list = EditList(recording.source, (Clip(0, recording.samples),), ())
    blocks = list(render_blocks(edit_list, recording, block_samples=7_777))
    whole = recording.read_native(0, recording.samples)
    assert all(block.dtype == whole.dtype for block in blocks)
    assert np.array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_written_identity_is_the_source_bit_for_bit(make_recording, tmp_path, channels, subtype):
    recording = make_recording(noise(20_000, channels), 44_100, subtype)
    edit_list = EditList(recording.source, (Clip(0, 9_000), Clip(9_000, recording.samples)), (Join(),))
    write_track(edit_list, recording, tmp_path / "track.wav")
    dtype = {"PCM_16": "int16", "FLOAT": "float32"}.get(subtype, "int32")
    track, _ = sf.read(tmp_path / "track.wav", dtype=dtype, always_2d=True)
    source, _ = sf.read(recording.path, dtype=dtype, always_2d=True)
    assert np.array_equal(track, source)


def test_copied_samples_stay_native_outside_the_crossfade(make_recording):
    recording = make_recording(noise(20_000, 2), RATE, "PCM_16")
    edit_list = EditList(recording.source, (Clip(0, 5_000), Clip(9_000, 14_000)), (Join(200),))
    blocks = list(render_blocks(edit_list, recording))
    assert [(block.dtype.name, len(block)) for block in blocks] == [
        ("int16", 4_900),
        ("float64", 200),
        ("int16", 4_900),
    ]
    assert np.array_equal(blocks[0], recording.read_native(0, 4_900))
    assert np.array_equal(blocks[2], recording.read_native(9_100, 14_000))


def test_no_crossfade_where_the_audio_runs_on(make_recording):
    recording = make_recording(noise(10_000, 1), RATE)
    edit_list = EditList(recording.source, (Clip(0, 4_000), Clip(4_000, 10_000)), (Join(500),))
    assert np.array_equal(played(edit_list, recording), recording.read(0, 10_000))


def effects() -> st.SearchStrategy[tuple[Effect, ...]]:
    one = st.one_of(
        st.builds(Effect, st.sampled_from(["EQ_LOW", "EQ_HIGH"]), st.sampled_from([-3.0, 0.0, 3.0])),
        st.builds(Effect, st.sampled_from(["DISTORTION", "REVERB"]), st.sampled_from([0.0, 0.4, 1.0])),
    )
    return st.lists(one, max_size=2).map(tuple)


@st.composite
def clips(draw, total: int) -> Clip:
    start = draw(st.integers(0, total - 2))
    end = draw(st.integers(start + 1, total))
    speed = draw(st.sampled_from([1.0, 1.0, 1.0, 0.5, 0.92, 1.05, 2.0]))
    length = max(1, round((end - start) / speed))
    fade_in = draw(st.integers(0, length))
    fade_out = draw(st.integers(0, length - fade_in))
    faded = draw(st.booleans())
    return Clip(
        start,
        end,
        gain_db=draw(st.sampled_from([0.0, 0.0, -3.0, 6.0])),
        speed=speed,
        pitch_semitones=draw(st.sampled_from([0.0, 0.0, 1.0, -2.0])),
        reverse=draw(st.booleans()),
        fade_in=fade_in if faded else 0,
        fade_out=fade_out if faded else 0,
        effects=draw(effects()),
    )


@st.composite
def edits(draw, total: int) -> tuple[tuple[Clip, ...], tuple[Join, ...]]:
    chosen = draw(st.lists(clips(total), min_size=1, max_size=5))
    joins = [Join(draw(st.integers(0, 3_000))) for _ in chosen[1:]]
    return tuple(chosen), tuple(joins)


@given(edit=edits(6_000), block_samples=st.sampled_from([100, 4_096, 65_536]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_length_is_exact_and_sound_finite_for_any_edit(tmp_path: Path, edit, block_samples):
    path = tmp_path / "any.wav"
    if not path.exists():
        sf.write(path, noise(6_000, 2), RATE, subtype="FLOAT")
    with open_recording(path) as recording:
        edit_list = EditList(recording.source, *edit)
        first = played(edit_list, recording, block_samples=block_samples)
        again = played(edit_list, recording, block_samples=block_samples)
    assert first.shape == (edit_list.output_samples, 2)
    assert np.isfinite(first).all()
    assert np.array_equal(first, again)


def test_progress_ends_at_one_and_grows(make_recording, tmp_path):
    recording = make_recording(noise(200_000, 1), RATE)
    edit_list = EditList(recording.source, (Clip(0, 200_000),), ())

    shares = []
    write_track(edit_list, recording, tmp_path / "track.wav", progress=lambda stage, share: shares.append(share))
    assert sf.info(tmp_path / "track.wav").frames == 200_000
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_crossfade_takes_less_at_the_ends_of_the_file(make_recording):
    recording = make_recording(noise(10_000, 1), RATE)
    edit_list = EditList(recording.source, (Clip(5_000, 10_000), Clip(0, 5_000)), (Join(400),))
    # Neither does the file go on behind the first clip nor begin before the second one: a hard cut is what is left.
    expected = np.concatenate([recording.read(5_000, 10_000), recording.read(0, 5_000)])
    assert np.array_equal(played(edit_list, recording), expected)


def click_strength(sound: np.ndarray) -> np.ndarray:
    """Return the second difference, in which a jump stands out and a sine does not."""
    return np.abs(np.diff(sound[:, 0], 2))


@pytest.mark.parametrize(("crossfade", "bound"), [(40, 4), (400, 2)])
def test_a_sine_cut_at_its_peak_does_not_click(make_recording, crossfade, bound):
    time_s = np.arange(40_000) / RATE
    sine = 0.5 * np.sin(2 * np.pi * 100 * time_s)[:, None]
    recording = make_recording(sine, RATE)
    calm = click_strength(sine).max()
    clips = (Clip(0, 10_020), Clip(20_000, 30_000))  # from the peak of the wave to its zero
    hard = played(EditList(recording.source, clips, (Join(0),)), recording)
    soft = played(EditList(recording.source, clips, (Join(crossfade),)), recording)
    assert click_strength(hard).max() > 100 * calm
    assert click_strength(soft).max() < bound * calm


@pytest.mark.parametrize(
    "changed",
    [
        {"gain_db": 3.0},
        {"speed": 1.05},
        {"pitch_semitones": 1.0},
        {"reverse": True},
        {"effects": (Effect("EQ_LOW", 3.0),)},
        {"effects": (Effect("REVERB", 0.5),)},
    ],
)
def test_a_processed_clip_joins_its_neighbors_without_a_click(make_recording, changed):
    time_s = np.arange(100_000) / 44_100
    recording = make_recording(0.5 * np.sin(2 * np.pi * 220 * time_s)[:, None], 44_100)
    clips = (Clip(0, 30_000), Clip(30_000, 60_000, **changed), Clip(60_000, 100_000))
    sound = played(EditList(recording.source, clips, (Join(882), Join(882))), recording)
    calm = click_strength(recording.read(0, 100_000)).max()
    assert click_strength(sound).max() < 6 * calm


def naive_render(edit_list: EditList, sound: np.ndarray) -> np.ndarray:
    """Play plain clips whole, each with gains at its ends, and add them up."""
    places = np.cumsum([0, *(clip.output_samples for clip in edit_list.clips)])
    out = np.zeros((places[-1], sound.shape[1]))
    for clip, at in zip(edit_list.clips, places):
        out[at : at + clip.output_samples] = sound[clip.start : clip.end]
    for number, join in enumerate(edit_list.joins):
        before, after, at = edit_list.clips[number], edit_list.clips[number + 1], places[number + 1]
        if join.crossfade == 0 or is_contiguous(before, after):
            continue
        room = min(before.output_samples, after.output_samples) // 2
        ahead = min(join.crossfade // 2, room, after.start)
        behind = min(join.crossfade - join.crossfade // 2, room, len(sound) - before.end)
        ending = sound[before.end - ahead : before.end + behind]
        beginning = sound[after.start - ahead : after.start + behind]
        powers = (ending**2).sum() * (beginning**2).sum()
        alike = np.clip((ending * beginning).sum() / np.sqrt(powers), 0, 1) if powers > 0 else 0.0
        for n in range(ahead + behind):
            angle = np.pi / 2 * (n + 0.5) / (ahead + behind)
            level = np.sqrt(1 + alike * np.sin(2 * angle))
            out[at - ahead + n] = (np.cos(angle) * ending[n] + np.sin(angle) * beginning[n]) / level
    return out


@st.composite
def plain_edits(draw, total: int) -> tuple[tuple[Clip, ...], tuple[Join, ...]]:
    chosen = []
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, total - 2))
        chosen.append(Clip(start, draw(st.integers(start + 1, total))))
    return tuple(chosen), tuple(Join(draw(st.integers(0, 800))) for _ in chosen[1:])


@given(edit=plain_edits(3_000))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_edits_match_the_naive_render(tmp_path: Path, edit):
    path = tmp_path / "plain.wav"
    if not path.exists():
        sf.write(path, noise(3_000, 2), RATE, subtype="FLOAT")
    with open_recording(path) as recording:
        edit_list = EditList(recording.source, *edit)
        assert np.allclose(played(edit_list, recording), naive_render(edit_list, recording.read(0, 3_000)), atol=1e-12)


def test_a_crossfade_of_many_blocks_is_smooth_and_as_long_as_asked(make_recording):
    sound = noise(700_000, 1)
    sound[:300_000] *= 0.01
    recording = make_recording(sound, RATE)
    edit_list = EditList(recording.source, (Clip(0, 250_000), Clip(400_000, 650_000)), (Join(200_000),))
    out = played(edit_list, recording)[:, 0]
    levels = np.sqrt(np.mean(out[150_000:350_000].reshape(-1, 5_000) ** 2, axis=1))
    assert len(out) == 500_000
    assert (np.diff(levels[:30]) > -0.01).all()
    assert levels[20] == pytest.approx(np.sqrt(1 / 12) * np.sin(np.pi / 4), rel=0.2)


def test_a_louder_clip_in_running_audio_swells_nowhere(make_recording):
    sine = 0.4 * np.sin(2 * np.pi * 110 * np.arange(60_000) / RATE)[:, None]
    recording = make_recording(sine, RATE)
    clips = (Clip(0, 20_000), Clip(20_000, 40_000, gain_db=1.0), Clip(40_000, 60_000))
    out = played(EditList(recording.source, clips, (Join(400), Join(400))), recording)
    assert np.abs(out).max() < 0.4 * 10 ** (1 / 20) * 1.01
