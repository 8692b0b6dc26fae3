"""A policy out of a checkpoint of cloning or of PPO: its networks, and the normalizer of its states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from editorbot.editors.policy_inference.learned import inputs_digest
from editorbot.environment.state import Normalizer
from editorbot.errors import FormatError
from editorbot.models.checkpoint import Checkpoint, load_checkpoint
from editorbot.models.policy import EditingAgent
from editorbot.models.policy_config import PolicyConfig


def load_policy(path: Path, vocabulary: str | None = None) -> Checkpoint:
    """Read a checkpoint of cloning or of PPO.

    Raises
    ------
    EditorbotError
        If it is neither, or of other inputs or another vocabulary; both are named.
    """
    return load_checkpoint(path, method=("bc", "ppo"), vocabulary=vocabulary, features=inputs_digest())


def agent_of(found: Checkpoint) -> EditingAgent:
    """Return the networks of a checkpoint."""
    agent = EditingAgent(PolicyConfig.of_data(found.config["model"]))
    agent.load_state_dict(dict(found.weights))
    return agent


def normalizer_in(found: Checkpoint, path: Path) -> Normalizer:
    """Return the normalizer of a checkpoint.

    Raises
    ------
    FormatError
        If it has none.
    """
    stored = found.config.get("normalizer")
    if not isinstance(stored, Mapping) or not {"mean", "std"} <= set(stored):
        raise FormatError("it holds no normalizer; train it again", path=path)
    return Normalizer(tuple(stored["mean"]), tuple(stored["std"]))
