"""A virtual band: scores with exact beats and bars, played through a soundfont one player at a time.

>>> from editorbot.corpus.band import find_soundfont, make_mistake, play, read_midi  # doctest: +SKIP
"""

from editorbot.corpus.band.midi import read_midi
from editorbot.corpus.band.mistakes import (
    MISTAKES,
    Mistake,
    humanized,
    late,
    make_mistake,
    missing,
    out_of_tune,
    wrong_notes,
)
from editorbot.corpus.band.play import Performance, Stem, find_soundfont, play
from editorbot.corpus.band.score import ROLES, Control, Note, Part, Score, at_speed, excerpt

__all__ = [
    "MISTAKES", "ROLES", "Control", "Mistake", "Note", "Part", "Performance", "Score", "Stem", "at_speed", "excerpt",
    "find_soundfont", "humanized", "late", "make_mistake", "missing", "out_of_tune", "play", "read_midi", "wrong_notes",
]  # fmt: skip
