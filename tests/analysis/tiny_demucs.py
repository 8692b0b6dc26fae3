"""A Demucs of the real class, a few thousand weights small, as the file that the hub would hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RATE = 8_000
"""Rate of the tiny models [Hz]."""
SOURCES = ("drums", "bass", "other", "vocals")
"""Demucs' own order, which is not ours."""


def save_tiny_demucs(path: Path, sources: tuple[str, ...] = SOURCES, header: dict[str, str] | None = None) -> Any:
    """Write a tiny HTDemucs and return it."""
    import torch
    from demucs.htdemucs import HTDemucs
    from safetensors.torch import save_file

    torch.manual_seed(0)
    kwargs = {
        "sources": list(sources), "channels": 4, "depth": 2, "nfft": 512, "t_layers": 1, "t_heads": 2,
        "bottom_channels": 8, "samplerate": RATE, "segment": 1.0, "dconv_depth": 1, "dconv_comp": 2,
        "multi_freqs_depth": 0,
    }  # fmt: skip
    model = HTDemucs(**kwargs).eval()
    said = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(kwargs)} | (header or {})
    save_file({name: value.contiguous().clone() for name, value in model.state_dict().items()}, path, metadata=said)
    return model
