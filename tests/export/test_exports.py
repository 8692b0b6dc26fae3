"""Exports are read back: labels line by line, projects by the rpp package."""

from __future__ import annotations

from pathlib import Path

import pytest
import rpp
from hypothesis import given
from hypothesis import strategies as st

from editorbot.editlist.edit_list import BeatScore, Clip, EditList, Effect, Join, Source
from editorbot.editlist.operations import output_starts
from editorbot.errors import ExistsError, OutputError, UsageError
from editorbot.export import EXPORT_ENDINGS, EXPORT_NAMES, export_edit, export_paths
from editorbot.export.reaper import project_text, quoted
from editorbot.export.text import one_line

RATE = 44_100
CLIPS = (
    Clip(0, 100_000, reason="the first chorus"),
    Clip(200_000, 300_000, action="SPEED_UP", speed=1.05, gain_db=-3.0),
    Clip(50_000, 90_000, action="REVERSE", reverse=True, fade_out=4_410),
    Clip(400_000, 500_000, action="REVERB", effects=(Effect("REVERB", 0.4),), pitch_semitones=2.0),
)
JOINS = (Join(882, 0.1), Join(441, 0.5), Join(1_000, 0.9))


def edit_list(path: str = "jam.wav", clips: tuple[Clip, ...] = CLIPS, joins: tuple[Join, ...] = JOINS) -> EditList:
    source = Source(path, "sha256:" + "0" * 64, RATE, 2, 1_000_000)
    beats = tuple(BeatScore(22_050 * n, 0.5) for n in range(10))
    return EditList(source, clips, joins, beats=beats)


