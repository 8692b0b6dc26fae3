"""Joins that keep time."""

import numpy as np
import pytest

from editorbot.analysis.features import FEATURE_NAMES
from editorbot.editors.scoring.edges import in_time
from tests.editors.step_grids import jam_analysis, song_steps


@pytest.fixture
def steady():
    """Return a recording with a beat every half second."""
    from dataclasses import replace

    analysis = jam_analysis([("music", song_steps(0, 300))])
    beats_s = np.arange(0.25, analysis.duration_s, 0.5)
    count = len(beats_s)
    return replace(
        analysis,
        beats_s=beats_s,
        beat_confidence=0.9,
        downbeats=np.arange(0, count, 4),
        phrases=np.zeros(0, np.int64),
        tempo_curve_bpm=np.full(count, 120.0),
        energy_db=np.full(count, -20.0),
        features=np.zeros((count, len(FEATURE_NAMES)), np.float32),
    )


@pytest.mark.parametrize(("leave_s", "arrive_s", "wanted_s"), [
    (10.0, 20.1, 10.1), (10.0, 20.4, 9.9), (10.0, 20.0, 10.0), (10.2, 20.05, 10.05),
])  # fmt: skip
def test_the_beat_goes_on_across_a_join(steady, leave_s, arrive_s, wanted_s):
    assert in_time(steady, leave_s, arrive_s) == pytest.approx(wanted_s)


def test_without_a_beat_nothing_moves(steady):
    from dataclasses import replace

    assert in_time(replace(steady, beat_confidence=0.0), 10.0, 20.1) == 10.0
    assert in_time(steady, 0.1, 20.1) == 0.1
