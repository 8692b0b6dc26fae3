"""The share of a song that is played, and the recordings that it is measured on."""

import numpy as np
import pytest

from benchmarks import plain_recordings
from benchmarks.plain import played_share
from benchmarks.plain_recordings import KINDS, Track, assemble
from editorbot.corpus.truth import Segment, Truth
from editorbot.editlist.edit_list import Clip, EditList, Join, MadeBy, Source
from simulators.second_sounds import RATE

SECOND = 1_000
"""Sample rate of the edit lists here [Hz]."""


def edit_of(*spans_s: tuple[float, float]) -> EditList:
    source = Source("song.wav", "sha256:" + "0" * 64, SECOND, 1, 30 * SECOND)
    clips = tuple(Clip(round(start * SECOND), round(end * SECOND)) for start, end in spans_s)
    return EditList(source, clips, tuple(Join() for _ in clips[1:]), made_by=MadeBy("keep-all"))


@pytest.mark.parametrize(
    ("spans_s", "share"),
    [
        ([(0, 30)], 1.0),
        ([(0, 10), (15, 25)], 1.0),  # the four seconds that are played twice count once
        ([(0, 6), (15, 25)], 1.0),  # either play of them will do
        ([(0, 10)], 0.625),
        ([(15, 25)], 0.625),
        ([(10, 15)], 0.0),
    ],
)
def test_a_second_of_the_song_counts_once_whichever_play_is_kept(spans_s, share):
    segments = (
        Segment(0.0, 6.0, "music", 0.0),
        Segment(6.0, 10.0, "repeat", 6.0),
        Segment(10.0, 15.0, "talk"),
        Segment(15.0, 25.0, "music", 6.0),
    )
    assert played_share(edit_of(*spans_s), Truth(30.0, 16.0, segments)) == pytest.approx(share)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("seed", range(4))
def test_a_recording_holds_the_whole_song_where_its_truth_says(monkeypatch, kind, seed):
    monkeypatch.setattr(plain_recordings.sounds, "talk", lambda samples, rng: 0.1 * rng.normal(size=samples))
    monkeypatch.setattr(plain_recordings.sounds, "_spoken", lambda *_: np.zeros(RATE))
    rng = np.random.default_rng(seed)
    track = Track(0.1 * rng.normal(size=(40 * RATE, 2)), 0.5, 0.1)
    sound, segments = assemble(KINDS[kind](track, rng), track, rng, noise_db=None)
    truth = Truth(len(sound) / RATE, track.duration_s, segments)
    heard = np.zeros(len(track.sound), bool)
    for segment in (one for one in truth.segments if one.source_s is not None):
        first, at = round(segment.start_s * RATE), round(segment.source_s * RATE)
        count, edge = round(segment.duration_s * RATE), round(plain_recordings.FADE_S * RATE)
        heard[at : at + count] = True
        there = sound[first + edge : first + count - edge]
        np.testing.assert_allclose(there, track.sound[at + edge : at + count - edge], atol=1e-12)
    assert heard.all()
    assert (len(truth.segments) == 1) == (kind == "bare")
