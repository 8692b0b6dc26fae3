"""Truths made of alignments."""

from pathlib import Path

import pytest

from editorbot.corpus.truth import EqualGroup
from editorbot.errors import FormatError, NotFoundError, VersionError
from editorbot.evaluation.aligned_truth import aligned_truth, read_aligned_truth
from editorbot.evaluation.metrics import score_edit
from tests.evaluation.evaluated import edit_of, info_of


def test_the_human_s_own_edit_scores_one() -> None:
    truth = aligned_truth(info_of((0, 10, 5), (10, 20, 40)))
    assert truth.duration_s == 60.0
    assert [segment.kind for segment in truth.segments] == ["music", "music"]
    assert score_edit(edit_of((5, 15), (40, 50)), truth).f1 == pytest.approx(1.0)
    assert score_edit(edit_of((0, 60)), truth).purity == pytest.approx(20 / 60)
    assert score_edit(edit_of((40, 50), (5, 15)), truth).order == 0.0


def test_what_was_played_twice_has_to_be_played_twice() -> None:
    truth = aligned_truth(info_of((0, 10, 5), (10, 20, 5)))
    assert truth.equal == (EqualGroup((0.0, 10.0), 10.0),)
    assert score_edit(edit_of((5, 15), (5, 15)), truth).f1 == pytest.approx(1.0)
    once = score_edit(edit_of((5, 15)), truth)
    assert (once.recall, once.purity) == (pytest.approx(0.5), pytest.approx(1.0))


def test_an_equal_place_is_as_right() -> None:
    truth = aligned_truth(info_of((0, 10, 5), (10, 20, 40), ties=[20]))
    assert score_edit(edit_of((20, 30), (40, 50)), truth).f1 == pytest.approx(1.0)
    both = score_edit(edit_of((5, 15), (20, 30), (40, 50)), truth)
    assert (both.recall, both.purity) == (pytest.approx(1.0), pytest.approx(20 / 30))


def test_what_is_not_from_the_recording_counts_neither_way() -> None:
    truth = aligned_truth(info_of((2, 10, 5), (10, 18, 40)))
    assert truth.silent_s == ((0.0, 2.0), (18.0, 20.0))
    assert score_edit(edit_of((5, 13), (40, 48)), truth).f1 == pytest.approx(1.0)


def test_overlapping_stretches_are_parted() -> None:
    truth = aligned_truth(info_of((0, 10, 5), (10, 20, 10)))
    bounds = [(segment.start_s, segment.end_s) for segment in truth.segments]
    assert bounds == [(5.0, 10.0), (10.0, 15.0), (15.0, 20.0)]
    assert score_edit(edit_of((5, 15), (10, 20)), truth).recall == pytest.approx(1.0)


def test_alignments_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="pairs align"):
        read_aligned_truth(tmp_path / "none.json")
    path = tmp_path / "a.json"
    for text, error in (
        ("no", FormatError),
        ("[]", FormatError),
        ('{"format": "editorbot.alignment", "version": 9}', VersionError),
        ('{"format": "editorbot.alignment", "version": 1}', FormatError),
    ):
        path.write_text(text)
        with pytest.raises(error):
            read_aligned_truth(path)
