"""Words of the rehearsal room, by the program ``espeak-ng`` where it is installed."""

from __future__ import annotations

import functools
import io
import shutil
import subprocess

import numpy as np
import soundfile as sf
import soxr

from editorbot.corpus.simulate.draws import pick
from editorbot.corpus.simulate.voices import Mono

OPENINGS = ("okay", "right", "sorry", "wait", "hang on", "no no", "so", "well", "hey", "can we", "I think", "maybe")
MIDDLES = (
    "do that again", "take it from the top", "from the bridge", "the second verse", "a bit slower", "one more",
    "the chorus twice", "I came in late", "my string is flat", "turn me up", "not so loud", "with the fill", "better",
    "the ending is not together", "in the old key", "four bars before", "pretty good", "without the drums",
    "who has the tuner", "it is still recording", "wrong chord",
)  # fmt: skip
ENDINGS = ("", "", "please", "okay", "and then we go on", "I mean it", "ready", "yeah", "you know", "next time")
"""What is said, put together at random."""

LANGUAGES = ("en-us", "en-gb", "de", "fr", "es", "it", "nl", "pl", "pt", "sv")
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4")
"""Voices of the program."""

_LONGEST_WAIT_S = 10.0


@functools.cache
def find_espeak() -> str | None:
    """Return the path of ``espeak-ng``, None where it is not installed."""
    return shutil.which("espeak-ng")


def spoken(rate: int, rng: np.random.Generator) -> Mono | None:
    """Return a sentence or two, shape=(samples,), peak about 1; None where the program is missing or fails.

    Parameters
    ----------
    rate : int [Hz]
        Sample rate.
    rng : np.random.Generator
        Draws words and voice.
    """
    sentences = [f"{pick(OPENINGS, rng)} {pick(MIDDLES, rng)} {pick(ENDINGS, rng)}" for _ in range(rng.integers(1, 4))]
    voice = f"{pick(LANGUAGES, rng)}+{pick(VARIANTS, rng)}"
    pace, pitch = int(rng.integers(120, 210)), int(rng.integers(15, 85))
    program = find_espeak()
    if program is None:
        return None
    command = [program, "--stdout", "-v", voice, "-s", str(pace), "-p", str(pitch), ". ".join(sentences)]
    try:
        said = subprocess.run(command, capture_output=True, timeout=_LONGEST_WAIT_S, check=True)
        sound, its_rate = sf.read(io.BytesIO(said.stdout), dtype="float32")
    except (OSError, subprocess.SubprocessError, sf.LibsndfileError):
        return None
    mono = soxr.resample(np.asarray(sound, dtype=np.float32).reshape(-1), its_rate, rate)
    return (mono / max(1e-6, float(np.abs(mono).max()))).astype(np.float32) if len(mono) else None
