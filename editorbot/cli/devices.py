"""The device of networks that need torch."""

from __future__ import annotations


def device_named(name: str) -> str:
    """Choose the torch device: ``auto`` is a GPU if torch finds one."""
    if name != "auto":
        return name
    try:
        import torch
    except ImportError:
        return "cpu"
    return "cuda" if torch.cuda.is_available() else "cpu"
