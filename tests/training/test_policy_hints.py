"""Whom the policy asks for hints."""

import shutil

import numpy as np
import pytest
import soundfile

from editorbot.editors.scoring.learned import SHIPPED
from editorbot.errors import NotFoundError
from editorbot.training.policy_hints import hints_by_name


def test_a_score_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="nobody"):
        hints_by_name([], tmp_path, tmp_path, print, tmp_path / "nobody.safetensors")


def test_hints_are_kept_by_what_the_score_weighs_not_by_its_name(tmp_path):
    rng = np.random.default_rng(0)
    for folder, end in (("input", "raw"), ("desired_output", "edit")):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / f"one_{end}.wav", 0.1 * rng.standard_normal(22_050 * 8), 22_050)
    other = tmp_path / "other.safetensors"
    shutil.copy(SHIPPED, other)
    shutil.copy(SHIPPED.with_suffix(".json"), other.with_suffix(".json"))
    mine = hints_by_name(["one"], tmp_path, tmp_path / "cache", print)
    theirs = hints_by_name(["one"], tmp_path, tmp_path / "cache", print, other)
    np.testing.assert_array_equal(mine["one"], theirs["one"])
    kept = tmp_path / "cache" / "hints"
    assert len(list(kept.iterdir())) == 1  # the same weights by another name
    shown = next(kept.rglob("one.npy"))
    np.save(shown, np.full_like(mine["one"], 0.25))
    assert (hints_by_name(["one"], tmp_path, tmp_path / "cache", print, other)["one"] == 0.25).all()
