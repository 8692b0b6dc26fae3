"""The recordings behind a data set, heard again: their hints for the encoder, and materials to play episodes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache, code_version
from editorbot.corpus.cache_files import read_entry, text_array, text_of, write_entry
from editorbot.corpus.pairs import Pair, find_pairs
from editorbot.editors.policy_inference.score_features import score_features_of
from editorbot.editors.scoring.learned import SHIPPED, LearnedScore, read_score
from editorbot.errors import EditorbotError
from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.recording import open_recording

ScoreFeatures = Float32[np.ndarray, "beats score_features"]
OnLine = Callable[[str], None]


def pairs_by_name(data_dir: Path) -> dict[str, Pair]:
    """Return the pairs of a folder by their names; none where there is no such folder."""
    if not data_dir.is_dir():
        return {}
    try:
        return {pair.sample: pair for pair in find_pairs(data_dir).pairs}
    except EditorbotError:
        return {}


def heard(pair: Pair, cache: Path) -> Analysis:
    """Return the analysis of a pair's raw recording, from the learn line's cache where it is there."""
    with open_recording(pair.raw) as raw:
        return analyze(raw, cache=_analyses(cache))


def score_features_by_name(
    names: Iterable[str], data_dir: Path, cache: Path, on_line: OnLine, score: Path | None = None
) -> dict[str, ScoreFeatures]:
    """Return the hints of the recordings that lie in a folder of pairs; others have none.

    Parameters
    ----------
    names : iterable of str
        Recordings of a data set.
    data_dir : Path
        Folder of the pairs that it was made from.
    cache : Path
        The learn line's cache; hints once made are kept there.
    on_line : callable
        Told of recordings that cannot be read.
    score : Path, optional
        Weights of the learned score that is asked; the shipped ones where left out. It should not have been trained on
        these recordings: a policy that only ever heard it sure of itself trusts it too far on music that is new to it.
    """
    pairs, asked = pairs_by_name(data_dir), read_score(score or SHIPPED)
    found: dict[str, ScoreFeatures] = {}
    for name in names:
        if name in pairs:
            try:
                found[name] = _kept_score_features(pairs[name], cache, asked)
            except EditorbotError as error:
                on_line(str(error))
    return found


def _kept_score_features(pair: Pair, cache: Path, score: LearnedScore) -> ScoreFeatures:
    """Return the hints of a pair's raw recording, kept by the score that is asked, the recording and the analysis."""
    path = cache / "hints" / (score.digest or "none").removeprefix("sha256:")[:12] / f"{pair.sample}.npz"
    with open_recording(pair.raw) as raw:
        made_of = f"{raw.digest} {code_version()} {score.scale} {score.shift} {score.switch_cost}"
        stored = _stored_score_features(path, made_of)
        if stored is not None:
            return stored
        score_features = score_features_of(analyze(raw, cache=_analyses(cache)), score)
    write_entry(path, {"hints": score_features, "made_of": text_array(made_of)})
    return score_features


def _stored_score_features(path: Path, made_of: str) -> ScoreFeatures | None:
    """Return kept hints; None where there are no whole ones, or they were made of something else."""
    arrays = read_entry(path)
    if arrays is None or text_of(arrays, "made_of") != made_of:
        return None
    score_features = arrays.get("hints")
    fits = (
        score_features is not None
        and score_features.ndim == 2
        and score_features.shape[1] == SCORE_FEATURES
        and score_features.dtype == np.float32
    )
    return score_features if fits else None


def _analyses(cache: Path) -> AnalysisCache:
    return AnalysisCache(cache / "analysis")
