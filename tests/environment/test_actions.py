"""The action space: fixed orders, the amounts of the specification, the earlier vocabularies."""

import numpy as np
import pytest

from editorbot.environment.actions import (
    V1,
    V2,
    V3,
    VOCABULARIES,
    Action,
    Amount,
    Operation,
    Size,
    Treatment,
    vocabulary_named,
)  # fmt: skip
from editorbot.environment.spans import LONGEST_SPAN, lengths_of, span_lengths
from editorbot.errors import UsageError
from tests.editors.factories import song_analysis

SPECIFIED = (
    *("KEEP", "CUT", "LOOP", "REORDER", "JUMP_BACK", "SKIP", "FADE_IN", "FADE_OUT", "GAIN", "SPEED_UP"),
    *("SPEED_DOWN", "REVERSE", "PITCH_UP", "PITCH_DOWN", "EQ_LOW", "EQ_HIGH", "DISTORTION", "REVERB", "REPEAT_PREV"),
    "SWAP_NEXT",
)


def test_indices_are_those_of_the_specification():
    assert V3.names == SPECIFIED
    assert [size.name for size in Size] == ["BEAT", "BAR", "PHRASE", "TWO_BARS", "TWO_PHRASES"]
    assert [amount.name for amount in Amount] == ["NEG_LARGE", "NEG_SMALL", "NEUTRAL", "POS_SMALL", "POS_LARGE"]
    assert V3.shape == (20, 5, 5)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("LOOP", (2, 2, 2, 3, 4)),
        ("JUMP_BACK", (8, 4, 0, 4, 8)),
        ("SKIP", (8, 4, 0, 4, 8)),
        ("GAIN", (-3, -1.5, 0, 1.5, 3)),
        ("EQ_LOW", (-3, -1.5, 0, 1.5, 3)),
        ("EQ_HIGH", (-3, -1.5, 0, 1.5, 3)),
        ("SPEED_UP", (1.02, 1.05, 1.08, 1.12, 2)),
        ("SPEED_DOWN", (0.98, 0.95, 0.92, 0.88, 0.5)),
        ("PITCH_UP", (1, 1, 1, 2, 2)),
        ("PITCH_DOWN", (-1, -1, -1, -2, -2)),
    ],
)
def test_amounts_are_those_of_the_specification(name, values):
    kind = V3.index(name)
    assert tuple(V3.value(Action(kind, 0, amount)) for amount in range(5)) == values


def test_earlier_vocabularies_stay():
    assert V1.names == ("KEEP", "CUT", "LOOP", "CROSSFADE", "REORDER")
    assert V2.types * 25 == 450
    assert set(V3.names) - set(V2.names) == {"SPEED_UP", "SPEED_DOWN", "PITCH_UP", "PITCH_DOWN"}
    assert set(V2.names) - set(V3.names) == {"DOUBLE_TIME", "HALF_TIME"}
    assert all(vocabulary.names[0] == "KEEP" for vocabulary in VOCABULARIES.values())
    assert vocabulary_named("v2") is V2
    with pytest.raises(UsageError, match="there are v1, v2, v3"):
        vocabulary_named("v4")


def test_arrays_hold_the_rows_in_index_order():
    operation, treatment, values, distinct = V3.arrays
    assert operation[V3.index("SWAP_NEXT")] == Operation.SWAP
    assert (treatment != Treatment.NONE).sum() == 12
    assert values[V3.index("LOOP")].tolist() == [2, 2, 2, 3, 4]
    assert distinct[V3.index("GAIN")].tolist() == [True, True, False, True, True]
    assert "LOOP" in V3
    with pytest.raises(UsageError, match="no type 'DOUBLE_TIME'"):
        V3.index("DOUBLE_TIME")


@pytest.mark.parametrize(("value", "amount"), [(-9.0, 0), (-1.0, 1), (0.4, 3), (2.5, 4)])
def test_the_nearest_open_amount_is_found(value, amount):
    assert V3.nearest_amount("GAIN", value) == amount


def test_spans_are_those_of_the_specification():
    lengths = lengths_of(64, 3, np.array([0, 6, 12, 40]))
    assert lengths[4].tolist() == [1, 3, 2, 6, 8]
    assert lengths[12].tolist() == [1, 3, 8, 6, 16], "PHRASE and TWO_PHRASES have limits"
    assert lengths[62].tolist() == [1, 2, 2, 2, 2], "no span reaches beyond the end"
    assert lengths[63].tolist() == [1] * 5
    assert lengths.max() <= LONGEST_SPAN


def test_where_no_bars_are_known_a_bar_is_four_beats():
    lengths = span_lengths(song_analysis("AB", has_beat=False, beats_per_bar=3))
    assert lengths[0].tolist() == [1, 4, 8, 8, 16]
