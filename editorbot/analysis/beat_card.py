"""Reads the weights of the beat network: safetensors beside a JSON card.

The card says what the weights are for and how they came to be; weights for
other inputs or outputs are refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from editorbot.analysis.beat_net import INPUTS_VERSION, OUTPUTS, BeatNetConfig, Weights
from editorbot.errors import FormatError, MismatchError, NotFoundError

SHIPPED = Path(__file__).parent.parent / "pretrained" / "beats.safetensors"
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
    from safetensors import SafetensorError
    from safetensors.numpy import load

    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not file.is_file():
            raise NotFoundError("there is no such file; a beat network is a .safetensors and a .json", path=file)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        weights = load(path.read_bytes())
    except (ValueError, SafetensorError) as error:
        raise FormatError(f"it cannot be read ({error}); train it again", path=path) from error
    return net_of(card, weights, path)


def net_of(card: Any, weights: Weights, path: Path) -> BeatNet:
    """Return the network that a card and its tensors hold; see :func:`read_beat_net`."""
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise FormatError(f"the card's format must be {FORMAT!r}", path=path)
    for name, here in (("inputs_version", INPUTS_VERSION), ("outputs", list(OUTPUTS))):
        if card.get(name) != here:
            raise MismatchError(
                f"{name} is {card.get(name)!r}, but this version reads {here!r}; train it again", path=path
            )
    shape = card.get("config")
    known = sorted(field.name for field in fields(BeatNetConfig))
    if not isinstance(shape, dict) or sorted(shape) != known:
        raise FormatError(f"config must have exactly the fields {known}", path=path)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in shape.items()}
    config = BeatNetConfig(**values)
    wanted = shapes_of(config)
    found = {name: tensor.shape for name, tensor in weights.items()}
    if found != wanted:
        wrong = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))[0]
        raise FormatError(f"tensor {wrong!r} is {found.get(wrong)}, but must be {wanted.get(wrong)}", path=path)
    return BeatNet(weights, config)


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
