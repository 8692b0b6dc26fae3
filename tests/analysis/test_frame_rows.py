import errno
import tempfile

import numpy as np
import pytest

from editorbot.analysis import frame_rows
from editorbot.analysis.beat_grid import fallback_grid
from editorbot.analysis.features import beat_features, beat_levels_db, mean_level_db
from editorbot.analysis.frame_rows import SpooledRows, new_rows
from editorbot.timebase import ANALYSIS_RATE
from tests.analysis.spectrum_sounds import music, scan


def filled(rows):
    values = np.random.default_rng(0).standard_normal((100, 7)).astype(np.float32)
    for first in (40, 0, 80):  # in any order
        rows[first : first + 40] = values[first : first + 40]
    return values


def assert_reads(rows, values):
    assert len(rows) == 100
    for part in (slice(0, 100), slice(3, 50), slice(90, 200), slice(50, 50), slice(None, 7)):
        np.testing.assert_array_equal(rows[part], values[part])


def test_rows_in_a_file_read_like_an_array():
    rows = SpooledRows(100, 7)
    values = filled(rows)
    assert_reads(rows, values)


def test_what_was_never_written_is_zero():
    rows = SpooledRows(100, 7)
    rows[50:60] = np.ones((10, 7), dtype=np.float32)
    assert rows[0:100].sum() == 70


def test_a_full_disk_keeps_the_rows_in_memory(monkeypatch):
    rows, calls = SpooledRows(100, 7), []
    write = SpooledRows._write

    def fill_up(self, first, values):
        calls.append(first)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "no space")
        write(self, first, values)

    monkeypatch.setattr(SpooledRows, "_write", fill_up)
    assert_reads(rows, filled(rows))
    assert len(calls) == 2


def test_without_a_temporary_folder_the_rows_are_kept_in_memory(monkeypatch):
    def refuse(**options):
        raise FileNotFoundError(errno.ENOENT, "no folder")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    rows = SpooledRows(100, 7)
    assert_reads(rows, filled(rows))


def test_few_rows_stay_in_memory():
    assert isinstance(new_rows(10, 3), np.ndarray)
    assert isinstance(new_rows(frame_rows.KEPT_FRAMES + 1, 3), SpooledRows)


@pytest.mark.parametrize("seconds", [0.05, 12.0])
def test_features_are_the_same_from_a_file(monkeypatch, seconds):
    mono = music(12.0)[: round(seconds * ANALYSIS_RATE)]
    grid, kept = fallback_grid(seconds, "NO_BEAT: none"), scan(mono)
    monkeypatch.setattr(frame_rows, "KEPT_FRAMES", 0)
    spooled = scan(mono)
    assert isinstance(spooled.columns, SpooledRows)
    np.testing.assert_array_equal(beat_features(kept, grid), beat_features(spooled, grid))
    np.testing.assert_array_equal(beat_levels_db(kept, grid.beats_s), beat_levels_db(spooled, grid.beats_s))
    assert mean_level_db(kept) == mean_level_db(spooled)
