"""Rows and figures: the edit list's own numbers, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from editorbot.analysis.analysis import ActivitySpan
from editorbot.editlist.edit_list import Clip, EditList, Effect, Source
from editorbot.report.page import changes_of, content_of, cuts, figures, placed_clips, placed_joins
from tests.report.conftest import RATE, Example, Loudness, analysis_of, example_edit


def figure_values(edit_list: EditList, **loudness: Loudness | None) -> dict[str, tuple[str, str]]:
    before, after = loudness.get("before"), loudness.get("after")
    rows = figures(edit_list, analysis_of(edit_list.source), before, after)
    return {row.name: (row.value, row.note) for row in rows}


def test_figures_are_the_edit_lists() -> None:
    values = figure_values(example_edit(), before=Loudness(-19.3, -3.2), after=Loudness(-14.0, -1.0))
    assert values["Length"] == ("0:14.00", "was 0:20.00")
    assert values["Kept"] == ("60.0 %", "of the recording")  # 4 + 3 + 2 + 3 s; the hook counts once
    assert values["Joins"] == ("4", "1 where the audio runs on")
    assert values["Loudness"] == ("\u221214.0 LUFS", "was \u221219.3 LUFS")
    assert values["True peak"] == ("\u22121.0 dBTP", "was \u22123.2 dBTP")
    assert values["Tempo"][0] == "120.0 BPM"
    assert values["Key"][0] == "A minor"


def test_loudness_may_be_missing_or_silent() -> None:
    silent = Loudness(-math.inf, -math.inf)
    assert figure_values(example_edit())["Loudness"][0] == "not measured"
    assert figure_values(example_edit(), before=Loudness(-19.3, 0.0))["Loudness"] == (
        "\u221219.3 LUFS",
        "of the recording",
    )
    assert figure_values(example_edit(), before=silent, after=silent)["Loudness"] == ("silent", "was silent")


def test_without_a_beat_there_is_no_tempo() -> None:
    edit_list = example_edit()
    analysis = replace(analysis_of(edit_list.source), beat_confidence=0.0, key="unknown")
    values = {row.name: row.value for row in figures(edit_list, analysis, None, None)}
    assert values["Tempo"] == "no steady beat"
    assert values["Key"] == "unclear"


def test_joins_come_by_risk_and_name_their_places() -> None:
    joins = placed_joins(example_edit())
    assert [one.number for one in joins] == [2, 3, 1, 4]
    first = joins[0]
    assert (first.at_s, first.jump, first.level) == (7.0, "goes back 9.00 s", "high")
    assert (first.before, first.after) == example_edit().clips[1:3]
    assert joins[1].jump == "leaves out 8.00 s"
    assert (joins[3].jump, joins[3].level) == ("runs on", "none")


def test_the_tables_show_times_in_the_recording_crossfades_and_reasons(example: Example) -> None:
    html = example.write()
    riskiest, *_, last = re.findall(r'<tr id="join-.*?</tr>', html, re.DOTALL)
    for shown in ("0:07.00<", "0:12.00 → 0:03.00", "goes back 9.00 s", ">10.0 ms<", "<b>0.70</b> high", "the hook"):
        assert shown in riskiest
    assert 'data-label="Crossfade" class="time">none<' in last
    clip = html.partition('data-label="Clip">3<')[2].partition("</tr>")[0]
    for shown in ("0:07.00<", "0:03.00 \u2013 0:05.00", ">0:02.00<", ">LOOP<", ">-1.5 dB<", ">100 %<"):
        assert shown in clip
    cut = html.partition('data-label="From" class="time">0:06.00<')[2].partition("</tr>")[0]
    assert re.findall(r">([^<>\n]+)<", cut) == ["0:09.00", "0:03.00", "music 67 %, talk 33 %"]


def test_a_reversed_clip_is_entered_at_its_end() -> None:
    edit_list = example_edit()
    backwards = replace(edit_list.clips[1], reverse=True)
    edit_list = replace(edit_list, clips=(edit_list.clips[0], backwards, *edit_list.clips[2:]))
    jumps = {one.number: one.jump for one in placed_joins(edit_list)}
    assert (jumps[1], jumps[2]) == ("leaves out 6.00 s", "goes back 6.00 s")


def test_clips_stand_where_they_are_played() -> None:
    placed = placed_clips(example_edit())
    assert tuple(one.clip for one in placed) == example_edit().clips
    assert [one.at_s for one in placed] == [0.0, 4.0, 7.0, 9.0, 11.0]
    assert [one.until_s for one in placed] == [4.0, 7.0, 9.0, 11.0, 14.0]
    assert [one.changes for one in placed] == ["", "", "-1.5 dB", "", ""]


def test_every_change_is_said() -> None:
    clip = Clip(0, 4 * RATE, speed=1.5, pitch_semitones=-2.0, reverse=True, fade_in=RATE, fade_out=RATE // 2,
                effects=(Effect("REVERB", 0.4),))  # fmt: skip
    assert changes_of(clip, RATE) == (
        "speed x 1.5, -2 semitones, reversed, fade in 1.00 s, fade out 0.50 s, REVERB +0.4"
    )
    assert changes_of(Clip(0, 1), RATE) == ""


def test_cuts_are_what_no_clip_plays_with_what_it_held() -> None:
    edit_list = example_edit()
    found = cuts(edit_list, analysis_of(edit_list.source))
    assert [(cut.start_s, cut.end_s) for cut in found] == [(0.0, 2.0), (6.0, 9.0), (12.0, 13.0), (18.0, 20.0)]
    assert [cut.content for cut in found[:2]] == ["music", "music 67 %, talk 33 %"]


def test_slivers_between_aligned_clips_are_no_cuts() -> None:
    clips = (Clip(0, RATE), Clip(RATE + 40, 2 * RATE))
    edit_list = replace(example_edit(), clips=clips, joins=example_edit().joins[:1])
    assert [cut.start_s for cut in cuts(edit_list, analysis_of(edit_list.source))] == [2.0]


def test_content_where_nothing_is_known() -> None:
    analysis = analysis_of(Source("j.wav", "sha256:" + "0" * 64, RATE, 1, 20 * RATE))
    assert content_of(replace(analysis, activity=()), 0.0, 1.0) == ""
    spans = (ActivitySpan(0.0, 0.2, "noise"), ActivitySpan(0.2, 9.8, "talk"), ActivitySpan(9.8, 10.0, "noise"))
    assert content_of(replace(analysis, activity=spans), 0.0, 10.0) == "talk"


@pytest.mark.parametrize("reason", ["a\nb", "\udcff", "\x1b[31m"])
def test_reasons_become_one_line(make_example: Callable[..., Example], reason: str) -> None:
    edit_list = example_edit()
    edit_list = replace(edit_list, clips=(replace(edit_list.clips[0], reason=reason), *edit_list.clips[1:]))
    shown = re.findall(r'class="why">(.*?)</td>', make_example(edit_list).write(), re.DOTALL)
    assert len(shown) == 9
    assert all(text.isprintable() for text in shown)
