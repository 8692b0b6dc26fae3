"""The policy in use: its weights, and what it reads of a recording beside the features.

Weights that ship are safetensors with a card beside them. A checkpoint (``.pt``) needs torch to be read; the networks
are computed without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.analysis.analysis import Analysis
from editorbot.config import changed
from editorbot.editors.clips import beat_scores
from editorbot.editors.policy_inference.network import weight_shapes
from editorbot.editors.scoring.learned import LearnedScore, read_score, step_labels_of
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.environment.spans import LONGEST_SPAN, span_lengths
from editorbot.environment.state import Normalizer
from editorbot.errors import EditorbotError, FormatError
from editorbot.layers import Weights
from editorbot.models.checkpoint import read_network
from editorbot.models.policy_config import INPUT_ORDER, SCORE_FEATURES, PolicyConfig
from editorbot.weights import check_shapes, shipped_weights

SHIPPED = shipped_weights("policy")
"""The weights that ship with the package; their card is the JSON beside them."""

FORMAT = "editorbot.policy"
"""Value of the card's ``format`` field."""


def inputs_digest() -> str:
    """Digest the names of all inputs, in order."""
    return "sha256:" + hashlib.sha256(INPUT_ORDER.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class LearnedPolicy:
    """Trained networks, and the normalizer that they were trained with."""

    weights: Weights
    """Their parameters by torch's names."""
    config: PolicyConfig
    """Their shape."""
    normalizer: Normalizer
    """Of states and features."""
    digest: str | None = None
    """Digest of the weights' file."""
    uses_stems: bool = False
    """Whether the stem features were filled in training; ``use_stems`` of the card, or of the run's configuration."""


@lru_cache(maxsize=4)
def read_policy(path: Path = SHIPPED) -> LearnedPolicy:
    """Read a trained policy.

    Raises
    ------
    NotFoundError
        If the file, or the card beside it, is missing.
    FormatError, MismatchError, VersionError
        If it is no policy, or one for other inputs or another vocabulary.
    MissingExtraError
        If it is a checkpoint of a run, and torch is not installed.
    """
    stored = read_network(
        path, "a policy", kind=FORMAT, same={"inputs": inputs_digest()}, method=("bc", "ppo"), features=inputs_digest()
    )
    tensors, card = stored.tensors, stored.card
    normalizer = card.get("normalizer")
    if path.suffix != ".pt":  # then it is among the tensors
        mean, std = tensors.pop("normalizer.mean", None), tensors.pop("normalizer.std", None)
        if mean is None or std is None:
            raise FormatError("it has no normalizer; train it again", path=path)
        normalizer = {"mean": mean.tolist(), "std": std.tolist()}
    policy = _checked(tensors, card.get("config"), normalizer, stored.digest, path)
    return replace(policy, uses_stems=card.get("use_stems") is True)


def _checked(weights: Weights, config: Any, normalizer: Any, digest: str, path: Path) -> LearnedPolicy:
    """Build the policy after checking that its tensors match its shape."""
    if not isinstance(config, Mapping) or not isinstance(normalizer, Mapping):
        raise FormatError("it lacks the networks' shape and the normalizer; train it again", path=path)
    try:
        shape = changed(PolicyConfig(), config, "model")
        scale = Normalizer(tuple(normalizer["mean"]), tuple(normalizer["std"]))
    except (EditorbotError, TypeError, KeyError) as error:
        raise FormatError(f"its configuration is invalid ({error}); train it again", path=path) from error
    wanted = weight_shapes(shape)
    used = {name: weights[name] for name in wanted if name in weights}  # a run has more, for training alone
    check_shapes(used, wanted, path)
    return LearnedPolicy(used, shape, scale, digest)


def score_features_of(
    analysis: Analysis, score: LearnedScore | None = None
) -> Float32[np.ndarray, "beats score_features"]:
    """Compute what the encoder reads of each beat beside its features, shape=(beats, SCORE_FEATURES).

    The chances of the learned score (the shipped one by default), what it keeps, and the lengths of sizes from here
    on, in the order of SCORE_FEATURE_NAMES.
    """
    score = score or read_score()
    chances = score.chances(analysis)
    keep = step_labels_of(chances, score, step_vectors(analysis.steps)).keep
    by_class = [beat_scores(analysis, chances[:, number]) for number in range(chances.shape[1])]
    kept = beat_scores(analysis, keep.astype(np.float64))
    since, until = _switch_distances(kept >= 0.5)
    spans = span_lengths(analysis) / LONGEST_SPAN
    columns = [np.ones(len(kept)), *by_class, kept, since, until, *spans.T]
    score_features = np.stack(columns, axis=1).astype(np.float32)
    if score_features.shape[1] != SCORE_FEATURES:
        raise ValueError(f"{score_features.shape[1]} score features were made, but their names are {SCORE_FEATURES}")
    return score_features


def _switch_distances(
    is_on: Bool[np.ndarray, " beats"],
) -> tuple[Float[np.ndarray, " beats"], Float[np.ndarray, " beats"]]:
    """Count the beats since the last and until the next switch, over 16 and at most 1, both of shape=(beats,)."""
    beats = np.arange(len(is_on))
    switches = np.flatnonzero(np.diff(is_on)) + 1
    bounds = np.concatenate([[-LONGEST_SPAN], switches, [len(is_on) + LONGEST_SPAN]])
    following = np.searchsorted(bounds, beats, side="right")
    since, until = beats - bounds[following - 1], bounds[following] - beats
    return np.minimum(since / LONGEST_SPAN, 1.0), np.minimum(until / LONGEST_SPAN, 1.0)
