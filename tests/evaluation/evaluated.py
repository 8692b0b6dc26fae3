"""Small data folders whose jams can be scored."""

from pathlib import Path

import numpy as np
import soundfile as sf

from editorbot.corpus.truth import Segment, Truth, write_truth

RATE = 8_000


def jam_sound(seed: int = 0) -> np.ndarray:
    """Return 4 s of quiet noise, then 8 s of clicks and tones at 120 BPM."""
    rng = np.random.default_rng(seed)
    quiet = 0.003 * rng.standard_normal(4 * RATE)
    time_s = np.arange(8 * RATE) / RATE
    loud = 0.3 * np.sin(2 * np.pi * 220 * time_s) * np.exp(-6 * (time_s % 0.5))
    return np.concatenate([quiet, loud + 0.05 * rng.standard_normal(len(loud)) * (time_s % 0.5 < 0.05)])


def jam_truth(artist: str = "zaz-data", track: str = "mus1") -> Truth:
    segments = (Segment(0.0, 4.0, "talk"), Segment(4.0, 12.0, "music", 0.0))
    return Truth(12.0, 8.0, segments, tuple(np.arange(0.0, 8.0, 0.5).tolist()), track=track, artist=artist)


def write_jam(folder: Path, sample: str, *, artist: str = "zaz-data", seed: int = 0, flat: bool = False) -> None:
    raws, truths = (folder, folder) if flat else (folder / "input", folder / "truth")
    raws.mkdir(parents=True, exist_ok=True)
    truths.mkdir(parents=True, exist_ok=True)
    sf.write(raws / f"{sample}_raw.wav", jam_sound(seed), RATE)
    write_truth(truths / f"{sample}.json", jam_truth(artist, track=sample))
