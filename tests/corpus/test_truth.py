"""The truth's format: round trip, and every refusal."""

from __future__ import annotations

import json

import pytest

from editorbot.corpus.truth import (
    KINDS,
    EqualGroup,
    Segment,
    Truth,
    read_truth,
    truth_from_json,
    truth_to_json,
    write_truth,
)
from editorbot.errors import FormatError, NotFoundError, VersionError

SEGMENTS = (
    Segment(0.0, 2.0, "talk"),
    Segment(2.0, 5.0, "repeat", 0.0, speed=1.01),
    Segment(5.0, 6.0, "breakdown", 3.03),
    Segment(6.0, 14.0, "music", 0.0, allows=("reverse",)),
)
TRUTH = Truth(14.0, 8.0, SEGMENTS, (0.5, 1.0), (EqualGroup((1.0, 5.0), 2.0),), ((7.5, 8.0),), "Song", "Band")


def test_a_truth_comes_back_as_it_was(tmp_path):
    write_truth(tmp_path / "t.json", TRUTH)
    assert read_truth(tmp_path / "t.json") == TRUTH


def test_the_least_that_must_be_there():
    text = (
        '{"duration_s": 2, "finished_s": 1, "segments": [{"start_s": 1, "end_s": 2, "kind": "music", "source_s": 0}]}'
    )
    assert truth_from_json(text) == Truth(2.0, 1.0, (Segment(1.0, 2.0, "music", 0.0),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration_s": -1}, "duration_s must be positive"),
        ({"finished_s": 0}, "finished_s must be positive"),
        ({"duration_s": None}, "a finite number"),
        ({"duration_s": True}, "a finite number"),
        ({"format": "other"}, "no truth"),
        ({"version": 0}, "version must be"),
        ({"color": "blue"}, "unknown field 'color'"),
        ({"track": 3}, "track must be a text"),
        ({"segments": {}}, "segments must be a list"),
        ({"segments": [3]}, "must be an object"),
        ({"segments": [{"end_s": 1, "kind": "talk"}]}, "start_s is missing"),
        ({"segments": [{"start_s": 1, "end_s": 1, "kind": "talk"}]}, "end after that"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "song"}]}, "kind 'song' is unknown"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "music"}]}, "must be given"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "talk", "source_s": 1}]}, "must be null"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "music", "source_s": -1}]}, "0 or later"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "music", "source_s": 0, "speed": 9}]}, "speed must lie"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "music", "source_s": 0, "allows": ["x"]}]}, "allows"),
        ({"segments": [{"start_s": 0, "end_s": 1, "kind": "talk", "loud": 1}]}, "unknown field 'loud'"),
        ({"segments": [{"start_s": 0, "end_s": 20, "kind": "talk"}]}, "after 14.0 s"),
        (
            {"segments": [{"start_s": 0, "end_s": 2, "kind": "talk"}, {"start_s": 1, "end_s": 3, "kind": "talk"}]},
            "before the one ahead of it",
        ),
        ({"beats_s": [1, 1]}, "beats_s must increase"),
        ({"equal": [{"starts_s": [1], "length_s": 1}]}, "at least two"),
        ({"equal": [{"starts_s": [1, 1.5], "length_s": 1}]}, "without overlap"),
        ({"equal": [{"starts_s": [1, 3], "length_s": 1}, {"starts_s": [3.5, 6], "length_s": 1}]}, "not overlap"),
        ({"silent_s": [[1]]}, "must hold 2 values"),
        ({"silent_s": [[2, 1]]}, "silent_s"),
    ],
)
def test_what_breaks_the_format_is_refused(change, message):
    document = {**json.loads(truth_to_json(TRUTH)), **change}
    with pytest.raises(FormatError, match=message):
        truth_from_json(json.dumps(document))


def test_no_json_is_refused():
    with pytest.raises(FormatError, match="no JSON"):
        truth_from_json("{")


def test_a_newer_version_is_refused():
    with pytest.raises(VersionError):
        truth_from_json('{"version": 2}')


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"none\.json"):
        read_truth(tmp_path / "none.json")


def test_a_bad_file_is_named(tmp_path):
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(FormatError, match=r"bad\.json"):
        read_truth(tmp_path / "bad.json")


def test_every_kind_has_a_worth():
    assert set(KINDS.values()) == {"good", "sloppy", "junk"}


def test_segments_know_where_they_end():
    assert SEGMENTS[1].source_end_s == pytest.approx(3.03)
    with pytest.raises(ValueError, match="no finished track"):
        _ = SEGMENTS[0].source_end_s


def test_ideal_joins_count_what_does_not_run_on():
    segments = (
        Segment(0.0, 1.0, "music", 0.0),
        Segment(1.0, 2.0, "music", 1.0),
        Segment(3.0, 4.0, "music", 2.0),
        Segment(4.0, 5.0, "repeat", 2.0),
        Segment(5.0, 6.0, "music", 3.0),
    )
    assert Truth(6.0, 4.0, segments).ideal_joins == 2
