"""Validates a pointer network on pairs that it was not trained on, and chooses the decoder's costs on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from jaxtyping import Int

from editorbot.editors.pointer_inference.decode import (
    DecodeSettings,
    Plays,
    best_plays,
    costs_of,
    score_odds_of,
    with_edges,
)
from editorbot.models.pointer import PointerNetwork, row_scores, to_tensors
from editorbot.models.pointer_config import PointerConfig, RowScores
from editorbot.timebase import FRAME_S
from editorbot.training.pointer.data import PointerPair
from editorbot.training.pointer.losses import heads_at
from editorbot.training.pointer.rows import rows_of

THRESHOLDS = (-0.5, 0.0, 0.25, 0.5, 1.0)
"""Tried as `DecodeSettings.threshold`."""

FRAME_WEIGHTS = (0.05, 0.1)
"""Tried as `DecodeSettings.frame_weight`."""

SCORE_WEIGHTS = (0.5, 0.7, 0.85)
"""Tried as `DecodeSettings.score_weight` if the network reads the score."""

JUMP_COSTS = (4.0, 8.0)
"""Tried as `DecodeSettings.jump_cost`."""

CUT_SHARE = 0.2
"""Weight of the F1 of cut points beside that of the frames played."""

CUT_SLACK_S = 0.07
"""Most distance of a cut from the right one [seconds]."""


@torch.no_grad()
def scores_of(network: PointerNetwork, pair: PointerPair) -> RowScores:
    """Compute the network's answers for a pair."""
    recording = to_tensors(pair.inputs, next(network.parameters()).device)
    memory = network.encode(recording)
    return row_scores(network.all_rows(memory), memory)


def plays_of(scores: RowScores, pair: PointerPair, config: PointerConfig, how: DecodeSettings) -> Plays:
    """Find the cheapest plays of a pair's recording."""
    odds = score_odds_of(pair.inputs, config)
    costs = costs_of(scores, config, how, pair.beats_s, score_odds=odds)
    return with_edges(best_plays(costs, config, how), scores, how)


@torch.no_grad()
def validate(
    network: PointerNetwork, pairs: Sequence[PointerPair], settings: DecodeSettings | None = None
) -> dict[str, float]:
    """Measure a network, by TensorBoard's names.

    Of the edits' own rows, `val_delta_accuracy` is the accuracy of the delta head where the distance is small,
    `val_next_accuracy` that of delta and use_jump together on all (jumps are predicted too often, because rows at cuts
    weigh more in training; the decoder's costs correct that), and `val_previous_plus_one` that of always going on: the
    baseline. `val_cut_f1` compares the cut points of decoded edits with the pairs' own, `val_f1` the frames played.
    """
    network.eval()
    how = settings or DecodeSettings()
    right = small = trivial = count = cuts = cuts_right = nexts = 0
    cut_f1, frame_f1 = [], []
    for pair in pairs:
        rows = rows_of(pair.targets.pointers, pair.targets.ops, pair.inputs.frames, network.config)
        memory = network.encode(to_tensors(pair.inputs, next(network.parameters()).device))
        heads = heads_at(network, memory, rows)
        own = rows.is_copied & ~rows.is_stop
        delta = heads.delta.argmax(-1).cpu().numpy() - network.config.max_delta
        is_near = own & (np.abs(rows.distance) <= network.config.max_delta)
        hit = (delta == rows.distance) & ~(heads.use_jump.cpu().numpy() > 0)
        right, small = right + int((delta == rows.distance)[is_near].sum()), small + int(is_near.sum())
        nexts, count = nexts + int(hit[own].sum()), count + int(own.sum())
        trivial += int((rows.target == rows.previous + 1)[own].sum())
        cuts, cuts_right = cuts + int(rows.is_cut.sum()), cuts_right + int(hit[rows.is_cut].sum())
        if network.config.expected == "previous":
            scores = row_scores(network.all_rows(memory), memory)
            plays = plays_of(scores, pair, network.config, how)
            cut_f1.append(cut_point_f1(plays.pointers, pair.targets.pointers))
            frame_f1.append(held_f1(plays, pair.targets.pointers))
    found = {
        "val_delta_accuracy": right / max(small, 1),
        "val_next_accuracy": nexts / max(count, 1),
        "val_previous_plus_one": trivial / max(count, 1),
        "val_cut_delta_accuracy": cuts_right / max(cuts, 1),
    }
    if cut_f1:
        found |= {"val_cut_f1": float(np.mean(cut_f1)), "val_f1": float(np.mean(frame_f1))}
    return found


