"""Chooses the decoder's prices for a trained pointer network, and writes it as it ships: safetensors beside a card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.atomic import write_whole
from editorbot.editors.pointer_inference.decode import DecodeSettings
from editorbot.editors.pointer_inference.learned import FORMAT
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.models.pointer import PointerNetwork
from editorbot.models.scorer_config import CLASSES
from editorbot.training.pointer.data import PointerPair
from editorbot.training.pointer.scores import cut_point_f1, held_f1, plays_of, scores_of, validate

THRESHOLDS = (-0.5, 0.0, 0.25, 0.5, 1.0)
"""Tried as `DecodeSettings.threshold`."""

FRAME_WEIGHTS = (0.05, 0.1)
"""Tried as `DecodeSettings.frame_weight`."""

SCORE_WEIGHTS = (0.5, 0.7, 0.85)
"""Tried as `DecodeSettings.score_weight` where the network is told the score."""

JUMP_COSTS = (4.0, 8.0)
"""Tried as `DecodeSettings.jump_cost`."""


def calibrate(
    network: PointerNetwork, pairs: Sequence[PointerPair], start: DecodeSettings
) -> tuple[DecodeSettings, dict[str, float]]:
    """Return the settings with the best edits of the validation pairs, and how good these are."""
    if network.config.expected == "ratio":  # where the window lies is not known of all frames at once
        return start, validate(network, pairs, start)
    said = [(scores_of(network, pair), pair) for pair in pairs]
    best, settings = -1.0, start
    shares = SCORE_WEIGHTS if network.config.score_inputs else (start.score_weight,)
    for threshold, weight, jump, share in product(THRESHOLDS, FRAME_WEIGHTS, JUMP_COSTS, shares):
        tried = replace(start, threshold=threshold, frame_weight=weight, jump_cost=jump, score_weight=share)
        f1s = []
        for scores, pair in said:
            plays = plays_of(scores, pair, network.config, tried)
            f1s.append(held_f1(plays, pair.pointers) + 0.2 * cut_point_f1(plays.pointers, pair.pointers))
        if float(np.mean(f1s)) > best:
            best, settings = float(np.mean(f1s)), tried
    return settings, validate(network, pairs, settings)


def write_pointer(network: PointerNetwork, settings: DecodeSettings, path: Path, *, told: Mapping[str, Any]) -> None:
    """Write a pointer network as it ships.

    Parameters
    ----------
    network : PointerNetwork
        The weights.
    settings : DecodeSettings
        How plays are found.
    path : Path
        Ends in ``.safetensors``; the card is written beside it as ``.json``.
    told : mapping
        What a reader of the card should know: data, seed, command, scores, licence.
    """
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(value.detach().cpu().numpy()) for name, value in network.state_dict().items()}
    card = {
        "format": FORMAT,
        "inputs_version": INPUTS_VERSION,
        "classes": list(CLASSES),
        "config": asdict(network.config),
        "decode": asdict(settings),
        **told,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(path, save(tensors))
