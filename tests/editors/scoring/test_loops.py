"""Turns of vamps."""

from __future__ import annotations

import numpy as np

from editorbot.editors.scoring.loops import find_turns
from editorbot.editors.scoring.repetition import (
    step_vectors,
)
from tests.editors.step_grids import quiet_steps, song_steps


def test_the_turns_of_a_vamp_are_found_and_their_length():
    vamp = song_steps(200, 240)
    steps = np.concatenate([song_steps(0, 240), vamp, vamp, vamp, song_steps(240, 500)])
    best = find_turns(step_vectors(steps), np.ones(len(steps), dtype=bool))[0]
    assert best.lag == 40
    assert abs(best.start - 240) <= 4
    assert abs(best.end - 360) <= 4


def test_no_loop_reaches_across_a_stop():
    part = song_steps(0, 60)
    steps = np.concatenate([part, quiet_steps(10), part])
    is_song = np.ones(len(steps), dtype=bool)
    is_song[60:70] = False
    assert find_turns(step_vectors(steps), is_song) == []
