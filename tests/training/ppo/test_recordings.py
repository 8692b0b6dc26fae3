"""The recordings that PPO plays on: of a folder, or of samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from editorbot.environment.state import Normalizer
from editorbot.errors import EmptyError, NotFoundError
from editorbot.models.policy_config import BEAT_INPUTS
from editorbot.training.ppo.run import played_recordings
from tests.corpus.ready_pairs import ready_pair
from tests.training.demonstrations import dataset_of, demonstrations
from tests.training.ppo.tiny_runs import played, tiny_settings


def test_a_folder_without_samples_is_played_on_whole(tmp_path):
    ready_pair(tmp_path, "one", 0)
    settings = replace(tiny_settings(), data_dir=tmp_path, cache_dir=tmp_path / "cache", score_features=False)
    found = played_recordings(settings, print)
    assert found.names == ("one",)
    assert found.truth_keep_ratio == {}
    assert not found.score_features[0].any()
    assert found.materials[0].target_keep_ratio is None
    with_score = played_recordings(replace(settings, score_features=True), print)
    assert with_score.score_features[0].any()
    assert with_score.digest != found.digest


def test_what_cannot_be_played_on_is_refused(tmp_path):
    settings = replace(tiny_settings(), data_dir=tmp_path / "none", cache_dir=tmp_path / "cache")
    with pytest.raises(EmptyError, match="no pair to play on"):
        played_recordings(settings, print)
    samples = dataset_of(demonstrations(2), tmp_path / "bc.npz")
    with pytest.raises(NotFoundError, match="name the pairs' --data-dir"):
        played_recordings(replace(settings, bc_mixed_npz=samples), print)
    (tmp_path / "none").mkdir()
    with pytest.raises(EmptyError, match="no recording of the samples"):
        played_recordings(replace(settings, bc_mixed_npz=samples), print)


def test_the_encoder_reads_each_recording_normalized_and_the_truth_keeps_its_share():
    recordings = played()
    inputs = recordings.encoder_inputs(Normalizer.identity())
    assert [one.shape for one in inputs] == [(material.beats, BEAT_INPUTS) for material in recordings.materials]
    assert all(torch.isfinite(one).all() for one in inputs)
    kinds = np.concatenate([one.actions[:, 0] for one in recordings.demonstrations])
    assert recordings.truth_keep_ratio == {"counters/truth_keep_ratio": pytest.approx((kinds == 0).mean())}
