"""Small data folders whose jams can be scored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from editorbot.corpus.truth import Segment, Truth, write_truth
from editorbot.editlist.edit_list import Clip, EditList, MadeBy, Source
from editorbot.editlist.operations import edit_list_of

RATE = 8_000

EDIT_RATE = 100
"""Rate of recordings of which there are only edits and alignments [Hz]."""


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


def edit_of(*ranges_s: tuple[float, float], length_s: float = 60.0) -> EditList:
    source = Source("jam.wav", "sha256:" + "0" * 64, EDIT_RATE, 1, round(length_s * EDIT_RATE))
    clips = [Clip(round(start * EDIT_RATE), round(end * EDIT_RATE)) for start, end in ranges_s]
    return edit_list_of(source, clips, made_by=MadeBy("test"))


def info_of(*segments: tuple[float, float, float], ties: Sequence[float] = (), edit_s: float = 20.0) -> dict[str, Any]:
    """Return an alignment of (edit start, edit end, raw start) in seconds; the first segment has the ties."""
    entries = [
        {
            "edit_start": round(start * EDIT_RATE),
            "edit_end": round(end * EDIT_RATE),
            "raw_start": round(raw * EDIT_RATE),
            "raw_end": round((raw + end - start) * EDIT_RATE),
            "ties": [round(tie * EDIT_RATE) for tie in ties] if number == 0 else [],
        }
        for number, (start, end, raw) in enumerate(segments)
    ]
    sides = {
        "raw": {"sample_rate": EDIT_RATE, "samples": 6000},
        "edit": {"sample_rate": EDIT_RATE, "samples": edit_s * EDIT_RATE},
    }
    return {"format": "editorbot.alignment", "version": 1, "sample": "blues", "segments": entries, **sides}
