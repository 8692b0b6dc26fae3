"""What each way of teaching the policy comes to: F1 on validation jams, beside the editor whose score it reads.

A row is a run's best.pt. What is watched while training comes from the checkpoint. Edits are judged as decided, before
joins are moved by milliseconds. Pictures of the last run and of one episode are written beside the table.

    python -m benchmarks.policy valid_data --cache-dir cache --run BC=models/bc --run "BC + PPO=models/policy"

A row of several seeds names its folders with commas between them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.splits import refuse_held_out_pairs
from editorbot.editlist.edit_list import EditList, MadeBy
from editorbot.editors.base import EditRequest
from editorbot.editors.policy_inference.action_shares import share_lines
from editorbot.editors.policy_inference.episode import play, prepare
from editorbot.editors.policy_inference.learned import LearnedPolicy, read_policy, score_features_of
from editorbot.editors.registry import editor_named
from editorbot.environment.episodes import edit_list_of_episode
from editorbot.environment.material import Material, material_of
from editorbot.errors import MismatchError
from editorbot.evaluation.bootstrap import bootstrap_mean, paired_difference
from editorbot.evaluation.jams import Jam, find_jams
from editorbot.evaluation.metrics import score_edit
from editorbot.models.checkpoint import load_checkpoint
from editorbot.recording import open_recording
from tools.policy_pictures import curves_of, picture_of_episode, picture_of_run

ROOT = Path(__file__).resolve().parent.parent
WATCHED = ("train/entropy", "train/bc_entropy", "train/bc_loss", "approx_kl", "counters/n_keep_ratio")
TARGETS = ("falls from 2.0", "toward 1.0", "below 1.0", "near 0.02", "0.4 - 0.6")
YARDSTICK = "scored"
Runs = dict[str, list[Path]]
"""The folders of each row, one a seed."""


def watched_of(folder: Path) -> dict[str, float]:
    """Return what a run's best checkpoint measured, and how far it went."""
    try:
        found = load_checkpoint(folder / "best.pt", method="ppo")
    except MismatchError:
        found = load_checkpoint(folder / "best.pt", method="bc")
    return {"steps": found.step} | {name: found.metrics[name] for name in WATCHED if name in found.metrics}


def mean_watched(folders: Sequence[Path]) -> dict[str, Any]:
    """Return the means over a row's seeds."""
    each = [watched_of(folder) for folder in folders]
    means = {name: float(np.mean([one[name] for one in each])) for name in each[0]}
    return {"seeds": len(folders), **{name: float(f"{value:.3g}") for name, value in means.items()}}


def judged(jams: Sequence[Jam], runs: Runs, cache: Path) -> dict[str, np.ndarray]:
    """Return F1, recall and purity of every row, jam by jam and seed by seed, shape=(jams, seeds, 3)."""
    policies = {name: [read_policy(folder / "best.pt") for folder in folders] for name, folders in runs.items()}
    scores: dict[str, list[np.ndarray]] = {name: [] for name in (YARDSTICK, *runs)}
    for jam in jams:
        with open_recording(jam.path) as recording:
            analysis = analyze(recording, cache=AnalysisCache(cache / "analysis"))
        material, score_features = material_of(analysis), score_features_of(analysis)
        edits = {YARDSTICK: [editor_named(YARDSTICK).edit(analysis, EditRequest())]}
        for name, each in policies.items():
            edits[name] = [edited(policy, analysis, material, score_features) for policy in each]
        for name, found in edits.items():
            judgements = [score_edit(edit, jam.truth) for edit in found]
            scores[name].append(np.array([(one.f1, one.recall, one.purity) for one in judgements]))
        told = {name: round(float(values[-1][:, 0].mean()), 3) for name, values in scores.items()}
        print(jam.sample, told, flush=True)
    return {name: np.array(values) for name, values in scores.items()}


def edited(policy: LearnedPolicy, analysis: Analysis, material: Material, score_features: np.ndarray) -> EditList:
    """Return a policy's edit, as the editor makes it where nothing is asked."""
    actions = play(prepare(policy, material, score_features, None)).actions
    return edit_list_of_episode(analysis, actions, made_by=MadeBy("policy"), vocabulary=policy.config.action_vocabulary)


def f1_of(scores: np.ndarray) -> np.ndarray:
    """Return F1 jam by jam, the mean over the seeds, shape=(jams,)."""
    return np.asarray(scores[:, :, 0].mean(axis=1))


def compared(pair: str, scores: dict[str, np.ndarray], tracks: list[str]) -> str:
    """Return the difference of two rows' F1 as a line."""
    one, _, other = pair.partition("=")
    rng = np.random.default_rng(0)
    gain = paired_difference(f1_of(scores[one]), f1_of(scores[other]), rng=rng, tracks=tracks)
    return f"{one} beside {other}: {gain}"


