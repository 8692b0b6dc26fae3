import json
from dataclasses import replace
from pathlib import Path

import pytest

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.cli.main import main
from editorbot.editlist.edit_list import EditList
from editorbot.editors.base import EditRequest
from editorbot.editors.keep_all import KeepAllEditor
from editorbot.editors.registry import EDITOR_NAMES
from editorbot.evaluation import benchmark
from editorbot.evaluation.jams import find_jams
from editorbot.recording import Recording
from tests.editors.factories import song_analysis
from tests.evaluation.evaluated import write_jam

FAST = ("--editors", "keep-all", "retarget")


def known(recording: Recording, **_: object) -> Analysis:
    """Stand for the analysis, which has tests of its own and takes long."""
    return replace(song_analysis("ABA", bars=2, sample_rate=recording.sample_rate), source=recording.source)


@pytest.fixture(autouse=True)
def _known_analysis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "analyze", known)


def run(folder: Path, *flags: str) -> int:
    return main(["evaluate", str(folder), *FAST, "--cache-dir", str(folder / "kept"), *flags])


def test_editors_are_scored_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jam(tmp_path, "one", seed=1)
    write_jam(tmp_path, "two", seed=2)
    assert run(tmp_path, "--out", str(tmp_path / "results/held")) == 0
    said = capsys.readouterr()
    assert "| keep-all | 1.000 [1.000, 1.000] | 0.667 [0.667, 0.667] | 0.800 [0.800, 0.800] |" in said.out
    assert "| talk | 100% |" in said.out
    assert "2 jams scored, 0 problems" in said.out
    assert "NOT_VALID: the set is not valid: keep-all 0.800 (0.50 - 0.70)" in said.err
    assert "FEW_JAMS: 2 jams" in said.err
    document = json.loads((tmp_path / "results/held.json").read_text())
    assert {row["entrant"] for row in document["editors"]} == {"keep-all", "retarget", "loudness-cutter"}
    assert len(document["results"]) == 6
    assert document["valid"] is False
    assert (tmp_path / "results/held.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "results/held.md").read_text() in said.out


def test_the_second_run_takes_the_kept_analyses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jam(tmp_path, "one")
    monkeypatch.setattr(benchmark, "analyze", analyze)
    assert run(tmp_path, "--out", str(tmp_path / "a")) == 0

    def listen(*_: object) -> None:
        raise AssertionError("the jam was listened to again")

    monkeypatch.setattr("editorbot.analysis.analyze.scan_recording", listen)
    assert run(tmp_path, "--out", str(tmp_path / "b")) == 0
    first, second = (json.loads((tmp_path / f"{name}.json").read_text())["results"] for name in "ab")
    assert [{**row, "seconds": 0} for row in first] == [{**row, "seconds": 0} for row in second]
    assert second[0]["seconds"] == pytest.approx(first[0]["seconds"], rel=0.9)


def test_one_failure_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jam(tmp_path, "one")
    write_jam(tmp_path, "bad")
    (tmp_path / "input/bad_raw.wav").write_bytes(b"no sound at all, none")
    write_jam(tmp_path, "lost")
    (tmp_path / "input/lost_raw.wav").unlink()
    (tmp_path / "truth/odd.json").write_text("{}")
    assert run(tmp_path) != 0
    said = capsys.readouterr()
    assert "1 jams scored, 3 problems" in said.out
    assert "NOT_AUDIO" in said.err
    assert "its raw recording lost_raw.* is missing" in said.err


def test_artists_that_were_trained_on_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jam(tmp_path, "one", artist="nexuiz")
    write_jam(tmp_path, "two", artist="colobot")
    write_jam(tmp_path, "three", artist="our band")
    assert run(tmp_path) == 7
    assert "error[SPLIT]" in capsys.readouterr().err
    assert run(tmp_path, "--allow-train") == 0
    said = capsys.readouterr().err
    assert "TRAINED_ON: nexuiz" in said
    assert "CHOSEN_ON: colobot" in said
    assert run(tmp_path, "--split", "own") == 0
    assert "1 jams scored" in capsys.readouterr().out
    assert run(tmp_path, "--tracks", "colo*") == 0


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--editors", "best"), 2, "there is no editor 'best'"),
        (("--checkpoint", "scored"), 2, "EDITOR=PATH"),
        (("--checkpoint", "best=x"), 2, "EDITOR=PATH"),
        (("--workers", "0"), 2, "at least 1"),
        (("--baseline", "nobody"), 2, "there is no editor 'nobody' to compare with"),
        (("--tracks", "none*"), 4, "no jam is left of 1"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], code: int, said: str
) -> None:
    write_jam(tmp_path, "one")
    assert main(["evaluate", str(tmp_path), *flags]) == code
    assert said in capsys.readouterr().err


def test_an_editor_without_weights_takes_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_jam(tmp_path, "one")
    assert run(tmp_path, "--checkpoint", "keep-all=weights") == 2
    said = capsys.readouterr()
    assert "keep-all takes no checkpoint" in said.err
    assert "1 jams scored, 1 problems" in said.out


def test_nothing_to_score_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path / "none")]) == 3
    assert main(["evaluate", str(tmp_path)]) == 4
    assert "pairs simulate" in capsys.readouterr().err


def test_the_two_that_show_validity_always_take_part() -> None:
    names = [entrant.name for entrant in benchmark.entrants_of(["retarget"], ["scored=a"])]
    assert names == ["keep-all", "retarget", "loudness-cutter", "scored @ a"]


def test_only_retarget_gets_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_jam(tmp_path, "one")
    lengths_s: dict[str, float | None] = {}

    class Recorder(KeepAllEditor):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self.asked = name

        def edit(self, analysis: Analysis, request: EditRequest) -> EditList:
            lengths_s[self.asked] = request.target_s
            return super().edit(analysis, request)

    monkeypatch.setattr(benchmark, "editor_named", lambda name, checkpoint: Recorder(name))
    (jam,) = find_jams(tmp_path).jams
    results = benchmark.evaluate_jam(benchmark.EvaluationJob(jam, benchmark.entrants_of([])))
    assert not results.errors
    assert lengths_s == {name: 8.0 if name == "retarget" else None for name in EDITOR_NAMES}