def labels(path: str | Path) -> list[tuple[float, float, str]]:
    rows = [line.split("\t") for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [(float(start), float(end), name) for start, end, name in rows]


def rows(element: rpp.Element) -> dict[str, list[str]]:
    return {child[0]: child[1:] for child in element if isinstance(child, list)}


def items(text: str) -> list[rpp.Element]:
    return rpp.loads(text).find("TRACK").findall("ITEM")


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


def test_reaper_items_lie_where_the_track_plays_them():
    found = items(project_text(edit_list()))
    assert len(found) == 4
    starts = output_starts(edit_list())
    for number, (item, clip, start) in enumerate(zip(found, CLIPS, starts)):
        fields = rows(item)
        before = JOINS[number - 1].crossfade // 2 if number else 0
        after = JOINS[number].crossfade - JOINS[number].crossfade // 2 if number < 3 else 0
        assert float(fields["POSITION"][0]) * RATE == pytest.approx(start - before, abs=1e-4)
        assert float(fields["LENGTH"][0]) * RATE == pytest.approx(clip.output_samples + before + after, abs=1e-4)
        assert float(fields["FADEOUT"][2]) * RATE == pytest.approx(JOINS[number].crossfade if after else 0)
    last = rows(found[-1])
    track_end = (float(last["POSITION"][0]) + float(last["LENGTH"][0])) * RATE
    assert track_end == pytest.approx(edit_list().output_samples, abs=1e-3)


def test_reaper_items_overlap_by_their_crossfades():
    found = [rows(item) for item in items(project_text(edit_list()))]
    assert len(found) == len(JOINS) + 1
    for before, after, join in zip(found, found[1:], JOINS):
        end = float(before["POSITION"][0]) + float(before["LENGTH"][0])
        assert (end - float(after["POSITION"][0])) * RATE == pytest.approx(join.crossfade, abs=1e-3)
        assert before["FADEOUT"][2] == after["FADEIN"][2]


def test_reaper_items_keep_gain_speed_pitch_and_handles():
    found = items(project_text(edit_list()))
    sped = rows(found[1])
    assert sped["PLAYRATE"][:3] == ["1.05", "1", "0"]
    assert float(sped["VOLPAN"][0]) == pytest.approx(10 ** (-3 / 20))
    assert float(sped["SOFFS"][0]) * RATE == pytest.approx(200_000 - 441 * 1.05, abs=1e-4)
    assert rows(found[3])["PLAYRATE"][2] == "2"
    for item in (found[0], found[1], found[3]):
        assert rows(item.find("SOURCE"))["FILE"] == ["jam.wav"]


def test_reaper_reverses_the_whole_source_so_that_it_can_be_dragged():
    item = items(project_text(edit_list()))[2]
    section = item.find("SOURCE")
    assert section.attrib == ["SECTION"]
    assert rows(section)["MODE"] == ["3"]
    assert float(rows(section)["LENGTH"][0]) * RATE == pytest.approx(1_000_000)
    # Backwards, the clip's last sample comes first: the source's end is 910,000 samples further on.
    assert float(rows(item)["SOFFS"][0]) * RATE == pytest.approx(1_000_000 - 90_000 - 220, abs=1e-3)
    assert float(rows(item)["FADEOUT"][1]) == pytest.approx(0.1)


def test_reaper_project_has_the_recordings_rate_and_tempo():
    project = rows(rpp.loads(project_text(edit_list())))
    assert project["SAMPLERATE"][0] == str(RATE)
    assert float(project["TEMPO"][0]) == 120.0
    source = Source("jam.flac", "sha256:" + "0" * 64, RATE, 6, 1_000)
    bare = rpp.loads(project_text(EditList(source, (Clip(0, 1_000),), ())))
    assert float(rows(bare)["TEMPO"][0]) == 120.0
    assert bare.find("TRACK").find("ITEM").find("SOURCE").attrib == ["FLAC"]
    assert rows(bare.find("TRACK"))["NCHAN"] == ["6"]


@pytest.mark.parametrize(
    "name",
    ['a "b".wav', "it's.wav", "back`tick.wav", "a \"b\" 'c'.wav", "é 😀.wav", "> x.wav", "|x.wav", "-x.wav", "%s.wav"],
)
def test_reaper_names_come_back_as_they_were(name):
    project = rpp.loads(project_text(edit_list(name)))
    assert rows(project.find("TRACK"))["NAME"] == [name]
    assert rows(project.find("TRACK").find("ITEM").find("SOURCE"))["FILE"] == [name]


@given(st.text(max_size=60))
def test_any_text_stays_one_field_of_one_line(text):
    assert len(quoted(text).splitlines()) == 1
    parsed = rpp.loads(f"<A\n  NAME {quoted(text)} 1\n>\n")
    assert parsed.children[0][2] == "1"
    assert not set(one_line(text)) & set("\t\n\r\x0b\x0c\x1c\x85\u2028")


def test_reasons_with_line_breaks_stay_one_label(tmp_path):
    nasty = (Clip(0, 100_000, reason="a\tb\nc\r\nd\u2028e"),)
    regions = labels(export_edit(edit_list(clips=nasty, joins=()), "audacity", tmp_path / "x.txt")[0])
    assert len(regions) == 2
    assert regions[0][2].endswith("a b c d e")
    assert len(items(project_text(edit_list(clips=nasty, joins=())))) == 1


def test_nothing_is_replaced_without_force(tmp_path):
    for name in EXPORT_NAMES:
        path = tmp_path / f"jam{EXPORT_ENDINGS[name]}"
        export_edit(edit_list(), name, path)
        before = path.read_bytes()
        with pytest.raises(ExistsError):
            export_edit(edit_list("other.wav"), name, path)
        assert path.read_bytes() == before
        export_edit(edit_list("other.wav"), name, path, force=True)
    assert not list(tmp_path.glob("*.part"))


def test_places_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(OutputError):
        export_edit(edit_list(), "reaper", tmp_path / "missing" / "jam.rpp")
    with pytest.raises(OutputError):
        export_edit(edit_list(), "reaper", tmp_path)


def test_the_picture_is_one_and_the_same_each_time(tmp_path):
    one = export_edit(edit_list(), "picture", tmp_path / "a.png")[0]
    other = export_edit(edit_list(), "picture", tmp_path / "b.png")[0]
    content = Path(one).read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content == Path(other).read_bytes()


def test_an_unknown_export_is_refused():
    with pytest.raises(UsageError, match="audacity, reaper"):
        export_paths("cubase", "x.cpr")
