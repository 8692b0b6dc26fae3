from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editorbot.corpus.band import (
    MISTAKES,
    Control,
    Mistake,
    Note,
    Part,
    Score,
    at_speed,
    excerpt,
    find_soundfont,
    humanized,
    make_mistake,
    play,
    read_midi,
)
from editorbot.corpus.band.generate import generate_piece
from editorbot.errors import EmptyError, FormatError, NotFoundError, UsageError
from tests.corpus.band.soundfonts import sine_soundfont

RNG = np.random.default_rng
RATE = 44_100


def score_of(*parts: Part) -> Score:
    beats_s = np.arange(0.5, 4.5, 0.5)
    return Score(parts, beats_s, beats_s[::4], 4.5)


def line(name: str, role: str, key: int, *, offset_s: float = 0.0) -> Part:
    notes = tuple(Note(at + offset_s, at + offset_s + 0.2, key, 100) for at in np.arange(0.5, 4.5, 0.5))
    return Part(name, role, notes)


BAND = score_of(line("drums", "drums", 36), line("bass", "bass", 40), line("lead", "other", 72, offset_s=0.1))


def onsets_s(sound: np.ndarray) -> np.ndarray:
    """Where sound begins after silence."""
    loud = np.convolve(np.abs(sound[:, 0]) > 1e-4, np.ones(2_000), mode="full")[: len(sound)] > 0
    return np.flatnonzero(loud & ~np.append(False, loud[:-1])) / RATE


class TestPlay:
    def test_stems_add_up_to_the_mix_and_begin_at_their_notes(self) -> None:
        pytest.importorskip("tinysoundfont")
        played = play(BAND, sine_soundfont())
        total = np.sum([stem.sound.astype(np.float64) for stem in played.stems], axis=0)
        assert np.abs(total - played.mix).max() < 1e-6
        assert np.abs(np.sum(list(played.by_role().values()), axis=0) - played.mix).max() < 1e-6
        for stem, part in zip(played.stems, BAND.parts):
            assert np.allclose(onsets_s(stem.sound), [note.start_s for note in part.notes], atol=0.002)

    def test_players_apart_sound_as_together(self) -> None:
        pytest.importorskip("tinysoundfont")
        both = Part("both", "bass", tuple(sorted(BAND.parts[1].notes + BAND.parts[2].notes, key=lambda n: n.start_s)))
        alone = replace(BAND, parts=BAND.parts[1:])
        assert np.abs(play(alone, sine_soundfont()).mix - play(score_of(both), sine_soundfont()).mix).max() < 1e-4

    def test_tuning_changes_the_pitch(self) -> None:
        pytest.importorskip("tinysoundfont")
        part = Part("lead", "other", (Note(0.0, 2.0, 69, 100),), (Control(1.0, "tuning", 1.0),))
        sound = play(Score((part,), np.array([0.0]), np.array([0.0]), 2.0), sine_soundfont()).mix[:, 0]

        def pitch_hz(from_s: float) -> float:
            window = sound[round(from_s * RATE) :][:16_384]
            return float(np.abs(np.fft.rfft(window * np.hanning(len(window)))).argmax() * RATE / len(window))

        assert pitch_hz(0.3) == pytest.approx(441.0, abs=3)
        assert pitch_hz(1.3) in (pytest.approx(441.0, abs=3), pytest.approx(441.0 * 2 ** (1 / 12), abs=3))

    def test_what_is_no_soundfont_is_refused(self) -> None:
        pytest.importorskip("tinysoundfont")
        with pytest.raises(FormatError, match="soundfont"):
            play(BAND, b"RIFF nonsense")
        with pytest.raises(FormatError, match="without parts"):
            play(score_of(), sine_soundfont())


class TestMistakes:
    @pytest.mark.parametrize("kind", MISTAKES)
    def test_only_one_player_changes_and_only_there(self, kind: str) -> None:
        changed = make_mistake(BAND, Mistake("lead", kind, 1.5, 3.0), RNG(1))
        for old, new in zip(BAND.parts, changed.parts):
            assert (old == new) == (old.name != "lead")
        before = [note for note in BAND.part("lead").notes if note.start_s < 1.3]
        assert [note for note in changed.part("lead").notes if note.start_s < 1.3] == before
        assert np.array_equal(changed.beats_s, BAND.beats_s)

    def test_missing_leaves_a_hole(self) -> None:
        bass = make_mistake(BAND, Mistake("bass", "missing", 1.5, 3.0), RNG(0)).part("bass")
        assert [note.start_s for note in bass.notes] == [0.5, 1.0, 3.0, 3.5, 4.0]

    def test_late_is_late(self) -> None:
        new = make_mistake(BAND, Mistake("bass", "late", 0.0, 9.0), RNG(3)).part("bass")
        shifts_s = np.array([n.start_s - o.start_s for n, o in zip(new.notes, BAND.part("bass").notes)])
        assert 0.03 < abs(np.median(shifts_s)) < 0.25

    def test_unknown_mistakes_and_players_are_refused(self) -> None:
        with pytest.raises(UsageError, match="no mistake"):
            make_mistake(BAND, Mistake("lead", "sleepy", 0.0, 1.0), RNG(0))
        with pytest.raises(FormatError, match="no player"):
            make_mistake(BAND, Mistake("tuba", "late", 0.0, 1.0), RNG(0))

    def test_people_play_near_what_is_written(self) -> None:
        played = humanized(BAND, RNG(5), timing_s=0.01)
        off_s = [n.start_s - o.start_s for p, q in zip(played.parts, BAND.parts) for n, o in zip(p.notes, q.notes)]
        assert 0.003 < np.std(off_s) < 0.03
        assert humanized(BAND, RNG(5), timing_s=0.01).parts == played.parts


