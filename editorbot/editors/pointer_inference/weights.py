"""Reads the weights of a pointer network: those that ship, or a checkpoint of a user's own run.

Weights that ship are safetensors with a card beside them. A checkpoint (``.pt``) needs torch to be read; the network
itself is computed without it either way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from editorbot.editors.base import Tightness
from editorbot.editors.pointer_inference.decode import (
    DecodeSettings,
    Plays,
    best_plays,
    costs_of,
    prices_for,
    score_odds_of,
    with_edges,
)
from editorbot.editors.pointer_inference.network import row_scores, weight_shapes
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.errors import FormatError, NotFoundError, UsageError
from editorbot.extras import missing_extra
from editorbot.layers import Weights
from editorbot.models.pointer_config import PointerConfig, PointerInputs, RowScores
from editorbot.models.scorer_config import CLASSES
from editorbot.weights import check_shapes, digest_of, read_weights, shipped_weights

SHIPPED = shipped_weights("pointer")
"""The weights that ship with the package; the card lies beside them as JSON."""

FORMAT = "editorbot.pointer"
"""Value of the card's ``format`` field."""


@dataclass(frozen=True)
class LearnedPointer:
    """A trained network, and how its plays are found."""

    weights: Weights
    """Its parameters by torch's names."""
    config: PointerConfig
    """Its shape."""
    decode: DecodeSettings
    """Prices of the decoder, chosen on validation artists."""
    digest: str | None = None
    """Digest of the weights' file."""

    def scores(self, inputs: PointerInputs) -> RowScores:
        """Return what the network says of a recording."""
        return row_scores(inputs, self.weights, self.config)

    def plays(
        self,
        scores: RowScores,
        inputs: PointerInputs,
        beats_s: Float[np.ndarray, " beats"],
        tightness: Tightness = "normal",
    ) -> Plays:
        """Return the cheapest plays of a recording."""
        odds = score_odds_of(inputs, self.config)
        prices = prices_for(self.decode, inputs, self.config, tightness)
        costs = costs_of(scores, self.config, prices, beats_s, score_odds=odds)
        return with_edges(best_plays(costs, self.config, prices), scores, prices)


@lru_cache(maxsize=4)
def read_pointer(path: Path = SHIPPED) -> LearnedPointer:
    """Read a trained pointer network.

    Raises
    ------
    NotFoundError
        If the file, or the card beside it, is missing.
    FormatError, MismatchError
        If it is no pointer network, or one for other inputs or classes, or its tensors are not of its own shape.
    MissingExtraError
        If it is a checkpoint of a run, and torch is not installed.
    """
    if not path.exists():
        raise NotFoundError("there is no such file; a pointer network is a .safetensors or a checkpoint .pt", path=path)
    return _of_checkpoint(path) if path.suffix == ".pt" else _of_card(path)


def _of_card(path: Path) -> LearnedPointer:
    same = {"inputs_version": INPUTS_VERSION, "classes": list(CLASSES)}
    stored = read_weights(path, "a pointer network", kind=FORMAT, same=same)
    return _checked(stored.tensors, stored.card.get("config"), stored.card.get("decode"), stored.digest, path)


def _of_checkpoint(path: Path) -> LearnedPointer:
    if find_spec("torch") is None:
        raise missing_extra("learn", "reading a .pt needs torch")
    from editorbot.models.checkpoint import load_checkpoint

    found = load_checkpoint(path, method="pointer", vocabulary=",".join(CLASSES), features=str(INPUTS_VERSION))
    weights = {name: value.numpy() for name, value in found.weights.items()}
    return _checked(weights, found.config.get("model"), found.config.get("decode"), digest_of(path), path)


def _checked(weights: Weights, config: Any, decode: Any, digest: str, path: Path) -> LearnedPointer:
    """Return the network, once its tensors are seen to be of its shape."""
    known = {field.name for field in fields(DecodeSettings)}
    if not isinstance(config, Mapping) or not isinstance(decode, Mapping) or set(decode) - known:
        raise FormatError("it does not tell the network's shape and the decoder's prices; train it again", path=path)
    try:
        shape, settings = PointerConfig.of_data(dict(config)), DecodeSettings(**decode)
    except (UsageError, TypeError) as error:
        raise FormatError(f"its configuration is not one ({error}); train it again", path=path) from error
    check_shapes(weights, weight_shapes(shape), path)
    return LearnedPointer(weights, shape, settings, digest)
