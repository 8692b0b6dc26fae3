"""The pointer editor: weights read or refused, edges on the beat, requests, recordings of any length."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from editorbot.editors.base import EditRequest
from editorbot.editors.pointer import PointerEditor, kept_steps, placed_spans_s, step_labels_of
from editorbot.editors.pointer_inference.decode import Plays
from editorbot.editors.pointer_inference.learned import SHIPPED, read_inputs, read_pointer, step_inputs_for
from editorbot.editors.pointer_inference.network import weight_shapes
from editorbot.errors import FormatError, MismatchError, NotFoundError, UsageError
from editorbot.models.pointer_config import PointerConfig, PointerInputs, RowScores
from editorbot.timebase import FRAME_S, STEP_FRAMES
from tests.editors.factories import song_analysis


def _scores(frames, *, kept=None):
    """Return scores of a network that is sure of what is kept."""
    kept = np.ones(frames, bool) if kept is None else kept
    sure, delta = 8.0, np.full((frames + 1, 129), -8.0)
    delta[:, 64] = 0.0
    use_jump = np.full(frames + 1, -sure)
    use_jump[:-1][~kept] = sure
    kinds = np.zeros((-(-frames // STEP_FRAMES), 6))
    moment = np.arange(len(kinds)) * STEP_FRAMES
    kinds[:, 0], kinds[:, 1] = kept[moment], ~kept[moment]
    jump, stop = np.full((frames + 1, 32), np.log(1 / 32)), np.full(frames + 1, -sure)
    return RowScores(delta, jump, use_jump, stop, np.zeros(frames), np.zeros(frames), kinds)


@pytest.fixture
def editor(monkeypatch):
    """Return an editor, and a function that says what its network will say."""
    monkeypatch.setattr(
        "editorbot.editors.pointer.read_inputs",
        lambda analysis, config, tightness: PointerInputs(np.zeros((1, 1), "f4")),
    )

    def make(scores):
        monkeypatch.setattr("editorbot.editors.pointer_inference.learned.row_scores", lambda *_: scores)
        return PointerEditor()

    return make


def _frames(analysis):
    return round(analysis.duration_s / FRAME_S)


def test_what_the_network_keeps_is_played(editor):
    analysis = song_analysis("ABAB", bpm=120.0)
    frames = _frames(analysis)
    kept = np.ones(frames, bool)
    kept[: frames // 4] = False
    edit = editor(_scores(frames, kept=kept)).edit(analysis, EditRequest())
    assert len(edit.clips) == 1
    assert edit.clips[0].start / edit.source.sample_rate == pytest.approx(analysis.duration_s / 4, abs=0.05)
    assert edit.clips[0].end == edit.source.samples
    assert edit.made_by.editor == "pointer"
    assert edit.made_by.checkpoint == read_pointer().digest
    assert len(edit.beats) == len(analysis.beats_s)


def test_requests_are_met(editor):
    analysis = song_analysis("ABABABAB", bpm=120.0)
    pointing = editor(_scores(_frames(analysis)))
    cut = pointing.edit(analysis, EditRequest(must_cut_s=((10.0, 20.0),)))
    rate = cut.source.sample_rate
    assert [(clip.start / rate, clip.end / rate) for clip in cut.clips] == [(0.0, 10.0), (20.0, analysis.duration_s)]
    short = pointing.edit(analysis, EditRequest(target_s=64.0))
    assert sum(clip.end - clip.start for clip in short.clips) / rate == pytest.approx(64.0, abs=2.5)


@pytest.mark.parametrize("seconds", [2.0, 0.7])
def test_recordings_shorter_than_the_window_and_silent_ones_are_edited(editor, seconds):
    analysis = song_analysis("A", bars=1, beats_per_bar=1, bpm=60.0 / seconds, has_beat=False)
    frames = _frames(analysis)
    edit = editor(_scores(frames, kept=np.zeros(frames, bool))).edit(analysis, EditRequest())
    assert [(clip.start, clip.end) for clip in edit.clips] == [(0, edit.source.samples)]


def test_edges_go_where_the_beat_goes_on():
    analysis = song_analysis("ABAB", bpm=120.0)
    frames = _frames(analysis)
    beat = 0.5 / FRAME_S
    # Left 0.1 s after a beat, entered on a beat: the join has to move by 0.1 s.
    plays = Plays(np.array([0, round(40 * beat)]), np.array([round(20 * beat + 0.1 / FRAME_S), frames]), 0.0)
    spans_s = placed_spans_s(analysis, plays, step_labels_of(analysis, _scores(frames), plays))
    late = (spans_s[0][1] - spans_s[1][0]) / 0.5
    assert abs(late - round(late)) < 1e-6
    assert spans_s[0][1] == pytest.approx(10.0, abs=0.06)


def test_steps_are_kept_for_their_greater_part():
    plays = Plays(np.array([3, 20]), np.array([13, 24]), 0.0)
    assert kept_steps(plays, 4).tolist() == [True, True, False, False]


def test_stems_are_not_at_hand_while_editing():
    with pytest.raises(UsageError, match="stems"):
        read_inputs(song_analysis(), PointerConfig(use_stems=True))


def test_what_ships_is_whole():
    pointer = read_pointer()
    assert {name: value.shape for name, value in pointer.weights.items()} == weight_shapes(pointer.config)
    assert SHIPPED.stat().st_size < 10_000_000
    card = json.loads(SHIPPED.with_suffix(".json").read_text())
    assert {"data", "seed", "command", "licence", "validation"} <= set(card)


@pytest.fixture
def copy(tmp_path):
    for ending in (".safetensors", ".json"):
        shutil.copy(SHIPPED.with_suffix(ending), tmp_path / f"p{ending}")
    return tmp_path / "p.safetensors"


def _change_card(path, **changes):
    card_path = path.with_suffix(".json")
    card_path.write_text(json.dumps(json.loads(card_path.read_text()) | changes))


def test_weights_that_cannot_be_used_end_in_one_line(copy, tmp_path):
    read_pointer.cache_clear()
    shape = json.loads(copy.with_suffix(".json").read_text())["config"]
    for changes, error, said in (
        ({"format": "other"}, FormatError, "format"),
        ({"inputs_version": 0}, MismatchError, "inputs_version"),
        ({"config": shape | {"window": 35}}, FormatError, "window_bias"),
        ({"config": shape | {"n_layers": 2}}, FormatError, "must be None"),
        ({"config": shape | {"window": 34}}, FormatError, "odd"),
        ({"decode": {"price": 1}}, FormatError, "prices"),
    ):
        for ending in (".safetensors", ".json"):
            shutil.copy(SHIPPED.with_suffix(ending), copy.with_suffix(ending))
        _change_card(copy, **changes)
        with pytest.raises(error, match=said):
            read_pointer(copy)
        read_pointer.cache_clear()
    copy.write_bytes(b"no weights")
    with pytest.raises(FormatError):
        read_pointer(copy)
    copy.with_suffix(".json").unlink()
    for missing in (copy, tmp_path / "none.pt"):
        with pytest.raises(NotFoundError):
            read_pointer(missing)
    (tmp_path / "bad.pt").write_bytes(b"x")
    with pytest.raises(FormatError):
        read_pointer(tmp_path / "bad.pt")


def test_steps_carry_what_the_score_says(monkeypatch):
    analysis = song_analysis("AB")
    steps = np.random.default_rng(0).random(analysis.steps.shape).astype(np.float32)
    analysis = replace(analysis, steps=steps)
    chances = np.full((len(steps), 6), 1 / 6, np.float32)
    monkeypatch.setattr("editorbot.editors.pointer_inference.learned.calibrate_for_takes", lambda *_: chances)
    plain = step_inputs_for(analysis, PointerConfig(step_inputs=True))
    scored = step_inputs_for(analysis, PointerConfig(step_inputs=True, score_inputs=True))
    assert scored.values.shape[1] == plain.values.shape[1] + 6
    np.testing.assert_allclose(scored.values[:, -6:], np.log(1 / 6), rtol=1e-6)
