"""Reasons in plain words: what is in a cut."""

from dataclasses import replace

import numpy as np
import pytest

from editorbot.editors.label_edit import cut_reason
from editorbot.editors.scoring.step_labels import Link, StepLabels
from editorbot.models.scorer_config import CLASSES
from editorbot.timebase import STEP_S
from tests.editors.step_grids import jam_analysis, song_steps, talk_steps

TALK, SONG = 40, 200
ANALYSIS = jam_analysis([("talk", talk_steps(TALK)), ("music", song_steps(0, SONG))])
STEPS = TALK + SONG
NOTHING = np.zeros(STEPS, bool)
PLAIN = StepLabels(NOTHING, NOTHING.astype(float), NOTHING, ())


def classes(name, first, last):
    labels = np.full(STEPS, CLASSES.index("sounds"))
    labels[first:last] = CLASSES.index(name)
    return labels


def test_what_is_in_a_cut_is_named_longest_first():
    assert cut_reason(ANALYSIS, PLAIN, 0.0, (TALK + 16) * STEP_S) == "7 s of talk, 3 s of playing that is not the song"


def test_a_tiny_cut_has_no_reason_and_a_short_one_a_general_one():
    assert cut_reason(ANALYSIS, PLAIN, 1.0, 1.04) == ""
    assert cut_reason(ANALYSIS, PLAIN, 1.0, 1.3) == "0.3 s that do not fit"


@pytest.mark.parametrize(
    ("links", "words"),
    [
        ((), "15 s of a take that is played better elsewhere"),
        ((Link(60, 140, 80.0),), "15 s of a take that is played better at 0:26"),
        ((Link(60, 140, 80.0, is_played_again=False),), "15 s of a take that is played better elsewhere"),
    ],
)
def test_a_bad_take_says_where_it_is_played_better_if_that_is_known(links, words):
    step_labels = replace(PLAIN, classes=classes("bad_take", 60, 140), links=links)
    assert cut_reason(ANALYSIS, step_labels, 60 * STEP_S, 140 * STEP_S) == words
