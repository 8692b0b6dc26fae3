"""Label tracks are read back line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from editorbot.editlist.edit_list import Clip
from editorbot.editlist.operations import output_starts
from editorbot.export import export_edit
from tests.export.example import CLIPS, JOINS, RATE, edit_list


def labels(path: str | Path) -> list[tuple[float, float, str]]:
    rows = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(float(start), float(end), name) for start, end, name in rows]


def test_audacity_labels_cover_the_recording(tmp_path):
    paths = export_edit(edit_list(), "audacity", tmp_path / "jam.txt")
    assert [Path(path).name for path in paths] == ["jam.txt", "jam.joins.txt"]
    regions = labels(paths[0])
    assert regions == sorted(regions)
    kept = [(round(start * RATE), round(end * RATE)) for start, end, name in regions if name != "CUT"]
    assert sorted(kept) == sorted((clip.start, clip.end) for clip in CLIPS)
    cut = [(round(start * RATE), round(end * RATE)) for start, end, name in regions if name == "CUT"]
    assert cut == [(100_000, 200_000), (300_000, 400_000), (500_000, 1_000_000)]
    assert "the first chorus" in regions[0][2]


def test_audacity_joins_stand_in_the_tracks_time(tmp_path):
    joins = labels(export_edit(edit_list(), "audacity", tmp_path / "jam.txt")[1])
    places = output_starts(edit_list())[1:]
    assert len(joins) == 3
    for (start, end, name), place, join in zip(joins, places, JOINS):
        assert start * RATE == pytest.approx(place - join.crossfade // 2, abs=0.1)
        assert (end - start) * RATE == pytest.approx(join.crossfade, abs=0.1)
        assert f"risk {join.risk:.2f}" in name


def test_reasons_with_line_breaks_stay_one_label(tmp_path):
    nasty = (Clip(0, 100_000, reason="a\tb\nc\r\nd\u2028e"),)
    regions = labels(export_edit(edit_list(clips=nasty, joins=()), "audacity", tmp_path / "x.txt")[0])
    assert len(regions) == 2
    assert regions[0][2].endswith("a b c d e")
