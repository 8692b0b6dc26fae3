"""Which bar is near a join."""

import numpy as np
import pytest

from editorbot.analysis.analysis import STEP_COLUMNS
from editorbot.editors.scoring.overlap_trim import NO_BARS, bars_of
from tests.editors.step_grids import jam_analysis

STEPS = np.zeros((64, len(STEP_COLUMNS)), np.float32)  # 12 s, with a bar every two


@pytest.mark.parametrize(
    ("at_s", "later_s"),
    [(4.0, 0.0), (3.98, 0.0), (3.5, 0.5), (4.55, -0.55), (3.3, 0.0), (5.0, 0.0), (0.0, 0.0), (30.0, 0.0)],
)
def test_the_nearest_bar_counts_within_a_beat_and_a_little(at_s, later_s):
    assert bars_of(jam_analysis([("music", STEPS)])).later_s(at_s) == pytest.approx(later_s)


def test_where_no_beat_was_heard_there_is_no_bar():
    assert bars_of(jam_analysis([("music", STEPS)], has_beat=False)) is NO_BARS
    assert NO_BARS.later_s(4.0) == 0
