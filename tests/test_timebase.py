"""Where times lie on the grids, beside a search through frames and steps."""

import numpy as np
import pytest

from editorbot.analysis.grid_times import nearest_frames, step_middles_s
from editorbot.timebase import (
    ANALYSIS_RATE,
    FRAME_S,
    STEP_FRAMES,
    STEP_S,
    mono_samples,
    s_to_frames,
    s_to_samples,
    s_to_steps,
    step_at,
    step_count,
    steps_over,
)

TIMES_S = np.random.default_rng(0).uniform(0, 20, 200)


@pytest.mark.parametrize("time_s", [0.0, 0.01, 1.0, 2.5, *TIMES_S[:20].tolist()])
def test_a_time_lies_in_one_step_and_near_one_frame(time_s):
    (inside,) = [step for step in range(120) if step * STEP_S <= time_s < (step + 1) * STEP_S]
    assert step_at(time_s) == inside
    assert s_to_frames(time_s) == min(range(1000), key=lambda frame: abs(frame * FRAME_S - time_s))
    assert s_to_steps(time_s) == min(range(120), key=lambda step: abs(step * STEP_S - time_s))


def test_all_times_at_once_are_each_time_alone():
    assert nearest_frames(TIMES_S).tolist() == [s_to_frames(time_s) for time_s in TIMES_S.tolist()]
    assert nearest_frames(TIMES_S).dtype == np.int64
    middles_s = step_middles_s(50)
    assert [step_at(middle_s) for middle_s in middles_s.tolist()] == list(range(50))
    np.testing.assert_allclose(middles_s, [(step * STEP_S + (step + 1) * STEP_S) / 2 for step in range(50)])


@pytest.mark.parametrize("number", range(20))
def test_a_stretch_lies_over_every_step_that_holds_some_of_it(number):
    start_s, end_s = sorted(TIMES_S[2 * number : 2 * number + 2].tolist())
    over = [step for step in range(120) if step * STEP_S < end_s and start_s < (step + 1) * STEP_S]
    assert list(range(120))[steps_over(start_s, end_s)] == over


@pytest.mark.parametrize("frames", [0, 1, 7, 8, 9, 80, 81])
def test_steps_hold_all_frames_and_no_step_is_empty(frames):
    assert step_count(frames) == len({frame // STEP_FRAMES for frame in range(frames)})


@pytest.mark.parametrize("sample_rate", [4_000, 22_050, 44_100, 48_000, 768_000])
def test_samples_of_a_time_and_of_the_downmix(sample_rate):
    for time_s in TIMES_S[:20].tolist():
        at = s_to_samples(time_s, sample_rate)
        assert abs(at - time_s * sample_rate) <= min(abs(one - time_s * sample_rate) for one in (at - 1, at + 1))
        # As many as it takes to reach the end of the recording, and not one more.
        length = mono_samples(at, sample_rate)
        assert (length - 1) * sample_rate < at * ANALYSIS_RATE <= length * sample_rate
