"""Labels the steps of a recording by rules, without a network.

Three questions in order: is this the band's music at all (a scorecard over cues, then the best stretches)? Was it
played again after a stop (then the earlier play is cut)? Is it one turn of a vamp too many (then the later turns are
cut)?
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.editors.base import Tightness
from editorbot.editors.scoring.cues import find_cues
from editorbot.editors.scoring.decode import best_stretches
from editorbot.editors.scoring.loops import find_turns, turn_cues
from editorbot.editors.scoring.repetition import find_repetition, step_vectors
from editorbot.editors.scoring.scorecard import chance, read_cards
from editorbot.editors.scoring.step_labels import Link, StepLabels
from editorbot.editors.scoring.takes import find_retakes, retake_cues

SWITCH_COST = 8.0
"""Price of a switch between music and other sounds [log odds]: about 1.5 s of clear evidence."""

RETAKE_CHANCE = 0.4
"""A take is cut from this chance on that it is played again; tuned on the tuning artists."""

TURN_CHANCE = 0.45
"""Turns of a vamp are cut from this chance on."""


def classify_steps(analysis: Analysis, tightness: Tightness = "normal") -> StepLabels:
    """Decide what is worth keeping of a recording; `gentle` keeps all of the band's music."""
    cards = read_cards("scored_rules")
    vectors = step_vectors(analysis.steps)
    cues = find_cues(analysis.steps, analysis.activity, find_repetition(vectors))
    song = cards["song"].log_odds(cues)
    is_song = best_stretches(song, SWITCH_COST)
    score, keep, rehearsal = chance(song), is_song.copy(), cues["rehearsal"]
    links: list[Link] = []
    retakes, played_again = find_retakes(vectors, is_song), []
    for retake, likely in zip(retakes, chance(cards["retake"].log_odds(retake_cues(retakes, rehearsal)))):
        score[retake.start : retake.end] = np.minimum(score[retake.start : retake.end], 1.0 - likely)
        if likely > RETAKE_CHANCE:
            keep[retake.start : retake.end] = False
            played_again.append(retake)
            links.append(Link(retake.start, retake.again_at, retake.lag_steps))
    turns, extra = find_turns(vectors, is_song), []
    for turn, likely in zip(turns, chance(cards["turn"].log_odds(turn_cues(turns, rehearsal)))):
        score[turn.start : turn.end] = np.minimum(score[turn.start : turn.end], 1.0 - likely)
        if likely > TURN_CHANCE:
            end = min(turn.whole_end, len(keep))
            keep[turn.start : end] = False
            extra.append((turn.start, end))
            links.append(Link(turn.start, end, turn.whole_turns * turn.exact_lag, is_played_again=False))
    step_labels = StepLabels(keep, score, is_song, tuple(played_again), tuple(links), tuple(extra))
    if tightness == "normal":
        return step_labels
    return replace(step_labels, keep=is_song, retakes=(), links=(), extra_turns=())
