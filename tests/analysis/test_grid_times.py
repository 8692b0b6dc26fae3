"""Runs of flags along a grid."""

from __future__ import annotations

import numpy as np

from editorbot.analysis.grid_times import runs_of


def test_runs_are_half_open():
    assert runs_of(np.array([True, True, False, True])) == [(0, 2), (3, 4)]
    assert runs_of(np.zeros(3, dtype=bool)) == []
