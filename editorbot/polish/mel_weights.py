"""Reads the weights of a network of tone: safetensors beside a JSON card.

The card says what the weights are for and how they came to be; weights of
another method, or for other inputs, are refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.errors import FormatError, MismatchError, NonFiniteError, NotFoundError
from editorbot.models.mel_shape import (
    BANDS,
    CELL_INPUTS,
    GROUPS,
    INPUTS_VERSION,
    LABELS,
    SUMMARY_PLANES,
    Mel2MelShape,
    ReconstructShape,
)
from editorbot.polish.mel_network import MelNet

FORMAT = "editorbot.mel"
"""Value of the card's ``format`` field."""

SHAPES = {"reconstruct": ReconstructShape, "mel2mel": Mel2MelShape}
"""Shape of the network of each method."""

FOLDER = Path(__file__).parent.parent / "pretrained"
"""Where the weights lie that ship with the package."""


def shipped_weights(method: str) -> Path:
    """Return where the shipped weights of a method lie."""
    return FOLDER / f"{method}.safetensors"


@lru_cache(maxsize=4)
def read_mel_net(path: Path, method: str) -> MelNet:
    """Read weights and the card beside them.

    Raises
    ------
    NotFoundError
        If either file is missing.
    FormatError, MismatchError
        If they are no network of this method, or one for other inputs.
    NonFiniteError
        If a weight is no number.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not file.is_file():
            raise NotFoundError(
                "there is no such file; weights are a .safetensors and a .json; train them: "
                f"editorbot train {method}", path=file,
            )  # fmt: skip
    content = path.read_bytes()
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        tensors = load(content)
    except (ValueError, SafetensorError) as error:
        raise FormatError(f"it cannot be read ({error}); train it again", path=path) from error
    shape = _shape_of(card, method, path)
    wanted = tensor_shapes(shape)
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != wanted:
        wrong = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))[0]
        raise FormatError(f"tensor {wrong!r} is {found.get(wrong)}, but must be {wanted.get(wrong)}", path=path)
    weights = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    if not all(np.isfinite(tensor).all() for tensor in weights.values()):
        raise NonFiniteError("a weight is no number; train it again", path=path)
    return MelNet(weights, shape, "sha256:" + hashlib.sha256(content).hexdigest())


def _shape_of(card: Any, method: str, path: Path) -> ReconstructShape | Mel2MelShape:
    """Return the network's shape as its card has it."""
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise FormatError(f"the card's format must be {FORMAT!r}", path=path)
    for name, here in (("method", method), ("inputs_version", INPUTS_VERSION)):
        if card.get(name) != here:
            raise MismatchError(f"{name} is {card.get(name)!r}, but {here!r} is needed; train it again", path=path)
    kind, told = SHAPES[method], card.get("shape")
    known = sorted(field.name for field in fields(kind))
    if not isinstance(told, dict) or sorted(told) != known:
        raise FormatError(f"shape must have exactly the fields {known}", path=path)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise FormatError(f"shape cannot be read: {error}", path=path) from error


def tensor_shapes(shape: ReconstructShape | Mel2MelShape) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor of a network."""
    told = shape.summary_dim
    linears = {
        "summary.enter": (told, len(SUMMARY_PLANES) * GROUPS),
        "summary.mix": (told, told),
        "summary.curve": (BANDS, told),
        "summary.gate": (1, told),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    if isinstance(shape, Mel2MelShape):
        width = shape.width
        linears |= {"enter": (width, BANDS), "track": (width, told), "leave": (BANDS, width)}
        for number in range(len(shape.dilations)):
            linears[f"mix.{number}"] = (width, width)
            shapes |= {f"look.{number}.weight": (width, width, 3), f"look.{number}.bias": (width,)}
    else:
        inside, outside = shape.encoder_dim, shape.decoder_dim
        linears |= {
            "encoder.enter": (inside, 3 * BANDS), "encoder.track": (inside, told), "decoder.enter": (outside, inside),
            "decoder.leave": (BANDS, outside), "cells.enter": (shape.cell_width, CELL_INPUTS),
            "cells.track": (shape.cell_width, told), "cells.mix_1": (shape.cell_width, shape.cell_width),
            "cells.mix_2": (shape.cell_width, shape.cell_width), "cells.leave": (1, shape.cell_width),
        }  # fmt: skip
        shapes["encoder.label.weight"] = (LABELS, inside)
        for side, width in (("encoder", inside), ("decoder", outside)):
            for norm in (
                f"{side}.norm",
                *(f"{side}.layers.{n}.norm_{k}" for n in range(shape.n_layers) for k in "12"),
            ):
                shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
            for name in (f"{side}.layers.{number}" for number in range(shape.n_layers)):
                linears |= {
                    f"{name}.attend": (3 * width, width), f"{name}.leave": (width, width),
                    f"{name}.widen": (4 * width, width), f"{name}.narrow": (width, 4 * width),
                }  # fmt: skip
    for name, size in linears.items():
        shapes |= {f"{name}.weight": size, f"{name}.bias": size[:1]}
    return shapes
