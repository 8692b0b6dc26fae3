"""Says in plain words why a stretch was left out.

An edit list has words for what is played only, so the words for a cut stand
in the reason of the clip after it; for the last cut, in that of the clip before.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from editorbot.analysis.analysis import ActivitySpan
from editorbot.editors.scoring.classify import StepLabels
from editorbot.models.scorer_config import CLASSES
from editorbot.timebase import STEP_S, clock, steps_over

SHORTEST_NAMED_S = 0.7
"""Parts of a cut shorter than this are not worth a word [seconds]."""


def cut_reason(step_labels: StepLabels, activity: tuple[ActivitySpan, ...], start_s: float, end_s: float) -> str:
    """Return what lies in a cut, ``12 s of talk, 3 s of silence`` for example.

    Parameters
    ----------
    step_labels : StepLabels
        What was decided.
    activity : tuple of ActivitySpan
        What is heard.
    start_s, end_s : float [seconds]
        The cut.

    Returns
    -------
    words : str
        Never empty; the longest part first.
    """
    parts: dict[str, float] = {}
    rest = _others(step_labels, activity, start_s, end_s)
    takes = (
        _takes(step_labels, start_s, end_s)
        if step_labels.classes is None
        else _named(step_labels.classes, start_s, end_s)
    )
    for name, seconds in takes + rest:
        parts[name] = parts.get(name, 0.0) + seconds
    named = sorted(((s, name) for name, s in parts.items() if s >= SHORTEST_NAMED_S), reverse=True)
    if not named:
        return f"{end_s - start_s:.1f} s that do not fit"
    return ", ".join(f"{seconds:.0f} s of {name}" if seconds >= 1 else f"a moment of {name}" for seconds, name in named)


def _takes(step_labels: StepLabels, start_s: float, end_s: float) -> list[tuple[str, float]]:
    """Return the dropped takes inside a cut with their seconds."""
    found: list[tuple[str, float]] = []
    reached = 0
    for take in sorted(step_labels.retakes, key=lambda one: one.start):
        first = max(take.start, reached)
        overlap_s = min(take.end * STEP_S, end_s) - max(first * STEP_S, start_s)
        if overlap_s > 0:
            found.append((f"a take that is played again at {clock(take.again_at * STEP_S)}", overlap_s))
            reached = max(reached, take.end)
    for first_step, last_step in step_labels.extra_turns:
        overlap_s = min(last_step * STEP_S, end_s) - max(first_step * STEP_S, start_s)
        if overlap_s > 0:
            found.append(("music that was just played", overlap_s))
    return found


CLASS_WORDS = {
    "keep": "music that would be heard for a moment only",
    "other_song": "another song",
    "bad_take": "a take that is played better elsewhere",
    "repeat": "music that is heard before or after",
}
"""Words for what the learned score takes the band's music for."""


def _named(classes: Int[np.ndarray, " steps"], start_s: float, end_s: float) -> list[tuple[str, float]]:
    """Return what the learned score heard of the song in a cut, with seconds."""
    inside = classes[steps_over(start_s, end_s)]
    seconds = {name: float((inside == CLASSES.index(name)).sum()) * STEP_S for name in CLASS_WORDS}
    return [(CLASS_WORDS[name], length_s) for name, length_s in seconds.items() if length_s > 0]


def _others(
    step_labels: StepLabels, activity: tuple[ActivitySpan, ...], start_s: float, end_s: float
) -> list[tuple[str, float]]:
    """Return the kinds of sound inside a cut with their seconds, takes left out."""
    names = {"talk": "talk", "silence": "silence", "noise": "noise", "music": "playing that is not the song"}
    found = []
    for span in activity:
        first, last = max(span.start_s, start_s), min(span.end_s, end_s)
        if first < last:
            rest = ~named_by_class(step_labels)[steps_over(first, last)]
            found.append((names[span.kind], (last - first) * _share(rest)))
    return found


def named_by_class(step_labels: StepLabels) -> Bool[np.ndarray, " steps"]:
    """Tell for which steps something better than the kind of sound is known."""
    if step_labels.classes is None:
        return step_labels.is_song
    return np.isin(step_labels.classes, [CLASSES.index(name) for name in CLASS_WORDS])


def _share(flags: Bool[np.ndarray, " steps"]) -> float:
    """Return the share of flags that are set, 0 of none."""
    return float(flags.mean()) if len(flags) else 0.0


def clip_reason(score: Float[np.ndarray, " steps"], before: str, after: str) -> str:
    """Return the reason of a clip: what speaks for it, and which cuts lie beside it."""
    sure = float(score.mean()) if len(score) else 0.0
    words = "clearly the song" if sure > 0.9 else "the song, most likely" if sure > 0.7 else "perhaps the song"
    if before:
        words += f"; after a cut of {before}"
    return f"{words}; before a last cut of {after}" if after else words
