"""The truth moved to :mod:`editorbot.corpus.truth`; this name stays while code moves over."""

from editorbot.corpus.truth import *  # noqa: F403
from editorbot.corpus.truth import Segment, Truth, read_truth, write_truth

__all__ = ["Segment", "Truth", "read_truth", "write_truth"]
