"""Writes trained networks as the learned score that ships: safetensors beside a JSON card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.atomic import write_whole
from editorbot.editors.scoring.inputs import INPUTS_VERSION
from editorbot.editors.scoring.learned import FORMAT
from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES
from editorbot.training.scored.calibration import Calibration


def write_score(
    networks: Sequence[ScorerNetwork], calibration: Calibration, path: Path, *, told: Mapping[str, Any]
) -> None:
    """Write networks of one shape as one learned score.

    Parameters
    ----------
    networks : sequence of ScorerNetwork
        Their chances are averaged in use.
    calibration : Calibration
        How the mean chances become stretches.
    path : Path
        Ends in ``.safetensors``; the card is written beside it as ``.json``.
    told : mapping
        What a reader of the card should know: data, seed, command, scores, licence.
    """
    from safetensors.numpy import save

    tensors = {
        f"{number}/{name}": np.ascontiguousarray(value.detach().numpy())
        for number, network in enumerate(networks)
        for name, value in network.state_dict().items()
    }
    card = {
        "format": FORMAT,
        "inputs_version": INPUTS_VERSION,
        "classes": list(CLASSES),
        "config": asdict(networks[0].config),
        "members": len(networks),
        "scale": calibration.scale,
        "shift": calibration.shift,
        "switch_cost": calibration.switch_cost,
        **told,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path.with_suffix(".json"), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
    write_whole(path, save(tensors))
