"""Measures how well the learned score works on kinds of faults that its training did not include.

    python benchmarks/scored_left_out.py TRAIN_PAIRS VALID_PAIRS TEST_PAIRS [--epochs 8] [--cache cache]

Each argument is a folder of jams with their truth (`editorbot pairs simulate`). One network is trained on all classes,
and one for each class that is left out of all training jams; threshold and price of a switch are chosen on the
validation jams, which have every class. All are trained equally briefly, so only compare the rows; what ships is
trained several times as long. A network that exists already is not trained again. Writes
``results/scored_left_out.md`` and ``.json``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from editorbot.editors.scoring.network import SHAPE
from editorbot.models.scorer import ScorerNetwork
from editorbot.models.scorer_config import CLASSES
from editorbot.training.scored.calibration import calibrate, chances_of, step_score
from editorbot.training.scored.config import ScoredTraining
from editorbot.training.scored.examples import Example, read_example
from editorbot.training.scored.jams import examples_of_pairs
from editorbot.training.scored.train import ScoredRun

LEFT_OUT = ("", "noodling", "other_song", "bad_take")
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One network on the test jams."""

    left_out: str
    f1: float
    """Mean over the jams, in steps."""
    gain_over_all: tuple[float, float, float]
    """Mean and 95 % bootstrap interval over the jams, against the network trained on every class."""
    kept: dict[str, float]
    """Share of each class that is kept."""


def examples_in(folder: Path, cache: Path) -> list[Example]:
    """Load the jams of a folder as examples, cached under the folder's name."""
    return [read_example(path) for path in examples_of_pairs(folder, cache / folder.name)]


def trained(left_out: str, examples: Sequence[Example], epochs: int, cache: Path) -> ScorerNetwork:
    """Load or train the network without a class."""
    path = cache / f"without_{left_out or 'nothing'}_{epochs}.safetensors"
    network = ScorerNetwork(SHAPE)
    if path.exists():
        network.load_state_dict(load_file(path))
        return network.eval()
    config = ScoredTraining(epochs=epochs, left_out=(left_out,) if left_out else ())
    run = ScoredRun(examples, config, SHAPE)
    while run.epoch < epochs:
        print(left_out, run.train_epoch())
    save_file(run.mean.state_dict(), path)
    return run.mean.eval()


def scored(
    network: ScorerNetwork, valid: Sequence[Example], test: Sequence[Example]
) -> tuple[np.ndarray, dict[str, float]]:
    """Compute the F1 of each test jam, and the share of each class that is kept."""
    chosen = calibrate([chances_of(network, one) for one in valid], valid)
    kept = [chosen.kept(chances_of(network, one)) for one in test]
    f1 = np.array([step_score(keep, one).f1 for keep, one in zip(kept, test)])
    all_kept, classes = np.concatenate(kept), np.concatenate([one.classes for one in test])
    return f1, {name: float(all_kept[classes == number].mean()) for number, name in enumerate(CLASSES)}


def interval(gain: np.ndarray) -> tuple[float, float, float]:
    """Compute the mean and its 95 % bootstrap interval."""
    draws = np.random.default_rng(0).integers(0, len(gain), (2000, len(gain)))
    low, high = np.percentile(gain[draws].mean(axis=1), [2.5, 97.5])
    return float(gain.mean()), float(low), float(high)


def report(rows: Sequence[Row], sizes: Sequence[int], epochs: int) -> str:
    """Write the page."""
    lines = [
        "# Faults that training never held",
        "",
        f"`python benchmarks/scored_left_out.py`: {sizes[0]} jams to learn from, {sizes[1]} to choose on,",
        f"{sizes[2]} of held-out artists to score on; {epochs} epochs, seed 0, one network each: far less than",
        "what ships, so only the rows compare. A class is left out of every training jam, remixes too. F1 is",
        "counted in steps of 0.19 s.",
        "",
        "| left out of training | F1 | against none left out | "
        + " | ".join(f"{name} kept" for name in CLASSES)
        + " |",
        "|---" * (3 + len(CLASSES)) + "|",
    ]
    for row in rows:
        gain = "{:+.3f} [{:+.3f}, {:+.3f}]".format(*row.gain_over_all) if row.left_out else ""
        shares = " | ".join(f"{row.kept[name]:.0%}" for name in CLASSES)
        lines.append(f"| {row.left_out or 'nothing'} | {row.f1:.3f} | {gain} | {shares} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folders", type=Path, nargs=3, metavar="FOLDER", help="for training, for validation, for the test"
    )
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path("cache/left_out"))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train, valid, test = (examples_in(folder, arguments.cache) for folder in arguments.folders)
    rows: list[Row] = []
    all_f1 = np.zeros(len(test))
    for left_out in LEFT_OUT:
        f1, kept = scored(trained(left_out, train, arguments.epochs, arguments.cache), valid, test)
        all_f1 = all_f1 if left_out else f1
        rows.append(Row(left_out, float(f1.mean()), interval(f1 - all_f1), kept))
        page = report(rows, [len(train), len(valid), len(test)], arguments.epochs)
        (RESULTS / "scored_left_out.md").write_text(page)
        (RESULTS / "scored_left_out.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
        print(page)


if __name__ == "__main__":
    main()
