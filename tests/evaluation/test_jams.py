"""Jams that can be scored, found in folders."""

from pathlib import Path

from editorbot.evaluation.jams import find_jams
from tests.evaluation.evaluated import info_of, write_jam


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
