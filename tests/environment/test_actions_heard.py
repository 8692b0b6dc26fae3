"""Every type of action, heard: an episode becomes an edit list, the renderer plays it, and the sound tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

from editorbot.editlist.edit_list import MadeBy
from editorbot.environment.actions import VOCABULARIES, Action, Amount, Treatment, vocabulary_named
from editorbot.environment.episodes import edit_list_of_episode
from editorbot.recording import open_recording
from editorbot.render.render import render_blocks
from tests.editors.factories import song_analysis

RATE, BEAT, BEATS, BAR = 16_000, 8_000, 16, 1
LOW_HZ, MIDDLE_HZ, HIGH_HZ = 60.0, 500.0, 6_000.0
FIRST, SECOND, THIRD, FOURTH = ([*range(at, at + 4)] for at in (0, 4, 8, 12))


def ladder() -> np.ndarray:
    """Return 16 beats, each a tone of its own."""
    time_s = np.arange(BEAT) / RATE
    return np.concatenate([0.3 * np.sin(2 * np.pi * tone_hz(beat) * time_s) for beat in range(BEATS)])


def tone_hz(beat: int) -> float:
    return 300.0 + 60.0 * beat


def steady() -> np.ndarray:
    """Return 16 beats of the same three tones."""
    time_s = np.arange(BEATS * BEAT) / RATE
    return sum(0.15 * np.sin(2 * np.pi * tone * time_s) for tone in (LOW_HZ, MIDDLE_HZ, HIGH_HZ))


def heard(sound: np.ndarray, folder, name: str, amount: int = 0, vocabulary: str = "v3") -> np.ndarray:
    """Return what is heard of: keep a bar, one action over the next bar, keep the rest."""
    words = vocabulary_named(vocabulary)
    sf.write(folder / "song.wav", sound, RATE, subtype="FLOAT")
    keep = Action(words.index("KEEP"), BAR, 0)
    with open_recording(folder / "song.wav") as recording:
        analysis = replace(song_analysis("A", bars=4, sample_rate=RATE), source=recording.source)
        actions = [keep, Action(words.index(name), BAR, amount), *[keep] * 6]
        edit = edit_list_of_episode(analysis, actions, made_by=MadeBy("test"), vocabulary=words)
        return np.concatenate(list(render_blocks(edit, recording)))[:, 0].astype(float)


def beats_in(sound: np.ndarray) -> list[int]:
    """Return which beat each half second of a ladder is."""
    window = np.hanning(BEAT // 2)
    found = []
    for at in range(BEAT // 4, len(sound) - BEAT // 2, BEAT):
        spectrum = np.abs(np.fft.rfft(sound[at : at + BEAT // 2] * window))
        found.append(round((np.argmax(spectrum) * RATE / (BEAT // 2) - 300.0) / 60.0))
    return found


def level_db(sound: np.ndarray, tone: float) -> float:
    """Return the level of one tone in the middle of the second bar."""
    part = sound[5 * BEAT : 7 * BEAT]
    wave = np.exp(-2j * np.pi * tone * np.arange(len(part)) / RATE) * np.hanning(len(part))
    return float(20 * np.log10(np.abs((part * wave).sum()) + 1e-9))


ARRANGED = {
    "KEEP": [*FIRST, *SECOND, *THIRD, *FOURTH],
    "CUT": [*FIRST, *THIRD, *FOURTH],
    "LOOP": [*FIRST, *SECOND, *SECOND, *THIRD, *FOURTH],
    "REORDER": [*FIRST, *THIRD, *FOURTH, *SECOND],
    "JUMP_BACK": [*FIRST, *FIRST, *SECOND, *THIRD, *FOURTH],
    "SKIP": [*FIRST, *THIRD, *FOURTH],
    "REVERSE": [*FIRST, *SECOND[::-1], *THIRD, *FOURTH],
    "REPEAT_PREV": [*FIRST, *FIRST, *SECOND, *THIRD, *FOURTH],
    "SWAP_NEXT": [*FIRST, *THIRD, *SECOND, *FOURTH],
    "CROSSFADE": [*FIRST, *THIRD, *FOURTH],
}


@pytest.mark.parametrize("name", ARRANGED)
def test_beats_come_in_the_order_that_the_type_says(name, tmp_path):
    vocabulary = "v1" if name == "CROSSFADE" else "v3"
    sound = heard(ladder(), tmp_path, name, Amount.NEG_SMALL, vocabulary)
    assert beats_in(sound) == ARRANGED[name]
    assert len(sound) == len(ARRANGED[name]) * BEAT


@pytest.mark.parametrize("amount", [0, 3, 4])
def test_loops_are_heard_as_often_as_the_amount_says(amount, tmp_path):
    times = VOCABULARIES["v3"].rows[2].values[amount]
    assert beats_in(heard(ladder(), tmp_path, "LOOP", amount)) == [*FIRST, *SECOND * int(times), *THIRD, *FOURTH]


@pytest.mark.parametrize("amount", [0, 1, 3, 4])
def test_gain_and_tone_change_by_the_decibels_of_the_amount(amount, tmp_path):
    plain = heard(steady(), tmp_path, "KEEP")
    gain_db = (-3.0, -1.5, 0.0, 1.5, 3.0)[amount]
    changes = {
        name: [level_db(sound, tone) - level_db(plain, tone) for tone in (LOW_HZ, MIDDLE_HZ, HIGH_HZ)]
        for name in ("GAIN", "EQ_LOW", "EQ_HIGH")
        for sound in [heard(steady(), tmp_path, name, amount)]
    }
    assert changes["GAIN"] == pytest.approx([gain_db] * 3, abs=0.1)
    assert changes["EQ_LOW"][0] == pytest.approx(gain_db, abs=0.5)
    assert changes["EQ_LOW"][2] == pytest.approx(0.0, abs=0.2)
    assert changes["EQ_HIGH"][2] == pytest.approx(gain_db, abs=0.7)
    assert changes["EQ_HIGH"][0] == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize(("name", "is_rising"), [("FADE_IN", True), ("FADE_OUT", False)])
def test_fades_rise_and_fall(name, is_rising, tmp_path):
    sound = heard(steady(), tmp_path, name)
    levels = [float(np.std(sound[beat * BEAT : (beat + 1) * BEAT])) for beat in SECOND]
    assert sorted(levels, reverse=not is_rising) == levels
    assert max(levels) > 3 * min(levels)


@pytest.mark.parametrize(
    ("vocabulary", "name"), [("v3", "SPEED_UP"), ("v3", "SPEED_DOWN"), ("v2", "DOUBLE_TIME"), ("v2", "HALF_TIME")]
)
def test_speed_changes_the_length_and_not_the_pitch(vocabulary, name, tmp_path):
    words = vocabulary_named(vocabulary)
    for amount in {0, 4} if words.rows[words.index(name)].uses_amount else {0}:
        speed = words.rows[words.index(name)].values[amount]
        sound = heard(steady(), tmp_path, name, amount, vocabulary)
        assert len(sound) == pytest.approx(12 * BEAT + 4 * BEAT / speed, abs=2)
        span = sound[round(4.3 * BEAT) : round(4.3 * BEAT + 3 * BEAT / speed)]
        assert loudest_hz(span) == pytest.approx(MIDDLE_HZ, abs=4)


def loudest_hz(sound: np.ndarray) -> float:
    """Return the loudest tone between the low and the high one."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    frequencies = np.fft.rfftfreq(len(sound), 1 / RATE)
    inside = (frequencies > 200) & (frequencies < 2_000)
    return float(frequencies[inside][np.argmax(spectrum[inside])])


