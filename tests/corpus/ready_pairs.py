"""Folders of pairs, with all that the cache holds of them, without any analysis or alignment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from editorbot.corpus.cache_files import CacheFolder, write_array
from editorbot.corpus.mel_scan import mel_of
from editorbot.corpus.pairs import POINTER_FOLDER, pointer_paths
from editorbot.corpus.precache import MelEntry, keep_labels, write_mel
from tests.sounds import band, write

RATE = 22_050


def ready_pair(folder: Path, sample: str, seed: int) -> None:
    """Write a pair whose edit is seconds 2 to 6 and 8 to 12 of its raw recording, and what is known about it."""
    raw = band(14.0, RATE, seed=seed).astype(np.float32)
    edit = np.concatenate([raw[2 * RATE : 6 * RATE], raw[8 * RATE : 12 * RATE]])
    for half in ("input", "desired_output"):
        (folder / half).mkdir(parents=True, exist_ok=True)
    write(folder / f"input/{sample}_raw.wav", raw)
    write(folder / f"desired_output/{sample}_edit.wav", edit)
    cache, paths = CacheFolder(folder / "cache"), pointer_paths(folder / POINTER_FOLDER, sample)
    raw_mel, edit_mel = mel_of(raw), mel_of(edit)
    at_s = np.arange(edit_mel.shape[1]) * 512 / RATE
    pointers = np.rint((at_s + np.where(at_s < 4, 2, 4)) * RATE / 512).astype(np.int64)
    ops = np.zeros(len(pointers), dtype=np.int8)
    ops[np.searchsorted(at_s, 4.0)] = 2
    beats_s = np.arange(0, 14, 0.5)
    write_mel(cache.raw(sample), MelEntry(raw_mel, beats_s, f"raw {sample}"))
    write_mel(cache.edit(sample), MelEntry(edit_mel, np.arange(0, 8, 0.5), f"edit {sample}"))
    write_array(paths.pointers, pointers)
    write_array(paths.ops, ops)
    paths.info.write_text(json.dumps({"raw_digest": f"raw {sample}", "edit_digest": f"edit {sample}"}))
    write_array(cache.labels(sample), keep_labels(pointers, beats_s, raw_mel.shape[1]))
