"""What a track's tone lacks, and whether it lacks anything, learned before the rest of a network of tone.

Most of what tells a finished track from a recording is one curve for all of it. What it hangs on is a few numbers of
the whole track, so a row of a table stands for a stretch, and tens of thousands of stretches, each under several
equalizers, are gone over in minutes. Several networks are trained apart and laid side by side: together they are one
of :class:`editorbot.models.mel.Summary`'s kind, and where they disagree, the curve is small.
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
from editorbot.training.mel.augment import changed_example, finished_example, some_frames
from editorbot.training.mel.examples import MelExample

LEAST_APART = 0.1
"""How much further open the gate must be where something is to be done: below it, nothing was learned."""


@dataclass(frozen=True)
class ToneTraining:
    """How curve and gate are learned."""

    members: int = 4
    """Networks that are trained apart; they share the width of the whole evenly."""
    draws: int = 8
    """How often each example is put under another equalizer and noise, or ruined anew."""
    passes: int = 100
    """How often each network goes over the rows."""
    least_steps: int = 1_000
    """Steps that each network takes at least, however few rows there are."""
    batch_size: int = 256
    """Rows a step."""
    learning_rate: float = 3e-3
    """Highest learning rate; it falls by a cosine."""
    weight_decay: float = 0.2
    """Pull towards zero."""
    noise: float = 0.035
    """Deviation of what is added to the inputs."""
    dropout: float = 0.1
    """Share of each layer that is left out."""
    gate_weight: float = 2.0
    """What the gate's cross entropy counts beside the curve's distance in decibels."""
    gate_steepness: float = 3.0
    """How many times as steep the gate becomes in the end."""
    gate_shift: float = 1.5
    """How far it is moved towards closed first: finished music is to be left alone."""

    def __post_init__(self) -> None:
        if min(self.members, self.passes, self.least_steps, self.batch_size) < 1 or self.draws < 0:
            raise UsageError("members, passes, least_steps and batch_size must be at least 1, draws at least 0")
        if not (self.learning_rate > 0 and self.gate_steepness > 0 and 0 <= self.dropout < 1):
            raise UsageError("learning_rate and gate_steepness must be above 0, dropout from 0 to below 1")
        if not all(value >= 0 for value in (self.weight_decay, self.noise, self.gate_weight)):
            raise UsageError("weight_decay, noise and gate_weight must be at least 0")


@dataclass(frozen=True)
class ToneRows:
    """A row a stretch."""

    summary: Float32[np.ndarray, "rows summary"]
    """Of the raw side."""
    curve: Float32[np.ndarray, "rows 128"]
    """Median over the frames of what the finished side has more, in units of MEL_SPAN_DB."""
    is_raw: Bool[np.ndarray, " rows"]
    """Whether the two sides differ at all."""


def tone_rows(examples: Iterable[MelExample], draws: int, rng: np.random.Generator) -> ToneRows:
    """Return rows of each example as it was kept, of its finished side, and of it each time that it is changed.

    Parameters
    ----------
    examples : iterable of MelExample
        Stretches; those of which no frame is known are left out.
    draws : int
        How often each is changed.
    rng : np.random.Generator
        Draws the frames and the changes.

    Raises
    ------
    UsageError
        If no frame of any example is known.
    """
    told = []
    for example in examples:
        sides = [some_frames(example, rng), some_frames(finished_example(example), rng)]
        changed = (changed_example(example, rng) for _ in range(draws))
        told += [_row(one) for one in (*sides, *changed) if one.known.any()]
    if not told:
        raise UsageError("no frame of the examples is known to come from its recording; there is nothing to learn from")
    summary, curve, is_raw = zip(*told)
    return ToneRows(np.stack(summary), np.stack(curve), np.array(is_raw))


def _row(example: MelExample) -> tuple[np.ndarray, np.ndarray, bool]:
    raw, edit = (np.maximum(side[example.known > 0].astype(np.float32), FLOOR) for side in (example.raw, example.edit))
    return example.summary, np.median(edit - raw, axis=0), not np.array_equal(example.raw, example.edit)


def learn_tone(rows: ToneRows, width: int, config: ToneTraining, seed: int) -> dict[str, Tensor]:
    """Return the parameters of a `Summary` of a width that were learned from rows.

    Parameters
    ----------
    rows : ToneRows
        What is learned from.
    width : int
        Of the whole, a multiple of the members.
    config : ToneTraining
        How to learn.
    seed : int
        The same seed gives the same parameters.

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
    return _steeper(side_by_side([one.state_dict() for one in members]), config)


