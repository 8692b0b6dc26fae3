"""The page of a comparison: validity, gains, means."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from editorbot.evaluation.benchmark import Result
from editorbot.evaluation.jams import Jam
from editorbot.evaluation.metrics import kept_by_kind, score_edit
from editorbot.evaluation.table import markdown_of, page_of
from tests.evaluation.evaluated import edit_of, jam_truth


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
