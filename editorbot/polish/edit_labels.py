"""What an edit did to each frame of its track, as the reconstruction is told it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from editorbot.editlist.edit_list import ACTIONS, EditList
from editorbot.polish.tone_grid import grid_of


def frame_labels(edit_list: EditList) -> Int64[np.ndarray, " frames"]:
    """Return the index in ACTIONS of the clip that sounds in the middle of each frame, shape=(frames,)."""
    grid = grid_of(edit_list.source.sample_rate)
    ends = np.cumsum([clip.output_samples for clip in edit_list.clips])
    middles = (np.arange(grid.frames_of(int(ends[-1]))) - 1) * grid.hop
    numbers = np.searchsorted(ends, np.clip(middles, 0, ends[-1] - 1), side="right")
    actions = np.array([ACTIONS.index(clip.action) for clip in edit_list.clips], dtype=np.int64)
    return np.asarray(actions[numbers])
