from __future__ import annotations

import numpy as np
import pytest

from editorbot.editors.base import EditRequest
from editorbot.editors.timeline import LONGEST_PIECE_S, timeline_of
from editorbot.errors import TargetError
from tests.editors.factories import one_beat_analysis, song_analysis

RATE = 44_100


def test_pieces_are_the_beats_where_nothing_was_asked():
    analysis = song_analysis("AB")
    timeline = timeline_of(analysis, EditRequest())
    assert np.array_equal(timeline.times_s, analysis.beat_bounds_s)
    assert np.array_equal(timeline.boundary, np.arange(65))
    assert np.array_equal(timeline.beat, np.arange(64))
    assert not timeline.offset_beats.any()
    assert timeline.playable.all()
    assert not timeline.required.any()
    assert timeline.joinable.all()


def test_pieces_cover_the_recording_from_the_first_sample_to_the_last():
    analysis = song_analysis("AB", first_beat_s=7.3, tail_s=0.3, jitter_s=0.04)
    timeline = timeline_of(analysis, EditRequest())
    assert (timeline.bounds[0], timeline.bounds[-1]) == (0, analysis.source.samples)
    assert np.diff(timeline.bounds).min() > 0
    assert np.diff(timeline.times_s).max() <= LONGEST_PIECE_S + 1e-3


def test_ranges_divide_beats_at_the_sample():
    request = EditRequest(must_keep_s=((1.1, 3.9),), must_cut_s=((3.9, 5.2), (5.0, 6.3)))
    timeline = timeline_of(song_analysis("AB"), request)
    for edge_s in (1.1, 3.9, 6.3):
        assert round(edge_s * RATE) in timeline.bounds
    assert timeline.required_s == pytest.approx(2.8, abs=1e-4)
    assert timeline.playable_s == pytest.approx(32 - 2.4, abs=1e-4)
    inside = (timeline.times_s > 1.1 + 1e-4) & (timeline.times_s < 3.9 - 1e-4)
    assert np.array_equal(timeline.joinable, ~inside)


def test_offsets_are_measured_from_the_nearest_beat():
    timeline = timeline_of(song_analysis("AB"), EditRequest(must_cut_s=((1.1, 1.9),)))
    at = np.searchsorted(timeline.bounds, [round(1.1 * RATE), round(1.9 * RATE)])
    assert timeline.boundary[at].tolist() == [2, 4]
    assert np.allclose(timeline.offset_beats[at], [0.2, -0.2], atol=1e-4)


def test_playing_on_stops_at_what_must_not_be_played():
    timeline = timeline_of(song_analysis("AB"), EditRequest(must_cut_s=((4.0, 5.0),)))
    ends_s = timeline.times_s[timeline.run_ends]
    assert ends_s[timeline.times_s < 4.0].tolist() == [4.0] * 8
    assert set(ends_s[timeline.times_s >= 5.0]) == {32.0}


def test_a_single_long_beat_is_divided():
    timeline = timeline_of(one_beat_analysis(9.0), EditRequest())
    assert np.allclose(np.diff(timeline.times_s), 1.8, atol=1e-3)


def test_what_is_to_be_kept_has_to_be_there_and_what_is_to_be_cut_has_not():
    with pytest.raises(TargetError, match="is to be kept, but the recording ends at 0:32"):
        timeline_of(song_analysis("AB"), EditRequest(must_keep_s=((32.0, 40.0),)))
    assert timeline_of(song_analysis("AB"), EditRequest(must_cut_s=((32.0, 40.0),))).playable_s == 32.0
    timeline = timeline_of(song_analysis("AB"), EditRequest(must_cut_s=((30.0, 1e6),)))
    assert timeline.playable_s == 30.0
