"""Where networks that need torch run."""

from __future__ import annotations


def device_named(name: str) -> str:
    """Return the torch device that a ``--device`` stands for: ``auto`` takes a GPU where torch finds one."""
    if name != "auto":
        return name
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"
