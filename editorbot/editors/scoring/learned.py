"""Labels the steps of a recording by the learned score: what is worth keeping.

The network computes what each step is; of 'finished music' the stretches with the highest expected F1 are kept. Its
weights ship with the package (`editorbot/pretrained/scored.*`), or come from a user's own training.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from editorbot.analysis.analysis import Analysis
from editorbot.config import config_of
from editorbot.editors.base import Tightness
from editorbot.editors.scoring.clean_takes import calibrate_for_takes
from editorbot.editors.scoring.decode import best_stretches, likely_best_stretches
from editorbot.editors.scoring.inputs import INPUTS_VERSION, scorer_inputs, with_repeat_features
from editorbot.editors.scoring.network import log_odds
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.editors.scoring.scorecard import chance, odds_of
from editorbot.editors.scoring.step_labels import StepLabels, find_links
from editorbot.errors import FormatError
from editorbot.layers import Weights, softmax
from editorbot.models.scorer_config import CLASSES, SONG_CLASSES, ScorerConfig, StepInputs
from editorbot.weights import Tensors, read_weights, shipped_weights

SHIPPED = shipped_weights("scored")
"""The weights that ship with the package; their card is the JSON beside them."""

FORMAT = "editorbot.scored"
"""Value of the card's ``format`` field."""


@dataclass(frozen=True)
class LearnedScore:
    """Networks whose chances are averaged, and how the chances become stretches."""

    members: tuple[Weights, ...]
    """Weights of each network."""
    config: ScorerConfig
    """Their shape."""
    scale: float
    """The log odds of 'keep' times this, plus `shift`, are calibrated: of the steps at 0, half are to be kept."""
    shift: float
    """See `scale`; both are fitted on jams that the networks were not trained on."""
    switch_cost: float
    """Price of a switch between kept and cut [log odds]; chosen on those jams."""
    digest: str | None = None
    """Digest of the weights' file."""

    def chances(self, analysis: Analysis) -> Float32[np.ndarray, "steps classes"]:
        """Compute the chance of each of CLASSES at every step, shape=(steps, classes)."""
        return self._mean_chances(scorer_inputs(analysis.steps, analysis.activity))

    def chances_of(self, inputs: StepInputs) -> Float32[np.ndarray, "steps classes"]:
        """Compute the chance of each of CLASSES at every step from the pointer network's inputs of a recording."""
        return self._mean_chances(with_repeat_features(inputs.values))

    def calibrated(self, odds: Float[np.ndarray, " steps"]) -> Float[np.ndarray, " steps"]:
        """Calibrate log odds of 'keep': of the steps at 0, half are to be kept."""
        return np.asarray(self.scale * odds + self.shift)

    def _mean_chances(self, inputs: StepInputs) -> Float32[np.ndarray, "steps classes"]:
        total = [softmax(log_odds(inputs, weights, self.config)) for weights in self.members]
        return np.asarray(np.mean(total, axis=0), np.float32)


def classify_learned(analysis: Analysis, score: LearnedScore, tightness: Tightness = "normal") -> StepLabels:
    """Decide what is worth keeping of a recording."""
    chances = calibrate_for_takes(score.chances(analysis), tightness)
    return step_labels_of(chances, score, step_vectors(analysis.steps))


def step_labels_of(
    chances: Float32[np.ndarray, "steps classes"], score: LearnedScore, vectors: Float32[np.ndarray, "steps dimensions"]
) -> StepLabels:
    """Decide what is worth keeping from the chances of CLASSES."""
    odds = score.calibrated(odds_of(chances[:, 0]))
    keep = likely_best_stretches(odds, score.switch_cost)
    is_song = best_stretches(odds_of(chances[:, SONG_CLASSES].sum(1)), score.switch_cost) | keep
    links = find_links(vectors, keep)
    return StepLabels(keep, chance(odds), is_song, (), links, classes=chances.argmax(1))


@lru_cache(maxsize=4)
def read_score(path: Path = SHIPPED) -> LearnedScore:
    """Read weights (safetensors) and the card beside them.

    Raises
    ------
    NotFoundError
        If either file is missing.
    FormatError, MismatchError
        If they are no learned score, or one for other inputs or classes.
    """
    same = {"inputs_version": INPUTS_VERSION, "classes": list(CLASSES)}
    stored = read_weights(path, "a learned score", kind=FORMAT, same=same)
    card = stored.card
    try:
        members = tuple(_member(stored.tensors, number) for number in range(int(card["members"])))
        scale, shift, cost = (float(card[name]) for name in ("scale", "shift", "switch_cost"))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"the card cannot be read ({error!r}); train it again", path=path) from error
    config = config_of(ScorerConfig, card.get("config"), path)
    return LearnedScore(members, config, scale, shift, cost, digest=stored.digest)


def _member(tensors: Tensors, number: int) -> Weights:
    """Select the weights of one of the networks."""
    return {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(f"{number}/")}
