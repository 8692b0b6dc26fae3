"""The lane of actions: shares, runs, rows, looks; and no trace of it where there are no actions."""

from __future__ import annotations

import pytest

from editorbot.editlist.edit_list import ACTIONS, ActionSpan
from editorbot.environment.actions import VOCABULARIES
from editorbot.errors import FormatError
from editorbot.report.actions import FAMILIES, LEAST_WIDTH, MOST_ROWS, OTHER, PATTERNS, ActionLane, action_lane
from tests.report.conftest import RATE, Example

SAMPLES = 1_000


def lane_of(*spans: tuple[str, int, int], samples: int = SAMPLES) -> ActionLane:
    lane = action_lane([ActionSpan(*span) for span in spans], samples, 10)
    assert lane is not None
    return lane


def test_without_actions_there_is_no_lane(example: Example) -> None:
    assert action_lane((), SAMPLES, 10) is None
    html = example.write()
    assert "<h3>Actions</h3>" not in html
    assert "act-1" not in html


def test_only_types_that_occur_are_in_the_legend_with_their_share() -> None:
    lane = lane_of(("CUT", 0, 100), ("KEEP", 100, 300), ("KEEP", 300, 500), ("LOOP", 500, 600))
    assert [(key.type, key.count, key.share) for key in lane.keys] == [
        ("KEEP", 2, "50 %"), ("CUT", 1, "25 %"), ("LOOP", 1, "25 %"),
    ]  # fmt: skip
    assert lane.count == 4


def test_a_rare_type_has_a_share() -> None:
    lane = lane_of(*[("KEEP", k, k + 1) for k in range(999)], ("LOOP", 999, 1_000))
    assert [key.share for key in lane.keys] == ["100 %", "< 1 %"]


def test_actions_that_run_on_are_one_block_with_lines_between() -> None:
    lane = lane_of(("KEEP", 0, 100), ("KEEP", 100, 300), ("KEEP", 300, 302), ("KEEP", 302, 400), ("CUT", 400, 1_000))
    keep, cut = lane.blocks
    assert (keep.left, keep.width, keep.title) == (0, 40, "KEEP x 4: 0:00.00 to 0:40.00")
    assert keep.parted == (10.0,)  # the third is too narrow for lines of its own
    assert (cut.left, cut.width, cut.parted, cut.title) == (40, 60, (), "CUT: 0:40.00 to 1:40.00")
    assert lane.rows == 1


def test_what_comes_after_a_step_back_lies_in_other_rows_and_then_in_the_first_again() -> None:
    lane = lane_of(("KEEP", 0, 500), ("JUMP_BACK", 300, 500), ("LOOP", 300, 500), ("CUT", 500, 700))
    rows = {block.title.split(":")[0]: block.row for block in lane.blocks}
    assert rows == {"KEEP": 0, "JUMP_BACK": 1, "LOOP": 2, "CUT": 0}
    assert lane.rows == 3


def test_rows_are_limited() -> None:
    lane = lane_of(*[(name, 0, 500) for name in ACTIONS])
    assert lane.rows == MOST_ROWS
    assert len(lane.blocks) == len(ACTIONS)


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 1), (1_000_000, 1_000_000)])
def test_a_narrow_block_can_be_seen_and_stays_inside(start: int, end: int) -> None:
    (block,) = lane_of(("REPEAT_PREV", start, end), samples=1_000_000).blocks
    assert block.width == LEAST_WIDTH
    assert 0 <= block.left <= 100 - LEAST_WIDTH


def test_every_type_of_every_vocabulary_has_a_look_of_its_own() -> None:
    names = {name for vocabulary in VOCABULARIES.values() for name in vocabulary.names}
    keys = lane_of(*[(name, 0, 1) for name in sorted(names)]).keys
    assert {key.family for key in keys} == set(FAMILIES)
    looks = {(key.family, key.pattern) for key in keys if key.type != "CROSSFADE"}  # which is a CUT in edit lists
    assert len(looks) == len(names) - 1
    assert all(len(family) <= len(PATTERNS) for family in FAMILIES.values())
    assert lane_of(("WOBBLE", 0, 1)).keys[0].family == OTHER


def test_the_page_shows_the_lane(example: Example) -> None:
    actions = [ActionSpan("CUT", 0, 2 * RATE), ActionSpan("KEEP", 2 * RATE, 6 * RATE), ActionSpan("</svg>", 0, RATE)]
    html = example.write(actions=actions)
    assert "<h3>Actions</h3>" in html
    assert 'aria-label="Actions over the recording: CUT 33 %, KEEP 33 %, &lt;/svg&gt; 33 %"' in html
    assert "<title>KEEP: 0:02.00 to 0:06.00</title>" in html
    assert html.count("<pattern id=") == 1 + 3
    assert "of 3 actions" in html


@pytest.mark.parametrize("span", [(-1, 2), (3, 2)])
def test_a_span_that_is_none_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(FormatError):
        ActionSpan("KEEP", *span)


def test_every_pattern_is_defined_once_in_the_page(example: Example) -> None:
    html = example.write(actions=[ActionSpan(name, 0, RATE) for name in ACTIONS])
    for number in range(1, len(ACTIONS) + 1):
        assert html.count(f'id="act-{number}"') == 1
        assert f"url(#act-{number})" in html
