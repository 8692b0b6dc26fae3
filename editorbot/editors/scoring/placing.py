"""Makes stretches of what was found worth keeping, their edges where they belong."""

from __future__ import annotations

from editorbot.analysis.analysis import Analysis
from editorbot.editors.clips import audible
from editorbot.editors.scoring.classify import StepLabels
from editorbot.editors.scoring.edges import kept_spans_s

SHORTEST_CLIP_S = 2.0
"""Kept stretches shorter than this are dropped [seconds]."""

LEAST_SONG_SHARE = 0.05
"""Where less of the recording than this is worth keeping, everything audible is kept instead."""


def placed_spans_s(analysis: Analysis, step_labels: StepLabels) -> list[tuple[float, float]]:
    """Return the stretches that a verdict keeps, with their edges in place, as (start, end) in order [seconds]."""
    is_song = step_labels.keep.mean() >= LEAST_SONG_SHARE and not _is_only_talk(analysis)
    keep = step_labels.keep if is_song else audible(analysis)
    spans_s = kept_spans_s(analysis, step_labels, keep)
    longest = max(spans_s, key=lambda span: span[1] - span[0], default=(0.0, analysis.duration_s))
    return [span for span in spans_s if span[1] - span[0] >= SHORTEST_CLIP_S] or [longest]


def _is_only_talk(analysis: Analysis) -> bool:
    """Tell whether people talk in a recording and nothing else is heard: the score knows music alone."""
    kinds = {span.kind for span in analysis.activity}
    return "talk" in kinds and kinds <= {"talk", "silence"}
