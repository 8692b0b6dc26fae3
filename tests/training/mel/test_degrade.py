"""Examples of finished tracks."""

from __future__ import annotations

import numpy as np

from editorbot.training.mel.degrade import files_degraded_again
from editorbot.training.mel.examples import example_of, read_example, write_example


def test_examples_hear_the_highest_bands_at_their_own_rate():
    noise = np.random.default_rng(0).standard_normal((1, 3 * 44_100)).astype(np.float32) * np.float32(0.1)
    example = example_of(noise, noise, rate=44_100)
    mean = example.raw.astype(np.float32).mean(axis=0)
    assert abs(mean[-1] - mean[100]) < 3 / 80
    hops = len(example.raw) - 3
    assert abs(len(example.raw_sound) - hops * 512) <= 512


def test_kept_sounds_are_ruined_again_in_other_ways(files, tmp_path):
    kept = tmp_path / "one.npz"
    write_example(kept, read_example(files[0]))
    again = files_degraded_again([kept], 2, seed=3)
    assert [path.name for path in again] == ["one_again3_0.npz", "one_again3_1.npz"]
    first, second = (read_example(path) for path in again)
    assert first.raw.shape == read_example(kept).raw.shape
    assert not np.array_equal(first.raw, second.raw)
    before = again[0].stat().st_mtime_ns
    assert files_degraded_again([kept], 2, seed=3) == again
    assert again[0].stat().st_mtime_ns == before
