"""What a jam's truth says of every step: its class, and its place in the finished track.

The score and the pointer network both learn from it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8

from editorbot.analysis.grid_times import step_middles_s
from editorbot.corpus.truth import Segment, Truth
from editorbot.models.scorer_config import CLASSES

CLASS_OF_KIND = {
    "music": "keep", "repeat": "repeat",
    "sloppy": "bad_take", "false_start": "bad_take", "breakdown": "bad_take",
    "talk": "sounds", "silence": "sounds", "noise": "sounds", "applause": "sounds", "ring_out": "sounds",
    "count_in": "sounds", "junk": "sounds", "tuning": "noodling", "noodling": "noodling", "other_song": "other_song",
}  # fmt: skip
"""Kinds of truth -> CLASSES of the network."""


def classes_of(truth: Truth, steps: int) -> Int8[np.ndarray, " steps"]:
    """Return what each of a jam's steps is, an index into CLASSES; what no segment covers is ``sounds``."""
    middles_s = step_middles_s(steps)
    classes = np.full(steps, CLASSES.index("sounds"), np.int8)
    for segment in truth.segments:
        classes[_inside(segment, middles_s)] = CLASSES.index(CLASS_OF_KIND[segment.kind])
    return classes


def sources_of(truth: Truth, steps: int) -> Float32[np.ndarray, " steps"]:
    """Return where in the finished track each step belongs [seconds], NaN for junk."""
    middles_s = step_middles_s(steps)
    sources_s = np.full(steps, np.nan, np.float32)
    for segment in truth.segments:
        if segment.source_s is not None:
            inside = _inside(segment, middles_s)
            sources_s[inside] = segment.source_s + (middles_s[inside] - segment.start_s) * segment.speed
    return sources_s


def _inside(segment: Segment, middles_s: Float64[np.ndarray, " steps"]) -> Bool[np.ndarray, " steps"]:
    return (middles_s >= segment.start_s) & (middles_s < segment.end_s)
