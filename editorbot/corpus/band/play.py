"""Plays a score through a soundfont, one player at a time.

Each part has its own synthesizer, so the mix is exactly the sum of the stems.

Conventions
-----------
Sound is float32, shape=(samples, 2), full scale 1.0.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from editorbot.corpus.band.score import ROLES, Control, Note, Part, Score
from editorbot.errors import FormatError, MissingExtraError, NotFoundError
from editorbot.extras import install_packages

VARIABLE = "EDITORBOT_SOUNDFONT"
"""Environment variable that names the soundfont."""

FOLDERS = (
    Path("/usr/share/sounds/sf2"),
    Path("/usr/share/soundfonts"),
    Path("/usr/local/share/soundfonts"),
    Path("/opt/homebrew/share/soundfonts"),
    Path.home() / "Library" / "Audio" / "Sounds" / "Banks",
    Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "soundfonts",
)
"""Where systems keep soundfonts."""


def find_soundfont(given: Path | None = None) -> Path:
    """Return the soundfont given, named by EDITORBOT_SOUNDFONT, or found in the usual folders.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise NotFoundError("there is no such soundfont", path=named)
        return named
    for folder in FOLDERS:
        found = sorted(folder.glob("*.sf2")) if folder.is_dir() else []
        if found:
            return found[0]
    raise NotFoundError(
        "no soundfont (.sf2) was found; name one, set EDITORBOT_SOUNDFONT, or install one"
        " (Debian: apt install timgm6mb-soundfont)"
    )


GAIN_DB = -12.0
"""Level of the synthesizer: a full band stays below full scale."""

RING_OUT_S = 1.0
"""What is played after the last note has ended [seconds]."""

DRUM_BANK = 128
"""Bank of the drum kits."""

BEND_CENTER, MAX_BEND = 8_192, 16_383
"""The pitch wheel at rest and at its end."""


@dataclass(frozen=True)
class Stem:
    """The sound of one player."""

    name: str
    """The part's name."""
    role: str
    """The part's role."""
    sound: Float32[np.ndarray, "samples 2"]
    """Stereo sound, shape=(samples, 2), float32."""


@dataclass(frozen=True)
class Performance:
    """The sound of a band."""

    stems: tuple[Stem, ...]
    """One a part, all of one length."""
    sample_rate: int
    """Rate [Hz]."""

    @property
    def mix(self) -> Float32[np.ndarray, "samples 2"]:
        """The sum of the stems, shape=(samples, 2)."""
        return _sum([stem.sound for stem in self.stems])

    def by_role(self) -> dict[str, Float32[np.ndarray, "samples 2"]]:
        """Return the sum of the stems of each of ROLES; silence where nobody plays it."""
        silence = np.zeros_like(self.stems[0].sound)
        return {role: _sum([silence, *(stem.sound for stem in self.stems if stem.role == role)]) for role in ROLES}


def _sum(sounds: list[Float32[np.ndarray, "samples 2"]]) -> Float32[np.ndarray, "samples 2"]:
    return np.asarray(np.sum(sounds, axis=0), dtype=np.float32)


def play(score: Score, soundfont: Path | bytes, *, sample_rate: int = 44_100) -> Performance:
    """Play every part of a score through an SF2 file, or its content; `RING_OUT_S` longer than the score.

    Raises
    ------
    MissingExtraError
        If the package ``tinysoundfont`` is not installed.
    FormatError
        If the soundfont cannot be read, or the score has no parts.
    """
    if not score.parts:
        raise FormatError("a score without parts cannot be played")
    samples = round((score.end_s + RING_OUT_S) * sample_rate)
    content = soundfont if isinstance(soundfont, bytes) else soundfont.read_bytes()
    stems = [Stem(part.name, part.role, play_part(part, content, samples, sample_rate)) for part in score.parts]
    return Performance(tuple(stems), sample_rate)


def play_part(part: Part, soundfont: bytes, samples: int, sample_rate: int) -> Float32[np.ndarray, "samples 2"]:
    """Play one part, `samples` long; see :func:`play`."""
    synth = _Synth(part, soundfont, sample_rate)
    blocks: list[np.ndarray] = []
    done = 0
    for time_s, what in _events(part):
        wanted = min(round(time_s * sample_rate), samples) - done
        if wanted > 0:
            blocks.append(synth.sound(wanted))
            done += wanted
        synth.do(what)
    if samples > done:
        blocks.append(synth.sound(samples - done))
    return np.concatenate(blocks) if blocks else np.zeros((0, 2), dtype=np.float32)


@dataclass(frozen=True)
class _Release:
    """The end of a note."""

    key: int


def _events(part: Part) -> Iterator[tuple[float, Note | Control | _Release]]:
    """Yield what happens, in order; at one time knobs turn first, then notes end, then notes begin."""
    events: list[tuple[float, int, Note | Control | _Release]] = []
    events += [(control.time_s, 0, control) for control in part.controls]
    events += [(note.end_s, 1, _Release(note.key)) for note in part.notes]
    events += [(max(note.start_s, 0.0), 2, note) for note in part.notes]
    for time_s, _, what in sorted(events, key=lambda event: event[:2]):
        yield time_s, what


class _Synth:
    """One synthesizer with one channel in use."""

    def __init__(self, part: Part, soundfont: bytes, sample_rate: int) -> None:
        try:
            import tinysoundfont
        except ImportError as error:
            command = install_packages("--no-deps", "tinysoundfont")
            raise MissingExtraError(f"the virtual band plays through tinysoundfont; run: {command}") from error
        self._refusals: Any = (RuntimeError, tinysoundfont.SoundFontException)
        self._channel = 9 if part.is_drums else 0
        self._is_drums = part.is_drums
        self._synth = tinysoundfont.Synth(gain=GAIN_DB, samplerate=sample_rate)
        try:
            loaded = self._synth.sfload(soundfont)
        except self._refusals as error:
            raise FormatError(f"the soundfont cannot be read ({error}); it must be an SF2 file") from error
        # A soundfont of a few presets may lack bank or program: what it has is what is played.
        with contextlib.suppress(*self._refusals):
            self._synth.program_select(self._channel, loaded, DRUM_BANK if part.is_drums else 0, 0, part.is_drums)
        self._change_program(part.program)

    def sound(self, samples: int) -> Float32[np.ndarray, "samples 2"]:
        """Return the next `samples`, shape=(samples, 2)."""
        return np.frombuffer(self._synth.generate(samples), dtype=np.float32).reshape(-1, 2)

    def do(self, what: Note | Control | _Release) -> None:
        """Begin or end a note, or turn a knob."""
        if isinstance(what, Note):
            self._synth.noteon(self._channel, what.key, what.velocity)
        elif isinstance(what, _Release):
            self._synth.noteoff(self._channel, what.key)
        elif what.kind == "program":
            self._change_program(int(what.value))
        elif what.kind == "controller":
            self._synth.control_change(self._channel, what.number, int(what.value))
        elif what.kind == "bend":
            wheel = min(max(round(what.value) + BEND_CENTER, 0), MAX_BEND)
            self._synth.pitchbend(self._channel, wheel)
        else:
            self._synth.set_tuning(self._channel, what.value)

    def _change_program(self, program: int) -> None:
        try:
            self._synth.program_change(self._channel, program, self._is_drums)
        except self._refusals:
            return  # the soundfont lacks that instrument: the one before stays
