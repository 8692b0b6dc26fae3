from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from editorbot.analysis.beat_grid import BeatGrid, fallback_grid
from editorbot.analysis.spectrum import STEP_COLUMNS, STEP_MEL_BANDS, TRACK_BANDS, FrameTracks
from editorbot.analysis.structure import Structure, checkerboard_novelty, find_structure
from editorbot.timebase import FRAME_S, STEP_S

BEAT_S = 0.5
"""Length of a beat in the synthetic pieces [s]."""


def grid_of(beats: int, *, bars: bool = True) -> BeatGrid:
    return BeatGrid(
        beats_s=np.arange(beats) * BEAT_S,
        downbeats=np.arange(0, beats, 4) if bars else np.empty(0, dtype=np.int64),
        beats_per_bar=4,
        tempo_curve_bpm=np.full(beats, 120.0),
        confidence=0.9,
        strength=np.ones(beats),
        beat_confidence=np.full(beats, 0.9),
    )


def piece(form: str, beats_each: int, seed: int = 0) -> tuple[FrameTracks, np.ndarray, float]:
    """Frames, steps and duration of a piece whose parts each have their own timbre and harmony."""
    rng = np.random.default_rng(seed)
    ideas = {letter: (rng.normal(-40, 12, STEP_MEL_BANDS), rng.uniform(0, 1, 12)) for letter in "ABCDE"}
    duration_s = len(form) * beats_each * BEAT_S

    def letter_at(time_s: float) -> str:
        return form[min(len(form) - 1, int(time_s / (beats_each * BEAT_S)))]

    frames = 1 + int(duration_s / FRAME_S)
    chroma = np.array([ideas[letter_at(frame * FRAME_S)][1] for frame in range(frames)])
    chroma = np.clip(chroma + rng.normal(0, 0.15, chroma.shape), 0, 1).astype(np.float32)
    step_count = -(-frames // 8)
    steps = np.zeros((step_count, len(STEP_COLUMNS)), dtype=np.float32)
    mel = np.array([ideas[letter_at((step + 0.5) * STEP_S)][0] for step in range(step_count)])
    steps[:, :STEP_MEL_BANDS] = mel + rng.normal(0, 4, mel.shape)
    bands = np.zeros((frames, TRACK_BANDS), dtype=np.float32)
    flat = np.zeros(frames, dtype=np.float32)
    return FrameTracks(flat, bands, bands, chroma, flat), steps, duration_s


def structure_of(form: str, beats_each: int, *, bars: bool = True, seed: int = 0) -> Structure:
    frames, steps, duration_s = piece(form, beats_each, seed)
    structure = find_structure(grid_of(len(form) * beats_each, bars=bars), frames, steps, duration_s)
    assert structure.sections[0].start_s == 0
    assert structure.sections[-1].end_s == duration_s
    for before, after in zip(structure.sections, structure.sections[1:]):
        assert before.end_s == after.start_s
        assert before.start_s < before.end_s
    return structure


@pytest.mark.parametrize("form", ["ABA", "AB", "ABAB", "ABCAB", "AABA"])
@pytest.mark.parametrize("seed", range(3))
def test_the_form_is_found(form: str, seed: int) -> None:
    structure = structure_of(form, 64, seed=seed)
    heard = "".join(section.label for section in structure.sections)
    merged = "".join(letter for index, letter in enumerate(form) if index == 0 or form[index - 1] != letter)
    assert heard == merged
    changes_s = [index * 32.0 for index in range(1, len(form)) if form[index] != form[index - 1]]
    assert [section.start_s for section in structure.sections[1:]] == pytest.approx(changes_s, abs=2 * BEAT_S)


def test_one_idea_is_one_section() -> None:
    structure = structure_of("A", 200)
    assert [section.label for section in structure.sections] == ["A"]


def test_sections_carry_the_confidence_of_their_beats() -> None:
    assert structure_of("AB", 64).sections[0].confidence == pytest.approx(0.9)


def test_phrases_begin_on_downbeats_in_groups_of_bars() -> None:
    phrases = structure_of("ABACAB", 32).phrases
    assert (phrases % 4 == 0).all()
    assert (np.diff(phrases) > 0).all()
    assert set(range(32, 192, 32)) <= set(phrases.tolist())
    assert np.median(np.diff(phrases)) in (16, 32)


def test_without_bars_there_are_no_phrases_but_sections() -> None:
    structure = structure_of("ABA", 64, bars=False)
    assert len(structure.phrases) == 0
    assert "".join(section.label for section in structure.sections) == "ABA"


def test_the_fallback_grid_has_sections_too() -> None:
    frames, steps, duration_s = piece("AB", 64)
    structure = find_structure(fallback_grid(duration_s, "NO_BEAT: test"), frames, steps, duration_s)
    assert len(structure.sections) == 2
    assert structure.sections[0].confidence == 0


@pytest.mark.parametrize("beats", [1, 2, 3, 9])
def test_a_few_beats_are_one_section(beats: int) -> None:
    frames, steps, duration_s = piece("A", beats)
    structure = find_structure(grid_of(beats), frames, steps, duration_s)
    assert [section.label for section in structure.sections] == ["A"]


def test_silence_is_one_section() -> None:
    frames, steps, duration_s = piece("A", 64)
    blank = FrameTracks(
        frames.onset, frames.band_flux, frames.band_level_db, np.zeros_like(frames.chroma), frames.onset
    )
    structure = find_structure(grid_of(64), blank, np.zeros_like(steps), duration_s)
    assert len(structure.sections) == 1


def naive_checkerboard(described: np.ndarray, half: int) -> np.ndarray:
    """The same kernel on the whole self-similarity."""
    units = described / (np.linalg.norm(described, axis=1, keepdims=True) + 1e-6)
    padded = np.pad(units, ((half, half), (0, 0)), mode="edge")
    similarity = padded @ padded.T
    offsets = np.arange(-half, half) + 0.5
    taper = np.exp(-0.5 * (offsets / (half / 2)) ** 2)
    kernel = np.outer(np.sign(offsets) * taper, np.sign(offsets) * taper)
    np.fill_diagonal(kernel, 0.0)
    found = [(kernel * similarity[i : i + 2 * half, i : i + 2 * half]).sum() / 2 for i in range(len(described))]
    return np.array(found) / taper.sum() ** 2


def test_the_banded_novelty_equals_the_whole_matrix() -> None:
    described = np.random.default_rng(0).standard_normal((70, 5)).astype(np.float32)
    np.testing.assert_allclose(checkerboard_novelty(described, 8), naive_checkerboard(described, 8), atol=1e-5)


def test_novelty_peaks_at_the_change() -> None:
    described = np.repeat(np.eye(2, 4, dtype=np.float32), 40, axis=0)
    assert checkerboard_novelty(described, 16).argmax() == 40


def test_hours_of_beats_need_little_memory() -> None:
    beats = 36_000
    described = np.random.default_rng(0).standard_normal((beats, 52)).astype(np.float32)
    tracemalloc.start()
    checkerboard_novelty(described, 32)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 100e6
