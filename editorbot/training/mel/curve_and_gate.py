"""Learns the curve and the gate of a mel network before the rest: what a track's tone lacks, and whether it does.

Most of the difference between a recording and a finished track is one curve for all of it. It depends on a few numbers
of the whole track, so a stretch is one row of a table, and tens of thousands of stretches, each with several
equalizers, take minutes. An ensemble of networks is trained; side by side they make up one
:class:`editorbot.models.mel.Summary`, whose curve is small where they disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor
from torch.nn import functional

from editorbot.errors import UsageError
from editorbot.models.mel import Summary
from editorbot.models.mel_config import FLOOR, GATE_ODDS, MEL_SPAN_DB
from editorbot.training.mel.augment import augmented, cropped, finished_example
from editorbot.training.mel.config import ToneTraining, check_width
from editorbot.training.mel.examples import MelExample

LEAST_APART = 0.1
"""Least difference of the mean gate between raw and finished rows: below it, nothing was learned."""


@dataclass(frozen=True)
class ToneRows:
    """A row for each stretch."""

    summary: Float32[np.ndarray, "rows summary"]
    """Of the raw side."""
    curve: Float32[np.ndarray, "rows 128"]
    """Median over the frames of finished minus raw mel."""
    is_raw: Bool[np.ndarray, " rows"]
    """Whether the two sides differ."""


def tone_rows(examples: Iterable[MelExample], draws: int, rng: np.random.Generator) -> ToneRows:
    """Make rows of each example as it is, of its finished side, and of `draws` augmentations.

    Those without a known frame are left out.

    Raises
    ------
    UsageError
        If no frame of any example is known.
    """
    rows = []
    for example in examples:
        sides = [cropped(example, rng), cropped(finished_example(example), rng)]
        others = (augmented(example, rng) for _ in range(draws))
        rows += [_row(one) for one in (*sides, *others) if one.known.any()]
    if not rows:
        raise UsageError("no frame of the examples is known to come from its recording; there is nothing to learn from")
    summary, curve, is_raw = zip(*rows)
    return ToneRows(np.stack(summary), np.stack(curve), np.array(is_raw))


def _row(example: MelExample) -> tuple[np.ndarray, np.ndarray, bool]:
    raw, edit = (np.maximum(side[example.known > 0].astype(np.float32), FLOOR) for side in (example.raw, example.edit))
    return example.summary, np.median(edit - raw, axis=0), not np.array_equal(example.raw, example.edit)


def learn_tone(rows: ToneRows, width: int, config: ToneTraining, seed: int) -> dict[str, Tensor]:
    """Train the parameters of a `Summary` of a width, which the members of the ensemble share.

    Raises
    ------
    UsageError
        If the members cannot share the width, or no row is raw, or none finished.
    """
    check_width(width, config)
    if rows.is_raw.all() or not rows.is_raw.any():
        raise UsageError("curve and gate are learned from raw and finished stretches, but one kind is missing")
    seeds = range(seed * config.members, (seed + 1) * config.members)
    members = [_member(rows, width // config.members, config, each) for each in seeds]
    weights = side_by_side([one.state_dict() for one in members])
    bias = config.gate_steepness * (GATE_ODDS + weights["gate.bias"] - config.gate_shift) - GATE_ODDS
    return weights | {"gate.weight": config.gate_steepness * weights["gate.weight"], "gate.bias": bias}


def separates(weights: Mapping[str, Tensor], rows: ToneRows) -> bool:
    """Check that the gate is more open on raw rows than on finished ones."""
    network = Summary(len(weights["mix.bias"]))
    network.load_state_dict(dict(weights))
    with torch.no_grad():
        gate = network(torch.from_numpy(rows.summary))[2][:, 0, 0].numpy()
    return bool(gate[rows.is_raw].mean() - gate[~rows.is_raw].mean() > LEAST_APART)


def _member(rows: ToneRows, width: int, config: ToneTraining, seed: int) -> Summary:
    """Train one network of the ensemble."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Summary(width)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        inputs = network.grouped(torch.from_numpy(rows.summary))
        curves, is_raw = torch.from_numpy(rows.curve), torch.from_numpy(rows.is_raw).float()
        # Both kinds weigh the same, however many there are of each.
        balance = 0.5 / torch.where(is_raw > 0, is_raw.mean(), 1 - is_raw.mean())
        steps = max(config.least_steps, -(-config.passes * len(inputs) // config.batch_size))
        for step in range(steps):
            share = step / steps
            rate = config.learning_rate * min(1.0, 50 * share + 0.01) * (0.51 + 0.5 * np.cos(np.pi * share))
            for group in optimizer.param_groups:
                group["lr"] = rate
            at = torch.randint(len(inputs), (config.batch_size,))
            noisy = inputs[at] + config.noise * torch.randn(config.batch_size, inputs.shape[1])
            hidden = functional.dropout(torch.relu(network.enter(noisy)), config.dropout)
            hidden = functional.dropout(torch.relu(network.mix(hidden)), config.dropout)
            curve, odds = network.curve(hidden), network.gate_odds(hidden)[:, 0]
            distance_db = MEL_SPAN_DB * (torch.sigmoid(odds)[:, None] * curve - curves[at]).abs().mean()
            entropy = functional.binary_cross_entropy_with_logits(odds, is_raw[at], weight=balance[at])
            optimizer.zero_grad()
            (distance_db + config.gate_weight * entropy).backward()
            optimizer.step()
    return network.eval()


def side_by_side(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Join networks into one `Summary` whose curve and log odds are the means of theirs."""
    joined = {name: torch.cat([one[name] for one in members]) for name in ("enter.weight", "enter.bias", "mix.bias")}
    joined["mix.weight"] = torch.block_diag(*(one["mix.weight"] for one in members))  # type: ignore[no-untyped-call]
    for name in ("curve", "gate"):
        joined[f"{name}.weight"] = torch.cat([one[f"{name}.weight"] for one in members], dim=1) / len(members)
        joined[f"{name}.bias"] = torch.stack([one[f"{name}.bias"] for one in members]).mean(0)
    return joined
