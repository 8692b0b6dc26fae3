"""What the policy's encoder reads of each beat beside its features: the learned score, and the lengths of sizes."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from editorbot.analysis.analysis import Analysis
from editorbot.editors.clips import beat_scores
from editorbot.editors.scoring.learned import LearnedScore, read_score, step_labels_of
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.environment.spans import LONGEST_SPAN, span_lengths
from editorbot.models.policy_config import SCORE_FEATURES


def score_features_of(
    analysis: Analysis, score: LearnedScore | None = None
) -> Float32[np.ndarray, "beats score_features"]:
    """Compute the score features of each beat, shape=(beats, SCORE_FEATURES), in the order of SCORE_FEATURE_NAMES.

    Parameters
    ----------
    analysis : Analysis
        Of the recording.
    score : LearnedScore, optional
        The shipped one by default.
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
