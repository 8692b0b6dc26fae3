"""Score features for the encoder: what the learned score says of each beat of the recordings of a data set."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from editorbot.analysis import BeatTracker
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache, code_version
from editorbot.corpus.cache_files import read_entry, text_array, text_of, write_entry
from editorbot.corpus.pairs import Pair, find_pairs
from editorbot.editors.policy_inference.learned import score_features_of
from editorbot.editors.scoring.learned import SHIPPED, LearnedScore, read_score
from editorbot.errors import EditorbotError
from editorbot.models.policy_config import SCORE_FEATURES
from editorbot.recording import open_recording
from editorbot.training.run_folder import OnLine

ScoreFeatures = Float32[np.ndarray, "beats score_features"]


def pairs_by_name(data_dir: Path) -> dict[str, Pair]:
    """Find the pairs of a folder by their names; none if there is no such folder."""
    if not data_dir.is_dir():
        return {}
    try:
        return {pair.sample: pair for pair in find_pairs(data_dir).pairs}
    except EditorbotError:
        return {}


def analysis_of(pair: Pair, cache: Path, beat_tracker: BeatTracker = "embedded") -> Analysis:
    """Analyze a pair's raw recording, or read its analysis from the cache."""
    with open_recording(pair.raw) as raw:
        return analyze(raw, beat_tracker=beat_tracker, cache=AnalysisCache(cache / "analysis"))


def score_features_by_name(
    names: Iterable[str],
    data_dir: Path,
    cache: Path,
    on_line: OnLine,
    score: Path | None = None,
    beat_tracker: BeatTracker = "embedded",
) -> dict[str, ScoreFeatures]:
    """Compute the score features of the recordings that are in a folder of pairs, or read them from the cache.

    `score` are the weights of the learned score, by default the shipped ones. Best one that was not trained on these
    recordings: a policy that has only seen it sure of itself trusts it too far on new music. `beat_tracker` is the one
    whose beats the data set has.
    """
    pairs, learned = pairs_by_name(data_dir), read_score(score or SHIPPED)
    found: dict[str, ScoreFeatures] = {}
    for name in names:
        if name in pairs:
            try:
                found[name] = _cached_score_features(pairs[name], cache, learned, beat_tracker)
            except EditorbotError as error:
                on_line(str(error))
    return found


def _cached_score_features(pair: Pair, cache: Path, score: LearnedScore, beat_tracker: BeatTracker) -> ScoreFeatures:
    """Read the score features of a pair's raw recording; compute them if score, recording or analysis differ."""
    path = cache / "hints" / (score.digest or "none").removeprefix("sha256:")[:12] / f"{pair.sample}.npz"
    with open_recording(pair.raw) as raw:
        made_of = f"{raw.digest} {code_version()} {score.scale} {score.shift} {score.switch_cost}"
        made_of += "" if beat_tracker == "embedded" else f" {beat_tracker}"
        arrays = read_entry(path)
        if arrays is not None and text_of(arrays, "made_of") == made_of:
            stored = arrays.get("hints")
            if stored is not None and stored.shape[1:] == (SCORE_FEATURES,) and stored.dtype == np.float32:
                return stored
        analysis = analyze(raw, beat_tracker=beat_tracker, cache=AnalysisCache(cache / "analysis"))
        score_features = score_features_of(analysis, score)
    write_entry(path, {"hints": score_features, "made_of": text_array(made_of)})
    return score_features
