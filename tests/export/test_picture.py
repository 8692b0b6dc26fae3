"""The picture is the same each time for one edit, and another one for another edit."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from matplotlib.image import imread

from editorbot.editlist.edit_list import EditList
from editorbot.export.picture import picture_of
from tests.export.example import CLIPS, edit_list


def pixels(some: EditList) -> np.ndarray:
    return imread(io.BytesIO(picture_of(some)), format="png")


def test_one_edit_has_one_picture() -> None:
    assert picture_of(edit_list()) == picture_of(edit_list())


def test_a_clip_played_backwards_falls_where_it_rose() -> None:
    forward = edit_list(clips=tuple(replace(clip, reverse=False) for clip in CLIPS))
    assert (pixels(forward) != pixels(edit_list())).any()


def test_a_name_with_signs_of_formulas_is_drawn() -> None:
    plain, signs = pixels(edit_list("jam.wav")), pixels(edit_list("$x^2$ \\frac{.wav"))
    assert plain.shape == signs.shape
    assert (plain != signs).any()
