"""What each way of teaching the policy comes to: F1 on validation jams, beside the editor whose score it reads.

A row is a run's best.pt. What is watched while training (spec names) comes from the checkpoint; edits are made and
judged as `editorbot evaluate` does. Pictures of the last run and of one episode are written beside the table.

    python benchmarks/policy.py valid_data --cache-dir cache --run "BC=models/bc" --run "BC + PPO=models/policy"
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.splits import refuse_held_out_pairs
from editorbot.editors.acting.episode import listen, play
from editorbot.editors.acting.hints import hints_of
from editorbot.editors.acting.shares import share_lines
from editorbot.editors.acting.weights import read_policy
from editorbot.environment.material import material_of
from editorbot.errors import MismatchError
from editorbot.evaluation.benchmark import Entrant, EvaluationJob, evaluate_jam
from editorbot.evaluation.bootstrap import bootstrap_mean, paired_difference
from editorbot.evaluation.jams import Jam, find_jams
from editorbot.models.checkpoint import load_checkpoint
from editorbot.recording import open_recording
from editorbot.training.policy_pictures import curves_of, picture_of_episode, picture_of_run

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ("train/entropy", "train/bc_entropy", "train/bc_loss", "approx_kl", "counters/n_keep_ratio")
TARGETS = ("falls from 2.0", "toward 1.0", "below 1.0", "near 0.02", "0.4 - 0.6")
YARDSTICK = "scored"


def watched_of(folder: Path) -> dict[str, Any]:
    """Return what a run's best checkpoint measured, and how far it went."""
    try:
        found = load_checkpoint(folder / "best.pt", method="ppo")
    except MismatchError:
        found = load_checkpoint(folder / "best.pt", method="bc")
    told: dict[str, Any] = {"method": found.method, "steps": found.step, "seed": found.seed}
    return told | {name: round(found.metrics[name], 5) for name in WATCHED if name in found.metrics}


def judged(jams: Sequence[Jam], runs: dict[str, Path], cache: Path) -> dict[str, list[Any]]:
    """Return the scores of every entrant, jam by jam."""
    entrants = [Entrant(YARDSTICK, YARDSTICK), Entrant("retarget", "retarget")]
    entrants += [Entrant(name, "policy", folder / "best.pt") for name, folder in runs.items()]
    scores: dict[str, list[Any]] = {entrant.name: [] for entrant in entrants}
    for jam in jams:
        done = evaluate_jam(EvaluationJob(jam, tuple(entrants), cache / "analysis"))
        for name, error in done.errors:
            raise SystemExit(f"{name}: {error}")
        for result in done.results:
            scores[result.entrant].append(result.score)
        print(jam.sample, {name: round(found[-1].f1, 3) for name, found in scores.items()}, flush=True)
    return scores


def rows_of(scores: dict[str, list[Any]], runs: dict[str, Path], tracks: list[str]) -> list[dict[str, Any]]:
    """Return a row an entrant."""
    values = {name: np.array([score.f1 for score in found]) for name, found in scores.items()}
    first = next(iter(runs))
    rows = []
    for name, f1 in values.items():
        rng = np.random.default_rng(0)
        row: dict[str, Any] = {"row": name, "jams": len(f1), "f1": str(bootstrap_mean(f1, rng=rng, tracks=tracks))}
        row["recall"] = round(float(np.mean([score.recall for score in scores[name]])), 3)
        row["purity"] = round(float(np.mean([score.purity for score in scores[name]])), 3)
        for other in (first, YARDSTICK):
            if other != name:
                row[f"beside {other}"] = str(paired_difference(f1, values[other], rng=rng, tracks=tracks))
        rows.append(row | (watched_of(runs[name]) if name in runs else {}))
    return rows


def page(rows: list[dict[str, Any]], told: str, shares: list[str]) -> str:
    """Return the table as Markdown."""
    columns = ["row", "f1", "recall", "purity", *(key for key in rows[-1] if key.startswith("beside"))]
    columns += ["steps", "seed", *WATCHED]
    head = ["what", "F1 [95 %]", *columns[2:]]
    head[head.index("steps")] = "epochs or updates"
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(row.get(column, "")) for column in columns) + " |" for row in rows]
    aims = ["target", *[""] * (len(columns) - len(WATCHED) - 1), *TARGETS]
    lines.append("| " + " | ".join(aims) + " |")
    steps = "\n".join(f"    {line}" for line in shares)
    return f"# The policy\n\n{told}\n\n" + "\n".join(lines) + f"\n\nSteps of the last row's policy:\n\n{steps}\n"


def main() -> None:
    """Judge, write the table and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    parser.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER", required=True)
    parser.add_argument("--note", default="", help="what to say of how the runs were made")
    parser.add_argument("--truth-keep", type=float, help="share of KEEP among the human's own steps")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "policy")
    args = parser.parse_args()
    refuse_held_out_pairs(args.data)
    runs = {name: Path(folder) for name, _, folder in (one.partition("=") for one in args.run)}
    jams = find_jams(args.data).jams
    rows = rows_of(judged(jams, runs, args.cache_dir), runs, [jam.track for jam in jams])
    last_name, last = list(runs.items())[-1]
    policy = read_policy(last / "best.pt")
    actions, one = [], None
    for jam in jams:
        with open_recording(jam.path) as recording:
            analysis = analyze(recording, cache=AnalysisCache(args.cache_dir / "analysis"))
        listening = listen(policy, material_of(analysis), hints_of(analysis), None)
        episode = play(listening)
        actions += episode.actions
        one = one or (jam.sample, episode, listening.material)
    keep = "" if args.truth_keep is None else f" The human's own share of KEEP steps is {args.truth_keep:.2f}."
    told = (
        f"{len(jams)} jams of validation artists, simulated, with their truth; {args.note}{keep} Differences are "
        f"paired over tracks, 95 % bootstrap. `{YARDSTICK}` is the editor whose score the policy is told of each beat."
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    shares = share_lines(actions, policy.config.words)
    args.out.with_suffix(".md").write_text(page(rows, told, shares), encoding="utf-8")
    args.out.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    args.out.with_name("policy_run.png").write_bytes(picture_of_run(curves_of(last / "log"), last_name))
    if one is not None:
        picture = picture_of_episode(one[1].actions, one[2], policy.config.words, f"{last_name}: {one[0]}")
        args.out.with_name("policy_episode.png").write_bytes(picture)


if __name__ == "__main__":
    main()
