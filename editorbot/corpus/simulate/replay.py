"""Tracks that a virtual band plays from MIDI: it can play them again, better or worse.

A finished track of sound exists once; a score can be played anew for every
take that is not kept, with other human timing, and with mistakes of one
player where a take is to be bad.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from editorbot.corpus.band import Mistake, Score, excerpt, find_soundfont, humanized, make_mistake, play, read_midi
from editorbot.corpus.simulate.draws import pick
from editorbot.corpus.simulate.plan import Flaw
from editorbot.corpus.simulate.signal import Sound, as_channels, cut
from editorbot.corpus.simulate.track import SHORTEST_S, Track
from editorbot.errors import TooShortError

MIDI_ENDINGS = (".mid", ".midi")
"""Endings of files that are played by the virtual band."""

LONGEST_PLAYED_S = 270.0
"""Of longer pieces only the beginning is played [seconds]."""

LEAD_S = 2.0
"""What is played before a take, so that notes which began earlier ring in it [seconds]."""

MISTAKES_OF_FLAWS = {"late": "late", "wrong-notes": "wrong-notes", "wrong-chords": "wrong-notes",
                     "detune": "out-of-tune", "absent": "missing", "dropouts": "missing"}  # fmt: skip
"""Flaws that the band can really make -> the mistake of one player."""


@dataclass(frozen=True)
class Replay:
    """A score, and what it takes to play it again as the finished track was played."""

    score: Score
    """What is written."""
    soundfont: bytes
    """What it is played on."""
    rate: int
    """Rate of the track [Hz]."""
    channels: int
    """Its channels."""
    gain: float
    """Factor on the band's sound."""
    timing_s: float
    """How human its timing is [seconds]."""
    offset_s: float = 0.0
    """Where the track begins in the score [seconds]."""

    def again(self, first: int, last: int, flaws: tuple[Flaw, ...], seed: int) -> Sound:
        """Return samples [first, last) of the track, played anew, with the mistakes of MISTAKES_OF_FLAWS.

        Parameters
        ----------
        first, last : int [samples]
            The stretch.
        flaws : tuple of Flaw
            What goes wrong; flaws that no player can make are passed over.
        seed : int
            Seed of the timing and the mistakes.
        """
        rng = np.random.default_rng(seed)
        score = humanized(self.score, rng, timing_s=self.timing_s, touch=10.0)
        for flaw in flaws:
            if flaw.kind in MISTAKES_OF_FLAWS:
                player = pick([part.name for part in score.parts], rng)
                start_s, end_s = flaw.start_s + self.offset_s, flaw.end_s + self.offset_s
                mistake = Mistake(player, MISTAKES_OF_FLAWS[flaw.kind], start_s, end_s)
                score = make_mistake(score, mistake, np.random.default_rng(flaw.seed))
        start_s = first / self.rate + self.offset_s
        begins_s = max(0.0, start_s - LEAD_S)
        heard = excerpt(score, begins_s, last / self.rate + self.offset_s + 0.1)
        sound = as_channels(play(heard, self.soundfont, sample_rate=self.rate).mix.T, self.channels)
        at = round((start_s - begins_s) * self.rate)
        return cut(sound, at, at + last - first) * np.float32(self.gain)


def track_of_midi(path: Path, rate: int, rng: np.random.Generator, *, artist: str = "") -> Track:
    """Return a MIDI file as a finished track, with its players as stems and exact beats.

    Parameters
    ----------
    path : path
        The file.
    rate : int [Hz]
        Wanted rate.
    rng : np.random.Generator
        Draws the human timing.
    artist : str
        Who wrote it.

    Raises
    ------
    TooShortError
        If it is shorter than `SHORTEST_S`.
    EditorbotError
        Whatever `read_midi`, `find_soundfont` and `play` say.
    """
    whole = read_midi(path)
    score = excerpt(whole, 0.0, min(whole.end_s, LONGEST_PLAYED_S))
    if score.end_s < SHORTEST_S:
        raise TooShortError(
            f"it lasts {score.end_s:.1f} s, but a rehearsal needs {SHORTEST_S:.0f} s of music", path=path
        )
    timing_s, soundfont = float(rng.uniform(0.002, 0.012)), find_soundfont().read_bytes()
    performance = play(humanized(score, rng, timing_s=timing_s), soundfont, sample_rate=rate)
    peak = max(1e-6, float(np.abs(performance.mix).max()))
    gain = np.float32(0.8 / peak)
    stems = tuple(np.ascontiguousarray(stem.T) * gain for stem in performance.by_role().values() if stem.any())
    sound = np.asarray(np.sum(stems, axis=0), dtype=np.float32)
    beats_s = score.beats_s[score.beats_s < sound.shape[1] / rate]
    downbeats = np.searchsorted(beats_s, score.downbeats_s[score.downbeats_s < sound.shape[1] / rate] - 1e-6)
    downbeats = downbeats[downbeats < len(beats_s)] if len(downbeats) > 3 else np.arange(0, len(beats_s), 4)
    replay = Replay(score, soundfont, rate, 2, float(gain), timing_s)
    return Track(sound, rate, beats_s, downbeats, len(beats_s) > 8, path.stem, artist, stems, replay)
