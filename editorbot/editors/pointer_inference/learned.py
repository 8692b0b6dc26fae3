"""The pointer network in use: its weights, what it reads of a recording, and the plays that follow.

Weights that ship are safetensors with a card beside them. A checkpoint of a user's own run (``.pt``) needs torch to be
read; the network itself is computed without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from editorbot.analysis.analysis import Analysis
from editorbot.config import changed
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
from editorbot.editors.scoring.clean_takes import calibrate_for_takes
from editorbot.editors.scoring.inputs import INPUTS_VERSION, step_inputs
from editorbot.editors.scoring.learned import read_score
from editorbot.errors import FormatError, UsageError
from editorbot.layers import Weights
from editorbot.models.checkpoint import read_network
from editorbot.models.pointer_config import PointerConfig, PointerInputs, RowScores, with_chances
from editorbot.models.scorer_config import CLASSES, StepInputs
from editorbot.timebase import frame_count, mono_samples
from editorbot.weights import check_shapes, shipped_weights

SHIPPED = shipped_weights("pointer")
"""The weights that ship with the package; their card is the JSON beside them."""

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
        """Compute the network's answers for a recording."""
        return row_scores(inputs, self.weights, self.config)

    def plays(
        self,
        scores: RowScores,
        inputs: PointerInputs,
        beats_s: Float[np.ndarray, " beats"],
        tightness: Tightness = "normal",
    ) -> Plays:
        """Find the cheapest plays of a recording."""
        odds = score_odds_of(inputs, self.config)
        prices = prices_for(self.decode, inputs, self.config, tightness)
        costs = costs_of(scores, self.config, prices, beats_s, score_odds=odds)
        return with_edges(best_plays(costs, self.config, prices), scores, prices)


def read_inputs(analysis: Analysis, config: PointerConfig, tightness: Tightness = "normal") -> PointerInputs:
    """Compute what a network reads of a recording.

    Raises
    ------
    UsageError
        If it was trained with stems, which are not available while editing.
    EditorbotError
        If the recording cannot be read again.
    """
    if config.use_stems:
        raise UsageError("this network was trained with stems, which edit does not hand on; train one without them")
    frames = frame_count(mono_samples(analysis.source.samples, analysis.source.sample_rate))
    steps = step_inputs_for(analysis, config, tightness) if config.step_inputs else None
    return PointerInputs(analysis.mel(0, frames), steps)


def step_inputs_for(analysis: Analysis, config: PointerConfig, tightness: Tightness = "normal") -> StepInputs:
    """Compute the inputs of each step, with the shipped score's chances if the network was trained with them."""
    steps = step_inputs(analysis.steps, analysis.activity)
    if not config.score_inputs:
        return steps
    return with_chances(steps, calibrate_for_takes(read_score().chances_of(steps), tightness))


@lru_cache(maxsize=4)
def read_pointer(path: Path = SHIPPED) -> LearnedPointer:
    """Read a trained pointer network.

    Raises
    ------
    NotFoundError
        If the file, or the card beside it, is missing.
    FormatError, MismatchError
        If it is no pointer network, or one for other inputs or classes, or its tensors do not match its shape.
    MissingExtraError
        If it is a checkpoint of a run, and torch is not installed.
    """
    same = {"inputs_version": INPUTS_VERSION, "classes": list(CLASSES)}
    stored = read_network(
        path, "a pointer network", kind=FORMAT, same=same, method="pointer", vocabulary=",".join(CLASSES),
        features=str(INPUTS_VERSION),
    )  # fmt: skip
    return _checked(stored.tensors, stored.card.get("config"), stored.card.get("decode"), stored.digest, path)


def _checked(weights: Weights, config: Any, decode: Any, digest: str, path: Path) -> LearnedPointer:
    """Build the network after checking that its tensors match its shape."""
    known = {field.name for field in fields(DecodeSettings)}
    if not isinstance(config, Mapping) or not isinstance(decode, Mapping) or set(decode) - known:
        raise FormatError("it lacks the network's shape and the decoder's prices; train it again", path=path)
    try:
        shape, settings = changed(PointerConfig(), config, "model"), DecodeSettings(**decode)
    except (UsageError, TypeError) as error:
        raise FormatError(f"its configuration is invalid ({error}); train it again", path=path) from error
    check_shapes(weights, weight_shapes(shape), path)
    return LearnedPointer(weights, shape, settings, digest)
