"""Pairs whose edit is known: made by the renderer from an edit list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile as sf

from editorbot.editlist.edit_list import Clip, EditList, Join
from editorbot.recording import open_recording
from editorbot.render.render import render_blocks
from tests.sounds import band

RATE, BEAT = 22_050, 11_025


def raw_sound(seconds: float, seed: int = 2) -> np.ndarray:
    """Return a band over noise that never repeats exactly, shape=(samples,)."""
    rng = np.random.default_rng(seed)
    melody = np.cumsum(rng.choice([-3, -2, 2, 3, 5], round(seconds * 4)))
    tone_hz = 330.0 * 2 ** ((melody % 19) / 12)
    phase = 2 * np.pi * np.cumsum(np.repeat(tone_hz, RATE // 4 + 1)[: round(seconds * RATE)]) / RATE
    voice = sum(np.sin(k * phase) / k for k in (1, 2, 3, 5, 8))
    return 0.5 * band(seconds, RATE, seed=seed) + 0.06 * voice + 5e-3 * rng.standard_normal(round(seconds * RATE))


def make_pair(folder: Path, clips: list[Clip], *, seconds: float | None = None, sample: str = "blues") -> Path:
    """Write a pair into a data folder; clips count in beats of half a second."""
    end = max(clip.end for clip in clips)
    (folder / "input").mkdir(parents=True, exist_ok=True)
    (folder / "desired_output").mkdir(exist_ok=True)
    raw_path = folder / "input" / f"{sample}_raw.wav"
    sf.write(raw_path, raw_sound(seconds or end * BEAT / RATE), RATE, subtype="PCM_24")
    with open_recording(raw_path) as raw:
        in_samples = tuple(_in_samples(clip) for clip in clips)
        edit_list = EditList(raw.source, in_samples, tuple(Join(100) for _ in clips[1:]))
        blocks = [b / 2**31 if b.dtype.kind == "i" else b for b in render_blocks(edit_list, raw)]
    sf.write(folder / "desired_output" / f"{sample}_edit.wav", np.concatenate(blocks), RATE, subtype="PCM_24")
    return folder


def _in_samples(clip: Clip) -> Clip:
    fades = {"fade_in": clip.fade_in * BEAT, "fade_out": clip.fade_out * BEAT}
    return replace(replace(clip, start=clip.start * BEAT, end=clip.end * BEAT), **fades)
