"""A track takes on the tone and level of a reference, and keeps its music."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from editorbot.editlist.edit_list import Clip, EditList, PolishStep, Source
from editorbot.editlist.json_format import from_json, to_json
from editorbot.errors import FormatError, SilentError, UsageError
from editorbot.polish import measure, polish_blocks, prepare_steps
from editorbot.polish.average_spectrum import average_spectrum_db
from editorbot.polish.reference import MATCH_LIMITS, match_db
from tests.sounds import band, write

RATE = 22_050


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Return a step for a bright and loud track."""
    path = write(tmp_path_factory.mktemp("reference") / "finished.wav", loud_and_bright(), RATE)
    (step,) = prepare_steps([PolishStep("reference", file=str(path))])
    return step


def loud_and_bright(seed=1):
    sound = band(12.0, RATE, seed=seed)[:, None]
    bright = sosfilt(butter(1, 2_000, "high", fs=RATE, output="sos"), sound, axis=0)
    return 0.5 * (sound + 3 * bright) / np.abs(sound + 3 * bright).max()


def polished(sound, step, rate=RATE):
    blocks = [sound[at : at + 9_999] for at in range(0, len(sound), 9_999)]
    return np.concatenate(list(polish_blocks(lambda: iter(blocks), rate, sound.shape[1], [step])))


def test_tone_and_level_become_the_references(reference):
    dull = 0.1 * band(12.0, RATE, seed=2)[:, None]
    out = polished(dull, reference)
    wanted, before, after = (average_spectrum_db([x], RATE, 1) for x in (loud_and_bright(), dull, out))
    heard = wanted > wanted.max() - 50
    assert np.abs(after - wanted)[heard].mean() < 0.35 * np.abs(before - wanted)[heard].mean()
    assert measure([out], RATE, 1).integrated_lufs == pytest.approx(
        measure([loud_and_bright()], RATE, 1).integrated_lufs, abs=1.5
    )
    assert out.shape == dull.shape


def test_a_track_like_the_reference_stays(reference):
    sound = loud_and_bright()
    out = polished(sound, reference)
    assert 20 * np.log10(np.abs(out - sound).max() / np.abs(sound).max()) < -40


def test_nothing_asked_and_silence_change_nothing(reference):
    sound = band(3.0, RATE)[:, None]
    none = PolishStep("reference", 0.0, tone_db=reference.tone_db)
    assert np.array_equal(polished(sound, none), sound)
    silence = np.zeros((RATE, 6))
    assert np.array_equal(polished(silence, reference), silence)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 6), (192_000, 2)])
def test_other_rates_and_channels(reference, rate, channels):
    sound = np.repeat(0.05 * band(2.0, rate)[:, None], channels, axis=1)
    out = polished(sound, reference, rate)
    assert out.shape == sound.shape
    assert np.isfinite(out).all()
    assert np.allclose(out, out[:, :1])


def test_clipped_sound_comes_out_below_the_ceiling(reference):
    clipped = np.clip(20 * band(4.0, RATE)[:, None], -1, 1)
    assert np.abs(polished(clipped, reference)).max() < 10 ** (-1 / 20)


def test_the_match_is_bounded():
    rng = np.random.default_rng(0)
    tone_db, wanted_db = rng.uniform(-60, 0, 128), rng.uniform(-60, 0, 128)
    gain_db = match_db(tone_db, wanted_db)
    assert np.ptp(gain_db) <= MATCH_LIMITS.max_boost_db + MATCH_LIMITS.max_cut_db
    assert np.allclose(match_db(tone_db, tone_db - 7.0), -7.0)


def test_the_edit_list_keeps_the_references_tone(reference):
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, 1_000)
    edit_list = EditList(source, (Clip(0, 1_000),), (), polish=(reference, PolishStep("loudness")))
    assert from_json(to_json(edit_list)).polish == edit_list.polish
    assert prepare_steps(edit_list.polish) == edit_list.polish


def test_mistakes_are_named(tmp_path):
    with pytest.raises(UsageError, match="--reference"):
        prepare_steps([PolishStep("reference")])
    with pytest.raises(SilentError):
        prepare_steps([PolishStep("reference", file=str(write(tmp_path / "s.wav", np.zeros((5_000, 1)))))])
    with pytest.raises(FormatError, match="128"):
        polish_blocks(lambda: iter([]), RATE, 1, [PolishStep("reference", tone_db=(1.0, 2.0))])
