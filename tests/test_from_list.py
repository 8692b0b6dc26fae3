from __future__ import annotations

import numpy as np
import pytest

from editorbot.editlist.edit_list import BeatScore, Clip, EditList, Join
from editorbot.errors import MismatchError
from editorbot.from_list import for_other_source
from editorbot.render.render import render_blocks

CLIPS, JOINS = (Clip(0, 3_000), Clip(5_000, 9_000)), (Join(100, 0.2),)


def noise(samples: int, channels: int) -> np.ndarray:
    return np.random.default_rng(samples).uniform(-0.5, 0.5, (samples, channels))


def test_the_same_samples_are_played_of_another_track(make_recording):
    edit_list = EditList(make_recording(noise(10_000, 2)).source, CLIPS, JOINS)
    other = make_recording(noise(10_000, 1))
    changed = for_other_source(edit_list, other)
    assert (changed.clips, changed.joins, changed.warnings) == (CLIPS, JOINS, ())
    assert changed.source == other.source
    blocks = list(render_blocks(changed, other))
    assert np.array_equal(blocks[0], other.read_native(0, 2_950))


@pytest.mark.parametrize("samples", [9_000, 12_000])
def test_another_length_is_a_warning_while_the_edit_fits(make_recording, samples):
    edit_list = EditList(make_recording(noise(10_000, 1)).source, CLIPS, JOINS)
    changed = for_other_source(edit_list, make_recording(noise(samples, 1)))
    assert [line.split(":")[0] for line in changed.warnings] == ["LENGTH"]


def test_a_file_that_ends_before_the_edit_is_refused(make_recording):
    edit_list = EditList(make_recording(noise(10_000, 1)).source, CLIPS, JOINS)
    with pytest.raises(MismatchError, match="same take"):
        for_other_source(edit_list, make_recording(noise(8_999, 1)))


def test_another_rate_is_refused(make_recording):
    edit_list = EditList(make_recording(noise(10_000, 1)).source, CLIPS, JOINS)
    with pytest.raises(MismatchError, match="16000 Hz"):
        for_other_source(edit_list, make_recording(noise(20_000, 1), 16_000))


def test_beats_beyond_a_shorter_file_are_left_away(make_recording):
    beats = (BeatScore(100, 0.5), BeatScore(9_500, 0.5))
    edit_list = EditList(make_recording(noise(10_000, 1)).source, CLIPS, JOINS, beats=beats)
    assert for_other_source(edit_list, make_recording(noise(9_000, 1))).beats == beats[:1]
