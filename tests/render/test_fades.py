"""Fades at the ends of a track, and clips whose edges move."""

from __future__ import annotations

import pytest

from editorbot.editlist.edit_list import Clip, EditList, Effect, Source
from editorbot.render.fades import FADE_IN_S, FADE_OUT_S, LARGEST_SHARE, fade_ends, with_edges, with_fades
from editorbot.render.required_ranges import RequiredRanges

RATE, SAMPLES = 8_000, 80_000
SOURCE = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, SAMPLES)
FADE_IN, FADE_OUT = round(FADE_IN_S * RATE), round(FADE_OUT_S * RATE)


def faded(clip: Clip, ranges: RequiredRanges | None = None) -> Clip:
    edit_list = EditList(SOURCE, (clip,), ())
    (found,) = (fade_ends(edit_list) if ranges is None else fade_ends(edit_list, ranges)).clips
    return found


def test_the_fade_in_is_in_front_of_the_first_sample_and_the_fade_out_at_the_end() -> None:
    assert faded(Clip(8_000, 40_000)) == Clip(8_000 - FADE_IN, 40_000, fade_in=FADE_IN, fade_out=FADE_OUT)


def test_nothing_fades_where_the_recording_begins_or_ends() -> None:
    assert faded(Clip(0, 40_000)) == Clip(0, 40_000, fade_out=FADE_OUT)
    assert faded(Clip(8_000, SAMPLES)) == Clip(8_000 - FADE_IN, SAMPLES, fade_in=FADE_IN)


@pytest.mark.parametrize(
    "clip",
    [
        Clip(8_000, 40_000, fade_in=100, fade_out=200),
        Clip(8_000, 40_000, gain_db=1.0),
        Clip(8_000, 40_000, effects=(Effect("REVERB", 0.3),)),
        Clip(8_000, 40_000, reverse=True),
    ],
)
def test_clips_with_fades_or_changes_of_their_own_stay(clip: Clip) -> None:
    assert faded(clip) == clip


def test_fades_stay_out_of_ranges_to_keep_and_to_cut() -> None:
    ranges = RequiredRanges(keep=((30_000, 40_000),), cut=((7_990, 8_000),))
    clip = faded(Clip(8_000, 40_000), ranges)
    assert clip.start == 8_000  # what comes before must not be heard
    assert clip.fade_in == FADE_IN
    assert clip.end - clip.fade_out == 40_000  # the fade is behind what must stay


def test_a_short_clip_fades_for_a_part_of_it() -> None:
    clip = Clip(8_000, 8_100)
    assert with_fades(clip, fade_in=1_000).fade_in == 100 // LARGEST_SHARE
    assert with_fades(Clip(8_000, 8_100, fade_out=90), fade_in=1_000).fade_in == 10
    assert with_fades(Clip(8_000, 8_100, fade_in=7), fade_in=1_000).fade_in == 7


def test_moved_edges_shorten_fades_that_no_longer_fit() -> None:
    clip = Clip(0, 1_000, fade_in=400, fade_out=600)
    assert with_edges(clip, end=900) == Clip(0, 900, fade_in=400, fade_out=500)
    assert with_edges(clip, start=700) == Clip(700, 1_000, fade_in=300, fade_out=0)
