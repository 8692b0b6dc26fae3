"""Recording -> Analysis: beats, structure, features, activity."""

from typing import Literal

BeatTracker = Literal["embedded", "beat-this"]
"""Who finds beats and bars: the network that ships, or the package beat-this (slower; needs the extra beats)."""
