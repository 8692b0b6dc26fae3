import numpy as np
import pytest

from editorbot.recording import SampleScan
from editorbot.recording.sample_checks import _by_channel


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("samples", [1, 255, 256, 257, 1_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_combined_as_one_by_one(dtype: type, samples: int, channels: int) -> None:
    block = (np.random.default_rng(samples).standard_normal((samples, channels)) * 9_000).astype(dtype)
    np.testing.assert_allclose(_by_channel(np.add, block, np.float64), block.astype(np.float64).sum(axis=0), atol=1e-6)
    np.testing.assert_array_equal(_by_channel(np.minimum, block), block.min(axis=0))
    np.testing.assert_array_equal(_by_channel(np.maximum, block), block.max(axis=0))


def test_blocks_add_up() -> None:
    sound = np.full((700, 2), 0.25, dtype=np.float32) + np.linspace(-0.1, 0.1, 700, dtype=np.float32)[:, None]
    sound[:, 1] *= -6
    scan = SampleScan(2)
    assert scan.is_silent
    assert scan.warnings == ()
    for start in range(0, 700, 90):
        scan.update(sound[start : start + 90])
    scan.update(sound[:0])
    assert not scan.is_silent
    over, offset = scan.warnings
    assert over.startswith("OVER_FULL_SCALE: it peaks at +6.4 dBFS")
    assert "channel 1 has a constant offset of -0.714 of its peak" in offset
