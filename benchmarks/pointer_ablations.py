"""Measures what each part of the pointer network contributes: one row per network, all trained alike from scratch.

Every network starts from random weights of one seed, and is trained with the one change that its row names: on the
same pairs, in the same order, for as many epochs. Edits of validation pairs are scored against their truth. A network
whose expected position depends on how much was played can only be decoded greedily, a frame at a time: it is compared
with the others' greedy edits of the same pairs.

    python -m benchmarks.pointer_ablations training_data valid_data --cache-dir cache --workers 2
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.greedy_decoding import greedy_plays, greedy_step, next_pointer
from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.truth import Truth, read_truth, truth_path
from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.editors.pointer_inference.decode import DecodeSettings, Plays
from editorbot.editors.pointer_inference.learned import read_pointer
from editorbot.evaluation.cut_points import cut_points
from editorbot.evaluation.metrics import score_edit
from editorbot.models.pointer import PointerNetwork, row_scores, to_tensors
from editorbot.models.pointer_config import PointerConfig
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES
from editorbot.training.pointer.config import SMALL
from editorbot.training.pointer.data import PointerDataset, PointerFolders, PointerPair, prepared
from editorbot.training.pointer.train import PointerNetworkTrainer
from editorbot.training.pointer.validation import plays_of, validate

ROOT = Path(__file__).resolve().parent.parent
CHANGES: dict[str, dict[str, Any]] = {
    "small configuration": {},
    "no summary tokens": {"global_tokens": 0},
    "no window": {"window": 0},
    "expected: ratio": {"expected": "ratio"},
    "no op task": {"op_head": False},
}
ACCURACIES = ("val_delta_accuracy", "val_next_accuracy", "val_previous_plus_one")
"""Metrics of the heads alone, by the names of `validate`."""

Row = dict[str, object]
"""Metrics of a network, by the names of the columns."""


@torch.no_grad()
def best(network: PointerNetwork, pair: PointerPair, settings: DecodeSettings) -> Plays:
    """Decode all rows at once."""
    memory = network.encode(to_tensors(pair.inputs))
    scores = row_scores(network.all_rows(memory), memory)
    return plays_of(scores, pair, network.config, settings)


@torch.no_grad()
def greedy(network: PointerNetwork, pair: PointerPair, settings: DecodeSettings) -> Plays:
    """Decode one frame after the other."""
    memory = network.encode(to_tensors(pair.inputs))
    frames, config, place = pair.inputs.frames, network.config, 0
    if config.expected == "previous":  # a row depends on the last pointer alone, so all rows can be computed at once
        return greedy_plays(greedy_step(row_scores(network.all_rows(memory), memory), config), frames, longest=frames)

    def step(previous: int) -> tuple[int, bool]:
        nonlocal place
        expected = min(round(place / config.ratio), frames)
        place += 1
        heads = network.decode(memory, torch.tensor([previous]), torch.tensor([expected]))
        scores = row_scores(heads, memory)
        return next_pointer(scores, config, 0, expected - 1)

    return greedy_plays(step, frames, longest=frames)


def f1_of(plays: Plays, truth: Truth, frames: int) -> tuple[float, float]:
    """Compute the F1 of an edit and of its cut points."""
    samples = frames * HOP_SAMPLES
    spans = zip((plays.starts * HOP_SAMPLES).tolist(), (plays.ends * HOP_SAMPLES).tolist())
    clips = tuple(Clip(start, min(end, samples)) for start, end in spans if start < min(end, samples))
    joins = tuple(Join(0, 0.0) for _ in clips[1:])
    edit = EditList(Source("jam.wav", "sha256:" + "0" * 64, ANALYSIS_RATE, 1, samples), clips, joins)
    return score_edit(edit, truth).f1, cut_points(edit, truth).f1


@dataclass(frozen=True)
class Ablation:
    """A network that is trained with a change, and scored."""

    name: str
    change: dict[str, Any]
    args: argparse.Namespace

    @property
    def shape(self) -> PointerConfig:
        """The network's shape."""
        return replace(SMALL.model, ratio=0.44, **self.change)

    def rows(self) -> list[Row]:
        """Train, and make a row for each way of decoding."""
        torch.set_num_threads(1)
        args = self.args
        how = replace(SMALL.training, epochs=args.epochs, learning_rate=args.learning_rate)
        trainer = PointerNetworkTrainer(self._some(args.data, args.pairs), how, self.shape)
        while trainer.epoch < args.epochs:
            trainer.train_epoch()
        network = trainer.network.eval()
        valid = self._some(args.valid, args.valid_pairs)
        if self.shape.expected == "ratio":
            return [row_of(f"{self.name}, greedy", network, valid, greedy, args.greedy_pairs)]
        found = [row_of(self.name, network, valid, best, args.valid_pairs)]
        if not self.change:
            found += [row_of(f"{self.name}, greedy", network, valid, greedy, most) for most in args.greedy_of]
        return found

    def _some(self, data: Path, most: int) -> PointerDataset:
        """Select every so many of a folder's pairs."""
        every = prepared_pairs(data, self.args, self.shape)
        names = every.samples[:: max(1, len(every.samples) // most)][:most]
        return PointerDataset(every.folders, names, self.shape)


def prepared_pairs(data: Path, args: argparse.Namespace, shape: PointerConfig, workers: int = 1) -> PointerDataset:
    """Prepare a folder's pairs; those that are already prepared stay as they are."""
    folders = PointerFolders(data, data / "pointer_sequences", CacheFolder(args.cache_dir))
    return prepared(folders, shape, workers=workers)


def row_of(name: str, network: PointerNetwork, pairs: PointerDataset, decode: Callable[..., Plays], most: int) -> Row:
    """Score a network's edits of some pairs."""
    found, settings = [], replace(read_pointer().decode, score_weight=0.0, threshold=0.0)
    for number in range(min(most, len(pairs))):
        pair = pairs[number]
        truth = read_truth(truth_path(pairs.folders.data, pair.sample))
        found.append(f1_of(decode(network, pair, settings), truth, pair.inputs.frames))
    f1, cut_f1 = np.mean(found, axis=0)
    row: Row = {"network": name, "jams": len(found), "f1": round(float(f1), 4), "cut_f1": round(float(cut_f1), 4)}
    accuracy = validate(network, pairs, settings)
    row |= {key: round(accuracy[key], 4) for key in ACCURACIES}
    print(row, flush=True)
    return row


def main() -> None:
    """Train, score, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("valid", type=Path)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--valid-pairs", type=int, default=32)
    parser.add_argument("--greedy-pairs", type=int, default=4, help="of a network that depends on how much was played")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=1, help="networks trained in parallel, a thread each")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "pointer_ablations")
    args = parser.parse_args()
    args.greedy_of = (args.valid_pairs, args.greedy_pairs)
    for folder in (args.data, args.valid):
        prepared_pairs(folder, args, SMALL.model, args.workers)
    ablations = [Ablation(name, change, args) for name, change in CHANGES.items()]
    with ProcessPoolExecutor(args.workers, get_context("spawn")) as pool:
        rows = [row for found in pool.map(Ablation.rows, ablations) for row in found]
    write(args, rows)


def write(args: argparse.Namespace, rows: list[Row]) -> None:
    """Write the table."""
    head = "| network | jams | F1 | F1 of cut points | val_delta_accuracy | val_next_accuracy | previous + 1 |\n"
    head += "|---|---|---|---|---|---|---|\n"
    lines = [
        f"| {row['network']} | {row['jams']} | {row['f1']:.3f} | {row['cut_f1']:.3f} | "
        + " | ".join(f"{row[name]:.4f}" for name in ACCURACIES)
        + " |"
        for row in rows
    ]
    text = f"""# What each part of the pointer network brings

Each network was trained from nothing with its change: {args.pairs} jams of training artists, epochs:
{args.epochs}, learning rate {args.learning_rate}, seed 0, one thread, the same for all; what ships learned from
twice the jams for twice the epochs. Edits of validation jams, decoded with the shipped prices, the network's
word alone (score_weight 0); no join moved for the beat afterwards. With the expected position by ratio a row
depends on how much was played: that network can only be decoded greedily, a frame at a time, and is to be
compared with the greedy edits of as many jams.

"""
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".md").write_text(text + head + "\n".join(lines) + "\n", encoding="utf-8")
    settings = {"pairs": args.pairs, "epochs": args.epochs, "learning_rate": args.learning_rate, "rows": rows}
    args.out.with_suffix(".json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
