"""Reads the weights of a mel network: safetensors beside a JSON card.

The card says what the weights are for and how they were trained; weights of
another method, or for other inputs, are refused.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from editorbot.config import config_of
from editorbot.errors import NonFiniteError
from editorbot.models.mel_config import (
    BANDS,
    CELL_INPUTS,
    GROUPS,
    INPUTS_VERSION,
    LABELS,
    SUMMARY_PLANES,
    Mel2MelConfig,
    MelNetConfig,
    ReconstructConfig,
)
from editorbot.polish.mel_network import MelNet
from editorbot.weights import check_shapes, read_weights

FORMAT = "editorbot.mel"
"""Value of the card's ``format`` field."""

CONFIGS: dict[str, type[MelNetConfig]] = {"reconstruct": ReconstructConfig, "mel2mel": Mel2MelConfig}
"""Network of each method."""


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
        If a weight is NaN or infinite.
    """
    same = {"method": method, "inputs_version": INPUTS_VERSION}
    stored = read_weights(path, f"learned tone (of `editorbot train {method}`)", kind=FORMAT, same=same)
    config = config_of(CONFIGS[method], stored.card.get("shape"), path)
    check_shapes(stored.tensors, tensor_shapes(config), path)
    weights = {name: tensor.astype(np.float32) for name, tensor in stored.tensors.items()}
    if not all(np.isfinite(tensor).all() for tensor in weights.values()):
        raise NonFiniteError("a weight is NaN or infinite; train it again", path=path)
    return MelNet(weights, config, stored.digest)


def tensor_shapes(config: MelNetConfig) -> dict[str, tuple[int, ...]]:
    """List the shape of every tensor of a network, by torch's names."""
    track = config.summary_dim
    linears = {
        "summary.enter": (track, len(SUMMARY_PLANES) * GROUPS),
        "summary.mix": (track, track),
        "summary.curve": (BANDS, track),
        "summary.gate": (1, track),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    if isinstance(config, Mel2MelConfig):
        width = config.width
        linears |= {"enter": (width, BANDS), "track": (width, track), "leave": (BANDS, width)}
        for number in range(len(config.dilations)):
            linears[f"mix.{number}"] = (width, width)
            shapes |= {f"look.{number}.weight": (width, width, 3), f"look.{number}.bias": (width,)}
    else:
        inside, outside, cell = config.encoder_dim, config.decoder_dim, config.cell_width
        linears |= {
            "encoder.enter": (inside, 3 * BANDS), "encoder.track": (inside, track), "decoder.enter": (outside, inside),
            "decoder.leave": (BANDS, outside), "cells.enter": (cell, CELL_INPUTS), "cells.track": (cell, track),
            "cells.mix_1": (cell, cell), "cells.mix_2": (cell, cell), "cells.leave": (1, cell),
        }  # fmt: skip
        shapes["encoder.label.weight"] = (LABELS, inside)
        for side, width in (("encoder", inside), ("decoder", outside)):
            layers = [f"{side}.layers.{number}" for number in range(config.n_layers)]
            for norm in (f"{side}.norm", *(f"{layer}.norm_{which}" for layer in layers for which in "12")):
                shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
            for layer in layers:
                linears |= {
                    f"{layer}.attend": (3 * width, width), f"{layer}.leave": (width, width),
                    f"{layer}.widen": (4 * width, width), f"{layer}.narrow": (width, 4 * width),
                }  # fmt: skip
    for name, size in linears.items():
        shapes |= {f"{name}.weight": size, f"{name}.bias": size[:1]}
    return shapes
