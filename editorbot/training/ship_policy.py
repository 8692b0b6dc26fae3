"""Writes a policy as it ships: safetensors beside a JSON card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.atomic import write_whole
from editorbot.editors.policy_inference.learned import FORMAT, inputs_digest
from editorbot.editors.policy_inference.network import weight_shapes
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.policy_config import PolicyConfig


@dataclass(frozen=True)
class ShippedPolicy:
    """What a run of ``train bc`` or ``train ppo`` came to."""

    best: Path
    """The best checkpoint."""
    shipped: Path
    """The same as safetensors; its card lies beside it."""
    metrics: Mapping[str, float]
    """What was measured where it was best."""


def write_policy(checkpoint: Checkpoint, path: Path, *, told: Mapping[str, Any]) -> None:
    """Write a checkpoint's policy as it ships; value network and auxiliary heads stay behind.

    Parameters
    ----------
    checkpoint : Checkpoint
        Of ``train bc`` or ``train ppo``.
    path : Path
        Ends in ``.safetensors``; the card is written beside it as ``.json``.
    told : mapping
        What a reader of the card should know: data, seed, command, scores, licence.
    """
    from safetensors.numpy import save

    model = checkpoint.config["model"]
    tensors = {
        name: np.ascontiguousarray(checkpoint.weights[name].float().numpy())
        for name in weight_shapes(PolicyConfig.of_data(model))
    }
    normalizer = checkpoint.config["normalizer"]
    tensors |= {f"normalizer.{name}": np.array(normalizer[name], np.float64) for name in ("mean", "std")}
    card = {"format": FORMAT, "method": checkpoint.method, "inputs": inputs_digest(), "config": model, **told}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(path, save(tensors))
