"""Whether the reward ranks edits as F1 does: python -m benchmarks.reward_ranking rows|fit|table.

    rows DATA --out ROWS.json --cache FOLDER [--count 26]    components and F1 of many edits of each jam
    fit ROWS.json                                            weights that rank them as F1 does
    table --train ROWS.json --held-out ROWS.json             results/reward_ranking.md

DATA is a folder of pairs with truth. Weights are fitted on training artists alone, and stand in
`RewardWeights`. For fit and rank correlation the similarity to the human's edit is left out; what each edit earns is
told with it too.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import spearmanr

from benchmarks.reward_edits import edits_of, human_kept
from editorbot.analysis.analysis import Analysis
from editorbot.analysis.analyze import analyze
from editorbot.analysis.cache import AnalysisCache
from editorbot.corpus.truth import read_truth
from editorbot.editors.clips import beat_scores
from editorbot.editors.scoring.classify import classify_steps
from editorbot.editors.scoring.learned import classify_learned, read_score
from editorbot.environment.actions import V3
from editorbot.environment.material import Material, beat_bounds, material_of
from editorbot.environment.reward import reward_of
from editorbot.environment.settings import COMPONENTS, RewardWeights
from editorbot.evaluation.metrics import score_edit
from editorbot.recording import open_recording

RESULT = Path(__file__).parent / "results" / "reward_ranking.md"
SENSIBLE = "flipped_spans at 10 %"
LEAST, PULL = 0.2, 3e-4
SET_BY_HAND = {"loop_penalty": 0.5, "jump_penalty": 0.5, "few_types_penalty": 0.1, "diversity": 0.05, "similarity": 0.0}
"""Sizes of the weights that F1 knows nothing about, beside a fit in which content weighs about 7."""
WORTHS = ("learned score", "rules' score", "kind of sound", "learned score, target not known")
"""What tells the reward how likely each beat belongs to the song; the target is the pair's own but for the last."""
TOLD = len(WORTHS)
"""Place of the components where the reward knows the human's edit beside the learned score."""
SIMILARITY = 3.0
"""What the similarity to the human's edit weighs where it is known, as `train ppo` has it by default."""


