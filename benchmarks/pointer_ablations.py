"""What each part of the pointer network brings: one row a network, all trained alike and shortly.

Every network begins with the weights that ship, as far as they fit it, and is trained on with the one change that its
row names: on the same pairs, in the same order, for as many epochs. So it learns to do without the part, as far as a
short run can. Edits of validation pairs are scored against their truth.

    python benchmarks/pointer_ablations.py training_data valid_data --cache-dir cache
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from editorbot.corpus.cache_files import CacheFolder
from editorbot.corpus.simulate.folder import truth_path
from editorbot.corpus.truth import Truth, read_truth
from editorbot.editlist.edit_list import Clip, EditList, Join, Source
from editorbot.editors.pointing.decode import DecodeSettings, Plays, greedy_plays, greedy_step, next_pointer
from editorbot.editors.pointing.weights import read_pointer
from editorbot.evaluation.cut_points import cut_points
from editorbot.evaluation.metrics import score_edit
from editorbot.models.pointer import PointerNetwork, heard, row_scores
from editorbot.models.pointer_shape import PointerConfig
from editorbot.timebase import ANALYSIS_RATE, HOP_SAMPLES
from editorbot.training.pointer_data import PointerDataset, PointerFolders, PointerPair
from editorbot.training.pointer_losses import PointerTraining
from editorbot.training.pointer_scores import plays_of, validate
from editorbot.training.run_pointer import read_run
from editorbot.training.train_pointer import train_network

ROOT = Path(__file__).resolve().parent.parent
CHANGES: dict[str, dict[str, object]] = {
    "small configuration": {},
    "no summary tokens": {"global_tokens": 0},
    "no window": {"window": 0},
    "expected: ratio": {"expected": "ratio"},
    "no op task": {"op_head": False},
}
ACCURACIES = ("val_delta_accuracy", "val_next_accuracy", "val_previous_plus_one")
"""What is told of the heads alone, by the names of `validate`."""


@torch.no_grad()
def best(network: PointerNetwork, pair: PointerPair, settings: DecodeSettings) -> Plays:
    """Decode all rows at once."""
    memory = network.encode(heard(pair.inputs))
    scores = row_scores(network.all_rows(memory), memory)
    return plays_of(scores, pair, network.config, settings)


@torch.no_grad()
def greedy(network: PointerNetwork, pair: PointerPair, settings: DecodeSettings) -> Plays:
    """Decode one frame after the other."""
    memory = network.encode(heard(pair.inputs))
    frames, config, place = pair.inputs.frames, network.config, 0
    if config.expected == "previous":  # what a row says depends on the last pointer alone, so it is said already
        return greedy_plays(greedy_step(row_scores(network.all_rows(memory), memory), config), frames, longest=frames)

    def step(previous: int) -> tuple[int, bool]:
        nonlocal place
        expected = previous + 1 if config.expected == "previous" else round(place / config.ratio)
        place += 1
        heads = network.decode(memory, torch.tensor([previous]), torch.tensor([min(expected, frames)]))
        scores = row_scores(heads, memory)
        return next_pointer(scores, config, 0, min(expected, frames) - 1)

    return greedy_plays(step, frames, longest=frames)


def judged(plays: Plays, truth: Truth, frames: int) -> tuple[float, float]:
    """Return the F1 of an edit and of its cut points."""
    samples = frames * HOP_SAMPLES
    spans = zip((plays.starts * HOP_SAMPLES).tolist(), (plays.ends * HOP_SAMPLES).tolist())
    clips = tuple(Clip(start, min(end, samples)) for start, end in spans if start < min(end, samples))
    joins = tuple(Join(0, 0.0) for _ in clips[1:])
    edit = EditList(Source("jam.wav", "sha256:" + "0" * 64, ANALYSIS_RATE, 1, samples), clips, joins)
    return score_edit(edit, truth).f1, cut_points(edit, truth).f1


def row_of(
    name: str, network: PointerNetwork, pairs: PointerDataset, decode: Callable[..., Plays], most: int
) -> dict[str, object]:
    """Score a network's edits of some pairs."""
    found, settings = [], replace(read_pointer().decode, score_weight=0.0, threshold=0.0)
    for number in range(min(most, len(pairs))):
        pair = pairs[number]
        truth = read_truth(truth_path(pairs.folders.data, pair.sample))
        found.append(judged(decode(network, pair, settings), truth, pair.inputs.frames))
    f1, cut_f1 = np.mean(found, axis=0)
    row = {"network": name, "jams": len(found), "f1": round(float(f1), 4), "cut_f1": round(float(cut_f1), 4)}
    accuracy = validate(network, pairs, settings)
    row |= {key: round(accuracy[key], 4) for key in ACCURACIES}
    print(row, flush=True)
    return row


