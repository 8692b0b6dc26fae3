"""Reads the linear models of the beat tracker, which ``tools/fit_beats.py`` fits and writes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64

from editorbot.weights import shipped_weights

SHIPPED = shipped_weights("beats_linear").with_suffix(".json")
"""The models that ship with the package."""


@dataclass(frozen=True)
class LinearModels:
    """A conditional logit of period and phase, and a logistic regression of downbeats."""

    window_s: float
    """Music that one unit of the logit stands for [seconds]."""
    profile: Float32[np.ndarray, "quarters columns"]
    """Weights of the novelty at the quarters of a beat, shape=(4, NOVELTY_COLUMNS)."""
    tempo: Float64[np.ndarray, " weights"]
    """Weights of the correlation, lag ratio by novelty group, shape=(11 * 5,); see `tempo.tempo_features`."""
    tempo_prior: Float64[np.ndarray, " bumps"]
    """Weights of the bumps of the tempo prior, shape=(8,)."""
    downbeat: Float32[np.ndarray, " features"]
    """Weights of the downbeat features; see `bars.downbeat_features`."""
    downbeat_bias: float
    """Log odds of a downbeat where all features are 0."""


@cache
def read_linear_models() -> LinearModels:
    """Read the models that ship with the package."""
    stored = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return LinearModels(
        stored["window_s"],
        np.array(stored["profile"], dtype=np.float32).reshape(4, -1),
        np.array(stored["tempo"]),
        np.array(stored["tempo_prior"]),
        np.array(stored["downbeat"], dtype=np.float32),
        stored["downbeat_bias"],
    )
