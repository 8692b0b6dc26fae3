"""Finds where every moment of an edit came from in its raw recording."""

from editorbot.corpus.alignment.align import Alignment as Alignment
from editorbot.corpus.alignment.align import Segment as Segment
from editorbot.corpus.alignment.align import align as align
