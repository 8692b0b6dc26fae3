"""Compares edits of the pointer network with those of `scored`, whose score it reads, on jams with a truth.

Every row edits the same jams from their analyses on; F1 and its parts are those of `editorbot evaluate`, a cut point is
right within 70 ms; two good plays of one passage may be joined anywhere in it, if the music goes on (the last column
counts only the truth's own places). The rows in between show where a difference comes from: the score alone through
the pointer's decoding, the network alone, and both without the edges that the network finds.

    python -m benchmarks.pointer_edits JAMS_FOLDER [--cache-dir cache] [--out benchmarks/results/pointer_edits]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.greedy_decoding import greedy_plays, greedy_step
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.truth import Truth, read_truth
from editorbot.editlist.edit_list import EditList
from editorbot.editors.base import EditRequest, Tightness
from editorbot.editors.pointer import PointerEditor
from editorbot.editors.pointer_inference.decode import Plays
from editorbot.editors.pointer_inference.learned import SHIPPED, LearnedPointer, read_inputs, read_pointer
from editorbot.editors.scored import ScoredEditor
from editorbot.evaluation.cut_points import cut_points
from editorbot.evaluation.metrics import score_edit
from editorbot.models.pointer_config import PointerInputs, RowScores
from editorbot.recording import open_recording
from editorbot.timebase import ANALYSIS_RATE, frame_count
from editorbot.training.pointer.rows import truth_pointers

ROOT = Path(__file__).resolve().parent.parent


class Greedy(LearnedPointer):
    """The same network, decoded one frame after the other."""

    def plays(
        self, scores: RowScores, inputs: PointerInputs, beats_s: np.ndarray, tightness: Tightness = "normal"
    ) -> Plays:
        """Always take the likeliest next frame."""
        return greedy_plays(greedy_step(scores, self.config), inputs.frames, longest=inputs.frames)


@dataclass(frozen=True)
class Jam:
    """A jam with its truth."""

    name: str
    analysis: Analysis
    truth: Truth


def editor_of(pointer: LearnedPointer) -> PointerEditor:
    """Make an editor with a network of changed prices."""
    editor = PointerEditor()
    editor._pointer = pointer
    return editor


def editors(pointer: LearnedPointer) -> dict[str, Callable[[Analysis, EditRequest], EditList]]:
    """Make the editor of each row."""
    how = pointer.decode
    changed = {
        "pointer": how,
        "pointer, its edges left where the path has them": replace(how, edge_reach=0),
        "the score alone through the same decoding": replace(how, score_weight=1.0, bucket_weight=0.0, edge_reach=0),
        "the network alone": replace(how, score_weight=0.0, threshold=0.0),
    }
    found = {name: editor_of(replace(pointer, decode=prices)).edit for name, prices in changed.items()}
    greedy = Greedy(pointer.weights, pointer.config, how, pointer.digest)
    return {"scored": ScoredEditor().edit, **found, "the network alone, greedy": editor_of(greedy).edit}


@dataclass(frozen=True)
class Accuracy:
    """How often the next frame is predicted right on the edits' own rows."""

    delta: float
    """Of the head of small distances, if the right distance is small."""
    next: float
    """Of all heads: the small distance is right, and no jump is predicted."""
    previous_plus_one: float
    """Of always going on."""


def accuracy_of(jams: list[Jam], pointer: LearnedPointer) -> Accuracy:
    """Measure how often the next frame is predicted right."""
    right = small = nexts = trivial = total = 0
    for jam in jams:
        scores = pointer.scores(read_inputs(jam.analysis, pointer.config))
        wanted = truth_pointers(jam.truth, frame_count(round(jam.truth.finished_s * ANALYSIS_RATE)), len(scores.arrive))
        at = wanted[wanted >= 0]
        previous = np.concatenate([[-1], at[:-1]])
        predicted = previous + 1 + scores.delta[previous + 1].argmax(1) - pointer.config.max_delta
        is_near = np.abs(at - previous - 1) <= pointer.config.max_delta
        right, small = right + int((predicted == at)[is_near].sum()), small + int(is_near.sum())
        nexts += int(((predicted == at) & (scores.use_jump[previous + 1] <= 0)).sum())
        trivial, total = trivial + int((at == previous + 1).sum()), total + len(at)
    return Accuracy(right / small, nexts / total, trivial / total)


def table(rows: dict[str, list[float]], accuracy: Accuracy, jams: int) -> str:
    """Return the table."""
    lines = [
        "# Edits of the pointer network", "", *(p.replace("\n", " ") + "\n" for p in (__doc__ or "").split("\n\n")[:2]),
        f"{jams} jams of validation artists, on which prices and thresholds of both editors were chosen: the rows "
        "compare, the figures flatter a little.", "",
        "| edits by | F1 | recall | purity | F1 of cut points at 70 ms | at the truth's own places |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [f"| {name} | {' | '.join(f'{value:.3f}' for value in row)} |" for name, row in rows.items()]
    lines += [
        "", f"`val_delta_accuracy` {accuracy.delta:.4f} (the head of small distances, where the right one is small), "
        f"`val_next_accuracy` {accuracy.next:.4f} (and no jump is said; cuts weigh 20 times in training, so jumps are "
        f"said too often, and the path has its own price for them); always saying 'previous + 1' gets "
        f"{accuracy.previous_plus_one:.4f}. None of them says how good an edit is.",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def main() -> None:
    """Edit every jam by every row, write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("jams", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "pointer_edits")
    args = parser.parse_args()
    cache, jams = AnalysisCache(args.cache_dir), []
    for path in sorted((args.jams / "truth").glob("*.json")):
        with open_recording(args.jams / "input" / f"{path.stem}_raw.wav") as recording:
            jams.append(Jam(path.stem, analyze(recording, cache=cache), read_truth(path)))
    pointer = read_pointer(args.checkpoint)
    rows = {}
    for name, edit in editors(pointer).items():
        found = []
        for jam in jams:
            made = edit(jam.analysis, EditRequest())
            score, points = score_edit(made, jam.truth), cut_points(made, jam.truth)
            found.append((score.f1, score.recall, score.purity, points.f1, points.exact_f1))
        rows[name] = [round(float(one), 4) for one in np.mean(found, axis=0)]
        print(name, rows[name], file=sys.stderr, flush=True)
    accuracy = accuracy_of(jams, pointer)
    args.out.with_suffix(".md").write_text(table(rows, accuracy, len(jams)), encoding="utf-8")
    document = {"jams": len(jams), "rows": rows, "accuracy": asdict(accuracy)}
    args.out.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
