"""Reads the weights of a network of tone: safetensors beside a JSON card.

The card says what the weights are for and how they came to be; weights of
another method, or for other inputs, are refused.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from editorbot.errors import NonFiniteError
from editorbot.models.mel_config import (
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
from editorbot.weights import check_shapes, config_of, read_weights

FORMAT = "editorbot.mel"
"""Value of the card's ``format`` field."""

SHAPES: dict[str, type[ReconstructShape | Mel2MelShape]] = {"reconstruct": ReconstructShape, "mel2mel": Mel2MelShape}
"""Shape of the network of each method."""


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
    same = {"method": method, "inputs_version": INPUTS_VERSION}
    stored = read_weights(path, f"learned tone (of `editorbot train {method}`)", kind=FORMAT, same=same)
    shape = config_of(SHAPES[method], stored.card.get("shape"), path)
    check_shapes(stored.tensors, tensor_shapes(shape), path)
    weights = {name: tensor.astype(np.float32) for name, tensor in stored.tensors.items()}
    if not all(np.isfinite(tensor).all() for tensor in weights.values()):
        raise NonFiniteError("a weight is no number; train it again", path=path)
    return MelNet(weights, shape, stored.digest)


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
