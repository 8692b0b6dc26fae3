"""Mastering after the arrangement: stages that change how a track sounds, never what it plays."""

from editorbot.polish.chain import POLISH_NAMES, polish_blocks, prepare_steps
from editorbot.polish.compare import compare_tone
from editorbot.polish.learned import frame_labels
from editorbot.polish.loudness import missed_loudness
from editorbot.polish.meter import Loudness, measure

__all__ = [
    "POLISH_NAMES",
    "Loudness",
    "compare_tone",
    "frame_labels",
    "measure",
    "missed_loudness",
    "polish_blocks",
    "prepare_steps",
]