@pytest.mark.parametrize(
    ("name", "amount", "semitones"), [("PITCH_UP", 0, 1), ("PITCH_UP", 3, 2), ("PITCH_DOWN", 0, -1)]
)
def test_pitch_moves_by_semitones_and_keeps_the_length(name, amount, semitones, tmp_path):
    sound = heard(steady(), tmp_path, name, amount)
    assert len(sound) == BEATS * BEAT
    assert loudest_hz(sound[5 * BEAT : 7 * BEAT]) == pytest.approx(MIDDLE_HZ * 2 ** (semitones / 12), abs=4)


@pytest.mark.parametrize("name", ["DISTORTION", "REVERB"])
def test_stronger_is_heard_more(name, tmp_path):
    plain = heard(steady(), tmp_path, "KEEP")[4 * BEAT : 8 * BEAT]
    changes = []
    for amount in (0, 2, 4):
        sound = heard(steady(), tmp_path, name, amount)[4 * BEAT : 8 * BEAT]
        changes.append(float(np.std(sound / sound.std() - plain / plain.std())))
    assert 0.01 < changes[0] < changes[1] < changes[2]


def test_every_type_of_every_vocabulary_is_heard_here():
    treatments = {row.treatment for words in VOCABULARIES.values() for row in words.rows}
    assert treatments == set(Treatment)
    arranged = {row.name for words in VOCABULARIES.values() for row in words.rows if not row.changes_sound}
    assert arranged | {"REVERSE"} == set(ARRANGED)
