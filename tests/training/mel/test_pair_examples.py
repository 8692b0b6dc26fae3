"""Examples of pairs: each frame of the edit beside the raw frame that it was made from."""

from __future__ import annotations

import numpy as np
import pytest

from editorbot.corpus.alignment.frame_ops import FrameOp
from editorbot.models.mel_config import UNKNOWN_LABEL
from editorbot.timebase import ANALYSIS_RATE
from editorbot.training.mel.examples import read_example
from editorbot.training.mel.pair_examples import aligned_example, best_lag, examples_of_pairs
from tests.sounds import band
from tests.training.mel.mel_runs import add_pair


def test_a_pair_is_laid_frame_beside_frame():
    sound = band(8.0, ANALYSIS_RATE)[: 512 * 340].astype(np.float32)
    pointers = np.concatenate([np.arange(100, 200), np.full(20, -1), np.arange(20, 100)]).astype(np.int64)
    moved = np.concatenate([sound[512 * 100 + 37 :][: 512 * 100], np.zeros(512 * 20), sound[512 * 20 :][: 512 * 80]])
    ops = np.where(pointers < 0, FrameOp.OTHER, FrameOp.COPY).astype(np.int8)
    example = aligned_example(sound, moved.astype(np.float32), pointers, ops)
    known = example.known == 1
    difference = np.abs(example.raw.astype(float) - example.edit.astype(float)).max(axis=1)
    inner = known & np.roll(known, 4) & np.roll(known, -4)
    inner[:4] = inner[-4:] = False
    assert difference[inner].max() < 0.02
    assert set(example.labels[~known]) == {UNKNOWN_LABEL}
    assert set(example.labels[known]) == {0}


@pytest.mark.parametrize("lag", [-300, 0, 1, 211])
def test_the_lag_is_found(lag):
    sound = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    assert best_lag(sound[1_000:9_000], sound[1_000 - lag : 9_000 - lag], 512) == lag


def test_examples_of_pairs_are_kept_until_a_recording_or_the_alignment_changes(tmp_path):
    def example():
        return examples_of_pairs(tmp_path, tmp_path / "cache", tmp_path / "mel")["a"]

    add_pair(tmp_path, "a", "us", 0)
    first = example()
    before = first.stat().st_mtime_ns
    assert example() == first
    assert first.stat().st_mtime_ns == before
    moved = tmp_path / "pointer_sequences" / "a_pointers.npy"
    np.save(moved, np.load(moved) - 20)
    second = example()
    assert not np.array_equal(read_example(second).raw, read_example(first).raw)
    add_pair(tmp_path, "a", "us", 7)
    third = example()
    assert len({first, second, third}) == 3
    assert not np.array_equal(read_example(third).edit, read_example(second).edit)
