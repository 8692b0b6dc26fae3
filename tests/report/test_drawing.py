"""Shapes: where they begin and end, and how many."""

from __future__ import annotations

import re

import numpy as np
import pytest

from editorbot.report.drawing import LETTER_PERCENT, SCORE_COLUMNS, flow_path, score_path, ticks, wave_paths
from editorbot.report.peaks import Peaks


def flat_peaks(columns: int) -> Peaks:
    ones = np.ones(columns, np.float32)
    return Peaks(columns * 10, 10, -ones, ones, ones * np.float32(0.5))


def test_each_run_of_shown_columns_is_one_shape() -> None:
    shown = np.array([True, True, False, True])
    outline, inside = wave_paths(flat_peaks(4), shown)
    assert outline.count("M") == outline.count("Z") == inside.count("M") == 2
    x = [float(value) for value in re.findall(r"([\d.]+),", outline)]
    assert (min(x), max(x)) == (0.0, 1000.0)
    assert not any(500 < value < 750 for value in x)


def test_nothing_shown_is_nothing_drawn() -> None:
    assert wave_paths(flat_peaks(3), np.zeros(3, bool)) == ("", "")


def test_the_loudest_column_fills_the_height_and_silence_stays_a_hair() -> None:
    quiet = Peaks(20, 10, np.array([-0.1, 0], np.float32), np.array([0.1, 0], np.float32), np.zeros(2, np.float32))
    y = [float(value) for value in re.findall(r",([\d.]+)", wave_paths(quiet, np.ones(2, bool))[0])]
    assert (min(y), max(y)) == (1.0, 99.0)
    assert 50 not in y


def test_score_curve_steps_at_the_beats() -> None:
    assert score_path(np.array([1.0, 2.0]), np.array([1.0, 0.25]), 4.0) == (
        "M250.0,100H250.0V0.0H500.0V75.0H1000.0V100Z"
    )


def test_score_curve_of_hours_has_few_steps() -> None:
    beats = 36_000
    path = score_path(np.arange(beats) * 0.5, np.full(beats, 2.0), beats * 0.5)
    assert path.count("H") <= SCORE_COLUMNS + 1
    assert "V0.0" in path  # above 1 is drawn at the border


def test_no_scores_no_curve() -> None:
    assert score_path(np.array([]), np.array([]), 4.0) == ""


def test_a_reversed_clip_twists_its_ribbon() -> None:
    straight, twisted = (flow_path((0.0, 0.5), (0.5, 1.0), reverse=reverse) for reverse in (False, True))
    assert straight.startswith("M0.00,0C0.00,20 500.00,20 500.00,40L1000.00,40")
    assert twisted.startswith("M0.00,0C0.00,20 1000.00,20 1000.00,40L500.00,40")


@pytest.mark.parametrize("duration_s", [0.3, 2.0, 61.0, 3_600.0, 10_800.0, 36_000.0, 400_000.0])
def test_axis_has_few_marks_that_begin_at_zero(duration_s: float) -> None:
    marks = ticks(duration_s)
    assert marks[0].percent == 0
    assert all(mark.percent < 100 for mark in marks)
    assert len(marks) <= 7 or duration_s > 100_000
    written = [mark.label for mark in marks if mark.label]
    assert len(set(written)) == len(written) > 0


def test_axis_labels_read_as_times() -> None:
    assert [mark.label for mark in ticks(10_800.0)][:3] == ["0:00", "30:00", "1:00:00"]
    assert [mark.label for mark in ticks(0.5)][:2] == ["0:00", "0:00.1"]


@pytest.mark.parametrize("duration_s", [0.5, 31.0, 91.03, 119.9, 3_601.0, 36_001.0])
def test_no_mark_is_written_over_the_end_of_its_axis(duration_s: float) -> None:
    marks = ticks(duration_s)
    assert any(mark.label for mark in marks)
    assert all(mark.percent + LETTER_PERCENT * len(mark.label) <= 100 for mark in marks if mark.label)
