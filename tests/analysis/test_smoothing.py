import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, linkage

from editorbot.analysis import smoothing
from editorbot.analysis.smoothing import (
    average_link_groups,
    closed_gaps,
    running_max,
    running_mean,
    running_min,
    smoothed,
)


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 41])
@pytest.mark.parametrize("shape", [(41,), (60, 3), (200, 10)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_windows_do_what_scipy_does(size: int, shape: tuple[int, ...], dtype: type) -> None:
    values = np.random.default_rng(size).standard_normal(shape).astype(dtype)
    mean = scipy.ndimage.uniform_filter1d(values, size, axis=0, mode="nearest")
    assert np.allclose(running_mean(values, size), mean, atol=1e-5)
    assert (running_max(values, size) == scipy.ndimage.maximum_filter1d(values, size, axis=0)).all()
    assert (running_min(values, size) == scipy.ndimage.minimum_filter1d(values, size, axis=0)).all()
    assert np.allclose(smoothed(values), scipy.ndimage.gaussian_filter1d(values, 1.0, axis=0), atol=1e-5)


@pytest.mark.parametrize("block", [1, 7, 100, 299])
@pytest.mark.parametrize("size", [1, 3, 8, 90])
def test_blocks_leave_no_trace_in_extremes(monkeypatch: pytest.MonkeyPatch, block: int, size: int) -> None:
    values = np.random.default_rng(size).standard_normal((300, 2)).astype(np.float32)
    whole = running_max(values, size), running_min(values, size)
    monkeypatch.setattr(smoothing, "BLOCK_ROWS", block)
    np.testing.assert_array_equal(running_max(values, size), whole[0])
    np.testing.assert_array_equal(running_min(values, size), whole[1])


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 12))
def test_gaps_are_closed_as_scipy_closes_them(marks: list[bool], size: int) -> None:
    marked = np.array(marks)
    expected = scipy.ndimage.binary_closing(np.pad(marked, size), np.ones(size))[size:-size]
    assert (closed_gaps(marked, size) == expected).all()


@pytest.mark.parametrize("points", [1, 2, 5, 40])
def test_groups_are_those_of_average_linkage(points: int) -> None:
    rng = np.random.default_rng(points)
    places = rng.standard_normal((points, 4)) + 3 * rng.integers(0, 3, (points, 1))
    groups = average_link_groups(places, 2.0)
    expected = fcluster(linkage(places, "average"), 2.0, "distance") if points > 1 else np.zeros(1)
    assert ((groups[:, None] == groups) == (expected[:, None] == expected)).all()