def check_width(width: int, config: ToneTraining) -> None:
    """Raise a UsageError if the members cannot share a width evenly."""
    if width % config.members:
        raise UsageError(f"{config.members} networks cannot share a summary_dim of {width}")


def tells_apart(weights: Mapping[str, Tensor], rows: ToneRows) -> bool:
    """Tell whether the gate is further open on raw rows than on finished ones."""
    network = Summary(len(weights["mix.bias"]))
    network.load_state_dict(dict(weights))
    with torch.no_grad():
        gate = network(torch.from_numpy(rows.summary))[2][:, 0, 0].numpy()
    return bool(gate[rows.is_raw].mean() - gate[~rows.is_raw].mean() > LEAST_APART)


def _member(rows: ToneRows, width: int, config: ToneTraining, seed: int) -> Summary:
    """Train one of the networks."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Summary(width)
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        inputs = network.grouped(torch.from_numpy(rows.summary))
        curves, is_raw = torch.from_numpy(rows.curve), torch.from_numpy(rows.is_raw).float()
        # Both kinds count alike, however many there are of each.
        balance = 0.5 / torch.where(is_raw > 0, is_raw.mean(), 1 - is_raw.mean())
        steps = max(config.least_steps, -(-config.passes * len(inputs) // config.batch_size))
        for step in range(steps):
            share = step / steps
            rate = config.learning_rate * min(1.0, 50 * share + 0.01) * (0.51 + 0.5 * np.cos(np.pi * share))
            for group in optimizer.param_groups:
                group["lr"] = rate
            at = torch.randint(len(inputs), (config.batch_size,))
            seen = inputs[at] + config.noise * torch.randn(config.batch_size, inputs.shape[1])
            curve, odds = _dropped_out(network, seen, config.dropout)
            away_db = MEL_SPAN_DB * (torch.sigmoid(odds)[:, None] * curve - curves[at]).abs().mean()
            entropy = functional.binary_cross_entropy_with_logits(odds, is_raw[at], weight=balance[at])
            optimizer.zero_grad()
            (away_db + config.gate_weight * entropy).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return network.eval()


def _dropped_out(network: Summary, groups: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return curve and the gate's log odds, shares of both layers left out."""
    heard = functional.dropout(torch.relu(network.enter(groups)), share)
    heard = functional.dropout(torch.relu(network.mix(heard)), share)
    return network.curve(heard), network.gate_odds(heard)[:, 0]


def side_by_side(members: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the parameters of one `Summary` whose curve and log odds are the means of several ones'."""
    count = len(members)
    joined = {}
    for name in ("enter.weight", "enter.bias", "mix.bias"):
        joined[name] = torch.cat([one[name] for one in members])
    mixes = [one["mix.weight"] for one in members]
    joined["mix.weight"] = torch.block_diag(*mixes)  # type: ignore[no-untyped-call]
    for name in ("curve", "gate"):
        joined[f"{name}.weight"] = torch.cat([one[f"{name}.weight"] for one in members], dim=1) / count
        joined[f"{name}.bias"] = torch.stack([one[f"{name}.bias"] for one in members]).mean(0)
    return joined


def _steeper(weights: dict[str, Tensor], config: ToneTraining) -> dict[str, Tensor]:
    """Return weights whose gate is steeper, and moved."""
    bias = config.gate_steepness * (GATE_ODDS + weights["gate.bias"] - config.gate_shift) - GATE_ODDS
    return weights | {"gate.weight": config.gate_steepness * weights["gate.weight"], "gate.bias": bias}
