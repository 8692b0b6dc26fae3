"""Decides, step by step, what of a recording is worth keeping, by the learned score.

The network says what each step is; the best stretches of 'finished music' are
kept. Its weights ship with the package (`editorbot/pretrained/scored.*`), or
come from a checkpoint that was trained on a user's own pairs.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from editorbot.analysis.analysis import Analysis
from editorbot.editors.scoring.again import as_heard, heard_again
from editorbot.editors.scoring.decode import best_stretches
from editorbot.editors.scoring.inputs import INPUTS_VERSION, StepInputs, inputs_of
from editorbot.editors.scoring.judge import Verdict
from editorbot.editors.scoring.links import find_links
from editorbot.editors.scoring.network import Weights, log_odds, softmax
from editorbot.editors.scoring.repetition import step_vectors
from editorbot.errors import FormatError, MismatchError, NotFoundError
from editorbot.models.scorer_shape import CLASSES, ScorerConfig

SHIPPED = Path(__file__).parent.parent.parent / "pretrained" / "scored.safetensors"
"""The weights that ship with the package; the card lies beside them as JSON."""

FORMAT = "editorbot.scored"
"""Value of the card's ``format`` field."""

SONG_CLASSES = tuple(CLASSES.index(name) for name in ("keep", "bad_take", "repeat"))
"""Classes that are the band's music, played well or not."""


@dataclass(frozen=True)
class LearnedScore:
    """Networks whose chances are averaged, and how their chances become stretches."""

    members: tuple[Weights, ...]
    """Weights of each network."""
    config: ScorerConfig
    """Their shape."""
    threshold: float
    """Added to the log odds of 'keep'; chosen on validation artists."""
    switch_cost: float
    """Price of a switch between kept and cut [log odds]; chosen on validation artists."""
    temperature: float = 1.0
    """The log chances are divided by this, so that a chance of 0.8 is right 8 times in 10."""

    digest: str | None = None
    """Digest of the weights' file."""

    def chances(self, analysis: Analysis) -> Float32[np.ndarray, "steps classes"]:
        """Return the chance of each of CLASSES at every step, shape=(steps, classes)."""
        return self.chances_of(inputs_of(analysis.steps, analysis.activity))

    def chances_of(self, inputs: StepInputs) -> Float32[np.ndarray, "steps classes"]:
        """Return the chance of each of CLASSES at every step of a recording whose inputs are known."""
        heard = heard_again(inputs.values) if self.config.lag_layers else as_heard(inputs)
        total = [softmax(log_odds(heard, weights, self.config) / self.temperature) for weights in self.members]
        return np.asarray(np.mean(total, axis=0), np.float32)


def judge_learned(analysis: Analysis, score: LearnedScore) -> Verdict:
    """Return what is worth keeping of a recording."""
    chances = score.chances(analysis)
    return verdict_of(chances, score, step_vectors(analysis.steps))


def verdict_of(
    chances: Float32[np.ndarray, "steps classes"], score: LearnedScore, vectors: Float32[np.ndarray, "steps dimensions"]
) -> Verdict:
    """Return the verdict that follows from the chances of CLASSES."""
    keep = best_stretches(_odds(chances[:, 0]) + score.threshold, score.switch_cost)
    is_song = best_stretches(_odds(chances[:, SONG_CLASSES].sum(1)), score.switch_cost) | keep
    links = find_links(vectors, keep)
    return Verdict(keep, np.asarray(chances[:, 0], np.float64), is_song, (), links, classes=chances.argmax(1))


def _odds(chance: Float32[np.ndarray, " steps"]) -> np.ndarray:
    """Return log odds as float64."""
    sure = np.clip(np.asarray(chance, np.float64), 1e-6, 1 - 1e-6)
    return np.log(sure) - np.log1p(-sure)


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
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not file.is_file():
            raise NotFoundError("there is no such file; a learned score is a .safetensors and a .json", path=file)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        tensors = load_file(path)
    except (ValueError, SafetensorError) as error:
        raise FormatError(f"it cannot be read ({error}); train it again", path=path) from error
    digest = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(score_of(card, tensors, path), digest=digest)


def score_of(card: dict[str, Any], tensors: Weights, path: Path) -> LearnedScore:
    """Return the score that a card and its tensors hold; see :func:`read_score`."""
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise FormatError(f"the card's format must be {FORMAT!r}", path=path)
    for name, here in (("inputs_version", INPUTS_VERSION), ("classes", list(CLASSES))):
        if card.get(name) != here:
            raise MismatchError(
                f"{name} is {card.get(name)!r}, but this version reads {here!r}; train it again", path=path
            )
    known = {field.name for field in fields(ScorerConfig)}
    # Networks of before do not look over the whole recording.
    shape: dict[str, Any] = {"lag_layers": [], "heads": 4, "pair_width": 16, **card.get("config", {})}
    if set(shape) != known:
        raise FormatError(f"config must have exactly the fields {sorted(known)}", path=path)
    config = ScorerConfig(**{name: tuple(v) if isinstance(v, list) else v for name, v in shape.items()})  # type: ignore[arg-type]
    count = int(card["members"])
    members = tuple(
        {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(f"{number}/")}
        for number in range(count)
    )
    return LearnedScore(
        members, config, float(card["threshold"]), float(card["switch_cost"]), float(card["temperature"])
    )