def rows_of(scores: dict[str, np.ndarray], runs: Runs, tracks: list[str]) -> list[dict[str, Any]]:
    """Return a row an entrant."""
    rows = []
    for name, values in scores.items():
        rng = np.random.default_rng(0)
        by_seed = values[:, :, 0].mean(axis=0)
        row: dict[str, Any] = {"row": name, "f1": str(bootstrap_mean(f1_of(values), rng=rng, tracks=tracks))}
        row |= {"by seed": ", ".join(f"{one:.3f}" for one in by_seed) if len(by_seed) > 1 else ""}
        row |= {"recall": round(float(values[..., 1].mean()), 3), "purity": round(float(values[..., 2].mean()), 3)}
        if name != YARDSTICK:
            difference = paired_difference(f1_of(values), f1_of(scores[YARDSTICK]), rng=rng, tracks=tracks)
            row[f"beside {YARDSTICK}"] = str(difference)
        rows.append(row | (mean_watched(runs[name]) if name in runs else {}))
    return rows


def page(rows: list[dict[str, Any]], told: str, shares: list[str], name: str, beside: list[str]) -> str:
    """Return the table as Markdown."""
    columns = ["row", "f1", "by seed", "recall", "purity", *(key for key in rows[1] if key.startswith("beside"))]
    columns += ["steps", "seeds", *WATCHED]
    head = ["what", "F1 [95 %]", *columns[2:]]
    head[head.index("steps")] = "epochs or updates"
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(row.get(column, "")) for column in columns) + " |" for row in rows]
    aims = ["target", *[""] * (len(columns) - len(WATCHED) - 1), *TARGETS]
    lines.append("| " + " | ".join(aims) + " |")
    steps = "\n".join(f"    {line}" for line in shares)
    pairs = "\n".join(f"* {line}" for line in beside)
    return f"# The policy\n\n{told}\n\n" + "\n".join(lines) + f"\n\n{pairs}\n\nSteps of `{name}`:\n\n{steps}\n"


def main() -> None:
    """Judge, write the table and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache-dir", type=Path, default=Path("cache"))
    parser.add_argument("--run", action="append", default=[], metavar="NAME=FOLDER", required=True)
    parser.add_argument("--shipped", help="the row whose pictures are drawn and whose steps are told; the last one")
    parser.add_argument(
        "--compare", action="append", default=[], metavar="ROW=ROW", help="rows to subtract, jam by jam"
    )
    parser.add_argument("--note", default="", help="what to say of how the runs were made")
    parser.add_argument("--truth-keep", type=float, help="share of KEEP among the human's own steps")
    parser.add_argument(
        "--held-out", action="store_true", help="report on test artists; no pictures, and nothing may be chosen by it"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "policy")
    args = parser.parse_args()
    if not args.held_out:
        refuse_held_out_pairs(args.data)
    named = (one.partition("=") for one in args.run)
    runs = {name: [Path(folder) for folder in folders.split(",")] for name, _, folders in named}
    jams = find_jams(args.data).jams
    scores, tracks = judged(jams, runs, args.cache_dir), [jam.track for jam in jams]
    rows, beside = rows_of(scores, runs, tracks), [compared(one, scores, tracks) for one in args.compare]
    last_name = args.shipped or list(runs)[-1]
    last = runs[last_name][0]
    policy = read_policy(last / "best.pt")
    actions, one = [], None
    for jam in jams:
        with open_recording(jam.path) as recording:
            analysis = analyze(recording, cache=AnalysisCache(args.cache_dir / "analysis"))
        prepared = prepare(policy, material_of(analysis), score_features_of(analysis), None)
        episode = play(prepared)
        actions += episode.actions
        one = one or (jam.sample, episode, prepared.material)
    keep = "" if args.truth_keep is None else f" The human's own share of KEEP steps is {args.truth_keep:.2f}."
    told = (
        f"{len(jams)} jams of {'test' if args.held_out else 'validation'} artists, simulated, with their truth; "
        f"{args.note}{keep} Differences are paired over tracks, 95 % bootstrap. `{YARDSTICK}` is the editor whose "
        f"score the policy is told of each beat."
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    shares = share_lines(actions, policy.config.action_vocabulary)
    args.out.with_suffix(".md").write_text(page(rows, told, shares, last_name, beside), encoding="utf-8")
    args.out.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if args.held_out:
        return
    args.out.with_name("policy_run.png").write_bytes(picture_of_run(curves_of(last / "log"), last_name))
    if one is not None:
        picture = picture_of_episode(one[1].actions, one[2], policy.config.action_vocabulary, f"{last_name}: {one[0]}")
        args.out.with_name("policy_episode.png").write_bytes(picture)


if __name__ == "__main__":
    main()