def write_rows(data: Path, out: Path, cache: Path, count: int) -> None:
    """Measure many edits of `count` jams, spread evenly over a folder."""
    truths = sorted((data / "truth").glob("*.json"))
    jams = []
    for path in truths[:: max(len(truths) // count, 1)][:count]:
        began = time.perf_counter()
        truth = read_truth(path)
        with open_recording(data / "input" / f"{path.stem}_raw.wav") as recording:
            analysis = analyze(recording, cache=AnalysisCache(cache))
        rows = []
        materials = materials_of(analysis, human_kept(analysis, truth))
        for tried in edits_of(analysis, truth, np.random.default_rng(0)):
            parts = [list(reward_of(tried.state, one, V3).components.values()) for one in materials]
            rows.append([tried.kind, tried.level, score_edit(tried.edit, truth).f1, np.round(parts, 5).tolist()])
        jams.append({"jam": path.stem, "artist": truth.artist, "rows": rows})
        out.write_text(json.dumps({"components": COMPONENTS, "jams": jams}))
        print(f"{path.stem} {truth.artist}: {len(rows)} edits, {time.perf_counter() - began:.1f} s", flush=True)


def materials_of(analysis: Analysis, kept: np.ndarray) -> list[Material]:
    """Return the jam as the reward may know it: in the order of WORTHS, and with the human's edit."""
    durations = np.diff(beat_bounds(analysis))
    target = float(np.clip((kept * durations).sum() / durations.sum(), 0.02, 1.0))
    learned = beat_scores(analysis, classify_learned(analysis, read_score()).score)
    rules = beat_scores(analysis, classify_steps(analysis).score)
    return [
        material_of(analysis, worth=learned, target_keep_ratio=target),
        material_of(analysis, worth=rules, target_keep_ratio=target),
        material_of(analysis, target_keep_ratio=target),
        material_of(analysis, worth=learned),
        material_of(analysis, worth=learned, target_keep_ratio=target, human_kept=kept),
    ]


@dataclass(frozen=True)
class Ranked:
    """The edits of one jam."""

    jam: str
    artist: str
    kinds: list[str]
    f1: np.ndarray
    """shape=(edits,)"""
    parts: np.ndarray
    """Components, shape=(edits, worths, components)."""

    @property
    def is_ranked(self) -> np.ndarray:
        """Whether an edit counts for the ranking: all but those of the players."""
        return np.array([not kind.startswith("player:") for kind in self.kinds])

    def f1_of(self, kind: str) -> float:
        """Return the mean F1 of one kind of edit; NaN where there is none."""
        return _mean(self.f1, self.kinds, kind)

    def reward_of(self, kind: str, weights: np.ndarray, worth: int = 0) -> float:
        """Return the mean reward of one kind of edit; NaN where there is none."""
        return _mean(self.parts[:, worth] @ weights, self.kinds, kind)

    def spearman(self, weights: np.ndarray, worth: int = 0) -> float:
        """Return the rank correlation of reward and F1."""
        counted = self.is_ranked
        return float(spearmanr(self.parts[counted, worth] @ weights, self.f1[counted])[0])


def _mean(values: np.ndarray, kinds: list[str], kind: str) -> float:
    picked = [value for value, each in zip(values, kinds) if each == kind]
    return float(np.mean(picked)) if picked else float("nan")


def read_rows(path: Path) -> list[Ranked]:
    """Return what `write_rows` wrote."""
    told = json.loads(path.read_text())
    if tuple(told["components"]) != COMPONENTS:
        raise SystemExit(f"{path} was made with other components; make it anew")
    jams = []
    for jam in told["jams"]:
        kinds, levels, f1, parts = zip(*jam["rows"])
        named = [f"{kind} at {level:.0%}".replace("%", " %") if level else kind for kind, level in zip(kinds, levels)]
        jams.append(Ranked(jam["jam"], jam["artist"], named, np.array(f1), np.array(parts)))
    return jams


def fitted(jams: list[Ranked]) -> np.ndarray:
    """Return weights under which, of two edits of a jam, the one with the better F1 earns more.

    Logistic loss over random pairs that differ by 0.02 or more, with the learned score and with the rules' score
    for worth; signs are kept, nothing falls below LEAST, and what F1 does not see stays where SET_BY_HAND says.
    """
    rng, rows = np.random.default_rng(0), []
    for jam in jams:
        one, other = rng.integers(0, len(jam.kinds), (2, 3_000))
        better = jam.f1[one] > jam.f1[other] + 0.02
        rows += [jam.parts[one[better], worth] - jam.parts[other[better], worth] for worth in (0, 1)]
    apart = np.concatenate(rows)
    signs = np.array([-1.0 if name.endswith("_penalty") else 1.0 for name in COMPONENTS])

    def loss(sizes: np.ndarray) -> tuple[float, np.ndarray]:
        margins = apart @ (signs * sizes)
        slopes = -1 / (1 + np.exp(np.clip(margins, -50, 50)))
        value = np.logaddexp(0, -margins).mean() + PULL * (sizes**2).sum()
        return float(value), signs * (apart.T @ slopes) / len(apart) + 2 * PULL * sizes

    bounds = [(SET_BY_HAND[name],) * 2 if name in SET_BY_HAND else (LEAST, None) for name in COMPONENTS]
    return signs * minimize(loss, np.ones(len(COMPONENTS)), jac=True, bounds=bounds, method="L-BFGS-B").x


def write_table(train: list[Ranked], held_out: list[Ranked]) -> None:
    """Write ``results/reward_ranking.md``."""
    weights, told = RewardWeights().vector, RewardWeights(similarity=SIMILARITY).vector
    sets = {"training artists": train, "held-out artists": held_out}
    artists = ", ".join(sorted({jam.artist for jam in held_out}))
    RESULT.write_text(
        f"""# Does the reward rank edits as F1 does?

`python -m benchmarks.reward_ranking table`, with the weights of `RewardWeights`.

Simulated jams with their truth: {len(train)} of training artists, and {len(held_out)} of held-out artists
({artists}). The weights were fitted on 26 jams of training artists alone, with an earlier learned score for worth.
Of each jam: the truth; the truth with beats or stretches wrong, left out, let in, or with moved edges, at six levels
from 2 to 50 %; reversed, distorted, faster, repeated or shuffled in part, at three levels; and what keep-all, retarget,
scored-rules and scored make of it. Every edit is told in actions and judged as an episode. The similarity to the
human's edit is off, but where it is named: it weighs {SIMILARITY:g} there, as in `train ppo`.

## Rank correlation (Spearman) of reward and F1, within each jam

{_spearmen(sets, weights)}
How likely each beat is song, the reward knows from a score that the caller passes in; the target length is the pair's
own, as in training. The learned score has seen the training artists, so the held-out figure is the fair one.
Without a score the reward is no judge of takes, and the figures fall short of 0.8.

## What each earns (held-out artists; mean over jams, learned score)

{_earned(held_out, weights, told)}
## Who wins

{_wins(sets, weights, 0)}

What the score takes for song the reward takes for song too. So the editor that follows the very same score earns as
much as the truth or more where the two differ, on most jams; the reward cannot know better than its score. Where the
human's edit is known, as for every pair that is learned from, its similarity tells the two apart on nearly all:

{_wins(sets, told, TOLD)}
"""
    )


def _spearmen(sets: dict[str, list[Ranked]], weights: np.ndarray) -> str:
    lines = ["| worth of beats from | " + " | ".join(f"{name}: mean (95 %), worst jam" for name in sets) + " |"]
    lines.append("|---" * (len(sets) + 1) + "|")
    rng = np.random.default_rng(0)
    for worth, name in enumerate(WORTHS):
        cells = []
        for jams in sets.values():
            each = np.array([jam.spearman(weights, worth) for jam in jams])
            means = rng.choice(each, (2_000, len(each))).mean(axis=1)
            low, high = np.quantile(means, [0.025, 0.975])
            cells.append(f"{each.mean():.3f} ({low:.3f} - {high:.3f}), {each.min():.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _earned(jams: list[Ranked], weights: np.ndarray, told: np.ndarray) -> str:
    lines = [
        "| edit | F1 | reward | jams where it earns less than the truth | with the human's edit known | jams |",
        "|---|---|---|---|---|---|",
    ]
    kinds = list(dict.fromkeys(kind for jam in jams for kind in jam.kinds))
    rows = [(np.nanmean([jam.reward_of(kind, told, TOLD) for jam in jams]), kind) for kind in kinds]
    for informed, kind in sorted(rows, reverse=True):
        there = [jam for jam in jams if kind in jam.kinds]
        f1 = np.mean([jam.f1_of(kind) for jam in there])
        reward = np.mean([jam.reward_of(kind, weights) for jam in there])
        shares = (_below_truth(there, kind, weights, 0), _below_truth(there, kind, told, TOLD))
        first, second = ("" if kind == "truth" else f"{below} of {len(there)}" for below in shares)
        lines.append(f"| {kind.replace('_', ' ')} | {f1:.2f} | {reward:.2f} | {first} | {informed:.2f} | {second} |")
    return "\n".join(lines) + "\n"


def _below_truth(jams: list[Ranked], kind: str, weights: np.ndarray, worth: int) -> int:
    """Return in how many jams a kind of edit earns less than the truth."""
    return sum(jam.reward_of(kind, weights, worth) < jam.reward_of("truth", weights, worth) for jam in jams)


def _wins(sets: dict[str, list[Ranked]], weights: np.ndarray, worth: int) -> str:
    lines = []
    for name, jams in sets.items():
        margins: dict[str, list[float]] = {"truth": [], SENSIBLE: [], "editor:scored": []}
        ahead, wrong = [], []
        for jam in jams:
            earned = {kind: jam.reward_of(kind, weights, worth) for kind in set(jam.kinds)}
            best = max((kind for kind in earned if kind.startswith("player:")), key=lambda kind: earned[kind])
            for kind, each in margins.items():
                each.append(earned[kind] - earned[best])
            ahead.append(earned["truth"] - earned["editor:scored"])
            if margins["editor:scored"][-1] <= 0:
                wrong.append(f"{jam.jam} (F1 {jam.f1_of('editor:scored'):.2f} against {jam.f1_of(best):.2f})")
        for kind, each in margins.items():
            lines.append(
                f"* {name}: {kind.replace('_', ' ')} above the best player of one type or of chance\n  {_told(each)}"
            )
        if wrong:
            lines.append(f"  * scored is not above it on {', '.join(wrong)}")
        lines.append(f"* {name}: the truth above the editor scored\n  {_told(ahead)}")
    return "\n".join(lines)


def _told(margins: list[float]) -> str:
    ahead = sum(margin > 0 for margin in margins)
    return f"in {ahead} of {len(margins)} jams, mean margin {np.mean(margins):.2f}, least {np.min(margins):.2f}"


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    rows = commands.add_parser("rows")
    rows.add_argument("data", type=Path)
    rows.add_argument("--out", type=Path, required=True)
    rows.add_argument("--cache", type=Path, required=True)
    rows.add_argument("--count", type=int, default=26)
    fit = commands.add_parser("fit")
    fit.add_argument("train", type=Path)
    table = commands.add_parser("table")
    table.add_argument("--train", type=Path, required=True)
    table.add_argument("--held-out", type=Path, required=True)
    given = parser.parse_args()
    if given.command == "rows":
        write_rows(given.data, given.out, given.cache, given.count)
    elif given.command == "fit":
        for name, weight in zip(COMPONENTS, fitted(read_rows(given.train))):
            print(f"{name:22} {weight:6.2f}")
    else:
        write_table(read_rows(given.train), read_rows(given.held_out))


if __name__ == "__main__":
    main()
