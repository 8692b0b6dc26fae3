"""Reads the weights of the beat network: safetensors beside a JSON card.

The card says what the weights are for and how they came to be; weights for
other inputs or outputs are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from editorbot.analysis.beat_net import INPUTS_VERSION, OUTPUTS, BeatNetConfig
from editorbot.config import config_of
from editorbot.layers import Weights
from editorbot.weights import check_shapes, read_weights, shipped_weights

SHIPPED = shipped_weights("beats")
"""The weights that ship with the package."""

FORMAT = "editorbot.beats"
"""Value of the card's ``format`` field."""


@dataclass(frozen=True)
class BeatNet:
    """A network that is ready to be asked."""

    weights: Weights
    """Parameters by torch's names."""
    config: BeatNetConfig
    """Its shape."""


@lru_cache(maxsize=4)
def read_beat_net(path: Path = SHIPPED) -> BeatNet:
    """Read weights and the card beside them.

    Raises
    ------
    NotFoundError
        If either file is missing.
    FormatError, MismatchError
        If they are no beat network, or one for other inputs or outputs.
    """
    same = {"inputs_version": INPUTS_VERSION, "outputs": list(OUTPUTS)}
    stored = read_weights(path, "a beat network", kind=FORMAT, same=same)
    config = config_of(BeatNetConfig, stored.card.get("config"), path)
    check_shapes(stored.tensors, shapes_of(config), path)
    return BeatNet(stored.tensors, config)


def shapes_of(config: BeatNetConfig) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network."""
    width, context, slow = config.width, config.context, config.stride * config.width
    shapes: dict[str, tuple[int, ...]] = {
        "enter.weight": (width, config.inputs, 5),
        "front.weight": (width, width, 5),
        "down.weight": (context, slow),
        "up.weight": (slow, context),
        "back.weight": (width, width, 5),
        "decide.weight": (len(OUTPUTS), width),
    }
    for number in range(len(config.dilations)):
        shapes[f"look.{number}.weight"] = (context, context, 3)
        shapes[f"mix.{number}.weight"] = (context, context)
    biases = {name.replace("weight", "bias"): shape[:1] for name, shape in shapes.items()}
    return shapes | biases
