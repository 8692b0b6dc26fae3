"""The machine that trains: lightning-fabric carries device and precision."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

import torch

from editorbot.errors import UsageError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def fabric_on(device: str, *, mixed: bool) -> Fabric:
    """Set lightning-fabric up: bf16 on a GPU if it is `mixed`, never fp16, and float32 on a CPU."""
    from lightning_fabric import Fabric

    chosen = device_of(device)
    precision = "bf16-mixed" if chosen == "cuda" and mixed else "32-true"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hints for clusters, none of which concern one device
        return Fabric(accelerator=chosen, devices=1, precision=precision)  # type: ignore[arg-type]


def device_of(name: str) -> str:
    """Choose ``cpu`` or ``cuda``; auto takes a GPU if there is one.

    Raises
    ------
    UsageError
        If it is neither, or there is no GPU.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device must be auto, cpu or cuda, but is {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise UsageError("there is no CUDA device here; use --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def device_line(device: str, threads: int) -> str:
    """First line of a run: where it trains."""
    if device == "cuda":
        return f"training on {torch.cuda.get_device_name()} in bf16"
    cores = os.cpu_count() or 1
    return f"training on the CPU with {threads} of {cores} threads"
