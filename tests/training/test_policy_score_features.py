"""Whom the policy asks for hints."""

import json
import shutil

import numpy as np
import pytest
import soundfile

from editorbot.analysis.beat_grid import fallback_grid
from editorbot.corpus.cache_files import read_entry, write_entry
from editorbot.editors.scoring.learned import SHIPPED
from editorbot.errors import NotFoundError
from editorbot.training import policy_score_features
from editorbot.training.policy_score_features import score_features_by_name


def test_a_score_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="nobody"):
        score_features_by_name([], tmp_path, tmp_path, print, tmp_path / "nobody.safetensors")


def write_pair(folder, seed):
    """Write a pair of eight seconds of noise."""
    rng = np.random.default_rng(seed)
    for half, end in (("input", "raw"), ("desired_output", "edit")):
        (folder / half).mkdir(exist_ok=True)
        soundfile.write(folder / half / f"one_{end}.wav", 0.1 * rng.standard_normal(22_050 * 8), 22_050)


def score_features_in(folder, score=None):
    """Return the hints of the pair in a folder."""
    return score_features_by_name(["one"], folder, folder / "cache", print, score)["one"]


def kept_entry(folder):
    """Return the one file that hints are kept in."""
    (entry,) = (folder / "cache" / "hints").rglob("one.npz")
    return entry


def mark_kept(folder):
    """Write other hints into what is kept, so that one can tell whether they were made anew."""
    arrays = read_entry(kept_entry(folder))
    write_entry(kept_entry(folder), arrays | {"hints": np.full_like(arrays["hints"], 0.25)})


def test_hints_are_kept_by_what_the_score_weighs_not_by_its_name(tmp_path):
    write_pair(tmp_path, 0)
    other = tmp_path / "other.safetensors"
    shutil.copy(SHIPPED, other)
    shutil.copy(SHIPPED.with_suffix(".json"), other.with_suffix(".json"))
    mine = score_features_in(tmp_path)
    np.testing.assert_array_equal(mine, score_features_in(tmp_path, other))  # the same weights by another name
    mark_kept(tmp_path)
    assert (score_features_in(tmp_path, other) == 0.25).all()
    card = json.loads(SHIPPED.with_suffix(".json").read_text())
    shifted = tmp_path / "shifted.safetensors"
    shutil.copy(SHIPPED, shifted)
    shifted.with_suffix(".json").write_text(json.dumps(card | {"shift": card["shift"] + 1.0}))
    assert not (score_features_in(tmp_path, shifted) == 0.25).all()


def test_hints_of_a_recording_that_has_changed_are_made_anew(tmp_path, monkeypatch):
    write_pair(tmp_path, 0)
    before = score_features_in(tmp_path)
    write_pair(tmp_path, 1)
    after = score_features_in(tmp_path)
    assert not np.array_equal(before, after)
    mark_kept(tmp_path)
    monkeypatch.setattr(policy_score_features, "code_version", lambda: "another")
    np.testing.assert_array_equal(score_features_in(tmp_path), after)


@pytest.mark.parametrize("content", [b"", b"PK torn"])
def test_damaged_hints_are_made_anew(tmp_path, content):
    write_pair(tmp_path, 0)
    before = score_features_in(tmp_path)
    kept_entry(tmp_path).write_bytes(content)
    np.testing.assert_array_equal(score_features_in(tmp_path), before)


def test_score_features_are_those_of_the_beat_tracker(tmp_path, monkeypatch):
    write_pair(tmp_path, 0)
    mine = score_features_in(tmp_path)
    few = fallback_grid(4.0, "")
    monkeypatch.setattr("editorbot.analysis.analyze.choose_tracker", lambda name: lambda *_: few)
    other = score_features_by_name(["one"], tmp_path, tmp_path / "cache", print, beat_tracker="beat-this")["one"]
    assert (len(mine), len(other)) == (16, len(few.beats_s))
    np.testing.assert_array_equal(score_features_in(tmp_path), mine)