class TestScores:
    def test_excerpt_and_speed_keep_notes_on_beats(self) -> None:
        part = at_speed(excerpt(BAND, 1.0, 3.0), 2.0)
        assert np.allclose(part.beats_s, np.arange(0.0, 1.0, 0.25))
        assert [note.start_s for note in part.parts[1].notes] == pytest.approx(list(part.beats_s))

    def test_beats_must_increase(self) -> None:
        with pytest.raises(FormatError, match="must increase"):
            Score((), np.array([0.0, 0.0]), np.array([0.0]), 1.0)

    @pytest.mark.parametrize("seed", range(40))
    def test_made_up_pieces_hold_what_they_promise(self, seed: int) -> None:
        piece = generate_piece(RNG(seed), length_s=30.0)
        same = generate_piece(RNG(seed), length_s=30.0)
        assert piece.parts == same.parts
        assert np.array_equal(piece.beats_s, same.beats_s)
        assert np.isin(piece.downbeats_s, piece.beats_s).all()
        assert len(piece.beats_s) * np.median(np.diff(piece.beats_s)) > 12
        for part in piece.parts:
            starts_s = [note.start_s for note in part.notes]
            assert starts_s == sorted(starts_s)
            assert all(0 <= n.key <= 127 and 1 <= n.velocity <= 127 and n.end_s > n.start_s for n in part.notes)

    def test_a_seed_makes_up_the_same_piece_in_every_process(self) -> None:
        program = (
            "import numpy as np; from editorbot.corpus.band.generate import generate_piece;"
            "print([generate_piece(np.random.default_rng(seed), length_s=20.0).parts for seed in range(4)])"
        )
        said = {
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": salt},
                capture_output=True,
                check=True,
            ).stdout
            for salt in ("1", "2")
        }
        assert len(said) == 1

    def test_made_up_notes_lie_on_the_beats(self) -> None:
        for seed in range(10):
            piece = generate_piece(RNG(seed))
            starts_s = np.array([note.start_s for part in piece.parts for note in part.notes])
            near = np.abs(piece.beats_s[:, None] - starts_s).min(axis=1) < 0.001
            assert near.mean() > 0.5


class TestMidi:
    def file_of(self, *messages: object, ticks: int = 480) -> bytes:
        mido = pytest.importorskip("mido")
        midi = mido.MidiFile(ticks_per_beat=ticks)
        midi.tracks.append(mido.MidiTrack(messages))
        file = io.BytesIO()
        midi.save(file=file)
        return file.getvalue()

    def test_tempo_and_meter_give_beats_and_bars(self) -> None:
        mido = pytest.importorskip("mido")
        on = [mido.Message("note_on", note=60, time=0), mido.Message("note_off", note=60, time=480)]
        content = self.file_of(
            mido.MetaMessage("set_tempo", tempo=600_000),
            mido.MetaMessage("time_signature", numerator=3, denominator=4),
            mido.Message("program_change", program=33),
            *on, *on, *on,
            mido.MetaMessage("set_tempo", tempo=300_000),
            *on, *on, *on, *on,
        )  # fmt: skip
        score = read_midi(content)
        assert np.allclose(score.beats_s, [0, 0.6, 1.2, 1.8, 2.1, 2.4, 2.7])
        assert np.allclose(score.downbeats_s, [0, 1.8, 2.7])
        assert score.parts[0].role == "bass"
        assert [note.start_s for note in score.parts[0].notes] == pytest.approx(list(score.beats_s))

    def test_six_eight_is_counted_in_dotted_quarters(self) -> None:
        mido = pytest.importorskip("mido")
        on = [mido.Message("note_on", note=60, time=0), mido.Message("note_off", note=60, time=240)]
        content = self.file_of(mido.MetaMessage("time_signature", numerator=6, denominator=8), *on * 13)
        score = read_midi(content)
        assert np.allclose(np.diff(score.beats_s), 0.75)
        assert np.allclose(np.diff(score.downbeats_s), 1.5)

    def test_bad_files_are_refused(self, tmp_path: Path) -> None:
        pytest.importorskip("mido")
        with pytest.raises(NotFoundError):
            read_midi(tmp_path / "none.mid")
        for content in (b"", b"MThd", b"RIFF of another kind", bytes(100)):
            with pytest.raises(FormatError):
                read_midi(content)
        with pytest.raises(EmptyError):
            read_midi(self.file_of())


def test_soundfont_is_found_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.sf2"
    with pytest.raises(NotFoundError):
        find_soundfont(path)
    path.write_bytes(b"x")
    assert find_soundfont(path) == path
    monkeypatch.setenv("EDITORBOT_SOUNDFONT", str(path))
    assert find_soundfont() == path
