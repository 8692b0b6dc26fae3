"""What a recording may be; asked before anything is allocated."""

from __future__ import annotations

from editorbot.errors import ChannelsError, RateError

MIN_RATE, MAX_RATE = 4_000, 768_000
"""Sample rates that are accepted [Hz]."""

MAX_CHANNELS = 1_024
"""Most channels that are accepted, libsndfile's own limit."""

BLOCK_VALUES = 1 << 18
"""Samples times channels that are handled at a time."""


def check_rate(sample_rate: int, path: str) -> None:
    """Raise RateError if a sample rate is out of bounds."""
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise RateError(
            f"its header says {sample_rate} samples a second; {MIN_RATE} to {MAX_RATE} can be read", path=path
        )


def check_channels(channels: int, path: str) -> None:
    """Raise ChannelsError if a channel count is out of bounds."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise ChannelsError(f"its header says {channels} channels; 1 to {MAX_CHANNELS} can be read", path=path)


def block_samples(channels: int) -> int:
    """Return how many samples to handle at a time: fewer where there are many channels."""
    return max(1, BLOCK_VALUES // channels)