def dataset(data: Path, cache: Path, config: PointerConfig, most: int) -> PointerDataset:
    """Return every so many of the pairs that the cache holds."""
    folders = PointerFolders(data, data / "pointer_sequences", CacheFolder(cache))
    names = [path.stem for path in sorted((data / "truth").glob("*.json")) if folders.cache.raw(path.stem).is_file()]
    return PointerDataset(folders, names[:: max(1, len(names) // most)][:most], config)


def main() -> None:
    """Train, score, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("valid", type=Path)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    parser.add_argument("--pairs", type=int, default=80)
    parser.add_argument("--valid-pairs", type=int, default=16)
    parser.add_argument("--greedy-pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "pointer_ablations")
    args = parser.parse_args()
    torch.set_num_threads(1)
    run = read_run(ROOT / "pointer_network" / "configs" / "small.json")
    how = PointerTraining(**{**asdict(run.training), "epochs": args.epochs, "learning_rate": args.learning_rate})
    start = {name: torch.from_numpy(value) for name, value in read_pointer().weights.items()}
    rows = []
    for name, change in CHANGES.items():
        shape = replace(run.model, ratio=0.44, **change)
        network = train_network(dataset(args.data, args.cache_dir, shape, args.pairs), how, shape, start=start)
        valid = dataset(args.valid, args.cache_dir, shape, args.valid_pairs)
        if shape.expected == "previous":
            rows.append(row_of(name, network, valid, best, args.valid_pairs))
        if name == "small configuration":
            rows.append(row_of(f"{name}, greedy", network, valid, greedy, args.valid_pairs))
        if shape.expected == "ratio":
            rows.append(row_of(f"{name}, greedy", network, valid, greedy, args.greedy_pairs))
        write(args, rows)


def write(args: argparse.Namespace, rows: list[dict[str, object]]) -> None:
    """Write what was found so far."""
    head = "| network | jams | F1 | F1 of cut points | val_delta_accuracy | val_next_accuracy | previous + 1 |\n"
    head += "|---|---|---|---|---|---|---|\n"
    lines = [
        f"| {row['network']} | {row['jams']} | {row['f1']:.3f} | {row['cut_f1']:.3f} | "
        + " | ".join(f"{row[name]:.4f}" if name in row else "-" for name in ACCURACIES)
        + " |"
        for row in rows
    ]
    told = (
        f"# What each part of the pointer network brings\n\nEach network began with the shipped weights, as far as "
        f"they fit, and was trained on with its change: {args.pairs} jams, epochs: {args.epochs}, learning rate "
        f"{args.learning_rate}, seed 0, one thread. A short budget, the same for all: only the rows compare. Decoded "
        "with the shipped prices, the network's word alone (score_weight 0); no join moved for "
        "the beat afterwards. With the expected position by ratio a row depends on how much was played: that network "
        "can only be decoded greedily, a frame at a time, on fewer jams. It began with weights that had learned the "
        "other position, which so few epochs do not undo: its row says that the two are far apart, not which is "
        "better.\n\n"
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix(".md").write_text(told + head + "\n".join(lines) + "\n", encoding="utf-8")
    settings = {"pairs": args.pairs, "epochs": args.epochs, "rows": rows}
    args.out.with_suffix(".json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
