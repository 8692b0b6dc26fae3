"""Policies of ``train bc`` and ``train ppo``: read from a checkpoint, and written as they ship."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.config import changed
from editorbot.editors.policy_inference.learned import FORMAT, inputs_digest
from editorbot.editors.policy_inference.network import weight_shapes
from editorbot.environment.state import Normalizer
from editorbot.models.checkpoint import Checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_config import PolicyConfig
from editorbot.weights import write_weights


def read_policy(checkpoint: Checkpoint, path: Path) -> tuple[EditingAgent, Normalizer]:
    """Make the networks of a checkpoint, and the normalizer of their states.

    Raises
    ------
    FormatError
        If it has no normalizer.
    """
    agent = EditingAgent(changed(PolicyConfig(), checkpoint.config["model"], "model"))
    agent.load_state_dict(dict(checkpoint.weights))
    return agent, Normalizer.of_data(checkpoint.config.get("normalizer"), path)


def write_policy(checkpoint: Checkpoint, path: Path, card: Mapping[str, Any]) -> None:
    """Write the policy of a checkpoint as it ships, without value network and auxiliary heads.

    `card` is what a reader should know, see `run_folder.card_of`.
    """
    model, normalizer = checkpoint.config["model"], checkpoint.config["normalizer"]
    names = weight_shapes(changed(PolicyConfig(), model, "model"))
    tensors: dict[str, np.ndarray] = {name: checkpoint.weights[name].float().numpy() for name in names}
    tensors |= {f"normalizer.{name}": np.array(normalizer[name], np.float64) for name in ("mean", "std")}
    kind = {"format": FORMAT, "method": checkpoint.method, "inputs": inputs_digest(), "config": model}
    write_weights(path, tensors, {**kind, **card})
