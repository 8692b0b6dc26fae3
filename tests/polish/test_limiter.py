"""No true peak gets above the ceiling, and the gain moves slowly."""

from __future__ import annotations

import numpy as np
import pytest

from tests.polish.polished_sounds import RATE, hard_cases, polished, quiet_music, true_peak_db


@pytest.mark.parametrize("case", range(5))
def test_no_true_peak_gets_above_the_ceiling(case):
    out = polished(hard_cases()[case])
    assert true_peak_db(out) <= -1.0 + 0.05
    assert np.isfinite(out).all()


def test_the_gain_moves_slowly():
    sound = hard_cases()[0]
    gain = polished(sound)[:, 0] / np.where(np.abs(sound[:, 0]) > 1e-6, sound[:, 0], np.nan)
    steps = np.abs(np.diff(gain[np.isfinite(gain)]))
    # 5 ms from open to closed is at most 1 part in 110 a sample at the window's steepest point.
    assert steps.max() < 0.02 * np.nanmax(gain)


def test_a_lone_peak_lowers_the_gain_only_near_itself():
    sound = quiet_music(6.0)
    sound[3 * RATE] = 0.99
    out = polished(sound)
    gain = np.median(out / sound, axis=1)
    open_gain = np.median(gain)
    assert np.median(gain[3 * RATE - 50 : 3 * RATE + 50]) < 0.8 * open_gain
    assert np.allclose(gain[: 3 * RATE - 1_000], open_gain, rtol=1e-9)
    assert np.allclose(gain[5 * RATE :], open_gain, rtol=1e-4)
