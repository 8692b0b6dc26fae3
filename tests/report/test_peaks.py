"""Outlines of waveforms, against a naive twin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from editorbot.recording import Recording
from editorbot.report.peaks import Peaks, PeakScan, scan_peaks


def outlined(content: np.ndarray, columns: int) -> Peaks:
    scan = PeakScan(len(content), columns)
    scan.update(content, 0)
    return scan.peaks()


@given(samples=st.integers(1, 400), columns=st.integers(1, 60), cut=st.integers(1, 90), channels=st.integers(1, 3))
def test_any_blocks_give_the_extremes_of_every_column(samples: int, columns: int, cut: int, channels: int) -> None:
    content = np.random.default_rng(samples).uniform(-1, 1, (samples, channels))
    scan = PeakScan(samples, columns)
    for start in reversed(range(0, samples, cut)):
        scan.update(content[start : start + cut], start)
    peaks = scan.peaks()
    assert peaks.columns <= columns
    for column in range(peaks.columns):
        part = content[column * peaks.column_samples : (column + 1) * peaks.column_samples]
        assert peaks.lowest[column] == np.float32(part.min())
        assert peaks.highest[column] == np.float32(part.max())
        assert peaks.rms[column] == pytest.approx(np.sqrt(np.mean(part**2)), rel=1e-5)


@pytest.mark.parametrize(("dtype", "full_scale"), [(np.int16, 1 << 15), (np.int32, 1 << 31), (np.float32, 1)])
def test_full_scale_is_one_in_every_type(dtype: type, full_scale: int) -> None:
    content = np.array([[-full_scale], [full_scale // 2]]).astype(dtype)
    peaks = outlined(content, columns=1)
    assert peaks.lowest.tolist() == [-1.0]
    assert peaks.highest[0] == pytest.approx(0.5 if full_scale > 1 else 0.0)


def test_power_of_a_long_column_is_close_though_it_is_estimated() -> None:
    content = np.random.default_rng(0).uniform(-1, 1, (1 << 18, 2)).astype(np.float32)
    assert outlined(content, columns=1).rms[0] == pytest.approx(1 / np.sqrt(3), rel=0.05)


def test_samples_that_are_no_numbers_lie_flat() -> None:
    peaks = outlined(np.full((4, 1), np.nan), columns=2)
    assert peaks.lowest.tolist() == peaks.highest.tolist() == peaks.rms.tolist() == [0.0, 0.0]


def test_progress_ends_at_one(make_recording: Callable[..., Recording]) -> None:
    shares: list[float] = []
    scan_peaks(make_recording(np.zeros((3 << 20, 1)), subtype="PCM_16"), progress=shares.append)
    assert shares == sorted(shares)
    assert len(shares) == 3
    assert shares[-1] == 1.0
