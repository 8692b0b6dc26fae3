"""Raw samples: every depth reads as its values, left-justified."""

from __future__ import annotations

import io

import numpy as np
import pytest

from editorbot.errors import ChannelsError, RateError
from editorbot.recording import as_float, full_scale
from editorbot.recording.pcm import MAX_CHANNELS, MAX_RATE, MIN_RATE, PcmBody, PcmFormat, check_rate_and_channels

BITS = {"PCM_U8": 8, "PCM_S8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}


@pytest.mark.parametrize("subtype", BITS)
def test_integers_of_every_depth_keep_their_values(subtype: str) -> None:
    bits, pcm = BITS[subtype], PcmFormat(subtype, 2)
    half = 1 << (bits - 1)
    values = [-half, -1, 0, 1, half - 1, -half // 2]
    stored = [value + 128 if subtype == "PCM_U8" else value for value in values]
    content = b"".join(value.to_bytes(bits // 8, "little", signed=subtype != "PCM_U8") for value in stored)
    block = PcmBody(io.BytesIO(b"head" + content), 4, 3, pcm).read(0, 3)
    assert block.dtype == pcm.dtype
    np.testing.assert_array_equal(as_float(block).ravel(), [value / half for value in values])


@pytest.mark.parametrize(("subtype", "dtype"), [("FLOAT", "<f4"), ("DOUBLE", "<f8")])
def test_floats_are_as_they_are(subtype: str, dtype: str) -> None:
    values = np.array([[0.25, -7.5], [1e-30, 2.0]], dtype)
    body = PcmBody(io.BytesIO(values.tobytes()), 0, 2, PcmFormat(subtype, 2))
    np.testing.assert_array_equal(body.read(0, 2), values)
    assert as_float(values).dtype == np.float64
    assert full_scale(values.dtype) == 1.0


@pytest.mark.parametrize(("start", "end", "expected"), [(-5, 2, [0, 1]), (3, 99, [3, 4]), (4, 2, []), (9, 12, [])])
def test_ranges_are_clipped_to_the_sound(start: int, end: int, expected: list[int]) -> None:
    values = np.arange(5, dtype="<i2")
    body = PcmBody(io.BytesIO(values.tobytes()), 0, 5, PcmFormat("PCM_16", 1))
    assert body.read(start, end)[:, 0].tolist() == expected


def test_rates_and_channels_are_accepted_within_their_bounds() -> None:
    for rate, channels in ((MIN_RATE, 1), (MAX_RATE, MAX_CHANNELS)):
        check_rate_and_channels(rate, channels, "x")
    for rate in (MIN_RATE - 1, MAX_RATE + 1, 0):
        with pytest.raises(RateError):
            check_rate_and_channels(rate, 1, "x")
    for channels in (0, MAX_CHANNELS + 1):
        with pytest.raises(ChannelsError):
            check_rate_and_channels(MIN_RATE, channels, "x")
