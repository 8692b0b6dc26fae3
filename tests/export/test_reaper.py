"""Projects are read back by the rpp package."""

from __future__ import annotations

import pytest
import rpp
from hypothesis import given
from hypothesis import strategies as st

from editorbot.editlist.edit_list import Clip, EditList, Source
from editorbot.editlist.operations import output_starts
from editorbot.export.reaper import project_text, quoted
from editorbot.export.text import one_line
from tests.export.example import CLIPS, JOINS, RATE, edit_list


def rows(element: rpp.Element) -> dict[str, list[str]]:
    return {child[0]: child[1:] for child in element if isinstance(child, list)}


def items(text: str) -> list[rpp.Element]:
    return rpp.loads(text).find("TRACK").findall("ITEM")


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


def test_reasons_with_line_breaks_stay_one_note():
    nasty = (Clip(0, 100_000, reason="a\tb\nc\r\nd\u2028e"),)
    text = project_text(edit_list(clips=nasty, joins=()))
    assert len(items(text)) == 1
    assert "|a b c d e\n" in text
