from __future__ import annotations

import math

import numpy as np
import pytest

from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.editlist.operations import CrossfadeSpan, crossfade_spans
from editorbot.render.crossfade import correlation, crossfade, crossfade_gains


def naive_gains(n: int, length: int, alike: float) -> tuple[float, float]:
    angle = math.pi / 2 * (n + 0.5) / length
    out, into = math.cos(angle), math.sin(angle)
    amplitude = math.sqrt(out**2 + into**2 + 2 * alike * out * into)
    return out / amplitude, into / amplitude


@pytest.mark.parametrize("alike", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("length", [1, 2, 7, 100])
def test_gains_match_the_naive_ones(length, alike):
    gains = crossfade_gains(0, length, length, alike)
    expected = [naive_gains(n, length, alike) for n in range(length)]
    assert np.allclose(np.stack([gains.outgoing, gains.incoming], 1), expected)


def test_unlike_sounds_get_equal_power_and_equal_ones_gains_that_sum_to_one():
    unlike, equal = crossfade_gains(0, 64, 64, 0.0), crossfade_gains(0, 64, 64, 1.0)
    assert np.allclose(unlike.outgoing**2 + unlike.incoming**2, 1.0)
    assert np.allclose(equal.outgoing + equal.incoming, 1.0)


def test_parts_of_a_crossfade_are_the_whole():
    whole, part = crossfade_gains(0, 100, 100, 0.4), crossfade_gains(30, 60, 100, 0.4)
    assert np.array_equal(part.incoming, whole.incoming[30:60])


def test_level_holds_through_the_crossfade_whatever_the_correlation():
    rng = np.random.default_rng(1)
    common, one, other = rng.standard_normal((3, 200_000, 1))
    for share in (0.0, 0.5, 0.9, 1.0):
        a = math.sqrt(share) * common + math.sqrt(1 - share) * one
        b = math.sqrt(share) * common + math.sqrt(1 - share) * other
        middle = crossfade(a, b)[90_000:110_000]
        assert abs(10 * math.log10(np.mean(middle**2))) < 0.15


def test_correlation_of_silence_and_of_opposites_is_nothing():
    sound = np.random.default_rng(2).standard_normal((100, 2))
    assert correlation(sound, np.zeros_like(sound)) == 0.0
    assert correlation(sound, -sound) == 0.0
    assert correlation(sound, 3 * sound) == pytest.approx(1.0)


def spans(clips: tuple[Clip, ...], crossfade_samples: int, samples: int = 10_000) -> tuple[CrossfadeSpan, ...]:
    source = Source("a.wav", "sha256:" + "0" * 64, 8_000, 1, samples)
    return crossfade_spans(EditList(source, clips, tuple(Join(crossfade_samples) for _ in clips[1:])))


def test_spans_are_centered_and_bounded():
    assert spans((Clip(1_000, 2_000), Clip(4_000, 5_000)), 101) == (CrossfadeSpan(50, 51),)
    assert spans((Clip(1_000, 2_000), Clip(4_000, 4_020)), 101) == (CrossfadeSpan(10, 10),)
    assert spans((Clip(9_000, 9_990), Clip(4_000, 5_000)), 100) == (CrossfadeSpan(50, 10),)
    assert spans((Clip(5_000, 6_000), Clip(20, 1_000)), 100) == (CrossfadeSpan(20, 50),)
    assert spans((Clip(5_000, 6_000), Clip(6_000, 7_000)), 100) == (CrossfadeSpan(0, 0),)


def test_spans_of_changed_clips_count_in_the_output():
    assert spans((Clip(1_000, 2_000), Clip(30, 1_000, speed=2.0)), 100)[0].before == 15
    assert spans((Clip(1_000, 2_000), Clip(9_000, 9_980, reverse=True)), 100)[0].before == 20
    assert spans((Clip(10, 2_000, reverse=True), Clip(5_000, 6_000)), 100)[0].after == 10
