import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from editorbot.editlist import json_format
from editorbot.editlist.edit_list import (
    ACTIONS,
    EFFECT_RANGES,
    BeatScore,
    Clip,
    EditList,
    Effect,
    Join,
    MadeBy,
    PolishStep,
    Source,
)
from editorbot.editlist.json_format import from_json, read_edit_list, to_json, write_edit_list
from editorbot.errors import EditorbotError, FormatError, NotFoundError, OutputError, VersionError

GOLDEN = Path(__file__).parent.parent / "golden"
SOURCE = Source("jam.wav", "sha256:" + "0" * 64, 44_100, 2, 1_000_000)
SOURCE_FIELDS = vars(SOURCE)
SIMPLE = EditList(SOURCE, (Clip(0, 100), Clip(300, 500)), (Join(50, 0.25),))


@st.composite
def clips(draw: st.DrawFn) -> Clip:
    start = draw(st.integers(0, 999_000))
    end = draw(st.integers(start + 1, 1_000_000))
    fade_in = draw(st.integers(0, (end - start) // 8))
    kinds = st.sampled_from(sorted(EFFECT_RANGES))
    effects = draw(
        st.lists(kinds.flatmap(lambda k: st.floats(*EFFECT_RANGES[k][1:]).map(lambda v: Effect(k, v))), max_size=3)
    )
    return Clip(
        start, end, draw(st.sampled_from(ACTIONS)), draw(st.floats(-60, 60)), draw(st.floats(0.25, 4)),
        draw(st.floats(-24, 24)), draw(st.booleans()), fade_in, 0, tuple(effects), draw(st.floats(0, 1)),
        draw(st.text()),
    )  # fmt: skip


@st.composite
def edit_lists(draw: st.DrawFn) -> EditList:
    played = draw(st.lists(clips(), min_size=1, max_size=6))
    joins = [Join(draw(st.integers(0, 4000)), draw(st.floats(0, 1))) for _ in played[1:]]
    at = sorted(draw(st.sets(st.integers(0, 999_999), max_size=5)))
    return EditList(
        SOURCE, tuple(played), tuple(joins), (PolishStep("loudness", draw(st.floats(0, 1))),),
        tuple(BeatScore(a, draw(st.floats(0, 1))) for a in at), MadeBy("scored", None, 3, "0.1.0"),
        tuple(draw(st.lists(st.text(), max_size=2))),
    )  # fmt: skip


@given(edit_lists())
def test_what_is_written_is_read_back_equal(edit_list: EditList) -> None:
    assert from_json(to_json(edit_list)) == edit_list


@given(
    st.binary(max_size=300)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_bytes_are_read_or_refused_in_one_way(content: bytes) -> None:
    with pytest.raises(EditorbotError):
        from_json(content)


@given(st.data())
def test_a_damaged_document_is_read_or_refused_in_one_way(data: st.DataObject) -> None:
    text = to_json(SIMPLE)
    at = data.draw(st.integers(0, len(text) - 1))
    broken = text[:at] + data.draw(st.characters(max_codepoint=127)) + text[at + 1 :]
    try:
        from_json(broken)
    except EditorbotError:
        return
    assert json.loads(broken)["format"] == "editorbot.edit"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "unknown field 'surprise'"),
        ({"joins": []}, "one fewer than the 2 clips"),
        ({"clips": []}, "must not be empty"),
        ({"clips": [{"start": 5, "end": 5}, {"start": 0, "end": 1}]}, r"clips\[0\]: clip \[5, 5\)"),
        ({"clips": [{"start": 0, "end": 2_000_000}], "joins": []}, "beyond the source's 1000000 samples"),
        ({"clips": [{"start": 0.5, "end": 2}], "joins": []}, "start must be a whole number, but is 0.5"),
        ({"clips": [{"start": True, "end": 2}], "joins": []}, "start must be a whole number, but is True"),
        ({"clips": [{"start": 0, "end": 2, "effects": [{"type": "PHASER"}]}], "joins": []}, "EQ_LOW"),
        ({"clips": [{"start": 0, "end": 2, "effects": [{"type": ["EQ_LOW"]}]}], "joins": []}, "EQ_LOW"),
        ({"clips": [{"start": 0, "end": 2, "effects": [{"type": "REVERB", "value": 1}]}], "joins": []}, "and strength"),
        ({"clips": [{"start": 0, "end": 2, "action": "MUNCH"}], "joins": []}, "'MUNCH' is unknown"),
        ({"beats": [{"at": 5, "score": 1.0}, {"at": 5, "score": 1.0}]}, "beats must increase"),
        ({"beats": [{"at": 5, "score": 5}]}, r"beats\[0\]: beat score must be in \[0, 1\], but is 5.0"),
        ({"beats": [{"at": 5, "score": -0.1}]}, r"beat score must be in \[0, 1\]"),
        ({"beats": [{"at": 1_000_000, "score": 1.0}]}, "beat 0 is at 1000000, beyond the source's 1000000 samples"),
        ({"source": SOURCE_FIELDS | {"digest": "foo"}}, "source digest must be sha256: and 64 hex digits, but is 'foo"),
        ({"source": SOURCE_FIELDS | {"digest": "sha256:" + "g" * 900}}, "64 hex digits, but is 'sha256:g.*g...'$"),
        ({"version": 0}, "version must be a whole number"),
        ({"format": "other"}, "this is no edit list"),
        ({"joins": [{"crossfade": 0, "risk": "high"}]}, "risk must be a finite number"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_named(change: dict[str, object], message: str) -> None:
    document = {**json.loads(to_json(SIMPLE)), **change}
    with pytest.raises(FormatError, match=message):
        from_json(json.dumps(document))


def test_a_newer_version_is_refused_naming_both() -> None:
    document = {**json.loads(to_json(SIMPLE)), "version": 7}
    with pytest.raises(VersionError, match="version 7, and version 1"):
        from_json(json.dumps(document))


def test_duplicate_keys_and_nan_are_refused() -> None:
    with pytest.raises(FormatError, match="'format' occurs twice"):
        from_json('{"format": "editorbot.edit", "format": "editorbot.edit"}')
    with pytest.raises(FormatError, match="NaN is not allowed"):
        from_json('{"format": NaN}')
    with pytest.raises(FormatError, match="risk must be a finite number, but is inf"):
        from_json(to_json(SIMPLE).replace('"risk": 0.25', '"risk": 1e999'))
    with pytest.raises(FormatError):
        from_json("[" * 100_000)


def test_upgrades_run_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def from_one(document: dict[str, object]) -> dict[str, object]:
        played = document.pop("plays")
        return {**document, "version": 2, "clips": played}

    monkeypatch.setattr(json_format, "FORMAT", replace(json_format.FORMAT, version=2))
    monkeypatch.setitem(json_format.UPGRADES, 1, from_one)
    old = json.loads(to_json(SIMPLE))
    old["plays"] = old.pop("clips")
    assert from_json(json.dumps({**old, "version": 1})) == SIMPLE


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("edit_v*.json")), ids=lambda p: p.name)
def test_a_list_of_every_released_version_is_still_read(path: Path) -> None:
    edit_list = read_edit_list(path)
    assert [clip.action for clip in edit_list.clips] == ["KEEP", "LOOP", "EQ_LOW"]
    assert edit_list.clips[2].effects == (Effect("EQ_LOW", 3.0),)
    assert edit_list.output_samples == 176_400 + 88_200 + 84_000


def test_every_version_has_a_baseline() -> None:
    assert {path.name for path in GOLDEN.glob("edit_v*.json")} == {
        f"edit_v{n}.json" for n in range(1, json_format.FORMAT.version + 1)
    }


def test_files_are_written_whole_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "edit.json"
    write_edit_list(path, SIMPLE)
    assert read_edit_list(path) == SIMPLE
    assert [p.name for p in tmp_path.iterdir()] == ["edit.json"]
    with pytest.raises(OutputError):
        write_edit_list(tmp_path / "none" / "edit.json", SIMPLE)
    with pytest.raises(NotFoundError):
        read_edit_list(tmp_path / "missing.json")


def test_a_name_that_is_no_text_survives(tmp_path: Path) -> None:
    odd = EditList(Source("b\udcff\n.wav", SOURCE.digest, 8_000, 1, 10), (Clip(0, 10),), ())
    write_edit_list(tmp_path / "edit.json", odd)
    assert read_edit_list(tmp_path / "edit.json") == odd
