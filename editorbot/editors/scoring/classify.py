"""Decides, step by step, what of a recording is worth keeping, and says why not.

Three questions in order: is this the band's music at all (a scorecard over
cues, then the best stretches)? Was it played again after a stop (then the
earlier play goes)? Is it one turn of a vamp too many (then the later goes)?
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from editorbot.analysis.analysis import ActivitySpan, Analysis
from editorbot.editors.base import Tightness
from editorbot.editors.scoring.cards import RETAKE_CARD, SONG_CARD, TURN_CARD
from editorbot.editors.scoring.cues import find_cues
from editorbot.editors.scoring.decode import best_stretches
from editorbot.editors.scoring.loops import find_turns, turn_cues
from editorbot.editors.scoring.repetition import find_repetition, step_vectors
from editorbot.editors.scoring.scorecard import Scorecard, chance
from editorbot.editors.scoring.takes import Retake, find_retakes, retake_cues

SWITCH_COST = 8.0
"""Price of a switch between music and other sounds [log odds]: about 1.5 s of clear evidence."""

RETAKE_CHANCE = 0.4
"""A take is dropped from this chance on that it is played again; tuned on the tuning artists."""

TURN_CHANCE = 0.45
"""Turns of a vamp are dropped from this chance on."""


@dataclass(frozen=True)
class Link:
    """Two places between which the music goes on as if nothing had been cut."""

    leave: int
    """Where the music is left [steps]."""
    arrive: int
    """Where it goes on [steps]."""
    lag_steps: float
    """How far the two plays lie apart, to a fraction of a step."""


@dataclass(frozen=True)
class StepLabels:
    """What was decided about each step of a recording."""

    keep: Bool[np.ndarray, " steps"]
    """Whether it is worth keeping."""
    score: Float[np.ndarray, " steps"]
    """How much so, in [0, 1]."""
    is_song: Bool[np.ndarray, " steps"]
    """Whether it is the band's music at all, dropped takes included."""
    retakes: tuple[Retake, ...]
    """The takes that were dropped because they are played again."""
    links: tuple[Link, ...] = ()
    """Joins that dropped takes and turns ask for."""
    extra_turns: tuple[tuple[int, int], ...] = ()
    """Turns of vamps that were dropped because they were just played [steps, half open]."""
    classes: Int[np.ndarray, " steps"] | None = None
    """What the learned score takes each step for, an index into `scorer_shape.CLASSES`; None where the rules judged."""


def classify_steps(analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
    """Return what is worth keeping of a recording; all of the band's music where it is to be `gentle`."""
    step_labels = classify_step_rows(analysis.steps, analysis.activity)
    if tightness == "normal":
        return step_labels
    return replace(step_labels, keep=step_labels.is_song, retakes=(), links=(), extra_turns=())


def classify_step_rows(steps: Float32[np.ndarray, "steps columns"], activity: tuple[ActivitySpan, ...]) -> StepLabels:
    """Return what is worth keeping, from the step grid and the activity alone."""
    vectors = step_vectors(steps)
    cues = find_cues(steps, activity, find_repetition(vectors))
    song = SONG_CARD.log_odds(cues)
    is_song = best_stretches(song, SWITCH_COST)
    score, keep, rehearsal = chance(song), is_song.copy(), cues["rehearsal"]
    links: list[Link] = []
    retakes, again = find_retakes(vectors, is_song), []
    for retake, likely in zip(retakes, _chances(RETAKE_CARD, retake_cues(retakes, rehearsal))):
        score[retake.start : retake.end] = np.minimum(score[retake.start : retake.end], 1.0 - likely)
        if likely > RETAKE_CHANCE:
            keep[retake.start : retake.end] = False
            again.append(retake)
            links.append(Link(retake.start, retake.again_at, retake.lag_steps))
    turns, extra = find_turns(vectors, is_song), []
    for turn, likely in zip(turns, _chances(TURN_CARD, turn_cues(turns, rehearsal))):
        score[turn.start : turn.end] = np.minimum(score[turn.start : turn.end], 1.0 - likely)
        if likely > TURN_CHANCE:
            end = min(turn.whole_end, len(keep))
            keep[turn.start : end] = False
            extra.append((turn.start, end))
            links.append(Link(turn.start, end, turn.whole_turns * turn.exact_lag))
    return StepLabels(keep, score, is_song, tuple(again), tuple(links), tuple(extra))


def _chances(card: Scorecard, cues: dict[str, Float32[np.ndarray, " candidates"]]) -> Float[np.ndarray, " candidates"]:
    """Return the chance of each candidate, none of none."""
    return chance(card.log_odds(cues))