def validation_score(metrics: Mapping[str, float]) -> float:
    """Score an epoch: how much of the music the edits hold, and a little their cuts; -inf if it was not measured."""
    if "val_f1" in metrics:
        return metrics["val_f1"] + CUT_SHARE * metrics["val_cut_f1"]
    return metrics.get("val_delta_accuracy", -np.inf)


def edges_of(pointers: Int[np.ndarray, " edit_frames"]) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the plays, in raw frames."""
    at = pointers[pointers >= 0]
    if not len(at):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    jumps = np.flatnonzero(np.abs(np.diff(at) - 1) > 1)
    return np.append(at[0], at[jumps + 1]), np.append(at[jumps] + 1, at[-1] + 1)


def cut_point_f1(found: Int[np.ndarray, " a"], right: Int[np.ndarray, " b"]) -> float:
    """F1 of starts and ends of plays, each matched with one of the right ones within CUT_SLACK_S."""
    hits = total = 0
    for mine, theirs in zip(edges_of(found), edges_of(right)):
        hits += _matched(np.sort(mine), np.sort(theirs), CUT_SLACK_S / FRAME_S)
        total += len(mine) + len(theirs)
    return 2 * hits / max(total, 1)


def _matched(one: np.ndarray, other: np.ndarray, slack: float) -> int:
    """Match sorted places one to one within a distance and count them; greedy is best in one dimension."""
    at = hits = 0
    for place in one.tolist():
        while at < len(other) and other[at] < place - slack:
            at += 1
        if at < len(other) and other[at] <= place + slack:
            hits, at = hits + 1, at + 1
    return hits


def held_f1(plays: Plays, right: Int[np.ndarray, " edit_frames"]) -> float:
    """F1 of the raw frames that are played against those that should be."""
    end = int(max(plays.ends.max(initial=0), right.max(initial=0) + 1))
    mine, theirs = np.zeros(end, bool), np.zeros(end, bool)
    mine[plays.pointers] = True
    theirs[right[right >= 0]] = True
    both = int((mine & theirs).sum())
    return 2 * both / max(len(plays.pointers) + int(theirs.sum()), 1)


def calibrate(
    network: PointerNetwork, pairs: Sequence[PointerPair], start: DecodeSettings
) -> tuple[DecodeSettings, dict[str, float]]:
    """Choose the costs with the best edits of the validation pairs; return them and how good these are."""
    if network.config.expected == "ratio":  # where the window lies is not known of all frames at once
        return start, validate(network, pairs, start)
    scored = [(scores_of(network, pair), pair) for pair in pairs]
    best, settings = -1.0, start
    shares = SCORE_WEIGHTS if network.config.score_inputs else (start.score_weight,)
    for threshold, weight, jump, share in product(THRESHOLDS, FRAME_WEIGHTS, JUMP_COSTS, shares):
        tried = replace(start, threshold=threshold, frame_weight=weight, jump_cost=jump, score_weight=share)
        f1s = []
        for scores, pair in scored:
            plays = plays_of(scores, pair, network.config, tried)
            f1s.append(
                held_f1(plays, pair.targets.pointers) + 0.2 * cut_point_f1(plays.pointers, pair.targets.pointers)
            )
        if float(np.mean(f1s)) > best:
            best, settings = float(np.mean(f1s)), tried
    return settings, validate(network, pairs, settings)
