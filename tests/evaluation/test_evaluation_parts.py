from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from editorbot.corpus.truth import EqualGroup, Segment, Truth
from editorbot.editlist.edit_list import Clip, EditList, MadeBy, Source
from editorbot.editlist.operations import edit_list_of
from editorbot.errors import FormatError, NotFoundError, VersionError
from editorbot.evaluation.aligned_truth import aligned_truth, read_aligned_truth
from editorbot.evaluation.benchmark import Result
from editorbot.evaluation.jams import Jam, find_jams
from editorbot.evaluation.metrics import kept_by_kind, score_edit
from editorbot.evaluation.table import markdown_of, page_of
from tests.evaluation.evaluated import jam_truth, write_jam

RATE = 100


def edit_of(*ranges_s: tuple[float, float], length_s: float = 60.0) -> EditList:
    source = Source("jam.wav", "sha256:" + "0" * 64, RATE, 1, round(length_s * RATE))
    clips = [Clip(round(start * RATE), round(end * RATE)) for start, end in ranges_s]
    return edit_list_of(source, clips, made_by=MadeBy("test"))


def info_of(*segments: tuple[float, float, float], ties: Sequence[float] = (), edit_s: float = 20.0) -> dict[str, Any]:
    """Return an alignment of (edit start, edit end, raw start) in seconds; the first segment has the ties."""
    entries = [
        {
            "edit_start": round(start * RATE),
            "edit_end": round(end * RATE),
            "raw_start": round(raw * RATE),
            "raw_end": round((raw + end - start) * RATE),
            "ties": [round(tie * RATE) for tie in ties] if number == 0 else [],
        }
        for number, (start, end, raw) in enumerate(segments)
    ]
    sides = {"raw": {"sample_rate": RATE, "samples": 6000}, "edit": {"sample_rate": RATE, "samples": edit_s * RATE}}
    return {"format": "editorbot.alignment", "version": 1, "sample": "blues", "segments": entries, **sides}


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


def test_jams_are_found_in_both_layouts(tmp_path: Path) -> None:
    write_jam(tmp_path / "flat", "one", flat=True)
    write_jam(tmp_path / "parted", "one")
    for name in ("flat", "parted"):
        (jam,) = find_jams(tmp_path / name).jams
        assert (jam.sample, jam.split, jam.track, jam.known_by) == ("one", "test", "zaz-data/one", "truth")


def test_pairs_without_truth_are_taken_where_they_are_aligned(tmp_path: Path) -> None:
    write_jam(tmp_path, "one")
    for name in ("input/own_raw.wav", "desired_output/own_edit.wav", "input/other_raw.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "desired_output/other_edit.wav").write_bytes(b"")
    (tmp_path / "pointer_sequences").mkdir()
    text = str(info_of((0, 10, 5), (10, 20, 40))).replace("'", '"')
    (tmp_path / "pointer_sequences/own_info.json").write_text(text)
    found = find_jams(tmp_path)
    assert [(jam.sample, jam.known_by, jam.split) for jam in found.jams] == [
        ("one", "truth", "test"),
        ("own", "alignment", None),
    ]
    (problem,) = found.problems
    assert "other_info.json" in str(problem)
    assert "pairs align" in str(problem)


@pytest.mark.parametrize("seed", range(5))
def test_kept_shares_agree_with_counting(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = np.unique(rng.integers(1, 59, 8))
    kinds = rng.choice(["talk", "noise", "tuning"], len(bounds) - 1)
    pieces = [Segment(float(a), float(b), str(k)) for a, b, k in zip(bounds, bounds[1:], kinds) if rng.random() < 0.7]
    truth = Truth(60.0, 10.0, tuple(pieces))
    starts = rng.integers(0, 50, 4)
    ranges = [(float(start), float(start + rng.integers(1, 10))) for start in starts]
    kept = {kind.kind: (kind.there_s, kind.kept_s) for kind in kept_by_kind(edit_of(*ranges), truth)}
    naive: dict[str, list[float]] = {}
    for second in range(60):
        kind = next((p.kind for p in pieces if p.start_s <= second < p.end_s), "junk")
        counts = naive.setdefault(kind, [0.0, 0.0])
        counts[0] += 1
        counts[1] += any(start <= second < end for start, end in ranges)
    assert kept == {kind: (pytest.approx(counts[0]), pytest.approx(counts[1])) for kind, counts in naive.items()}


def results_of(f1: dict[str, Sequence[float]]) -> list[Result]:
    """Return results of edits that hold as much as gives that F1."""
    made = []
    for name, values in f1.items():
        for number, value in enumerate(values):
            truth = jam_truth(track=f"mus{number // 2}")
            score = replace(score_edit(edit_of((4, 12), length_s=12), truth), recall=value, purity=value)
            jam = Jam(f"jam{number}", Path("x"), truth)
            made.append(Result(name, jam, score, kept_by_kind(edit_of((4, 12), length_s=12), truth), 0.01))
    return made


@pytest.mark.parametrize(
    ("control", "cutter", "valid"), [(0.6, 0.7, True), (0.49, 0.7, False), (0.71, 0.7, False), (0.6, 0.76, False)]
)
def test_validity_goes_by_control_and_cutter(control: float, cutter: float, valid: bool) -> None:
    page = page_of(results_of({"keep-all": [control] * 4, "loudness-cutter": [cutter] * 4}), baselines=())
    assert page.is_valid is valid
    assert [line.split(":")[0] for line in page.warnings] == ([] if valid else ["NOT_VALID"]) + ["FEW_JAMS"]


def test_gains_are_paired_and_do_not_depend_on_the_order() -> None:
    base = [0.5, 0.6, 0.7, 0.8]
    results = results_of(
        {"keep-all": base, "loudness-cutter": base, "scored": [value + 0.1 for value in base], "part": [0.9]}
    )
    page = page_of(results, baselines=("keep-all", "scored", "nobody"))
    rows = {row.entrant: row for row in page.rows}
    gain = rows["scored"].gains["keep-all"]
    assert (gain.mean, gain.low, gain.high) == (pytest.approx(0.1), pytest.approx(0.1), pytest.approx(0.1))
    assert rows["part"].jams == 1
    assert rows["part"].gains["keep-all"].mean == pytest.approx(0.4)
    assert set(rows["scored"].gains) == {"keep-all"}
    assert page_of(results[::-1], baselines=("keep-all", "scored", "nobody")) == page
    assert page.tracks == 2
    assert "+0.100 [+0.100, +0.100]" in markdown_of(page)
    cut_f1 = np.mean([result.score.cut_f1 for result in results if result.entrant == "scored"])
    assert rows["scored"].means["cut_f1"] == pytest.approx(cut_f1)
    heads, _, *lines = (line.split(" | ") for line in markdown_of(page).splitlines() if line.startswith("| "))
    assert {line[heads.index("cuts at 70 ms")] for line in lines if len(line) == len(heads)} >= {f"{cut_f1:.2f}"}
